"""The days that a question asks about, by what it says and by the asker's calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.question_dates import MOST_CHARACTERS, AskedTimes, asked_times
from operator_memory.domain.shared.periods import Period

from tests.cases.question_dates import NAMED, UNNAMED
from tests.support.builders import a_memory

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""A Tuesday."""


def written(period: Period) -> str:
    return f"{period.first}" if period.days == 1 else f"{period.first}/{period.last}"


def meant(query: str, now: datetime = NOON) -> list[str]:
    return [written(asked.period) for asked in asked_times(query, now).times]


@pytest.mark.parametrize(("query", "days"), NAMED.items())
def test_a_time_is_read(query: str, days: str) -> None:
    assert meant(query)[0] == days


@pytest.mark.parametrize("query", UNNAMED)
def test_what_is_no_time_changes_nothing(query: str) -> None:
    assert meant(query) == []


@pytest.mark.parametrize(
    "query", [None, "", "x" * MOST_CHARACTERS + " yesterday", "in 1799", "on 2999-12-31", "999年前"]
)
def test_a_story_and_another_age_are_not_asked_for(query: str | None) -> None:
    assert asked_times(query, NOON).times == ()


def test_where_people_disagree_both_days_are_meant_and_one_more() -> None:
    friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
    likelier, other = asked_times("What did I do last Wednesday?", friday).times
    assert (written(likelier.period), written(other.period)) == ("2026-11-25", "2026-11-18")
    assert likelier.weight > other.weight


def test_two_weeks_ago_is_that_week_and_that_day_the_most() -> None:
    day, week = asked_times("What did we do two weeks ago?", NOON).times
    assert (written(day.period), written(week.period)) == ("2026-11-10", "2026-11-09/2026-11-15")
    assert day.weight > week.weight


@pytest.mark.parametrize(
    ("now", "query", "day"),
    [
        ("2024-02-29", "What did I do on 29 February?", "2024-02-29"),
        ("2026-03-01", "What did I do on 29 February?", "2024-02-29"),
        ("2026-03-05", "What did I do on the 31st?", "2026-01-31"),
        ("2026-01-01", "What did I do yesterday?", "2025-12-31"),
        ("2026-01-04", "What did I do last month?", "2025-12-01/2025-12-31"),
        ("2026-01-04", "What did I do in December?", "2025-12-01/2025-12-31"),
        ("2026-11-22", "What did I do on Sunday?", "2026-11-15"),
        ("2026-12-31", "What did I do two months ago?", "2026-10-01/2026-10-31"),
    ],
)
def test_the_calendar_has_its_own_ways(now: str, query: str, day: str) -> None:
    assert meant(query, datetime.fromisoformat(f"{now}T12:00:00+00:00"))[0] == day


def test_the_day_is_the_askers() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert meant("What did I do yesterday?", late) == ["2026-11-23"]
    assert meant("What did I do yesterday?", late.astimezone(ZoneInfo("Asia/Tokyo"))) == ["2026-11-24"]
    assert meant("What did I do yesterday?", late.astimezone(ZoneInfo("America/New_York"))) == ["2026-11-23"]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=["spring", "autumn", "usual"]
)
def test_a_day_has_as_many_hours_as_the_clocks_give_it(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    now = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), zone).replace(hour=9)
    [span] = asked_times("What did I do yesterday?", now).spans
    assert span.end - span.start == timedelta(hours=hours)
    assert span.start.astimezone(zone).isoformat()[:16] == f"{day}T00:00"


def nearness(query: str, *, said: str = "2026-01-01T12:00:00+00:00", when: str | None = None) -> float:
    memory = a_memory(when=when)
    object.__setattr__(memory, "created_at", datetime.fromisoformat(said))
    return asked_times(query, NOON).nearness(memory)


def test_what_was_said_then_and_what_speaks_of_it_are_near() -> None:
    assert nearness("What did I do yesterday?", said="2026-11-23T00:00:00+00:00") == 1.0
    assert nearness("What did I do yesterday?", said="2026-11-24T00:00:00+00:00") == 0.0
    assert nearness("What did I do yesterday?", when="2026-11-23") == 1.0
    assert nearness("What do I drink?", said="2026-11-23T00:00:00+00:00") == 0.0


def test_the_less_exact_a_time_is_the_less_near() -> None:
    exact = nearness("What did I do on 3 May 2026?", when="2026-05-03")
    month = nearness("What did I do in May 2026?", when="2026-05-03")
    year = nearness("What did I do in 2026?", when="2026-05-03")
    assert exact > month > year > nearness("What did I do on 3 May 2026?", when="2026") > 0.0


def test_a_time_without_a_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="zone"):
        asked_times("yesterday", datetime(2026, 11, 24))  # noqa: DTZ001


@pytest.mark.hypothesis
@given(st.text(max_size=60), st.integers(0, 83_000))
def test_any_text_on_any_day_can_be_read(text: str, days: int) -> None:
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    assert isinstance(asked_times(text, now), AskedTimes)
    for query in ("What did I do on 29 February?", "Am 31. 12.", "大后天 一百年前 十月三十一日", "vor 999 Jahren"):
        asked_times(f"{query} {text}", now).spans  # noqa: B018
