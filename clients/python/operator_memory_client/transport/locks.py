"""A lock that a forked child finds open, whoever held it in the parent."""

from __future__ import annotations

import os
import threading


class ForkSafeLock:
    """As ``threading.Lock`` in a ``with``; in a child process it is another one: who held it does not exist there."""

    def __init__(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
