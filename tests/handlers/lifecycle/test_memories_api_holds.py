"""``/v1/holds``: who places and lifts legal holds, and what every way of removing memories meets."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, JobSubject, Outcome
from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, PastVersion
from operator_memory.domain.memory.provenance import SaidWords
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.audit_events import EventType

from tests.support.builders import NOW, SESSION_KEY, a_memory
from tests.support.fakes.gone import FakeGoneAccounts, InMemoryKnownAccounts
from tests.support.lifecycle.world import sweep
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to, holds_no_text, is_problem, of_type, the_event

REASON = "Case 7 against Example Ltd."


class World:
    """An account with a memory of a thread, a turn, one in quarantine, one that has expired, and a job that taught."""

    def __init__(self) -> None:
        self.api = Management()
        self.api.clock.time = NOW
        self.user = self.api.platform.new_user()
        self.account = AccountId(self.user)
        self.memory = self.stored(a_memory("Likes tea.", thread_id="thread-1", source_run_id="job-1"))
        full = tuple(PastVersion(n, f"Liked tea {n}.", NOW, "user:u") for n in range(1, 51))
        self.corrected = self.stored(a_memory("Likes gin.", thread_id="thread-1", history=full, version=51))
        self.turn = self.stored(a_memory("Good day!", key=SESSION_KEY, kind=Kind.TURN, thread_id="thread-1"))
        waits: dict[str, Any] = {"rejected": "not_grounded", "valid_until": NOW - timedelta(days=1), "expires_at": NOW}
        self.waiting = self.stored(a_memory("Likes rum.", thread_id="thread-1", **waits))
        self.api.archive.put(self.account)
        facts = (FactOutcome(self.memory.id, Scope.USER, Outcome.ADDED),)
        subject = JobSubject("thread-1", "thread-1")
        done = JobRecord(self.account, "job-1", JobState.DONE, "hash", NOW, facts=facts, subject=subject)
        self.api.jobs.records[self.account, "job-1"] = done

    def stored(self, memory: Memory) -> Memory:
        mine = belonging_to(self.account, memory)
        self.api.put(mine)
        return mine

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.api.call(method, path, user=self.user, body=body, **options)

    def hold(self, place: str = "account", *, method: str = "PUT", reason: str = REASON) -> Answer:
        body = {"reason": reason} if method == "PUT" else None
        token = self.api.service_token("holds:write")
        return self.api.call(method, f"/v1/holds/{place}", token=token, account_id=self.account, body=body)

    def lift(self, place: str = "account") -> Answer:
        return self.hold(place, method="DELETE")

    def erase(self, target: str = "account", **options: Any) -> Answer:
        return self.call("POST", "/v1/erasures", {"target": target, "confirm": "erase", **options})

    def sweep(self) -> None:
        self.api.clock.advance(days=1)
        index, holds = self.api.expiry, self.api.holds
        sweep(self.api.memories, index, self.api.clock, holds=holds)

    def words(self) -> set[str]:
        """All that the account's memories say or have said."""
        every = self.api.memories.of(self.account)
        return {text for m in every for text in (m.text, *(past.text for past in m.history))}


@pytest.fixture
def world() -> World:
    return World()


def by_filter(world: World) -> Answer:
    body: dict[str, Any] = {"filter": {"scope": "user"}}
    expected = world.call("POST", "/v1/memories/delete", body).json["matched"]
    return world.call("POST", "/v1/memories/delete", {**body, "dry_run": False, "expected": expected})


def corrected(world: World) -> Answer:
    path = f"/v1/memories/{world.corrected.id}"
    return world.call("PATCH", path, {"memory": "Likes wine."}, headers={"if-match": '"51"'})


REFUSED: dict[str, Callable[[World], Answer]] = {
    "delete one": lambda world: world.call("DELETE", f"/v1/memories/{world.memory.id}"),
    "delete a turn": lambda world: world.call("DELETE", f"/v1/memories/{world.turn.id}"),
    "reject what waits in quarantine": lambda world: world.call("DELETE", f"/v1/memories/{world.waiting.id}"),
    "delete by filter": by_filter,
    "correct where the history is full": corrected,
    "clear": lambda world: world.call("DELETE", f"/memory/user/{world.user}"),
    "erase the account": lambda world: world.erase(),
    "erase the user memory": lambda world: world.erase("user"),
    "erase the session": lambda world: world.erase("session", id="session-1"),
    "erase the thread": lambda world: world.erase("session", id="thread-1"),
    "erase a member's": lambda world: world.erase("author", id=world.user),
}
"""Ways that answer: they refuse, and say why."""


def account_deleted(world: World) -> None:
    world.api.platform.delete_account(world.account)
    platform, erase = FakeGoneAccounts(world.api.platform), world.api.erase.erase_gone_account
    sweep = EraseGoneAccounts(platform=platform, known=InMemoryKnownAccounts(), erase=erase)
    assert sweep.erase_gone(lambda: 900.0) == GoneReport(held=1)


LEFT: dict[str, Callable[[World], object]] = {
    "undo a run": lambda world: world.call("POST", "/v1/jobs/job-1/undo"),
    "expire": World.sweep,
    "erase a deleted account": account_deleted,
    "write over it": lambda world: world.api.put(replace(world.corrected, history=(), version=1)),
    "add what has expired": lambda world: world.call("POST", "/v1/memories", {"memory": world.waiting.text}),
}
"""Ways that do what else there is to do, and leave what is held."""


@pytest.mark.parametrize("place", ["account", "threads/thread-1"])
@pytest.mark.parametrize("way", REFUSED)
def test_no_way_removes_what_is_held_and_each_says_why(world: World, place: str, way: str) -> None:
    before = world.words()
    assert world.hold(place).status == 200
    answer = REFUSED[way](world)
    is_problem(answer, 409)
    assert REASON in answer.json["detail"]
    assert world.words() == before
    event = the_event(world.api, EventType.DENIED)
    assert (event.account_id, event.actor) == (world.account, f"user:{world.user}")
    assert event.metadata["held"] == place.partition("/")[0].removesuffix("s")
    holds_no_text(world.api, REASON, "tea")
    assert world.lift(place).status == 204
    assert REFUSED[way](world).status != 409


@pytest.mark.parametrize("place", ["account", "threads/thread-1"])
@pytest.mark.parametrize("way", LEFT)
def test_what_happens_by_itself_leaves_what_is_held(world: World, place: str, way: str) -> None:
    before = world.words()
    world.hold(place)
    LEFT[way](world)
    assert world.words() >= before


def test_what_is_not_of_the_held_thread_can_be_removed(world: World) -> None:
    other = world.stored(a_memory("Has a dog.", thread_id="thread-2"))
    world.hold("threads/thread-1")
    assert world.call("DELETE", f"/v1/memories/{other.id}").status == 204
    assert world.erase("session", id="thread-2").status == 200
    assert world.erase("agent", id="agent-1").status == 200


def test_words_that_are_deleted_stay_in_the_evidence_of_what_is_held(world: World) -> None:
    said = (SaidWords("I like tea", message_id="m-1", role="user"),)
    told: dict[str, Any] = {"session_id": "session-9", "message_id": "m-1", "evidence": said}
    held = world.stored(a_memory("Drinks tea.", thread_id="thread-1", **told))
    free = world.stored(a_memory("I like tea", thread_id="thread-2", **told))
    world.hold("threads/thread-1")
    assert world.call("DELETE", f"/v1/memories/{free.id}").status == 204
    left = world.api.library.get(world.account, held.id)
    assert left is not None
    assert left.evidence == said


def test_a_correction_is_made_while_the_former_words_stay_in_the_history(world: World) -> None:
    world.hold()
    path = f"/v1/memories/{world.memory.id}"
    assert world.call("PATCH", path, {"memory": "Likes wine."}, headers={"if-match": '"1"'}).status == 200
    assert {"Likes tea.", "Likes wine."} <= world.words()


class TestErasures:
    def test_one_that_meets_a_hold_waits_and_its_receipt_says_why(self, world: World) -> None:
        world.hold()
        refused = world.erase()
        receipt = world.call("GET", f"/v1/erasures/{refused.json['erasure_id']}").json
        assert (receipt["state"], receipt["held"], receipt["removed"]) == ("waiting", REASON, {})
        assert world.api.tombstones.stones == {}, "what is held is still served, so nothing says that it is gone"

    def test_nobody_resumes_it_meanwhile(self, world: World) -> None:
        world.hold()
        identity = world.erase().json["erasure_id"]
        is_problem(world.call("POST", f"/v1/erasures/{identity}/resume"), 409)
        key = {"idempotency-key": "k"}
        body = {"target": "user", "confirm": "erase"}
        first = world.call("POST", "/v1/erasures", body, headers=key)
        again = world.call("POST", "/v1/erasures", body, headers=key)
        assert (first.status, first.json["erasure_id"]) == (409, again.json["erasure_id"])
        assert world.lift().status == 204
        done = world.call("POST", "/v1/erasures", body, headers=key)
        assert (done.status, done.json["id"], done.json["state"]) == (200, first.json["erasure_id"], "complete")

    def test_a_last_look_does_not_come_early_for_a_hold_that_is_lifted(self, world: World) -> None:
        identity = world.erase().json["id"]
        world.hold()
        world.lift()
        assert world.api.erase.resume_due() == (0, 0)
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "complete"

    def test_when_the_hold_is_lifted_it_takes_what_was_said_before_it_was_asked_for(self, world: World) -> None:
        world.hold()
        identity = world.erase().json["erasure_id"]
        world.api.clock.advance(hours=1)
        later = belonging_to(world.account, replace(a_memory("Said since."), created_at=world.api.clock.now()))
        world.api.put(later)
        assert world.lift().status == 204
        receipt = world.call("GET", f"/v1/erasures/{identity}").json
        assert (receipt["state"], receipt["held"]) == ("complete", None)
        assert world.words() == {"Said since."}

    def test_it_waits_until_the_last_hold_in_its_way_is_lifted(self, world: World) -> None:
        world.hold()
        world.hold("threads/thread-1")
        identity = world.erase().json["erasure_id"]
        world.lift()
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "waiting"
        world.lift("threads/thread-1")
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "complete"

    def test_the_schedule_goes_on_with_one_that_the_lifting_had_no_time_for(self, world: World) -> None:
        world.hold()
        identity = world.erase().json["erasure_id"]
        world.api.seconds_left = lambda: 0.0
        world.lift()
        assert world.words() != set()
        world.api.clock.advance(seconds=1)
        assert world.api.erase.resume_due() == (1, 0)
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "complete"

    def test_one_that_waits_is_no_failure_of_the_schedule(self, world: World) -> None:
        world.hold()
        world.erase()
        world.api.clock.advance(days=2)
        assert world.api.erase.resume_due() == (0, 0)
        assert len(of_type(world.api, EventType.DENIED)) == 2, "each look is an event of the same id"
        assert len({event.id for event in of_type(world.api, EventType.DENIED)}) == 1

    def test_a_hold_placed_while_it_runs_keeps_what_is_left(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = world.api.erasable
        erase = store.erase

        def and_then_hold(*arguments: Any, **options: Any) -> None:
            erase(*arguments, **options)
            world.hold()

        with monkeypatch.context() as patched:
            patched.setattr(store, "erase", and_then_hold)
            refused = world.erase()
        is_problem(refused, 409)
        assert world.words() == set()
        assert world.api.jobs.records != {}, "the store after that of memories is not emptied"
        assert world.lift().status == 204
        assert world.api.jobs.records == {}
        receipt = world.call("GET", f"/v1/erasures/{refused.json['erasure_id']}").json
        assert (receipt["state"], receipt["removed"]["memories"]) == ("complete", 4)

    def test_the_last_look_waits_too(self, world: World) -> None:
        identity = world.erase().json["id"]
        world.hold()
        late = belonging_to(world.account, a_memory("Late.", days_old=2))
        world.api.memories.upsert(world.account, [EmbeddedMemory(late, [1.0])])  # by a worker that was killed since
        world.api.clock.advance(days=3)
        world.api.erase.resume_due()
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "complete"
        world.lift()
        world.api.clock.advance(days=1)
        world.api.erase.resume_due()
        assert world.call("GET", f"/v1/erasures/{identity}").json["state"] == "verified"
        assert world.words() == set()


class TestPlacing:
    def test_owners_see_them(self, world: World) -> None:
        world.hold()
        world.hold("threads/thread-1", reason="Another case")
        found = world.call("GET", "/v1/holds").json
        assert found["account"]["reason"] == REASON
        assert found["account"]["placed_by"].startswith("service:")
        assert [(hold["thread_id"], hold["reason"]) for hold in found["threads"]] == [("thread-1", "Another case")]

    def test_nobody_lifts_one_on_what_is_their_own(self, world: World) -> None:
        world.hold()
        is_problem(world.call("DELETE", "/v1/holds/account"), 403)
        assert world.api.holds.holds(world.account).account is not None

    def test_placing_and_lifting_are_on_the_trail(self, world: World) -> None:
        world.hold("threads/thread-1")
        world.lift("threads/thread-1")
        events = of_type(world.api, EventType.HOLD)
        assert [event.metadata["how"] for event in events] == ["placed", "lifted"]
        assert {event.thread_id for event in events} == {"thread-1"}
        holds_no_text(world.api, REASON)

    def test_one_that_is_not_there_cannot_be_lifted(self, world: World) -> None:
        is_problem(world.lift(), 404)

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 501, None, 7])
    def test_a_reason_is_needed(self, world: World, reason: Any) -> None:
        is_problem(world.hold(reason=reason), 422, "reason")

    def test_the_threads_of_an_account_that_can_be_held_are_bounded(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operator_memory.application.lifecycle.hold_memories.MOST_THREADS", 1)
        assert world.hold("threads/one").status == 200
        assert world.hold("threads/one").status == 200
        is_problem(world.hold("threads/two"), 409)
