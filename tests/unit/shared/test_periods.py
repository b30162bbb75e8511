"""Spans of days: what an ISO date, month or year covers, and how spans lie to each other."""

from datetime import date

import pytest
from operator_memory.domain.shared.periods import Period, months_from, period_of, week_of, weekday_after, weekday_before


@pytest.mark.parametrize(
    ("when", "first", "last"),
    [
        ("2026-11-24", "2026-11-24", "2026-11-24"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-11-16/2026-11-22", "2026-11-16", "2026-11-22"),
        ("2025/2026-03", "2025-01-01", "2026-03-31"),
    ],
)
def test_a_time_covers_whole_days(when: str, first: str, last: str) -> None:
    assert period_of(when) == Period(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "when", [None, "", "May", "2026-13", "2026-02-30", "2026/2025", "2026/", "1/2/3", "0000", "9999-12"]
)
def test_what_is_no_time_covers_none(when: str | None) -> None:
    assert period_of(when) is None


def test_the_share_of_a_span_that_lies_within_another() -> None:
    may, year = Period.of_month(2026, 5), Period.of_year(2026)
    assert may.share_of(Period.of_days(date(2026, 5, 3))) == 1.0
    assert may.share_of(year) == pytest.approx(31 / 365)
    assert may.share_of(Period.of_month(2026, 6)) == 0.0


def test_days_around_a_day() -> None:
    tuesday = date(2026, 11, 24)
    assert week_of(tuesday) == Period(date(2026, 11, 23), date(2026, 11, 29))
    assert (weekday_before(tuesday, 1), weekday_after(tuesday, 1)) == (date(2026, 11, 17), date(2026, 12, 1))
    assert (weekday_before(tuesday, 0), weekday_after(tuesday, 2)) == (date(2026, 11, 23), date(2026, 11, 25))
    assert (months_from(tuesday, -11), months_from(tuesday, 2)) == ((2025, 12), (2027, 1))
