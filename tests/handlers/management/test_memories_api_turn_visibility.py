"""What a person corrects or deletes, other sessions do not recall from the turns that said it either."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from operator_memory.application.shared.remove_memories import MOST_LOOKED_FOR
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey

from tests.support.builders import a_memory
from tests.support.management.api import Management
from tests.support.management.checks import belonging_to

SAID = "I live in Porto. My dog is Rex."
REPEATED = "Since you live in Porto, try the tiles."
OTHER = "My sister Ana is a doctor."


def turn(platform: Management, user: str, text: str) -> Memory:
    session = ScopeKey(Scope.SESSION, "session-0")
    stored = belonging_to(user, a_memory(text, key=session, kind=Kind.TURN, role="user"))
    platform.put(stored)
    return stored


@pytest.fixture
def known(platform: Management, user: str) -> Memory:
    """A fact, the turn that it was learned from, one that repeats it and one that does not."""
    said = turn(platform, user, SAID)
    turn(platform, user, REPEATED)
    turn(platform, user, OTHER)
    fact = belonging_to(user, a_memory("User lives in Porto.", said_in=(said.id,)))
    platform.put(fact)
    return fact


def recalled(platform: Management, user: str) -> set[str]:
    """The turns that other sessions may recall."""
    return {m.text for m in platform.memories.of(AccountId(user)) if m.kind is Kind.TURN and not m.withheld_by}


def change(platform: Management, user: str, memory: Memory, text: str) -> int:
    path = f"/v1/memories/{memory.id}"
    return platform.call("PATCH", path, user=user, body={"memory": text}, headers={"if-match": '"1"'}).status


def correct(platform: Management, user: str, memory: Memory) -> None:
    assert change(platform, user, memory, "User lives in Braga.") == 200


def delete(platform: Management, user: str, memory: Memory) -> None:
    assert platform.call("DELETE", f"/v1/memories/{memory.id}", user=user).status == 204


def delete_by_filter(platform: Management, user: str, memory: Memory) -> None:
    body = {"filter": {"scope": "user"}}
    found = platform.call("POST", "/v1/memories/delete", user=user, body=body | {"dry_run": True}).json
    confirmed = body | {"expected": found["matched"], "dry_run": False}
    assert platform.call("POST", "/v1/memories/delete", user=user, body=confirmed).status == 200
    assert platform.call("GET", f"/v1/memories/{memory.id}", user=user).status == 404


def clear(platform: Management, user: str, memory: Memory) -> None:
    assert platform.call("DELETE", f"/memory/user/{user}", user=user).status == 200


Doing = Callable[[Management, str, Memory], None]


@pytest.mark.parametrize("done", [correct, delete, delete_by_filter])
def test_the_turns_that_say_it_are_withheld_and_no_other(
    platform: Management, user: str, known: Memory, done: Doing
) -> None:
    assert recalled(platform, user) == {SAID, REPEATED, OTHER}
    done(platform, user, known)
    assert recalled(platform, user) == {OTHER}


def test_who_empties_their_memory_is_not_told_of_it_by_turns(platform: Management, user: str, known: Memory) -> None:
    clear(platform, user, known)
    assert recalled(platform, user) == set()
    assert [m.text for m in platform.memories.of(AccountId(user)) if m.scope is Scope.USER] == []


@pytest.mark.parametrize("text", ["User lives in Porto", "The user lives in Porto."])
def test_another_wording_withholds_nothing(platform: Management, user: str, known: Memory, text: str) -> None:
    assert change(platform, user, known, text) == 200
    assert recalled(platform, user) == {SAID, REPEATED, OTHER}


def test_a_pin_withholds_nothing(platform: Management, user: str, known: Memory) -> None:
    assert platform.call("PUT", f"/v1/memories/{known.id}/pin", user=user).status == 200
    assert recalled(platform, user) == {SAID, REPEATED, OTHER}


def test_deleting_a_turn_withholds_none(platform: Management, user: str, known: Memory) -> None:
    [said] = [m for m in platform.memories.of(AccountId(user)) if m.text == SAID]
    delete(platform, user, said)
    assert recalled(platform, user) == {REPEATED, OTHER}


def test_what_is_restored_is_recalled_again_and_what_steps_back_is_not(
    platform: Management, user: str, known: Memory
) -> None:
    newer = belonging_to(user, a_memory("User lives in Braga."))
    platform.put(newer, replace(known, superseded_by=newer.id, valid_until=platform.clock.now()))
    moved = turn(platform, user, "I live in Braga these days.")
    [said] = [m for m in platform.memories.of(AccountId(user)) if m.text == SAID]
    platform.memories.withhold(AccountId(user), {said.id: [known.id]})
    assert platform.call("POST", f"/v1/memories/{known.id}/restore", user=user, body={}).status == 200
    assert recalled(platform, user) == {SAID, REPEATED, OTHER}
    assert platform.call("GET", f"/v1/memories/{moved.id}", user=user).json["withheld_by"] == [newer.id]


def test_when_turns_cannot_be_released_the_newer_fact_has_stepped_back_all_the_same(
    platform: Management, user: str, known: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = belonging_to(user, a_memory("User lives in Braga."))
    platform.put(newer, replace(known, superseded_by=newer.id, valid_until=platform.clock.now()))

    def fails(*_: object) -> None:
        raise UpstreamUnavailableError("qdrant", "gone")

    monkeypatch.setattr(platform.memories, "release", fails)
    assert platform.call("POST", f"/v1/memories/{known.id}/restore", user=user, body={}).status == 503
    holding = {m.text for m in platform.memories.of(AccountId(user)) if m.scope is Scope.USER and not m.superseded_by}
    assert holding == {known.text}


@pytest.mark.parametrize("missing", ["search", "withhold"])
def test_what_cannot_be_kept_out_of_other_sessions_is_neither_corrected_nor_deleted(
    platform: Management, user: str, known: Memory, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise UpstreamUnavailableError("qdrant", "gone")

    monkeypatch.setattr(platform.memories, missing, fails)
    assert change(platform, user, known, "User lives in Braga.") == 503
    assert platform.call("DELETE", f"/v1/memories/{known.id}", user=user).status == 503
    assert platform.call("GET", f"/v1/memories/{known.id}", user=user).json["memory"] == known.text


def test_deleting_what_was_replaced_leaves_the_turn_that_says_what_holds(
    platform: Management, user: str, known: Memory
) -> None:
    moved = turn(platform, user, "I live in Braga now, no longer in Porto.")
    newer = belonging_to(user, a_memory("User lives in Braga.", said_in=(moved.id,)))
    platform.put(newer, replace(known, superseded_by=newer.id, valid_until=platform.clock.now()))
    delete(platform, user, known)
    assert recalled(platform, user) == {OTHER, moved.text}


def test_what_is_approved_is_recalled_again(platform: Management, user: str, known: Memory) -> None:
    waits = replace(known, rejected="not_grounded", valid_until=platform.clock.now())
    platform.put(waits)
    platform.memories.withhold(AccountId(user), {waits.said_in[0]: [waits.id]})
    assert recalled(platform, user) == {REPEATED, OTHER}
    assert platform.call("POST", f"/v1/memories/{waits.id}/approve", user=user).status == 200
    assert recalled(platform, user) == {SAID, REPEATED, OTHER}


def test_thousands_are_deleted_with_a_look_at_the_first_hundreds(
    platform: Management, user: str, known: Memory
) -> None:
    more = [
        belonging_to(user, a_memory(f"User owns item {n}.", said_in=(turn(platform, user, f"Thing {n}").id,)))
        for n in range(MOST_LOOKED_FOR + 50)
    ]
    platform.put(*more)
    delete_by_filter(platform, user, known)
    assert recalled(platform, user) == {OTHER}
