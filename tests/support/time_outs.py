"""Waiting for what is sure to come, and time-outs that come where a test wants one and nowhere else, however busy
the machine is.

A client under test is given more time than any busy machine takes. A server on the loopback interface that answers
`TIMES_OUT` says nothing, and within `at_once` its client's time-out comes immediately.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

AMPLE = 60.0
"""Seconds that a test waits for what is sure to come: only what hangs takes longer."""

T = TypeVar("T")


def eventually(check: Callable[[], T | None], seconds: float = AMPLE) -> T:
    """The first true value of ``check()``; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
    return value


@contextmanager
def cpu_seconds(most: float) -> Iterator[None]:
    """What is done within this must take this process no more than so many seconds, however many others run."""
    started = time.process_time()
    yield
    assert time.process_time() - started <= most


TIMES_OUT = b"nothing"
"""In place of an answer: there is none, and the client's time-out comes."""

_waiting: set[tuple[object, object]] = set()
"""Connections on which no answer will come: the client's end and the server's."""


def leave_waiting(connection: socket.socket) -> None:
    """Called by a server before it ends a connection: to the client that is to be a time-out."""
    _waiting.add((connection.getpeername(), connection.getsockname()))


def is_new(connection: socket.socket, client: object) -> None:
    """Called by a server for each connection that it accepts: an earlier one may have had the same ends."""
    _waiting.discard((client, connection.getsockname()))


@contextmanager
def at_once(*, most: float = AMPLE) -> Iterator[list[float]]:
    """Within this, time-outs come at once to this process's clients of servers that leave them waiting.

    Each comes as a real one does: ``TimeoutError`` where the client waits for bytes, and ``time.monotonic`` is as
    much later. Yields the seconds that each would have taken; a client that would wait longer than ``most``, or for
    ever, fails the test.
    """
    recv, recv_into, monotonic = socket.socket.recv, socket.socket.recv_into, time.monotonic
    waits: list[float] = []

    def end(waiting: socket.socket) -> None:
        try:
            ends = (waiting.getsockname(), waiting.getpeername())
        except OSError:  # closed by its own side
            return
        if ends in _waiting:
            _waiting.discard(ends)
            timeout = waiting.gettimeout()
            assert timeout is not None, "it waits for ever"
            assert timeout <= most, f"it waits for {timeout} seconds"
            waits.append(timeout)
            raise TimeoutError("timed out")

    def patched_recv(self: socket.socket, *args: Any) -> bytes:
        received = recv(self, *args)
        if not received:
            end(self)
        return received

    def patched_recv_into(self: socket.socket, *args: Any) -> int:
        count = recv_into(self, *args)
        if not count:
            end(self)
        return count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "recv", patched_recv)
        patch.setattr(socket.socket, "recv_into", patched_recv_into)
        patch.setattr(time, "monotonic", lambda: monotonic() + sum(waits))
        yield waits
