"""Ends work in time: what a function has not finished is given back while it still can be."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from operator_memory.domain.errors import TimeIsUpError

GIVING_BACK_SECONDS = 10.0
"""Before the end of a function's time: so long it may take to note how far the work is and to give it back."""

_TERMINATED = 128 + signal.SIGTERM


@contextmanager
def stopped_in_time(seconds: float, *, giving_back: float | None = None) -> Iterator[None]:
    """Run the block, and end it before ``seconds`` are over, or when the process is told to end.

    ``giving_back``: the seconds that are left then (`GIVING_BACK_SECONDS`).

    The exception is raised in the middle of it by a signal, so it works in a process's main thread only; elsewhere
    the block runs to its own end.

    Raises:
        TimeIsUpError: no more than that is left.
        SystemExit: the process was told to end (SIGTERM).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, stop) for number, stop in _STOPS.items()}
    started = time.monotonic()
    kept = GIVING_BACK_SECONDS if giving_back is None else giving_back
    others, _ = signal.setitimer(signal.ITIMER_REAL, max(seconds - kept, 1.0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if others:  # a timer that ran before goes on
            signal.setitimer(signal.ITIMER_REAL, max(others - (time.monotonic() - started), 0.001))


def _time_is_up(_number: int, _frame: FrameType | None) -> None:
    raise TimeIsUpError


def _told_to_end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED)


_STOPS = {signal.SIGALRM: _time_is_up, signal.SIGTERM: _told_to_end}
