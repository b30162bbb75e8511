"""Spans of whole days: what "last week", "in May" or "2026-05" mean on the calendar. Pure functions."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

_PART = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?\Z")


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the calendar from ``first`` to ``last``, both within."""

    first: date
    last: date

    @classmethod
    def of_days(cls, first: date, count: int = 1) -> Self:
        """``count`` days from ``first`` on."""
        return cls(first, first + timedelta(days=count - 1))

    @classmethod
    def of_month(cls, year: int, month: int) -> Self:
        """A whole month."""
        return cls(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))

    @classmethod
    def of_year(cls, year: int) -> Self:
        """A whole year."""
        return cls(date(year, 1, 1), date(year, 12, 31))

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.last - self.first).days + 1

    def share_of(self, other: "Period") -> float:
        """How much of ``other`` lies within, 0..1: of a day in May all of it, of the year a twelfth."""
        shared = (min(self.last, other.last) - max(self.first, other.first)).days + 1
        return max(0, shared) / other.days


def period_of(when: str | None) -> Period | None:
    """The days that ``when`` names: an ISO 8601 date, month, year, or two of these with a slash; else ``None``."""
    parts = [_part(text) for text in when.strip().split("/")] if when else []
    found = [part for part in parts if part is not None]
    if not found or len(found) != len(parts) or len(found) > 2 or found[-1].last < found[0].first:
        return None
    return Period(found[0].first, found[-1].last)


def _part(text: str) -> Period | None:
    match = _PART.match(text)
    if match is None:
        return None
    year, month, day = (int(number) if number else None for number in match.groups())
    try:
        if year is None or month is None:
            return Period.of_year(year or 0)
        return Period.of_month(year, month) if day is None else Period.of_days(date(year, month, day))
    except (ValueError, OverflowError):
        return None


def week_of(day: date) -> Period:
    """The week of ``day``, Monday to Sunday."""
    return Period.of_days(day - timedelta(days=day.weekday()), 7)


def months_from(day: date, months: int) -> tuple[int, int]:
    """Year and month so many ``months`` after that of ``day``."""
    count = day.year * 12 + day.month - 1 + months
    return count // 12, count % 12 + 1


def weekday_before(day: date, weekday: int) -> date:
    """The last such day of the week before ``day``; Monday is 0."""
    return day - timedelta(days=(day.weekday() - weekday - 1) % 7 + 1)


def weekday_after(day: date, weekday: int) -> date:
    """The first such day of the week after ``day``."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)
