"""Decides how much of a long task is done before its function is stopped."""

from collections.abc import Callable

SecondsLeft = Callable[[], float]
"""Tells how many seconds are left until the function is stopped."""

RESERVE_SECONDS = 4.0
"""What is left at the end, to say what was done."""

SMALLEST_STEP, LARGEST_STEP = 16, 64
"""Things done in one step of a long task."""

_QUICK, _SLOW = 1.0, 3.0


def no_limit() -> float:
    """Tell that there is all the time in the world."""
    return float("inf")


def has_time_for_a_step(left: float, slowest: float) -> bool:
    """Tell whether another step can be begun. ``slowest``: seconds of the slowest so far; the next may take twice as
    long."""
    return left > RESERVE_SECONDS + 2 * slowest


def next_step(size: int, seconds: float) -> int:
    """Return how many things the next step takes, after one of ``size`` things took ``seconds``.

    Large steps take fewer calls, and small ones can be stopped in time where each thing takes long.
    """
    if seconds > _SLOW:
        return max(SMALLEST_STEP, size // 2)
    return min(LARGEST_STEP, size * 2) if seconds < _QUICK else size
