"""A deadline for a whole exchange on blocking sockets, without a thread.

httpx limits each network operation, so a server that sends a byte now and then is never too slow for it. Here every
operation of a connection may take what is left of the call, and no longer. What cannot be cut short is the look-up of
a host's name: the resolver's own time-outs hold there.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from operator_memory_client.transport.core_requests import core_request


class _Current(threading.local):
    """When the call of this thread must have ended, on the monotonic clock."""

    ends = float("inf")


_CURRENT = _Current()


def begin(seconds: float) -> None:
    """From now on, everything in this thread must have ended within ``seconds``."""
    _CURRENT.ends = time.monotonic() + seconds


def left(timed_out: type[Exception], timeout: float | None = None) -> float:
    """Seconds that an operation may take.

    Raises:
        Exception: of the type ``timed_out``, if none are left.
    """
    seconds = _CURRENT.ends - time.monotonic()
    if seconds <= 0:
        raise timed_out("the time is over")
    return seconds if timeout is None else min(timeout, seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(httpcore.ReadTimeout, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        size = 64 * 1024  # each piece may take what is left: `sendall` in one piece would take it again and again
        for start in range(0, len(buffer), size):
            self._stream.write(buffer[start : start + size], left(httpcore.WriteTimeout, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = left(httpcore.ConnectTimeout, timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  (httpcore's own signature)
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects to the addresses of a host one after the other, all within the deadline."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        refused: Exception = httpcore.ConnectError(f"no address of {host}")
        for address in _addresses(host, port):
            seconds = left(httpcore.ConnectTimeout, timeout)
            try:
                return _Stream(self._backend.connect_tcp(address, port, seconds, local_address, socket_options))
            except httpcore.ConnectError as error:
                refused = error
        raise refused

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:  # noqa: ANN401  (what httpcore gives: an iterable that can be closed)
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class DeadlineTransport(httpx.BaseTransport):
    """The transport of an ``httpx.Client`` whose calls end when `begin` said. Raises httpcore's errors."""

    def __init__(self, context: ssl.SSLContext, connections: int, keepalive_seconds: float) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=keepalive_seconds,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``; the body of the answer is read as it is asked for."""
        sent = core_request(request, {"timeout": {"pool": left(httpcore.PoolTimeout)}})
        answer = self._pool.handle_request(sent)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
