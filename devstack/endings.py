"""What ends a program: a signal, or what one of its threads reports."""

import os
import signal
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Endings(Generic[T]):
    """A queue for the main thread, which a signal handler may use too. One for each process.

    A queue alone is not enough: a signal that another thread receives does not wake a main thread that waits for a
    lock, so its handler is never called. Every signal is therefore also written to a pipe, on which `get` waits.
    """

    def __init__(self) -> None:
        self._reports: SimpleQueue[T] = SimpleQueue()  # unlike an Event, safe to use from a signal handler
        self._wakes, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)

    def put(self, end: T) -> None:
        """Report an end."""
        self._reports.put(end)
        os.write(self._woken, b"\0")

    def get(self) -> T:
        """Wait for the first report."""
        while self._reports.empty():
            os.read(self._wakes, 1)
        return self._reports.get()


def stop_signals() -> Endings[int]:
    """Endings that SIGTERM and SIGINT are put into, by their numbers."""
    endings: Endings[int] = Endings()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: endings.put(received))
    return endings
