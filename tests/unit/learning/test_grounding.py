"""A fact is remembered only if it was said: by the user, where it is about the user."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.grounding import (
    CONFIRMED,
    FOREIGN_WITH_DETAILS,
    Evidence,
    Grounding,
    find_evidence,
)
from operator_memory.domain.rules.extract import extract_facts

from tests.cases.grounding import FOREIGN, GROUNDED, OF_THE_AGENT, UNGROUNDED
from tests.cases.rules import CASES
from tests.cases.rules_sentences import STATED


def conversation(lines: str) -> list[Turn]:
    return [
        Turn("assistant", line[3:]) if line.startswith("A: ") else Turn("user", line) for line in lines.splitlines()
    ]


def evidence(fact: str, lines: str, *, about_user: bool = True) -> Evidence | None:
    return find_evidence(fact, conversation(lines), about_user=about_user)


@pytest.mark.parametrize(("fact", "lines", "turn"), GROUNDED)
def test_what_the_user_said_is_grounded_in_the_turn_where_it_was_said(fact: str, lines: str, turn: int) -> None:
    found = evidence(fact, lines)
    assert found is not None
    assert (found.turn, found.by) == (turn, "user")
    assert FOREIGN_WITH_DETAILS <= found.strength <= 1


@pytest.mark.parametrize(("fact", "lines"), UNGROUNDED)
def test_what_nobody_or_somebody_else_said_is_not_grounded(fact: str, lines: str) -> None:
    assert evidence(fact, lines) is None


@pytest.mark.parametrize(("fact", "lines"), FOREIGN)
def test_a_fact_in_another_language_passes_weakly(fact: str, lines: str) -> None:
    found = evidence(fact, lines)
    assert found is not None
    assert 0 < found.strength <= FOREIGN_WITH_DETAILS


@pytest.mark.parametrize(("fact", "lines", "turn", "by"), OF_THE_AGENT)
def test_what_is_about_the_agent_may_be_said_by_either_side(fact: str, lines: str, turn: int, by: str) -> None:
    found = evidence(fact, lines, about_user=False)
    assert found is not None
    assert (found.turn, found.by) == (turn, by)


@pytest.mark.parametrize(("said", "expected"), [case for case in CASES + STATED if case[1]])
def test_what_the_rule_extractor_learns_is_grounded(said: str, expected: list[str]) -> None:
    turns = conversation(said) if said.startswith("A: ") else [Turn("user", said)]
    for fact in extract_facts(turns):
        assert find_evidence(fact.text, turns, about_user=fact.attributed_to == "user") is not None


def test_what_the_user_only_agreed_to_is_weaker_than_what_the_user_said() -> None:
    said, agreed = evidence("User is vegan.", "I am vegan."), evidence("User is vegan.", "A: Are you vegan?\nYes.")
    assert said is not None
    assert agreed is not None
    assert (said.strength, agreed.strength) == (1.0, CONFIRMED)


def test_the_turn_that_says_it_best_is_named_and_of_equals_the_first() -> None:
    lines = "Porto is nice.\nI live in Porto.\nI live in Porto."
    assert evidence("User lives in Porto.", lines) == Evidence(1, "user", 1.0)


def test_a_known_memory_may_lend_a_name_but_no_more() -> None:
    turns = conversation("I'm switching teams at work next month, to payments.")
    fact = "User is switching teams at Shopify to payments in April 2025"
    assert Grounding(turns).evidence(fact, about_user=True) is None
    known = Grounding(turns, known=["User works at Shopify and plays the violin"])
    assert known.evidence(fact, about_user=True) is not None
    assert known.evidence("User plays the violin", about_user=True) is None


def test_nothing_is_grounded_in_nothing() -> None:
    assert evidence("User lives in Porto.", "") is None
    assert evidence("", "I live in Porto.") is None
    assert evidence("User is.", "I live in Porto.") is None


def test_a_fact_of_small_words_only_must_have_been_said_as_it_is() -> None:
    assert evidence("It is what it is.", "Well, it is what it is!") == Evidence(0, "user", 1.0)
    assert evidence("It is what it was.", "Well, it is what it is!") is None


# Words of no language, so that no rule about a language is at work.
words = st.text(alphabet="bcdfgklmpqrvwxz", min_size=3, max_size=9)
sentences = st.lists(words, min_size=2, max_size=8).map(" ".join)


@settings(deadline=None)
@given(st.lists(sentences, max_size=4), sentences, st.lists(sentences, max_size=4), st.integers(0, 9_999))
def test_a_sentence_of_the_user_is_always_grounded_rewritten_or_not(
    before: list[str], sentence: str, after: list[str], number: int
) -> None:
    lines = [*before, f"I {sentence} {number}.", *after]
    turns = [Turn("user", line) for line in lines]
    for fact in (f"I {sentence} {number}.", f"User {sentence} {number}.", f"The user {sentence} {number}"):
        found = find_evidence(fact, turns, about_user=True)
        assert found is not None
        assert found.strength == 1.0


@settings(deadline=None)
@given(st.lists(sentences, max_size=6), st.lists(words, min_size=1, max_size=6), st.booleans())
def test_a_fact_of_words_that_nobody_said_never_is(said: list[str], other: list[str], about_user: bool) -> None:
    fact = " ".join(f"j{word}" for word in other)  # no word that is said begins with this letter
    turns = [Turn(("user", "assistant")[at % 2], line) for at, line in enumerate(said)]
    assert find_evidence(f"User {fact}.", turns, about_user=about_user) is None


@settings(deadline=None)
@given(st.lists(sentences, min_size=1, max_size=5), sentences)
def test_what_only_the_assistant_said_is_never_a_fact_of_the_user(said: list[str], guess: str) -> None:
    guess = " ".join(f"j{word}" for word in guess.split())
    turns = [turn for line in said for turn in (Turn("assistant", f"{guess}."), Turn("user", line))]
    assert find_evidence(f"User {guess}.", turns, about_user=True) is None


@settings(deadline=None)
@given(st.lists(sentences, max_size=6), sentences, st.integers(0, 99))
def test_order_and_casing_of_the_other_turns_do_not_matter(said: list[str], sentence: str, seed: int) -> None:
    own = f"I {sentence}."
    fact = f"User {sentence}."
    shuffled = [line.upper() for line in random.Random(seed).sample(said, len(said))]
    for lines in ([own, *said], [own, *shuffled], [*shuffled, own]):
        turns = [Turn("user", line) for line in lines]
        found = find_evidence(fact, turns, about_user=True)
        assert found is not None
        assert found.strength == 1.0


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=200))))
def test_any_text_gets_an_answer(fact: str, said: list[tuple[str, str]]) -> None:
    turns = [Turn(role, text) for role, text in said]
    for about_user in (True, False):
        found = find_evidence(fact, turns, about_user=about_user)
        assert found is None or (0 < found.strength <= 1 and turns[found.turn].role == found.by)
        assert not (found and about_user) or found.by == "user"


@pytest.mark.parametrize(
    "unit",
    ["a", "a ", "1", "1,", "1:", "my brother is ", "don't ", "abcd", "yes ", "?", ". ", "\n", "x@", "'", "and ", "最",
     "this week ", "in a ", "twenty ", "é", "I ", "http://", "(", "not "],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_hostile_repetition_comes_to_an_end(unit: str) -> None:
    """Seconds at most in linear time, and many minutes in quadratic."""
    text = (unit * 20_000)[:20_000]
    turns = [Turn("assistant", f"{text}?"), Turn("user", text)]
    found = find_evidence(f"User lives in Porto with 3 dogs {text[:900]}", turns, about_user=True)
    assert found is None or found.turn in (0, 1)


@pytest.mark.timeout(60)
def test_many_different_words_with_one_beginning_come_to_an_end() -> None:
    text = " ".join(f"abcd{number}" for number in range(2_200))
    found = find_evidence(f"User {text[:900]} abcdx", [Turn("user", text)], about_user=True)
    assert found is None or found.turn == 0
