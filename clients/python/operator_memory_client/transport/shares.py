"""Shares calls out among several connection pools.

A pool of httpx looks at all its connections for each call that begins and ends: two hundred calls at once in one pool
take a second and more of the processor. In many small ones they take a fifth of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from operator_memory_client.transport.locks import ForkSafeLock

POOLS = 32
CONNECTIONS = 4
"""Of each pool."""

_ENOUGH = CONNECTIONS // 2
"""Calls that a pool carries before the next one is used: few calls share few connections."""


class Shares:
    """Counts what each pool carries."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._carried = [0] * POOLS

    @contextmanager
    def one(self) -> Iterator[int]:
        """The number of the pool for one call, for as long as it takes."""
        with self._lock:
            free = (number for number, carried in enumerate(self._carried) if carried < _ENOUGH)
            number = next(free, self._carried.index(min(self._carried)))
            self._carried[number] += 1
        try:
            yield number
        finally:
            with self._lock:
                self._carried[number] -= 1
