"""A proxy on the loopback interface between a client and a real server, which spoils the requests that a test names.

What is not spoilt is forwarded as it is, over real sockets.
"""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from tests.support import time_outs
from tests.support.loopback import JOIN_SECONDS, Request, read_request, reply
from tests.support.time_outs import AMPLE

UPSTREAM_SECONDS = AMPLE
_NOT_PASSED_ON = {"transfer-encoding", "content-length", "connection", "date", "server"}


class Forward(Protocol):
    """Sends a request on."""

    @property
    def request(self) -> Request:
        """As it came."""
        ...

    def __call__(self, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the answer; ``body`` in place of the request's own."""
        ...


Act = Callable[[Forward], bytes | None]
"""What becomes of a request: the bytes of the answer, or ``None``: there is none, and the client's time-out comes."""

When = Callable[[Request], bool]


class BrokenConnectionError(Exception):
    """The connection is to end here, without an answer."""


def forwards(forward: Forward) -> bytes:
    """The true answer."""
    status, headers, body = forward()
    return reply(body, status, headers=headers)


def hangs(_: Forward) -> None:
    """No answer: the client's time-out comes at once, see `time_outs`."""


def answers(answer: bytes) -> Act:
    """``answer`` in place of the server's, which never hears of the request."""
    return lambda _: answer


def breaks(_: Forward) -> bytes:
    """The connection ends; the server never hears of the request."""
    raise BrokenConnectionError


def breaks_after(forward: Forward) -> bytes:
    """The server does what it was asked for, and the connection ends before its answer."""
    forward()
    raise BrokenConnectionError


def sends(change: Callable[[Any], Any]) -> Act:
    """The true answer to the request with its JSON as ``change`` gives it back."""

    def act(forward: Forward) -> bytes:
        status, headers, body = forward(json.dumps(change(json.loads(forward.request.body))).encode())
        return reply(body, status, headers=headers)

    return act


def changes(change: Callable[[Any], Any]) -> Act:
    """The true answer with its JSON as ``change`` gives it back."""

    def act(forward: Forward) -> bytes:
        status, headers, body = forward()
        return reply(json.dumps(change(json.loads(body))).encode(), status, headers=headers)

    return act


@dataclass(frozen=True, slots=True)
class _Forward:
    request: Request
    upstream: http.client.HTTPConnection

    def __call__(self, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        request, content = self.request, self.request.body if body is None else body
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        self.upstream.request(request.method, request.path, content, headers)
        with self.upstream.getresponse() as answer:
            received = answer.read()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, {n: v for n, v in named.items() if n not in _NOT_PASSED_ON}, received


@dataclass(slots=True)
class _Fault:
    act: Act
    when: When
    first: int
    seen: int = 0


@dataclass(frozen=True, slots=True)
class _Watcher:
    when: When
    do: Callable[[], None]
    always: bool


class FaultyProxy:
    """Stands for the server at ``upstream``; a context manager. ``requests`` are those that came, in order."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname or "", parts.port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._faults: list[_Fault] = []
        self._watchers: list[_Watcher] = []
        self.requests: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._listening = True
        self.url = f"http://127.0.0.1:{self._port}{parts.path}"
        self._start(self._accept, self._listener)

    # ---- what a test says -------------------------------------------------------------------------------------

    def spoil(self, act: Act, *, when: When = lambda _: True, first: int = 1) -> None:
        """From the ``first`` request on that is such (1: from now on), do ``act``; until `heal`."""
        with self._lock:
            self._faults.append(_Fault(act, when, first))

    def before(self, when: When, do: Callable[[], None], *, always: bool = False) -> None:
        """Call ``do`` before the next such request is dealt with, or ``always`` (until `forget`)."""
        with self._lock:
            self._watchers.append(_Watcher(when, do, always))

    def down(self) -> None:
        """End all connections, and refuse new ones until `heal`."""
        with self._lock:
            listener, self._listening = self._listener, False
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        refusing = socket.socket()
        refusing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        refusing.bind(("127.0.0.1", self._port))  # keeps the port, and does not listen
        with self._lock:
            self._listener = refusing
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """All is well from now on."""
        with self._lock:
            self._faults.clear()
            listener = None if self._listening else self._listener
            self._listening = True
        if listener is not None:
            listener.listen()
            self._start(self._accept, listener)

    def forget(self) -> None:
        """Heal, and forget what came and what was to be called."""
        self.heal()
        with self._lock:
            self._watchers.clear()
            self.requests.clear()

    def close(self) -> None:
        """Stop, break what is open, and wait for every thread."""
        self.down()
        self._listener.close()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "a thread of the proxy did not end"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- serving ----------------------------------------------------------------------------------------------

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, client = listener.accept()
            except OSError:
                return  # closed
            time_outs.is_new(connection, client)
            with self._lock:
                if not self._listening:
                    connection.close()
                    return
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        upstream = http.client.HTTPConnection(*self._upstream, timeout=UPSTREAM_SECONDS)
        try:
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, BrokenConnectionError):
                while (request := read_request(stream)) is not None:
                    answer = self._answer(request, upstream)
                    if answer is None:
                        time_outs.leave_waiting(connection)
                        return
                    connection.sendall(answer)
        finally:
            upstream.close()
            with self._lock:
                self._open.discard(connection)

    def _answer(self, request: Request, upstream: http.client.HTTPConnection) -> bytes | None:
        with self._lock:
            self.requests.append(request)
            due = [watcher for watcher in self._watchers if watcher.when(request)]
            self._watchers = [watcher for watcher in self._watchers if watcher.always or watcher not in due]
        for watcher in due:
            watcher.do()

        return self._act(request)(_Forward(request, upstream))

    def _act(self, request: Request) -> Act:
        with self._lock:
            for fault in self._faults:
                if fault.when(request):
                    fault.seen += 1
                    if fault.seen >= fault.first:
                        return fault.act
        return forwards
