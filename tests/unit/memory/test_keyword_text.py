"""By which words a memory is found: what it says, who said it, on which day, and the end of what was said before it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.keyword_text import MAX_BEFORE_CHARACTERS, keyword_text
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.scripts import needs_a_dictionary

from tests.support.builders import SESSION_KEY, a_memory

DAY = datetime(2023, 5, 8, 23, 59, tzinfo=UTC)


def said(text: str = "We went to the lake.", *, at: datetime = DAY, kind: Kind = Kind.TURN, **fields: Any) -> Memory:
    return replace(a_memory(text, key=SESSION_KEY, kind=kind, **fields), created_at=at)


def test_the_day_is_written_as_people_write_it() -> None:
    assert keyword_text(said()) == "We went to the lake. (8 May 2023)"


@pytest.mark.parametrize("text", ["私は札幌に住んでいます。", "我住在北京。", "أسكن في القاهرة"])
def test_no_english_stands_beside_words_that_a_dictionary_tells_apart(text: str) -> None:
    assert keyword_text(said(text)) == text


@pytest.mark.parametrize(
    ("month", "name"),
    [
        (1, "January"),
        (2, "February"),
        (3, "March"),
        (4, "April"),
        (5, "May"),
        (6, "June"),
        (7, "July"),
        (8, "August"),
        (9, "September"),
        (10, "October"),
        (11, "November"),
        (12, "December"),
    ],
)
def test_every_month_has_its_english_name_whatever_the_language_of_the_machine(month: int, name: str) -> None:
    assert keyword_text(said("tea", at=DAY.replace(month=month))) == f"tea (8 {name} 2023)"


def test_a_turn_is_found_by_who_said_it_and_a_fact_is_about_whom_it_names() -> None:
    assert keyword_text(said(speaker="Ana Lima")) == "Ana Lima: We went to the lake. (8 May 2023)"
    assert keyword_text(said(speaker="Ana Lima", kind=Kind.FACT)) == "We went to the lake. (8 May 2023)"


def test_what_was_said_before_comes_last_and_of_a_long_text_only_the_end_where_the_question_stands() -> None:
    assert keyword_text(said("The lake."), "Where did you go?") == "The lake. (8 May 2023) Where did you go?"
    before = "x" * 5000 + " Where did you go?"
    text = keyword_text(said("The lake."), before)
    assert text.endswith("xx Where did you go?")
    assert len(text) == len(keyword_text(said("The lake."))) + 1 + MAX_BEFORE_CHARACTERS


@given(st.text(), st.text(), st.datetimes(timezones=st.just(UTC)), st.sampled_from(Kind))
def test_the_whole_text_is_in_it_whatever_it_is(text: str, before: str, at: datetime, kind: Kind) -> None:
    indexed = keyword_text(said(text, at=at, kind=kind), before)
    assert text in indexed
    if not needs_a_dictionary(text):
        assert f"{at.day} " in indexed
        assert str(at.year) in indexed
    assert indexed.endswith(before[-MAX_BEFORE_CHARACTERS:])
