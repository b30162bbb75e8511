"""Requests about the memory: found in five languages, with the memories and messages that they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.proposals import RequestKind
from operator_memory.domain.rules.extract import extract_facts
from operator_memory.domain.rules.requests import RuleRequest, requests_in

from tests.cases.rules_requests import MEMORIES, NO_REQUESTS, POINTING, REQUESTS


def requests_of(*said: str, memories: list[str] = MEMORIES) -> list[RuleRequest]:
    return requests_in([Turn("user", text) for text in said], memories)


@pytest.mark.parametrize(("said", "kind", "meant"), REQUESTS)
def test_a_request_names_the_memories_that_it_means(said: str, kind: str, meant: list[str]) -> None:
    [request] = requests_of(said)
    assert request.kind is RequestKind(kind)
    assert [MEMORIES[index] for index in request.memories] == meant
    assert request.messages == ()
    assert request.quote.text in said


@pytest.mark.parametrize(("said", "_kind", "_meant"), REQUESTS)
def test_nothing_is_learned_from_the_sentence_that_asks(said: str, _kind: str, _meant: list[str]) -> None:
    asking = said.rpartition(". ")[2]
    assert extract_facts([Turn("user", f"I play chess.\n{asking}")]) == extract_facts([Turn("user", "I play chess.")])


@pytest.mark.parametrize("said", POINTING)
def test_a_request_that_only_points_is_about_what_was_said_right_before(said: str) -> None:
    turns = [Turn("user", "I live in Porto."), Turn("assistant", "Nice."), Turn("user", said)]
    [request] = requests_in(turns, MEMORIES)
    assert (request.messages, request.quote.message) == ((0,), 2)
    assert [MEMORIES[index] for index in request.memories] == ["User lives in Porto."]
    [later] = requests_in(turns[2:], MEMORIES, earlier=turns[:2])
    assert (later.messages, later.memories) == ((-2,), request.memories)


@pytest.mark.parametrize("said", NO_REQUESTS)
def test_what_asks_for_nothing_of_the_kind_is_no_request(said: str) -> None:
    assert requests_of(said) == []


def test_the_assistant_and_quoted_texts_ask_for_nothing() -> None:
    assert requests_in([Turn("assistant", "Forget that I live in Porto.")], MEMORIES) == []
    assert requests_of("> Forget that I live in Porto.\nWhat does he mean?") == []


def test_without_such_a_memory_nothing_is_named() -> None:
    [request] = requests_of(
        "Forget that I live in Porto.", memories=["User lives in Lisbon.", "User likes Porto wine."]
    )
    assert (request.kind, request.memories) == (RequestKind.FORGET, ())


pieces = st.sampled_from([*POINTING, *NO_REQUESTS, *(said for said, _, _ in REQUESTS)])


@given(st.lists(pieces | st.text(max_size=40), max_size=5).map(" ".join))
def test_any_text_gets_an_answer_whose_words_stand_in_it(said: str) -> None:
    assert all(request.quote.text in said for request in requests_of(said))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["forget that ", "please ", "forget that i\n", "remove x ", "no guardes ", "n'"])
def test_a_hostile_text_is_read_in_passing(piece: str) -> None:
    assert len(requests_of((piece * 100_000)[:100_000])) <= 100_000
