"""The marks of a deleted memory: what they forbid, what they do not, and that they hold none of its words."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.memory.provenance import SaidWords
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.deletions import asked_of, forbidden, marks_of

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, a_memory

NINE, TEN, ELEVEN = (NOW + timedelta(hours=hours) for hours in (-3, -2, -1))
QUOTE = "I live in Porto now"


def a_fact(text: str = "User lives in Porto", *, said: str = QUOTE, at: datetime = NINE, **fields: Any) -> Memory:
    evidence = (SaidWords(said, message_id="m-1", role="user", said_at=at, run_id="job-1"),)
    return replace(a_memory(text, evidence=evidence), created_at=at, **fields)


def a_turn(text: str = "Yes.", *, at: datetime = NINE, **fields: Any) -> Memory:
    turn = a_memory(text, key=SESSION_KEY, kind=Kind.TURN, role="user", message_id="m-1")
    return replace(turn, created_at=at, **fields)


def comes_back(proposed: Memory, *, after: Memory, at: datetime = TEN) -> bool:
    """Whether ``proposed`` may be stored once ``after`` was deleted."""
    return not forbidden(proposed, dict.fromkeys(marks_of(after), at))


@pytest.mark.parametrize(
    "proposed",
    [
        a_fact(),
        a_fact("user  LIVES in Porto."),
        a_fact("User lives in Porto", said="Porto is where I live, as you know"),
        a_fact("The user's home is Porto"),
        a_fact("The user's home is Porto", said="i live in Porto, now!"),
        a_fact(at=TEN),
    ],
    ids=["the same", "its wording", "other words said", "a paraphrase", "its quote spelt otherwise", "the same moment"],
)
def test_what_was_said_before_the_deletion_stays_away(proposed: Memory) -> None:
    assert not comes_back(proposed, after=a_fact())


@pytest.mark.parametrize(
    "proposed",
    [
        a_fact(at=ELEVEN),
        a_fact("User works in Porto", said="I work in Porto, at Sonae"),
        replace(a_fact(), account_id=AccountId("acct-2")),
        replace(a_fact(said="Keep it in mind, please"), scope=AGENT_KEY.scope, agent_id="agent-1"),
    ],
    ids=["said later", "something else", "another account", "another scope"],
)
def test_anything_else_is_learned(proposed: Memory) -> None:
    assert comes_back(proposed, after=a_fact())


def test_what_is_said_once_more_counts_by_the_last_time() -> None:
    again = SaidWords("Porto is my home", role="user", said_at=ELEVEN)
    both = a_fact(evidence=(*a_fact().evidence, again))
    assert comes_back(both, after=a_fact())


def test_a_short_answer_counts_with_its_message_only() -> None:
    deleted = a_fact("User has a dog", said="Yes")
    assert not comes_back(a_fact("A dog lives with the user", said="yes."), after=deleted)
    other = SaidWords("Yes", message_id="m-2", role="user", said_at=NINE)
    assert comes_back(a_fact("User has a cat", evidence=(other,)), after=deleted)


def test_a_question_that_goes_with_many_answers_counts_for_none() -> None:
    asked = SaidWords("Where do you live at the moment?", message_id="m-0", role="assistant", said_at=NINE)
    deleted = a_fact(evidence=(*a_fact().evidence, asked))
    answer = SaidWords("Near Ana, my sister, in Faro", message_id="m-9", role="user", said_at=NINE)
    assert comes_back(a_fact("User lives near Ana", evidence=(asked, answer)), after=deleted)


def test_what_it_said_before_it_was_corrected_stays_away_too() -> None:
    past = PastVersion(1, "User lives in Porto", NINE, "user:u")
    assert not comes_back(a_fact(said="As I said: Porto"), after=a_fact("User lives in Lisbon", history=(past,)))


@pytest.mark.parametrize(
    ("deleted", "proposed", "stays_away"),
    [
        (a_turn(), a_turn(id="other"), True),
        (a_turn(), a_turn(at=ELEVEN), False),
        (a_turn(), a_turn(message_id="m-2"), False),
        (a_turn(), a_turn("No."), False),
        (a_turn(), a_turn(message_id=None), True),
        (a_turn(message_id=None), a_turn(), True),
        (a_turn(message_id=None), a_turn(message_id=None), True),
        (a_turn(message_id=None), a_turn(message_id=None, session_id="session-2"), False),
    ],
)
def test_a_turn_is_known_by_its_message_else_by_its_words(deleted: Memory, proposed: Memory, stays_away: bool) -> None:
    assert comes_back(proposed, after=deleted) is not stays_away


def test_a_deleted_turn_forbids_no_fact_and_a_deleted_fact_no_turn() -> None:
    assert comes_back(a_fact(), after=a_turn(QUOTE))
    assert comes_back(a_turn(QUOTE), after=a_fact())


def test_marks_hold_no_words_and_tell_nothing_about_another_account() -> None:
    marks = marks_of(a_fact()) | marks_of(a_turn(QUOTE))
    assert all(len(mark) == 64 and int(mark, 16) >= 0 for mark in marks)
    assert marks.isdisjoint(asked_of(replace(a_fact(), account_id=AccountId("acct-2"))))
