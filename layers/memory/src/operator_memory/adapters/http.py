"""A small kept-alive HTTP client with a hard deadline, made of the standard library alone.

Why not a library: this is on the context function's hot path, where urllib3 costs 60 ms of cold start and
httpx 190 ms, and neither bounds a whole call (name resolution and a dripping body escape their time-outs).
Here every call runs in a thread of its own and is abandoned, with its connection, when its time is up.
"""

import contextlib
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

MAX_IDLE_SECONDS = 45.0
"""An idle connection older than this is not used again: load balancers drop them silently after 60 s."""

_MAX_BODY = 64 * 1024 * 1024
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Response:
    """Status code, body bytes and headers (names in lower case) of an answer."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Call:
    """One call on its way: what the worker thread and the waiting caller share."""

    sock: socket.socket | None = None
    """The connection's socket, kept here: ``http.client`` forgets it when the answer ends the connection."""
    response: Response | None = None
    error: BaseException | None = None
    abandoned: bool = False


class HttpClient:
    """Calls one system at ``base_url`` over kept-alive connections. Safe to use from several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        headers: Mapping[str, str] | None = None,
        auth: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        """``system`` names the other side in errors.

        ``headers`` go with every request; so do those of ``auth``, which is asked each time so that a
        rotated secret is picked up.
        """
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme not in ("http", "https"):
            raise ConfigurationError(f"The address of {system} must be an http(s) URL.")
        self._secure = parts.scheme == "https"
        self._host = host
        self._port = port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._system = system
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._auth = auth
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the idle connections. The client can still be used."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Response:
        """Send one request and read the whole answer within ``timeout`` seconds, all included.

        A kept connection that turns out to be dead is replaced once, if the request is ``idempotent``.
        Any status is returned, not raised (see `checked`).

        Raises:
            UpstreamTimeoutError: no complete answer in time.
            UpstreamUnavailableError: the connection could not be made or broke.
        """
        call = _Call()
        deadline = time.monotonic() + timeout

        def work() -> None:
            try:
                secret = self._auth() if self._auth else {}
                sent = {**self._headers, **secret, **(headers or {})}
                call.response = self._send(call, method, path, body, sent, deadline, idempotent)
            except BaseException as error:  # noqa: BLE001  (handed to the caller below)
                call.error = error

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(timeout)
        if worker.is_alive():
            self._abandon(call)
            raise UpstreamTimeoutError(self._system, f"no answer within {timeout:.2f} s")
        if call.response is not None:
            return call.response
        raise self._translated(call.error, timeout)

    def _translated(self, error: BaseException | None, timeout: float) -> Exception:
        if isinstance(error, TimeoutError):
            return UpstreamTimeoutError(self._system, f"no answer within {timeout:.2f} s")
        if isinstance(error, OSError | http.client.HTTPException):
            return UpstreamUnavailableError(self._system, f"connection failed ({type(error).__name__})")
        if isinstance(error, Exception):
            return error
        return UpstreamUnavailableError(self._system, "the call ended without an answer")

    def _send(
        self,
        call: _Call,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
        idempotent: bool,
    ) -> Response:
        kept = self._take_idle()
        if kept is not None:
            try:
                return self._exchange(call, kept, method, path, body, headers, deadline)
            except _STALE:
                if not idempotent:
                    raise
        return self._exchange(call, self._new_connection(deadline), method, path, body, headers, deadline)

    def _exchange(
        self,
        call: _Call,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Response:
        try:
            self._open(call, connection, deadline)
            connection.request(method, self._prefix + path, body=body, headers=dict(headers))
            with connection.getresponse() as answer:
                content = self._read(answer)
        except BaseException:
            connection.close()
            raise
        response = Response(answer.status, content, {k.lower(): v for k, v in answer.getheaders()})
        self._give_back(call, connection, reusable=not answer.will_close)
        return response

    def _open(self, call: _Call, connection: http.client.HTTPConnection, deadline: float) -> None:
        """Connect if need be, and give the call the socket by which it can be abandoned."""
        connection.timeout = _remaining(deadline)
        if connection.sock is None:
            connection.connect()  # looks the name up first, which no time-out bounds
        with self._lock:
            call.sock = connection.sock
            if call.abandoned:
                raise TimeoutError
        connection.sock.settimeout(_remaining(deadline))

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        content = answer.read(_MAX_BODY + 1)
        if len(content) > _MAX_BODY:
            raise MalformedResponseError(self._system, f"the answer is larger than {_MAX_BODY} bytes")
        if answer.length:  # ``read`` with a size does not complain about a body that ends early
            raise http.client.IncompleteRead(b"", answer.length)
        return content

    def _give_back(self, call: _Call, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        with self._lock:
            call.sock = None
            if reusable and not call.abandoned:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def _new_connection(self, deadline: float) -> http.client.HTTPConnection:
        timeout = _remaining(deadline)
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _take_idle(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            fresh = time.monotonic() - since < MAX_IDLE_SECONDS
            if fresh and connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()

    def _abandon(self, call: _Call) -> None:
        with self._lock:
            call.abandoned = True
            if call.sock is not None:
                with contextlib.suppress(OSError):  # the other side was faster
                    call.sock.shutdown(socket.SHUT_RDWR)  # wakes the worker, which closes the connection


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _readable(sock: socket.socket) -> bool:
    """An idle connection that has something to read was closed (or misused) by the other side."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def checked(system: str, response: Response) -> Response:
    """Return a 2xx ``response``; raise the domain error that any other status stands for.

    The answer's own text is not repeated: it may quote what we sent.
    """
    status = response.status
    if 200 <= status < 300:
        return response
    if status == 408:
        raise UpstreamTimeoutError(system, "answered 408")
    if status == 429 or status >= 500:
        raise UpstreamUnavailableError(system, f"answered {status}")
    raise UpstreamRejectedError(system, f"refused the request with {status}")


def json_object(system: str, response: Response) -> dict[str, Any]:
    """The JSON object in a 2xx ``response``.

    Raises:
        MalformedResponseError: if the body is not one.
    """
    try:
        decoded = json.loads(checked(system, response).body)
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(system, "the answer is not JSON") from error
    if not isinstance(decoded, dict):
        raise MalformedResponseError(system, "the answer is not a JSON object")
    return decoded
