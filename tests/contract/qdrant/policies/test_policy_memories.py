"""One suite for memories by the selections of a policy: the fake, and the real adapter on the embedded engine."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.fates import Group, Selection, place_of
from operator_memory.domain.lifecycle.policies import IMPORTANT
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.lifecycle import is_selected
from tests.support.lifecycle.shelves import PolicyShelf
from tests.support.loopback import HttpServer, reply

pytest_plugins = ["tests.support.qdrant.store_fixtures", "tests.support.lifecycle.shelf_fixtures"]

OTHER = AccountId("acct-other")
DAY = timedelta(days=1)
ALL = Selection(NOW, expired=False)
FACTS = Group(Scope.USER, Kind.FACT)


STATES: tuple[dict[str, Any], ...] = ({}, {"pinned": True}, {"importance": IMPORTANT})


def a_mixture() -> list[Memory]:
    """Memories that differ in everything a selection looks at, with times on the edges."""
    made = [
        a_memory(
            f"{key} {days} {used} {state}",
            key=key,
            days_old=days,
            last_accessed_at=None if used is None else NOW - timedelta(days=used),
            **state,
        )
        for key, days, used, state in product(
            (ScopeKey(Scope.USER), AGENT_KEY, ScopeKey(Scope.AGENT, "agent-2")),
            (1.0, 3.0),
            (None, 0, 3),
            STATES,
        )
    ]
    sessions = [
        a_memory(f"turn {thread} {ends}", key=SESSION_KEY, kind=Kind.TURN, thread_id=thread, expires_at=ends)
        for thread, ends in product((None, "t1", "t2"), (None, NOW, NOW + DAY))
    ]
    return made + sessions


SELECTIONS = {
    "all": ALL,
    "expired": Selection(NOW, expired=True),
    "expired and held": Selection(NOW, expired=True, held=True, threads=("t1",)),
    "expired and not held": Selection(NOW, expired=True, held=False, threads=("t1", "t9")),
    "a group": replace(ALL, group=FACTS),
    "one agent": replace(ALL, group=Group(Scope.AGENT, Kind.FACT, "agent-1")),
    "the other agents": replace(ALL, group=Group(Scope.AGENT, Kind.FACT, but_agents=("agent-1",))),
    "old": replace(ALL, created_by=NOW - 3 * DAY),
    "young": replace(ALL, created_after=NOW - 3 * DAY),
    "idle": replace(ALL, idle_by=NOW - 3 * DAY),
    "used": replace(ALL, idle_after=NOW - 3 * DAY),
    "idle and young": replace(ALL, created_after=NOW - 2 * DAY, idle_by=NOW - DAY),
    "pinned": replace(ALL, pinned=True),
    "important, not pinned": replace(ALL, pinned=False, important=True),
    "not exempt": ALL.not_exempt(),
    "not exempt, with holds": replace(ALL, threads=("t1", "session-1")).not_exempt(),
    "held by session": replace(ALL, held=True, threads=("session-1",)),
    "all held": replace(ALL, all_held=True, held=True),
    "not held where all is": replace(ALL, all_held=True, held=False),
    "held where nothing is": replace(ALL, held=True),
}


@pytest.fixture
def filled(policy_shelf: PolicyShelf) -> PolicyShelf:
    policy_shelf.put(*a_mixture())
    policy_shelf.put(replace(a_memory("another account's", days_old=9), account_id=OTHER))
    return policy_shelf


@pytest.mark.parametrize("name", SELECTIONS)
def test_counting_and_reading_agree_with_what_a_selection_means(filled: PolicyShelf, name: str) -> None:
    selection = SELECTIONS[name]
    expected = sorted(memory.id for memory in a_mixture() if is_selected(selection, memory))
    assert filled.memories.count(ACCOUNT, selection) == len(expected)
    found = filled.memories.some(ACCOUNT, selection, after=None, limit=500)
    assert [memory.id for memory in found] == expected
    assert {memory.account_id for memory in found} <= {ACCOUNT}
    least = filled.memories.least(ACCOUNT, selection, after=None, limit=500)
    assert sorted(memory.id for memory in least) == expected
    places = [place_of(memory) for memory in least]
    assert places == sorted(places, key=lambda place: (place.importance, place.used, place.created_at, place.id))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_give_each_once_and_in_order(filled: PolicyShelf, size: int) -> None:
    by_id: list[str] = []
    while page := filled.memories.some(ACCOUNT, ALL, after=by_id[-1] if by_id else None, limit=size):
        by_id += [memory.id for memory in page]
    assert by_id == [memory.id for memory in filled.memories.some(ACCOUNT, ALL, after=None, limit=500)]
    found: list[Memory] = []
    while page := filled.memories.least(ACCOUNT, ALL, after=place_of(found[-1]) if found else None, limit=size):
        assert len(page) <= size
        found += page
    whole = filled.memories.least(ACCOUNT, ALL, after=None, limit=500)
    assert [memory.id for memory in found] == [memory.id for memory in whole]


def test_behind_the_last_of_all_ids_there_is_nothing(policy_shelf: PolicyShelf) -> None:
    last = a_memory("last", id=str(UUID(int=2**128 - 1)))
    policy_shelf.put(last)
    assert policy_shelf.memories.some(ACCOUNT, ALL, after=last.id, limit=5) == []
    assert policy_shelf.memories.least(ACCOUNT, ALL, after=place_of(last), limit=5) == []


def test_history_and_evidence_are_left_out_and_the_text_is_there(policy_shelf: PolicyShelf) -> None:
    past = PastVersion(1, "before", NOW, "user:u")
    policy_shelf.put(a_memory("now", version=2, history=(past,)))
    [found] = policy_shelf.memories.some(ACCOUNT, ALL, after=None, limit=5)
    assert (found.text, found.version) == ("now", 2)


def test_removing_takes_only_what_is_still_selected_and_the_accounts(filled: PolicyShelf) -> None:
    selection = replace(ALL, group=FACTS, created_by=NOW - 3 * DAY).not_exempt()
    ids = [memory.id for memory in a_mixture()]
    [others] = filled.memories.some(OTHER, ALL, after=None, limit=5)
    expected = {memory.id for memory in a_mixture() if is_selected(selection, memory)}
    assert filled.memories.remove(ACCOUNT, selection, [*ids, others.id]) == len(expected) > 0
    left = set(filled.writer.existing_ids(ACCOUNT, ids))
    assert left == set(ids) - expected
    assert filled.writer.existing_ids(OTHER, [others.id]) == {others.id}
    assert filled.memories.remove(ACCOUNT, selection, ids) == 0
    assert filled.memories.remove(ACCOUNT, selection, []) == 0
    assert filled.memories.remove(ACCOUNT, replace(ALL, all_held=True, held=False), ids) == 0


def test_what_expires_in_a_held_thread_is_spared(filled: PolicyShelf) -> None:
    writer = filled.writer
    gone = writer.delete_expired(ACCOUNT, now=NOW, limit=9, kept_threads=["t1"])  # type: ignore[attr-defined]
    assert gone == 2
    assert filled.memories.count(ACCOUNT, Selection(NOW, expired=True)) == 1
    assert writer.delete_expired(ACCOUNT, now=NOW, limit=9, kept_threads=["session-1"]) == 0  # type: ignore[attr-defined]
    assert writer.delete_expired(ACCOUNT, now=NOW, limit=9) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("payload", [{}, {"importance": "much"}, None])
def test_an_importance_that_cannot_be_read_is_malformed(payload: object) -> None:
    with HttpServer(lambda _: reply({"result": {"points": [{"id": "a", "payload": payload}]}})) as server:
        client = HttpClient(server.url, system="qdrant")
        memories = QdrantPolicyMemories(client, collection="c", timeout=5)
        with pytest.raises(MalformedResponseError):
            memories.least(ACCOUNT, ALL, after=None, limit=1)
        client.close()
