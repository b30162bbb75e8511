"""The dates that words mean: seen from the day they were said on, and never more exact than the words."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.moments import spoken_of
from operator_memory.domain.rules.dates import Tense, dated, names_a_time
from operator_memory.domain.rules.extract import extract_facts

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "tense", "when"),
    [
        ("User quit their job yesterday", Tense.PAST, "2026-11-23"),
        ("User quit their job the day before yesterday", Tense.PAST, "2026-11-22"),
        ("User bought a house today", Tense.PAST, "2026-11-24"),
        ("User met Nora last night", Tense.PAST, "2026-11-23"),
        ("User will fly to Rome tomorrow", Tense.FUTURE, "2026-11-25"),
        ("User moved last week", Tense.PAST, "2026-11-16/2026-11-22"),
        ("User will move next week", Tense.FUTURE, "2026-11-30/2026-12-06"),
        ("User ran a race last weekend", Tense.PAST, "2026-11-21/2026-11-22"),
        ("User ran a race this weekend", Tense.PAST, "2026-11-21/2026-11-22"),
        ("User will run a race this weekend", Tense.FUTURE, "2026-11-28/2026-11-29"),
        ("User moved last month", Tense.PAST, "2026-10"),
        ("User will retire next year", Tense.FUTURE, "2027"),
        ("User quit smoking three weeks ago", Tense.PAST, "2026-11-02/2026-11-08"),
        ("User got a puppy 10 days ago", Tense.PAST, "2026-11-14"),
        ("User started surfing five years ago", Tense.PAST, "2021"),
        ("User will leave in two months", Tense.FUTURE, "2027-01"),
        ("User met Nora on Friday", Tense.PAST, "2026-11-20"),
        ("User met Nora last Tuesday", Tense.PAST, "2026-11-17"),
        ("User will meet Nora on Friday", Tense.FUTURE, "2026-11-27"),
        ("User was born on 3 May 1990", Tense.PAST, "1990-05-03"),
        ("User moved on May 3rd, 2024", Tense.PAST, "2024-05-03"),
        ("User moved on the 3rd of May", Tense.PAST, "2026-05-03"),
        ("User will move on the 3rd of May", Tense.FUTURE, "2027-05-03"),
        ("User retired in March", Tense.PAST, "2026-03"),
        ("User retired in March 2021", Tense.PAST, "2021-03"),
        ("User moved in 2020", Tense.PAST, "2020"),
        ("User worked at Acme from 2015 to 2019", Tense.PAST, "2015/2019"),
        ("User's lease ends on 2027-04-02", Tense.PRESENT, "2027-04-02"),
    ],
)
def test_a_time_is_understood(text: str, tense: Tense, when: str) -> None:
    assert dated(text, TUESDAY, tense)[1] == when


@pytest.mark.parametrize(
    "text",
    [
        "User's birthday is on 3 May",
        "User works from home on Friday",
        "User plays football on Fridays",
        "User will visit Rome next Friday",
        "User moved a few years ago",
        "User moved from Porto on 31 February 2020",
        "User flies on Tuesday, not tomorrow and not on 3 May 2027",
        "User has been vegan since 2019",
        "User has lived in Tokyo for ten years",
        "User may go",
    ],
)
def test_what_recurs_or_is_not_clear_has_no_date(text: str) -> None:
    assert dated(text, TUESDAY)[1] is None


def test_the_date_is_written_behind_relative_words_only() -> None:
    assert dated("User quit yesterday", TUESDAY)[0] == "User quit yesterday (2026-11-23)"
    assert dated("User moved last week", TUESDAY)[0] == "User moved last week (2026-11-16 to 2026-11-22)"
    assert dated("User moved in 2020", TUESDAY)[0] == "User moved in 2020"
    assert dated("User moved on 3 May 2020", None) == ("User moved on 3 May 2020", "2020-05-03")
    assert dated("User quit yesterday", None) == ("User quit yesterday", None)


def test_each_message_is_dated_by_its_own_day_in_its_own_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    turns = [
        Turn("user", "I started my new job at Acme yesterday.", created_at=datetime(2026, 11, 2, 9, 15, tzinfo=UTC)),
        Turn("user", "I moved to Porto today.", created_at=datetime(2026, 11, 9, 1, tzinfo=tokyo)),  # the 8th in UTC
        Turn("user", "I adopted a dog yesterday."),
    ]
    facts = extract_facts(turns, observed_on=date(2026, 11, 20))
    assert [(fact.text, fact.when) for fact in facts] == [
        ("User started their new job at Acme yesterday (2026-11-01).", "2026-11-01"),
        ("User moved to Porto today (2026-11-09).", "2026-11-09"),
        ("User adopted a dog yesterday (2026-11-19).", "2026-11-19"),
    ]


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(list(Tense)))
def test_what_relative_words_mean_is_never_far_from_the_day(day: date, tense: Tense) -> None:
    for words in ("yesterday", "last weekend", "next week", "last month", "next year", "three months ago", "on Friday"):
        when = dated(f"User moved {words}", day, tense)[1]
        assert when is None or spoken_of(when, (words,), day) == when


@given(st.text(max_size=200), st.dates() | st.none(), st.sampled_from(list(Tense)))
def test_any_text_gets_an_answer(text: str, day: date | None, tense: Tense) -> None:
    written, when = dated(text, day, tense)
    assert when is None or names_a_time(text)
    assert len(written) >= len(text)
