"""When a failed call is made again, and after which pause. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds. The pause doubles with each attempt, and chance takes up to half of it away."""

MOST_RETRIES = 3
LEAST_TIME = 0.02
"""Seconds that must be left after a pause; in less no answer comes."""

SAFE_METHODS = frozenset(("GET", "HEAD", "PUT", "DELETE"))
ASK_AGAIN = frozenset((429, 503))
"""The service has done nothing yet, or what it does can be repeated."""


def pause_before(attempt: int, *, left: float, retry_after: float | None, chance: float) -> float | None:
    """Seconds to wait before retry number ``attempt``, from 1; ``None`` if it is not worth it.

    ``left``: seconds until the deadline. ``chance``: from 0 to 1, spreads callers that failed together.
    """
    if attempt > MOST_RETRIES:
        return None
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)) * (1 - chance / 2)
    if retry_after is not None:
        pause += retry_after
    return pause if pause + LEAST_TIME < left else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number or a date."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return float(given[:9])
    moment = http_date(given)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """The moment in a header such as ``Date``."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
