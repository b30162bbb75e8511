"""A small kept-alive HTTP client with a hard deadline, made of the standard library alone.

Why not a library: this is on the context function's hot path, where urllib3 costs 60 ms of cold start and
httpx 190 ms, and neither bounds a whole call (name resolution and a dripping body escape their time-outs).
Here a connection is made in a thread that can be abandoned, and each read waits only for what is left of the time.
"""

import http.client
import io
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    RefusedKeyError,
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


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent, apart from the headers of every request."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Attempt:
    """A connection being made: what the thread that makes it and the waiting caller share."""

    made: tuple[http.client.HTTPConnection, Mapping[str, str]] | None = None
    error: Exception | None = None
    abandoned: bool = False


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline, however slowly the bytes drip in."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open for as long as it is read
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  (any writable buffer)
        self._sock.settimeout(_remaining(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _ReadUntil:
    """Stands for a socket where ``http.client`` opens one for reading."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, self._deadline))


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
        deadline = time.monotonic() + timeout
        call = _Request(method, self._prefix + path, body, headers or {})
        with self._named_failures(timeout):
            return self._send(call, deadline, idempotent)

    def open(self, *, timeout: float) -> None:
        """Make a connection ahead of the first request, within ``timeout`` seconds. Raises as `request`."""
        with self._named_failures(timeout):
            connection, _ = self._connect(time.monotonic() + timeout)
            with self._lock:
                self._idle.append((time.monotonic(), connection))

    @contextmanager
    def _named_failures(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise UpstreamTimeoutError(self._system, f"no answer within {timeout:.2f} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise UpstreamUnavailableError(self._system, f"connection failed ({type(error).__name__})") from None
        except ValueError:  # http.client's message quotes the header, which may be a secret
            raise UpstreamRejectedError(self._system, "a header or the path cannot be sent over HTTP") from None

    def _send(self, call: _Request, deadline: float, idempotent: bool) -> Response:
        kept = self._take_idle()
        if kept is not None:
            try:
                return self._exchange(kept, call, self._secret_headers(), deadline)
            except _STALE:
                if not idempotent:
                    raise
        connection, secret = self._connect(deadline)
        return self._exchange(connection, call, secret, deadline)

    def _secret_headers(self) -> Mapping[str, str]:
        return self._auth() if self._auth else {}

    def _connect(self, deadline: float) -> tuple[http.client.HTTPConnection, Mapping[str, str]]:
        """A new connection, and the headers of ``auth``: made in a thread, since a name's look-up has no time-out."""
        attempt, connection = _Attempt(), self._new_connection(deadline)

        def work() -> None:
            try:
                secret = self._secret_headers()
                connection.connect()
            except Exception as error:  # noqa: BLE001  (raised in the caller)
                connection.close()
                attempt.error = error
                return
            with self._lock:
                if not attempt.abandoned:
                    attempt.made = connection, secret
                    return
            connection.close()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(_remaining(deadline))
        with self._lock:
            if attempt.made is not None:
                return attempt.made
            attempt.abandoned = True
        raise attempt.error or TimeoutError

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        call: _Request,
        secret: Mapping[str, str],
        deadline: float,
    ) -> Response:
        try:
            sock = connection.sock
            sock.settimeout(_remaining(deadline))
            connection.request(call.method, call.path, call.body, {**self._headers, **secret, **call.headers})
            reading: Any = _ReadUntil(sock, deadline)  # has all of a socket that an answer uses
            answering: Any = lambda _, **options: http.client.HTTPResponse(reading, **options)  # noqa: E731
            connection.response_class = answering
            with connection.getresponse() as answer:
                content = self._read(answer)
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.append((time.monotonic(), connection))
        return Response(answer.status, content, {k.lower(): v for k, v in answer.getheaders()})

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        content = answer.read(_MAX_BODY + 1)
        if len(content) > _MAX_BODY:
            raise MalformedResponseError(self._system, f"the answer is larger than {_MAX_BODY} bytes")
        if answer.length:  # ``read`` with a size does not complain about a body that ends early
            raise http.client.IncompleteRead(b"", answer.length)
        return content

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


def retry_after(header: str) -> int | None:
    """``Retry-After`` as whole seconds, at most an hour; its form with a date is not used by these systems."""
    return min(int(header), 3600) if header.isascii() and header.isdecimal() and len(header) < 9 else None


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
        busy = UpstreamUnavailableError(system, f"answered {status}")
        busy.retry_after = retry_after(response.headers.get("retry-after", ""))
        raise busy
    if status in (401, 402, 403):
        raise RefusedKeyError(system, f"refused the key with {status}")
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
