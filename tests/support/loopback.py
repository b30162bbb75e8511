"""Servers on the loopback interface that behave as a test says, on real sockets, and leave nothing behind."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self

from tests.support import time_outs

JOIN_SECONDS = 60.0
HANG_SECONDS = 120.0
"""How long a server that never answers keeps its connection open: longer than any client has patience."""


class LoopbackServer:
    """Accepts connections on a free port and lets ``talk`` have each, in a thread of its own."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self.closing = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, client = self._listener.accept()
            except OSError:
                return  # closed
            time_outs.is_new(connection, client)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._talk(connection)
        with self._lock:
            self._open.discard(connection)

    def close(self) -> None:
        """Stop listening, break what is open, and wait for every thread."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(JOIN_SECONDS)
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "a server thread did not end"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


def read_request(stream: BinaryIO) -> Request | None:
    """The next request of a connection, or ``None`` when the client has closed it."""
    line = stream.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split()
    headers = {name.lower(): value for name, value in http.client.parse_headers(stream).items()}
    return Request(method, path, headers, stream.read(int(headers.get("content-length", "0"))))


def reply(
    body: object = b"{}", status: int = 200, *, headers: Mapping[str, str] | None = None, length: int | None = None
) -> bytes:
    """The bytes of an HTTP answer; a body that is not bytes is sent as JSON, ``length`` may be a lie."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + raw


class HttpServer(LoopbackServer):
    """Keeps connections alive and answers each request with the bytes ``answer`` gives.

    ``None``: the connection stays open and nothing is said. `TIMES_OUT`: the client's time-out comes, see `time_outs`.
    """

    def __init__(self, answer: Callable[[Request], bytes | None] = lambda _request: reply()) -> None:
        self.requests: list[Request] = []
        self.answer = answer
        super().__init__(self._converse)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (request := read_request(stream)) is not None:
                self.requests.append(request)
                answer = self.answer(request)
                if answer is None:
                    self.closing.wait(HANG_SECONDS)
                    return
                if answer == time_outs.TIMES_OUT:
                    time_outs.leave_waiting(connection)
                    return
                connection.sendall(answer)
                if b"\r\nConnection: close" in answer:
                    return


_NOBODY = socket.socket()
_NOBODY.bind(("127.0.0.1", 0))  # held, and not listened on: no other process is given it meanwhile


def unused_port() -> int:
    """A port that refuses connections."""
    port: int = _NOBODY.getsockname()[1]
    return port
