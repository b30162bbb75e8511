"""What people see of the archive, and how they bring memories back or delete them there."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone
from operator_memory.entrypoints.api.resolver import MemoriesApi

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.whole import archived_copy
from tests.support.management.api import NO_LIMITS, Answer, Management
from tests.support.management.checks import belonging_to, is_problem, the_event

A_DAY = timedelta(days=1)
TEA = a_memory("Likes tea.", days_old=300)
WORK = a_memory("Answers in English.", key=AGENT_KEY, days_old=200)
TURN = a_memory("I like tea.", key=SESSION_KEY, kind=Kind.TURN, days_old=100)
KEPT = {"restored": 0, "in_store": 0, "erased": 0, "deleted": 0, "expired": 0, "unreadable": 0, "stopped_early": False}


@pytest.fixture
def mine(platform: Management, user: str) -> list[Memory]:
    """Three archived memories of the user, each archived on another day."""
    memories = [belonging_to(user, each) for each in (TEA, WORK, TURN)]
    for days, memory in enumerate(memories, 1):
        platform.archive.put(AccountId(user), archived_copy(memory, at=NOW - days * A_DAY))
    return memories


def restore(platform: Management, user: str, **body: Any) -> Answer:
    return platform.call("POST", "/v1/archive/restore", user=user, body=body)


# ---- seeing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_list_gives_each_once_with_its_state(
    platform: Management, user: str, mine: list[Memory], limit: int
) -> None:
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not found:
        page = platform.call("GET", "/v1/archive", user=user, limit=limit, cursor=cursor).json
        found += page["memories"]
        cursor = page["next_cursor"]
    assert [one["id"] for one in found] == sorted(memory.id for memory in mine)
    [tea] = [one for one in found if one["id"] == TEA.id]
    assert (tea["memory"], tea["archive_reason"]) == ("Likes tea.", "idle")
    assert tea["archived_at"] == (NOW - A_DAY).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"scope": "user"}, {TEA.id}),
        ({"kind": "turn"}, {TURN.id}),
        ({"agent_id": "agent-1"}, {WORK.id}),
        ({"thread_id": "session-1"}, {TURN.id}),
        ({"thread_id": "none"}, set()),
        ({"created_after": "2026-06-01T00:00:00Z"}, {TURN.id}),
        ({"created_before": "2026-06-01T00:00:00Z"}, {TEA.id, WORK.id}),
        ({"archived_after": (NOW - 2 * A_DAY).isoformat()}, {TEA.id, WORK.id}),
        ({"archived_before": (NOW - 2 * A_DAY).isoformat()}, {TURN.id}),
    ],
)
def test_conditions_narrow_the_list(
    platform: Management, user: str, mine: list[Memory], query: dict[str, Any], found: set[str]
) -> None:
    assert len(mine) == 3
    assert set(platform.call("GET", "/v1/archive", user=user, **query).ids) == found


def test_where_few_fit_a_page_ends_early_and_says_where_to_go_on(
    platform: Management, user: str, mine: list[Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operator_memory.application.lifecycle.read_archive.MOST_LOOKED_AT", 1)
    page = platform.call("GET", "/v1/archive", user=user, limit=1, thread_id="none").json
    assert (page["memories"], page["next_cursor"]) == ([], min(memory.id for memory in mine))


@pytest.mark.parametrize("cursor", ["x", "../", "A" * 36])
def test_a_made_up_place_is_refused(platform: Management, user: str, cursor: str) -> None:
    is_problem(platform.call("GET", "/v1/archive", user=user, cursor=cursor), 422, "cursor")


def test_an_archived_memory_is_read_with_its_state_and_not_changed(
    platform: Management, user: str, mine: list[Memory]
) -> None:
    one = f"/v1/memories/{TEA.id}"
    read = platform.call("GET", one, user=user)
    assert (read.status, read.json["memory"]) == (200, "Likes tea.")
    assert read.json["archived_at"] == (NOW - A_DAY).isoformat().replace("+00:00", "Z")
    assert platform.call("GET", f"{one}/history", user=user).json["history"] == []
    changed = platform.call("PATCH", one, user=user, body={"importance": 1}, headers={"if-match": "*"})
    is_problem(changed, 409)
    assert "restore it first" in changed.json["detail"]
    assert platform.call("GET", "/v1/memories", user=user, state="all").ids == []
    assert platform.archived.usage(AccountId(user)).memories == len(mine)


def test_usage_counts_what_is_archived_apart(platform: Management, user: str, mine: list[Memory]) -> None:
    platform.put(belonging_to(user, a_memory("Stored.")))
    counted = platform.call("GET", "/v1/usage", user=user).json
    sizes = [archived_copy(memory).entry.size for memory in mine]
    assert (counted["total"], counted["archived"]) == (1, {"memories": 3, "bytes": sum(sizes)})


def test_nobody_else_sees_or_restores_it(platform: Management, user: str, mine: list[Memory]) -> None:
    other = platform.platform.new_user()
    assert platform.call("GET", "/v1/archive", user=other).ids == []
    is_problem(platform.call("GET", "/v1/archive", user=other, account_id=user), 403)
    is_problem(platform.call("GET", f"/v1/memories/{TEA.id}", user=other), 404)
    is_problem(platform.call("DELETE", f"/v1/memories/{TEA.id}", user=other), 404)
    answer = restore(platform, other, memory_ids=[memory.id for memory in mine])
    assert (answer.status, answer.json) == (200, KEPT)
    assert platform.archived.usage(AccountId(user)).memories == 3


# ---- bringing back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"memory_ids": [TEA.id, TEA.id, "none"]}, {TEA.id}),
        ({"agent_id": "agent-1"}, {WORK.id}),
        ({"thread_id": "session-1"}, {TURN.id}),
        ({"everything": True}, {TEA.id, WORK.id, TURN.id}),
        ({"everything": True, "created_after": "2026-06-01T00:00:00Z"}, {TURN.id}),
        ({"everything": True, "archived_before": (NOW - 2 * A_DAY).isoformat()}, {TURN.id}),
        ({"memory_ids": [TEA.id], "created_after": "2026-06-01T00:00:00Z"}, set()),
    ],
)
def test_what_is_named_comes_back_without_an_embedding(
    platform: Management, user: str, mine: list[Memory], body: dict[str, Any], found: set[str]
) -> None:
    answer = restore(platform, user, **body)
    assert (answer.status, answer.json) == (200, KEPT | {"restored": len(found)})
    assert {memory.id for memory in platform.memories.of(AccountId(user))} == found
    assert set(platform.call("GET", "/v1/archive", user=user).ids) == {memory.id for memory in mine} - found
    assert platform.embedder.calls == []
    for memory in platform.memories.of(AccountId(user)):
        assert memory.last_accessed_at == platform.clock.now(), "it was used now, or would be archived at once"
    if found:
        event = the_event(platform, EventType.RESTORE)
        assert (set(event.memory_ids), event.actor) == (found, f"user:{user}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"everything": False}, "everything"),
        ({"everything": True, "agent_id": "a"}, "body"),
        ({"memory_ids": []}, "memory_ids"),
        ({"memory_ids": ["x"] * 1001}, "memory_ids"),
        ({"everything": True, "created_after": 7}, "created_after"),
    ],
)
def test_exactly_one_way_to_name_them_is_needed(
    platform: Management, user: str, body: dict[str, Any], field: str
) -> None:
    is_problem(restore(platform, user, **body), 422, field)


@pytest.mark.usefixtures("mine")
def test_what_was_learned_anew_is_the_one_that_stays(platform: Management, user: str) -> None:
    platform.put(belonging_to(user, a_memory("Likes tea.", importance=0.9)))
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 2, "in_store": 1}
    [tea] = [memory for memory in platform.memories.of(AccountId(user)) if memory.id == TEA.id]
    assert tea.importance == 0.9
    assert platform.archive.index == {}


@pytest.mark.usefixtures("mine")
def test_what_was_erased_since_does_not_come_back(platform: Management, user: str) -> None:
    stone = Tombstone(Target(TargetKind.USER), NOW)
    platform.tombstones.put(AccountId(user), stone)
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 2, "erased": 1}
    [turn] = [memory for memory in platform.memories.of(AccountId(user)) if memory.id == TURN.id]
    assert turn.withheld_by == ("cleared",), "other sessions must not recall what was said before"
    assert platform.archive.index == {}


@pytest.mark.usefixtures("mine")
def test_what_a_person_deleted_since_does_not_come_back(platform: Management, user: str) -> None:
    again = belonging_to(user, a_memory("Likes tea.", id="00000000-0000-4000-8000-000000000001"))
    platform.put(again)
    assert platform.call("DELETE", f"/v1/memories/{again.id}", user=user).status == 204
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 2, "deleted": 1}
    assert TEA.id not in {memory.id for memory in platform.memories.of(AccountId(user))}


def test_what_was_deleted_before_it_was_imported_and_archived_comes_back(platform: Management, user: str) -> None:
    account = AccountId(user)
    imported = belonging_to(user, a_memory("Likes tea.", days_old=300, imported_at=NOW - 9 * A_DAY))
    platform.writer.bury(account, [imported], at=NOW - 10 * A_DAY)
    platform.archive.put(account, archived_copy(imported, at=NOW - A_DAY))
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 1}


def test_what_has_ended_does_not_come_back(platform: Management, user: str) -> None:
    ended = belonging_to(user, a_memory("Is on holiday.", expires_at=NOW))
    lasting = belonging_to(user, a_memory("Is at work.", expires_at=NOW + A_DAY))
    platform.archive.put(AccountId(user), archived_copy(ended), archived_copy(lasting))
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 1, "expired": 1}
    assert platform.expiry.entries[AccountId(user)].due_at == NOW + A_DAY
    assert platform.archive.index == {}


@pytest.mark.usefixtures("mine")
def test_what_cannot_be_read_stays_and_is_counted(platform: Management, user: str) -> None:
    [place] = [entry.place for entry in platform.archive.index.values() if entry.id == TEA.id]
    platform.archive.objects[AccountId(user), place] = [None]
    assert restore(platform, user, everything=True).json == KEPT | {"restored": 2, "unreadable": 1}
    assert {entry.id for entry in platform.archive.index.values()} == {TEA.id}


def test_where_time_is_short_it_stops_and_goes_on_when_asked_again(
    platform: Management, user: str, mine: list[Memory]
) -> None:
    left = iter([30.0, 30.0, 28.0, 1.0, 1.0])
    platform.seconds_left = lambda: next(left, 1.0)
    first = restore(platform, user, everything=True).json
    assert first["stopped_early"]
    assert 0 < first["restored"] < len(mine)
    platform.seconds_left = lambda: 30.0
    assert restore(platform, user, everything=True).json == KEPT | {"restored": len(mine) - first["restored"]}


def test_a_turn_is_found_by_the_words_it_followed_only_while_those_are_there(platform: Management, user: str) -> None:
    account = AccountId(user)
    question = belonging_to(user, a_memory("Which bicycle?", key=SESSION_KEY, kind=Kind.TURN, days_old=100))
    gone = belonging_to(user, a_memory("Which car?", key=SESSION_KEY, kind=Kind.TURN, days_old=100))
    answer = belonging_to(user, a_memory("The red.", key=SESSION_KEY, kind=Kind.TURN, follows=question.id))
    other = belonging_to(user, a_memory("The blue.", key=SESSION_KEY, kind=Kind.TURN, follows=gone.id))
    platform.archive.put(account, *map(archived_copy, (question, answer, other)))
    assert restore(platform, user, memory_ids=[answer.id, other.id]).json["restored"] == 2
    follows = {memory.id: memory.follows for memory in platform.memories.of(account)}
    assert follows == {answer.id: question.id, other.id: None}


# ---- deleting ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mine")
def test_an_archived_memory_is_deleted_like_a_stored_one(platform: Management, user: str) -> None:
    one = f"/v1/memories/{TEA.id}"
    is_problem(platform.call("DELETE", one, user=user, headers={"if-match": '"7"'}), 412)
    assert platform.call("DELETE", one, user=user, headers={"if-match": '"1"'}).status == 204
    assert TEA.id not in {entry.id for entry in platform.archive.index.values()}
    assert platform.tombstones.marks, "what was said before does not bring it back"
    assert the_event(platform, EventType.DELETE).memory_ids == (TEA.id,)
    is_problem(platform.call("DELETE", one, user=user), 404)
    is_problem(platform.call("GET", one, user=user), 404)


@pytest.mark.usefixtures("mine")
def test_what_is_in_both_places_is_deleted_from_both(platform: Management, user: str) -> None:
    platform.put(belonging_to(user, a_memory("Likes tea.")))
    assert platform.call("DELETE", f"/v1/memories/{TEA.id}", user=user).status == 204
    assert TEA.id not in {entry.id for entry in platform.archive.index.values()}
    platform.put(belonging_to(user, a_memory("Answers in English.", key=AGENT_KEY)))
    body = {"filter": {"agent_id": "agent-1"}, "dry_run": False, "expected": 1}
    assert platform.call("POST", "/v1/memories/delete", user=user, body=body).json["deleted"] == 1
    assert {entry.id for entry in platform.archive.index.values()} == {TURN.id}


def test_where_there_is_no_archive_it_is_empty(platform: Management, user: str) -> None:
    services = replace(platform._services(NO_LIMITS), archive=None, restoring=None)
    platform.api = MemoriesApi(services)
    assert platform.call("GET", "/v1/archive", user=user).json == {"memories": [], "next_cursor": None}
    assert restore(platform, user, everything=True).json == KEPT
