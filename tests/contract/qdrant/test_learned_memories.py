"""Facts by where they were learned, and what is kept about that: the fake and the real adapter."""

from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.adapters.qdrant import learned as learned_adapter
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.application.ports.core import LearnedMemories
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import SaidWords
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.qdrant.shelves import OTHER, ObservedClient, Shelf
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

SAID = SaidWords("I like tea", "m-1", "user", "Ana", "author-1", NOW - timedelta(days=1), "job-1")
TEA = a_memory("Likes tea.", source_run_id="job-1", session_id="session-1", evidence=(SAID,), said_in=("t",), version=3)
MILK = a_memory("Likes milk.", source_run_id="job-1", session_id="session-2", rejected="no_evidence", valid_until=NOW)
RUM = a_memory("Likes rum.", source_run_id="job-2", session_id="session-1", superseded_by=TEA.id, valid_until=NOW)
TURN = a_memory("I like tea.", key=SESSION_KEY, kind=Kind.TURN, source_run_id="job-1")
ANOTHERS = replace(a_memory("Likes gin.", source_run_id="job-1", session_id="session-1"), account_id=OTHER)


@pytest.fixture
def learned(shelf: Shelf, request: pytest.FixtureRequest) -> LearnedMemories:
    shelf.put(TEA, MILK, RUM, TURN, ANOTHERS)
    if isinstance(shelf.writer, InMemoryMemories):
        return shelf.writer
    client: ObservedClient = request.getfixturevalue("library_client")
    return QdrantLearnedMemories(client, collection="memories", timeout=AMPLE)


def by_text(memories: list[Memory]) -> dict[str, Memory]:
    return {memory.text: memory for memory in memories}


def test_facts_are_found_by_their_run_in_any_state(learned: LearnedMemories) -> None:
    assert by_text(learned.facts_of_run(ACCOUNT, "job-1")) == by_text([TEA, MILK])
    assert by_text(learned.facts_of_run(OTHER, "job-1")) == by_text([ANOTHERS])
    assert learned.facts_of_run(ACCOUNT, "job-9") == []


def test_facts_are_found_by_their_session(learned: LearnedMemories) -> None:
    assert by_text(learned.facts_of_session(ACCOUNT, "session-1")) == by_text([TEA, RUM])


@pytest.mark.parametrize("page", [1, 3, 7, 500])
def test_facts_come_in_pages_each_once(
    shelf: Shelf, learned: LearnedMemories, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned_adapter, "PAGE", page)
    shelf.put(*(a_memory(f"Likes {n}.", source_run_id="job-3") for n in range(7)))
    found = learned.facts_of_run(ACCOUNT, "job-3")
    assert sorted(memory.text for memory in found) == [f"Likes {n}." for n in range(7)]


def test_where_it_was_learned_is_changed_and_nothing_else(shelf: Shelf, learned: LearnedMemories) -> None:
    other = replace(SAID, quote="Tea, please", run_id="job-2")
    changed = replace(TEA, evidence=(other,), source_run_id="job-2", repeated_in=("job-3", "job-4"))
    learned.note_learning(ACCOUNT, [replace(changed, text="is not looked at", version=9)])
    assert shelf.get(TEA) == changed
    learned.note_learning(ACCOUNT, [replace(changed, evidence=(), source_run_id=None, repeated_in=())])
    assert shelf.get(TEA) == replace(TEA, evidence=(), source_run_id=None)
    assert shelf.get(MILK) == MILK


def test_none_of_another_account_is_changed(shelf: Shelf, learned: LearnedMemories) -> None:
    learned.note_learning(ACCOUNT, [replace(ANOTHERS, source_run_id="mine"), a_memory("Not stored.")])
    learned.hold_again(OTHER, [RUM.id], by=TEA.id)
    assert (shelf.get(ANOTHERS), shelf.get(RUM)) == (ANOTHERS, RUM)


def test_a_replaced_memory_holds_again_if_it_is_still_the_same_that_replaced_it(
    shelf: Shelf, learned: LearnedMemories
) -> None:
    learned.hold_again(ACCOUNT, [RUM.id, MILK.id], by="another")
    assert shelf.get(RUM) == RUM
    learned.hold_again(ACCOUNT, [RUM.id, MILK.id], by=TEA.id)
    learned.hold_again(ACCOUNT, [RUM.id], by=TEA.id)
    assert shelf.get(RUM) == replace(RUM, superseded_by=None, valid_until=None)
    assert shelf.get(MILK) == MILK, "it waits in quarantine still"


def test_a_list_can_be_narrowed_to_a_run(shelf: Shelf, learned: LearnedMemories) -> None:
    assert learned.facts_of_run(ACCOUNT, "job-1")
    assert shelf.texts(MemoryFilter(source_run_id="job-1", inactive=True)) == {TEA.text, MILK.text, TURN.text}


def test_a_store_that_fails_is_named(library_client: ObservedClient) -> None:
    adapter = QdrantLearnedMemories(library_client, collection="missing", timeout=AMPLE)
    with pytest.raises((UpstreamUnavailableError, Exception), match="qdrant"):
        adapter.facts_of_run(ACCOUNT, "job-1")
