"""Trying again within a deadline: what may pass in a moment is asked for once more while there is time for it.

Standard library only (hot path).
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from operator_memory.domain.errors import UpstreamError, UpstreamTimeoutError, UpstreamUnavailableError

_T = TypeVar("_T")

ATTEMPTS = 3
USEFUL_SECONDS = 0.2
"""An attempt with less time than this is not begun: a busy service across a network will hardly make it."""
_SHARE = 2 / 3
_FIRST_PAUSE = 0.05


class Retries:
    """How often and after which pauses something is tried again. Holds no state between calls."""

    def __init__(
        self, *, sleep: Callable[[float], None] = time.sleep, jitter: Callable[[], float] = random.random
    ) -> None:
        """``sleep`` waits that many seconds; ``jitter`` gives a number from 0 to 1."""
        self._sleep = sleep
        self._jitter = jitter

    def run(self, attempt: Callable[[float], _T], *, deadline: float) -> _T:
        """The result of ``attempt``, which is given the seconds that it may take, at most three times.

        ``deadline`` is a time of ``time.monotonic()``; neither an attempt nor a pause goes beyond it. A time-out,
        a connection that fails, 429 and 5xx are tried again, after the pause that the other side asks for
        (``Retry-After``) if it does. Anything else is raised at once, and so is the last error.
        """
        for number in range(1, ATTEMPTS):
            try:
                return attempt(_patience(deadline, number))
            except (UpstreamTimeoutError, UpstreamUnavailableError) as error:
                pause = self._pause(number, error)
                if deadline - time.monotonic() - pause < USEFUL_SECONDS:
                    raise
            self._sleep(pause)
        return attempt(max(0.0, deadline - time.monotonic()))

    def _pause(self, number: int, error: UpstreamError) -> float:
        """Twice as long each time, half of it by chance: many who failed together are not to return together."""
        return max(_longest_pause(number) * (0.5 + self._jitter() / 2), error.retry_after or 0)


def _longest_pause(number: int) -> float:
    """Seconds after the attempt of this number, the first being 1, where the other side asks for none."""
    longest: float = _FIRST_PAUSE * 2 ** (number - 1)
    return longest


def _patience(deadline: float, number: int) -> float:
    """Seconds for an attempt after which another is to have a chance: all that is left, where two are too many."""
    left = max(0.0, deadline - time.monotonic())
    for_another = left * (1 - _SHARE) - _longest_pause(number)
    return left * _SHARE if for_another >= USEFUL_SECONDS else left
