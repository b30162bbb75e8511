"""Moving memories out of the store and back, whole: the fake and the real adapter."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.core import TurnMarks
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.archived import ArchivedMemory, WholeMemory, archived
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.whole import InMemoryWholeMemories
from tests.support.qdrant.stores import COLLECTION, Store, put
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

OTHER = AccountId("acct-other")
EVERYTHING = MemoryFilter(inactive=True)
PAST = PastVersion(1, "Liked tea.", NOW - timedelta(hours=3), "user:u")
FACT = a_memory("Likes coffee.", version=2, history=(PAST,), pinned=True, access_count=3, last_accessed_at=NOW)
SEAT = a_memory("Prefers the window seat.")
QUESTION = a_memory("Which bicycle?", key=SESSION_KEY, kind=Kind.TURN)
ANSWER = a_memory("The red one.", key=SESSION_KEY, kind=Kind.TURN, follows=QUESTION.id)


@dataclass
class Shop:
    """A store, seen by those who move whole memories, and by the others."""

    store: Store
    whole: WholeMemories
    library: MemoryLibrary
    marks: TurnMarks

    def read(self, *memories: Memory) -> list[WholeMemory]:
        return self.whole.read(memories[0].account_id, [memory.id for memory in memories])

    def out(self, *memories: Memory) -> list[WholeMemory]:
        """Take them out of the store."""
        read = self.read(*memories)
        assert self.whole.delete_unchanged(ACCOUNT, read) == set()
        return read

    def back(self, *wholes: WholeMemory, own_words: tuple[str, ...] = ()) -> None:
        self.whole.put_back(ACCOUNT, wholes, used_at=NOW, own_words=own_words)


@pytest.fixture
def shop(store: Store, request: pytest.FixtureRequest) -> Shop:
    if isinstance(store, InMemoryMemories):
        return Shop(store, InMemoryWholeMemories(store), InMemoryLibrary(store), store)
    client: Any = request.getfixturevalue("engine")
    return Shop(
        store,
        QdrantWholeMemories(client, collection=COLLECTION, timeout=AMPLE),
        QdrantLibrary(client, collection=COLLECTION, timeout=AMPLE),
        QdrantTurnMarks(client, collection=COLLECTION, write_timeout=AMPLE),
    )


def test_a_memory_goes_out_and_comes_back_as_it_was_and_was_used_now(shop: Shop) -> None:
    put(shop.store, FACT, QUESTION)
    before = shop.read(FACT, QUESTION)
    assert {whole.memory for whole in before} == {FACT, QUESTION}
    shop.out(FACT)
    assert shop.library.get(ACCOUNT, FACT.id) is None
    assert shop.library.get(ACCOUNT, QUESTION.id) == QUESTION
    [there] = [whole for whole in before if whole.memory == FACT]
    shop.whole.put_back(ACCOUNT, [there], used_at=NOW + timedelta(days=9), own_words=())
    [back] = shop.read(FACT)
    assert back.memory == replace(FACT, last_accessed_at=NOW + timedelta(days=9))
    assert back.vectors == there.vectors
    assert dict(back.payload) == {**there.payload, "last_accessed_at": back.payload["last_accessed_at"]}


def test_many_are_moved_at_once(shop: Shop) -> None:
    many = [a_memory(f"Fact {number}.") for number in range(205)]
    put(shop.store, *many)
    read = shop.out(*many)
    assert len(read) == 205
    assert shop.store.existing_ids(ACCOUNT, [memory.id for memory in many]) == set()
    shop.back(*read)
    assert len(shop.read(*many)) == 205


def test_ids_that_are_none_or_anothers_are_ignored(shop: Shop) -> None:
    put(shop.store, replace(FACT, account_id=OTHER))
    assert shop.whole.read(ACCOUNT, [FACT.id, "no-id", ""]) == []
    assert shop.whole.touch(ACCOUNT, [FACT.id], at=NOW) == set()
    mine = WholeMemory(FACT, {}, {})
    assert shop.whole.delete_unchanged(ACCOUNT, [mine]) == set()
    assert shop.library.get(OTHER, FACT.id) is not None


def test_a_memory_of_another_account_is_not_put_back(shop: Shop) -> None:
    put(shop.store, FACT)
    [read] = shop.out(FACT)
    with pytest.raises(ValueError, match="another account"):
        shop.whole.put_back(OTHER, [read], used_at=NOW, own_words=())
    assert shop.library.get(OTHER, FACT.id) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.library.replace(replace(FACT, version=3), None, expected_version=2),
        lambda shop: shop.library.record_access(ACCOUNT, [(FACT.id, NOW + timedelta(seconds=1))]),
        lambda shop: shop.store.supersede(ACCOUNT, [SEAT.id], by=QUESTION.id, at=NOW),
        lambda shop: shop.whole.touch(ACCOUNT, [FACT.id, SEAT.id], at=NOW),
    ],
)
def test_what_was_changed_since_it_was_read_stays(shop: Shop, change: Callable[[Shop], object]) -> None:
    put(shop.store, FACT, SEAT)
    read = shop.read(FACT, SEAT)
    change(shop)
    left = shop.whole.delete_unchanged(ACCOUNT, read)
    assert left
    assert {m.id for m in (FACT, SEAT) if shop.library.get(ACCOUNT, m.id)} == left


def test_a_turn_that_was_withheld_since_it_was_read_stays(shop: Shop) -> None:
    put(shop.store, QUESTION)
    read = shop.read(QUESTION)
    shop.marks.withhold(ACCOUNT, {QUESTION.id: ["m"]})
    assert shop.whole.delete_unchanged(ACCOUNT, read) == {QUESTION.id}


def test_what_was_learned_anew_is_not_overwritten(shop: Shop) -> None:
    put(shop.store, FACT)
    [read] = shop.out(FACT)
    put(shop.store, replace(FACT, importance=0.9))
    shop.back(read)
    known = shop.library.get(ACCOUNT, FACT.id)
    assert known is not None
    assert known.importance == 0.9


def test_touching_counts_a_use_and_never_goes_back(shop: Shop) -> None:
    put(shop.store, FACT)
    assert shop.whole.touch(ACCOUNT, [FACT.id, QUESTION.id], at=NOW - timedelta(days=1)) == {FACT.id}
    known = shop.library.get(ACCOUNT, FACT.id)
    assert known == replace(FACT, access_count=4)


def found_by_words(shop: Shop, text: str) -> set[str]:
    _, hits = shop.library.find(ACCOUNT, EVERYTHING, vector=None, text=text, limit=10, now=NOW)
    return {hit.memory.id for hit in hits}


def test_a_turn_keeps_the_words_of_what_it_follows_unless_it_is_told_not_to(shop: Shop) -> None:
    put(shop.store, QUESTION)
    put(shop.store, ANSWER, before=QUESTION.text)
    shop.out(QUESTION)
    assert found_by_words(shop, "bicycle") == {ANSWER.id}, "archiving is not forgetting"
    [answer] = shop.out(ANSWER)
    shop.back(answer)
    assert found_by_words(shop, "bicycle") == {ANSWER.id}
    [answer] = shop.out(ANSWER)
    shop.back(answer, own_words=(ANSWER.id,))
    assert found_by_words(shop, "bicycle") == set()
    assert found_by_words(shop, "red") == {ANSWER.id}
    known = shop.library.get(ACCOUNT, ANSWER.id)
    assert known is not None
    assert known.follows is None


def test_what_is_archived_is_understood_again(shop: Shop) -> None:
    put(shop.store, FACT)
    [read] = shop.read(FACT)
    kept = archived(read, reason="idle", at=NOW)
    assert shop.whole.understood(ACCOUNT, kept) == read
    with pytest.raises(MalformedResponseError):
        shop.whole.understood(OTHER, kept)
    with pytest.raises(MalformedResponseError):
        shop.whole.understood(ACCOUNT, ArchivedMemory(kept.entry, {}, {}))
