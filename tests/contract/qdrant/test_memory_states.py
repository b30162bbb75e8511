"""What the gate needs of the store: what is there in whatever state, what takes another's place, what waits outside."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.application.ports.core import MemoryWriter
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.qdrant.shelves import OTHER, Shelf, vector_of
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

QUARANTINED = MemoryFilter(inactive=True, quarantined=True)
OTHERS = MemoryFilter(inactive=True, quarantined=False)


def in_quarantine(text: str, reason: str = "not_grounded") -> Memory:
    return a_memory(text, rejected=reason, valid_until=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=30))


def writer(shelf: Shelf) -> MemoryWriter:
    return shelf.writer


def found(shelf: Shelf, *searches: Search) -> list[list[str]]:
    plan = SearchPlan(searches, vector=vector_of("coffee"), text="tea")
    hits = shelf.search.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    return [[hit.memory.text for hit in some] for some in hits]


def test_what_is_stored_comes_whole_and_in_whatever_state(shelf: Shelf) -> None:
    past = (PastVersion(1, "Likes milk.", NOW - timedelta(days=3), "user:u"),)
    memories = [
        a_memory("Likes tea.", version=2, history=past, pinned=True, source_run_id="run-1"),
        a_memory("Likes coffee.", superseded_by=a_memory("x").id, valid_until=NOW - timedelta(days=1)),
        a_memory("Likes juice.", expires_at=NOW - timedelta(days=1)),
        in_quarantine("Likes gin."),
    ]
    shelf.put(*memories)
    unknown = a_memory("never stored").id
    assert writer(shelf).stored(ACCOUNT, [*(m.id for m in memories), unknown]) == {m.id: m for m in memories}
    assert writer(shelf).stored(OTHER, [m.id for m in memories]) == {}
    assert writer(shelf).stored(ACCOUNT, []) == {}


def test_what_is_replaced_is_found_no_more_but_stays(shelf: Shelf) -> None:
    old, new, pinned = a_memory("Likes tea."), a_memory("Likes coffee."), a_memory("Likes milk.", pinned=True)
    shelf.put(old, new, pinned)
    writer(shelf).supersede(ACCOUNT, [old.id, pinned.id], by=new.id, at=NOW)
    assert shelf.get(old) == replace(old, superseded_by=new.id, valid_until=NOW)
    assert shelf.get(pinned) == pinned, "a pin is a person's word"
    assert shelf.texts(MemoryFilter()) == {"Likes coffee.", "Likes milk."}
    [[*texts]] = found(shelf, Search(USER_KEY, SearchMode.RECENT, 10))
    assert set(texts) == {"Likes coffee.", "Likes milk."}


def test_what_a_memory_took_the_place_of_is_known(shelf: Shelf) -> None:
    first, second, other, new = (a_memory(f"Likes {what}.") for what in ("tea", "milk", "gin", "coffee"))
    shelf.put(first, second, other, new)
    writer(shelf).supersede(ACCOUNT, [first.id, second.id], by=new.id, at=NOW)
    writer(shelf).supersede(ACCOUNT, [other.id], by=first.id, at=NOW)
    found = writer(shelf).replaced_by(ACCOUNT, [new.id, second.id])
    assert {memory.id: memory for memory in found} == {
        old.id: replace(old, superseded_by=new.id, valid_until=NOW) for old in (first, second)
    }
    assert writer(shelf).replaced_by(OTHER, [new.id]) == []
    assert writer(shelf).replaced_by(ACCOUNT, []) == []


def test_another_accounts_memory_is_not_replaced(shelf: Shelf) -> None:
    mine = a_memory("Likes tea.")
    shelf.put(mine)
    writer(shelf).supersede(OTHER, [mine.id], by=mine.id, at=NOW)
    assert shelf.get(mine) == mine


def test_facts_that_hold_are_counted(shelf: Shelf) -> None:
    shelf.put(
        a_memory("Likes tea."),
        a_memory("Answer briefly.", key=AGENT_KEY),
        a_memory("I like tea", key=SESSION_KEY, kind=Kind.TURN),
        a_memory("Gone.", expires_at=NOW),
        in_quarantine("Likes gin."),
    )
    assert writer(shelf).count_facts(ACCOUNT, now=NOW) == 2
    assert writer(shelf).count_facts(OTHER, now=NOW) == 0


def test_what_waits_in_quarantine_is_in_its_own_list_and_in_no_search(shelf: Shelf) -> None:
    shelf.put(a_memory("Likes tea."), in_quarantine("Likes gin and tea."))
    assert shelf.texts(QUARANTINED) == {"Likes gin and tea."}
    assert shelf.texts(OTHERS) == {"Likes tea."}
    assert shelf.texts(MemoryFilter()) == {"Likes tea."}
    assert shelf.texts(MemoryFilter(inactive=True)) == {"Likes tea.", "Likes gin and tea."}
    searches: Sequence[Search] = [Search(USER_KEY, mode, 10) for mode in SearchMode if mode is not SearchMode.PINNED]
    assert found(shelf, *searches) == [["Likes tea."]] * len(searches)


@pytest.mark.parametrize("text", ["Likes tea.", "Lives in Porto."])
def test_each_search_of_a_request_may_look_for_something_of_its_own(shelf: Shelf, text: str) -> None:
    shelf.put(a_memory("Likes tea."), a_memory("Lives in Porto."), a_memory("Has a dog."))
    own = Search(USER_KEY, SearchMode.DENSE, 1, vector=tuple(vector_of(text)))
    assert found(shelf, own) == [[text]]
