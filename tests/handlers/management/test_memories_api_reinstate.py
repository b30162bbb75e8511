"""A person's word on what the gate decided: let in what it kept out, undo what it replaced."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, ScopeKey
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import USER_KEY, a_memory
from tests.support.management.api import Answer, Management


@pytest.fixture
def management() -> Management:
    return Management()


@pytest.fixture
def me(management: Management) -> str:
    return management.platform.new_user()


def mine(management: Management, me: str, text: str, **fields: Any) -> Memory:
    now = management.clock.now()
    memory = replace(a_memory(text, **fields), account_id=AccountId(me), created_at=now - timedelta(days=1))
    management.put(memory)
    return memory


def waiting(management: Management, me: str, text: str = "Likes gin.") -> Memory:
    now = management.clock.now()
    ends = {"valid_until": now - timedelta(days=1), "expires_at": now + timedelta(days=30)}
    return mine(management, me, text, rejected="not_grounded", **ends)


def replaced(management: Management, me: str) -> tuple[Memory, Memory]:
    newer = mine(management, me, "Lives in Lisbon.")
    yesterday = management.clock.now() - timedelta(days=1)
    return mine(management, me, "Lives in Porto.", superseded_by=newer.id, valid_until=yesterday), newer


def listed(management: Management, me: str, state: str = "active") -> list[str]:
    answer = management.call("GET", "/v1/memories", user=me, state=state, sort="created_at")
    return sorted(memory["memory"] for memory in answer.json["memories"])


def recalled(management: Management, me: str) -> list[str]:
    plan = SearchPlan((Search(ScopeKey(USER_KEY.scope), SearchMode.RECENT, 10),))
    [hits] = management.memories.search(AccountId(me), plan, now=management.clock.now(), timeout=1)
    return sorted(hit.memory.text for hit in hits)


def post(management: Management, me: str, memory: Memory, what: str, **query: Any) -> Answer:
    return management.call("POST", f"/v1/memories/{memory.id}/{what}", user=me, **query)


def test_what_the_gate_kept_out_is_listed_apart_with_its_reason(management: Management, me: str) -> None:
    waiting(management, me)
    mine(management, me, "Likes tea.")
    assert listed(management, me) == listed(management, me, "all") == ["Likes tea."]
    answer = management.call("GET", "/v1/memories", user=me, state="quarantined")
    assert [(m["memory"], m["rejected"]) for m in answer.json["memories"]] == [("Likes gin.", "not_grounded")]
    assert recalled(management, me) == ["Likes tea."]


def test_approved_it_is_a_memory_like_any_other_and_stays(management: Management, me: str) -> None:
    memory = waiting(management, me)
    answer = post(management, me, memory, "approve")
    assert (answer.status, answer.json["rejected"], answer.json["expires_at"]) == (200, None, None)
    assert (answer.headers["etag"], listed(management, me, "quarantined")) == ('"2"', [])
    assert recalled(management, me) == ["Likes gin."]
    assert post(management, me, memory, "approve").status == 409


def test_dropped_it_is_gone(management: Management, me: str) -> None:
    memory = waiting(management, me)
    assert management.call("DELETE", f"/v1/memories/{memory.id}", user=me).status == 204
    assert listed(management, me, "quarantined") == []


def test_all_that_waits_is_dropped_by_a_filter(management: Management, me: str) -> None:
    waiting(management, me)
    mine(management, me, "Likes tea.")
    body = {"filter": {"state": "quarantined", "scope": "user"}, "dry_run": False, "expected": 1}
    assert management.call("POST", "/v1/memories/delete", user=me, body=body).json["deleted"] == 1
    assert (listed(management, me), listed(management, me, "quarantined")) == (["Likes tea."], [])


def test_saying_it_oneself_lets_it_in(management: Management, me: str) -> None:
    memory = waiting(management, me)
    added = management.call("POST", "/v1/memories", user=me, body={"memory": memory.text})
    assert added.status == 201
    assert listed(management, me) == [memory.text]


def test_a_replacement_is_undone_and_the_newer_steps_back(management: Management, me: str) -> None:
    older, newer = replaced(management, me)
    assert recalled(management, me) == ["Lives in Lisbon."]
    answer = post(management, me, older, "restore")
    assert (answer.status, answer.json["superseded_by"], answer.json["valid_until"]) == (200, None, None)
    assert recalled(management, me) == ["Lives in Porto."]
    stepped = management.call("GET", f"/v1/memories/{newer.id}", user=me).json
    assert stepped["superseded_by"] == older.id
    assert post(management, me, newer, "restore").status == 200, "and so is the undoing"
    assert recalled(management, me) == ["Lives in Lisbon."]


def test_what_was_replaced_twice_comes_back_alone(management: Management, me: str) -> None:
    older, newer = replaced(management, me)
    newest = mine(management, me, "Lives in Rome.")
    yesterday = management.clock.now() - timedelta(days=1)
    management.put(replace(newer, superseded_by=newest.id, valid_until=yesterday))
    assert post(management, me, older, "restore").status == 200
    assert recalled(management, me) == ["Lives in Porto."]
    assert management.call("GET", f"/v1/memories/{newest.id}", user=me).json["superseded_by"] == older.id


def test_memories_that_took_each_others_place_do_not_turn_for_ever(management: Management, me: str) -> None:
    older, newer = replaced(management, me)
    management.put(replace(newer, superseded_by=older.id, valid_until=management.clock.now()))
    assert post(management, me, older, "restore").status == 200
    assert recalled(management, me) == ["Lives in Porto."]


def test_both_can_stay(management: Management, me: str) -> None:
    older, _ = replaced(management, me)
    assert post(management, me, older, "restore", keep_newer=True).status == 200
    assert recalled(management, me) == ["Lives in Lisbon.", "Lives in Porto."]


def test_it_comes_back_also_when_the_newer_is_gone(management: Management, me: str) -> None:
    older, newer = replaced(management, me)
    management.call("DELETE", f"/v1/memories/{newer.id}", user=me)
    assert post(management, me, older, "restore").status == 200
    assert recalled(management, me) == ["Lives in Porto."]


@pytest.mark.parametrize("what", ["approve", "restore"])
def test_what_is_in_force_needs_neither(management: Management, me: str, what: str) -> None:
    assert post(management, me, mine(management, me, "Likes tea."), what).status == 409


@pytest.mark.parametrize("what", ["approve", "restore"])
def test_anothers_memory_is_not_found(management: Management, me: str, what: str) -> None:
    theirs = waiting(management, management.platform.new_user())
    answer = post(management, me, theirs, what)
    assert (answer.status, answer.json["title"]) == (404, "Not found")
    unknown = replace(theirs, id=str(uuid4()))
    assert post(management, me, unknown, what).json == answer.json


def test_each_is_one_event_without_a_word_of_it(management: Management, me: str) -> None:
    older, newer = replaced(management, me)
    post(management, me, waiting(management, me), "approve")
    post(management, me, older, "restore")
    events = [(e.metadata["how"], e.memory_ids) for e in management.events.events]
    assert [how for how, _ in events] == ["approved", "restored", "replaced"]
    assert [ids for _, ids in events][1:] == [(older.id,), (newer.id,)]
    assert "Porto" not in str(management.events.events)


def test_quarantine_is_erased_and_exported_like_all_else(management: Management, me: str) -> None:
    waiting(management, me)
    assert "Likes gin." in management.call("GET", "/v1/export", user=me).body
    management.erase.start(AccountId(me), Target(TargetKind.USER), requested_by="user:u")
    assert listed(management, me, "quarantined") == []
