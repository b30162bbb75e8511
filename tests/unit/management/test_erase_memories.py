"""Erasure: whatever fails in the middle, running it again completes it, counts right, and notes it once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.application.management.erase_memories import LOOK_AGAIN, RESUME, EraseMemories, ErasurePorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import (
    ConflictError,
    ErasureIncompleteError,
    MalformedResponseError,
    NotFoundError,
    UpstreamTimeoutError,
)
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, Outcome
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import NOW, a_memory
from tests.support.fakes.archive import InMemoryArchive
from tests.support.fakes.core import FakeClock, InMemoryMemories
from tests.support.fakes.erasure import InMemoryErasures, InMemoryRecords, InMemoryTombstones
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.learning import InMemoryJobs
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakeEventStore, FakePlatform
from tests.support.fakes.whole import archived_copy

EVERYTHING = Target(TargetKind.ACCOUNT)
REMOVED = {"memories": 3, "entities": 1, "archived": 2, "job_records": 1, "queries": 1}
NONE_LEFT = dict.fromkeys(REMOVED, 0)


@dataclass
class Calls:
    """Notes every call of a port, and lets one of them fail: before it does anything, or after."""

    made: list[str] = field(default_factory=list)
    fail_at: int | None = None
    afterwards: bool = False
    error: Exception = field(default_factory=lambda: UpstreamTimeoutError("a store", "no answer"))


class Observed:
    """A port whose calls are noted in ``calls``, as ``name.method``."""

    def __init__(self, name: str, port: object, calls: Calls) -> None:
        self._name, self._port, self._calls = name, port, calls

    def __getattr__(self, method: str) -> Callable[..., Any]:
        calls = self._calls

        def call(*arguments: Any, **options: Any) -> Any:
            fails = len(calls.made) == calls.fail_at
            calls.made.append(f"{self._name}.{method}")
            if fails and not calls.afterwards:
                raise calls.error
            answer = getattr(self._port, method)(*arguments, **options)
            if fails:
                raise calls.error
            return answer

        return call


class World:
    """One account with something in every place, and the use case over observed ports."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.memories, self.jobs = InMemoryMemories(), InMemoryJobs()
        self.library = InMemoryLibrary(self.memories)
        self.tombstones, self.erasures, self.archive = InMemoryTombstones(), InMemoryErasures(), InMemoryArchive()
        self.platform, self.sink, self.calls = FakePlatform(), FakeEvents(), Calls()
        self.trail = FakeEventStore(self.platform)
        self.account = AccountId(self.platform.new_user())
        self.fill(self.account)
        self.use_case = self.made(archive=self.archive, trail=self.trail)

    def made(self, *, archive: InMemoryArchive | None, trail: FakeEventStore | None) -> EraseMemories:
        def observed(name: str, port: object) -> Any:
            return None if port is None else Observed(name, port, self.calls)

        ports = ErasurePorts(
            tombstones=observed("tombstones", self.tombstones),
            erasures=observed("erasures", self.erasures),
            memories=observed("memories", self.library),
            records=observed("records", InMemoryRecords(self.jobs)),
            archive=observed("archive", archive),
            events=observed("events", trail),
            held=nothing_held(),
        )
        return EraseMemories(ports, trail=AuditTrail(self.sink, self.clock), clock=self.clock)

    def fill(self, account: AccountId) -> None:
        self.store(account, "Likes tea.", "Lives in Porto.", "Works at night.")
        self.library.entities[account] = [{"data": "Porto"}]
        old = [replace(a_memory(text), account_id=account) for text in ("Long ago.", "Longer ago.")]
        self.archive.put(account, *map(archived_copy, old))
        facts = (FactOutcome("m-1", Scope.USER, Outcome.ADDED),)
        self.jobs.records[account, "j"] = JobRecord(account, "j", JobState.DONE, "hash", NOW, facts=facts)
        searched = MemoryEvent(f"search-{account}", account, "user:u", EventType.SEARCH, NOW, query="my secret")
        self.trail.record([searched])

    def store(self, account: AccountId, *texts: str, days_old: float = 1) -> None:
        for text in texts:
            memory = replace(a_memory(text, days_old=days_old), account_id=account)
            self.memories.upsert(account, [EmbeddedMemory(memory, [1.0])])

    def start(self, erasure_id: str = "e-1", target: Target = EVERYTHING) -> Erasure:
        return self.use_case.start(self.account, target, requested_by="user:u", erasure_id=erasure_id)

    @property
    def noted(self) -> list[MemoryEvent]:
        """Events as the trail keeps them: the first of each id."""
        return list({event.id: event for event in reversed(self.sink.events)}.values())


@pytest.fixture
def world() -> World:
    return World()


def calls_of_one_run() -> list[str]:
    world = World()
    world.start()
    return world.calls.made


class TestInOrder:
    def test_the_tombstone_stands_before_anything_is_counted_or_deleted(self, world: World) -> None:
        world.start()
        assert world.calls.made[:3] == ["erasures.get", "erasures.begin", "tombstones.put"]
        assert not [call for call in world.calls.made[3:] if call.startswith("tombstones")]

    def test_place_by_place_what_will_go_is_saved_before_it_goes_and_all_are_counted_again_after(
        self, world: World
    ) -> None:
        world.start()
        counts = ["memories.count_erasable", "archive.count_erasable", "records.count_erasable", "events.count_queries"]
        deletions = ["memories.erase", "archive.erase", "records.erase", "events.forget_queries"]
        steps = [call for pair in zip(counts, deletions, strict=True) for call in (pair[0], "erasures.save", pair[1])]
        assert world.calls.made[3:] == [*steps, *counts, "erasures.get", "erasures.save"]

    def test_the_receipt_is_complete(self, world: World) -> None:
        receipt = world.start()
        assert receipt == Erasure(
            id="e-1",
            account_id=world.account,
            target=EVERYTHING,
            requested_by="user:u",
            erased_at=NOW,
            state=ErasureState.COMPLETE,
            removed=REMOVED,
            remaining=NONE_LEFT,
            completed_at=NOW,
        )
        assert world.use_case.receipt(world.account, "e-1") == receipt
        assert world.use_case.receipts(world.account) == [receipt]

    def test_what_is_not_configured_is_not_counted(self, world: World) -> None:
        world.use_case = world.made(archive=None, trail=None)
        assert world.start().removed == {"memories": 3, "entities": 1, "job_records": 1}

    def test_another_account_keeps_everything(self, world: World) -> None:
        other = AccountId(world.platform.new_user())
        world.fill(other)
        world.start()
        assert len(world.memories.of(other)) == 3
        assert world.library.entities[other]
        assert world.archive.count_erasable(other, EVERYTHING, until=NOW) == 2
        assert (other, "j") in world.jobs.records
        assert world.trail.count_queries(other, EVERYTHING) == 1


class TestInterrupted:
    @pytest.mark.parametrize("afterwards", [False, True], ids=["before it is done", "after it is done"])
    @pytest.mark.parametrize("place", range(len(calls_of_one_run())), ids=lambda n: f"{n} {calls_of_one_run()[n]}")
    @pytest.mark.parametrize("again", ["with the same id", "resumed", "by the schedule"])
    def test_at_every_call_running_it_again_completes_it(self, place: int, afterwards: bool, again: str) -> None:
        world = World()
        world.calls.fail_at, world.calls.afterwards = place, afterwards
        with pytest.raises(UpstreamTimeoutError):
            world.start()
        world.clock.advance(seconds=RESUME.total_seconds())
        started = world.erasures.get(world.account, "e-1")
        assert started is not None or place < 2, "what is begun is on record"
        if again == "resumed" and started is not None:
            world.use_case.resume(world.account, "e-1")
        elif again == "by the schedule" and started is not None:
            due = started.state is ErasureState.RUNNING  # else it is complete, and only the answer was lost
            assert world.use_case.resume_due() == (int(due), 0)
        else:
            world.start()
        receipt = world.use_case.receipt(world.account, "e-1")
        assert receipt.state is ErasureState.COMPLETE
        assert (receipt.removed, receipt.remaining) == (REMOVED, NONE_LEFT)
        assert world.memories.of(world.account) == []
        assert (world.library.entities[world.account], world.archive.objects, world.jobs.records) == ([], {}, {})
        [event] = world.noted
        assert (event.type, event.result_count, event.actor) == (EventType.ERASE, 3, "user:u")

    def test_what_was_said_meanwhile_is_not_erased(self, world: World) -> None:
        world.calls.fail_at = calls_of_one_run().index("memories.erase")
        with pytest.raises(UpstreamTimeoutError):
            world.start()
        world.clock.advance(minutes=10)
        world.store(world.account, "Said since.", days_old=-0.001)
        receipt = world.use_case.resume(world.account, "e-1")
        assert (receipt.erased_at, receipt.completed_at) == (NOW, NOW + timedelta(minutes=10))
        assert [memory.text for memory in world.memories.of(world.account)] == ["Said since."]

    def test_one_that_is_complete_is_not_run_again(self, world: World) -> None:
        receipt = world.start()
        world.calls.made.clear()
        assert world.start() == receipt
        assert world.use_case.resume(world.account, "e-1") == receipt
        assert {call.split(".")[0] for call in world.calls.made} == {"erasures"}
        assert len(world.sink.events) == 1

    def test_an_id_stands_for_one_target(self, world: World) -> None:
        world.start(target=Target(TargetKind.USER))
        with pytest.raises(ConflictError):
            world.start(target=EVERYTHING)
        assert world.use_case.receipt(world.account, "e-1").target == Target(TargetKind.USER)

    def test_without_an_id_each_is_another(self, world: World) -> None:
        assert world.start("").id != world.start("").id

    def test_one_that_is_not_there_cannot_be_resumed(self, world: World) -> None:
        other = AccountId(world.platform.new_user())
        world.start()
        for account, identity in ((world.account, "none"), (other, "e-1")):
            with pytest.raises(NotFoundError):
                world.use_case.resume(account, identity)
            with pytest.raises(NotFoundError):
                world.use_case.receipt(account, identity)


class TestSomethingLeft:
    def test_is_told_and_the_schedule_completes_it(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        erase = world.library.erase

        def with_a_late_write(account: AccountId, target: Target, **options: Any) -> None:
            erase(account, target, **options)
            world.store(account, "Late.")

        monkeypatch.setattr(world.library, "erase", with_a_late_write)
        with pytest.raises(ErasureIncompleteError):
            world.start()
        running = world.use_case.receipt(world.account, "e-1")
        assert (running.state, running.remaining["memories"]) == (ErasureState.RUNNING, 1)
        assert world.sink.events == []
        world.clock.advance(seconds=RESUME.total_seconds())
        assert world.use_case.resume_due() == (0, 1), "and again something is left"
        monkeypatch.setattr(world.library, "erase", erase)
        world.clock.advance(seconds=RESUME.total_seconds())
        assert world.use_case.resume_due() == (1, 0)
        receipt = world.use_case.receipt(world.account, "e-1")
        assert (receipt.state, receipt.remaining) == (ErasureState.COMPLETE, NONE_LEFT)
        assert len(world.noted) == 1

    def test_in_any_of_the_places(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for place, method in (
            ("archive", "erase"),
            ("trail", "forget_queries"),
        ):
            world = World()
            monkeypatch.setattr(getattr(world, place), method, lambda *_args, **_options: None)
            with pytest.raises(ErasureIncompleteError):
                world.start()
            assert any(world.use_case.receipt(world.account, "e-1").remaining.values())


class TestLookedAtAgain:
    def test_nothing_is_due_before_every_writer_has_ended(self, world: World) -> None:
        world.start()
        world.clock.advance(seconds=LOOK_AGAIN.total_seconds() - 1)
        assert world.use_case.resume_due() == (0, 0)
        world.clock.advance(seconds=1)
        assert world.use_case.resume_due() == (1, 0)
        verified = world.use_case.receipt(world.account, "e-1")
        assert (verified.state, verified.verified_at) == (ErasureState.VERIFIED, NOW + LOOK_AGAIN)
        assert verified.removed == REMOVED
        world.clock.advance(days=1)
        assert world.use_case.resume_due() == (0, 0), "it is never looked at again"

    def test_a_late_write_is_removed_and_added_to_what_was(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.start()
        world.store(world.account, "Late.")
        world.store(world.account, "Said since.", days_old=-0.001)
        world.clock.advance(seconds=LOOK_AGAIN.total_seconds())
        assert world.use_case.resume_due() == (1, 0)
        assert [memory.text for memory in world.memories.of(world.account)] == ["Said since."]
        assert world.use_case.receipt(world.account, "e-1").removed == {**REMOVED, "memories": 4}
        assert "late writes were found" in caplog.text
        assert "Late." not in str([vars(record) for record in caplog.records])
        assert len(world.noted) == 1

    @pytest.mark.parametrize("afterwards", [False, True], ids=["before it is done", "after it is done"])
    def test_interrupted_anywhere_it_stays_due_and_counts_right(self, world: World, afterwards: bool) -> None:
        world.start()
        world.store(world.account, "Late.")
        world.calls.afterwards = afterwards
        for place in range(1, 10):  # due, save, then: count, save, deletion, count, deletion, count, get, save
            world.clock.advance(seconds=LOOK_AGAIN.total_seconds())
            world.calls.made.clear()
            world.calls.fail_at = place
            world.use_case.resume_due()
        world.calls.fail_at = None
        world.clock.advance(seconds=LOOK_AGAIN.total_seconds())
        world.use_case.resume_due()
        verified = world.use_case.receipt(world.account, "e-1")
        assert verified.state is ErasureState.VERIFIED
        assert (verified.removed, verified.remaining) == ({**REMOVED, "memories": 4}, NONE_LEFT)
        assert world.memories.of(world.account) == []


class TestTheSchedule:
    @pytest.mark.parametrize(
        "error", [UpstreamTimeoutError("a store", "no answer"), MalformedResponseError("a store", "?"), KeyError("x")]
    )
    def test_one_that_fails_does_not_stop_the_others(
        self, world: World, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        accounts = [AccountId(world.platform.new_user()) for _ in range(3)]
        for account in accounts:
            world.fill(account)
            running = Erasure("e", account, EVERYTHING, "user:u", NOW)
            world.erasures.save(running, due_at=NOW)
        world.calls.error = error
        world.calls.fail_at = calls_of_one_run()[2:].index("memories.erase") + 2
        assert world.use_case.resume_due() == (2, 1)
        states = [world.use_case.receipt(account, "e").state for account in accounts]
        assert sorted(states) == ["complete", "complete", "running"]
        assert "erasure failed" in caplog.text
        assert "no answer" not in caplog.text
        world.clock.advance(seconds=RESUME.total_seconds())
        assert world.use_case.resume_due() == (1, 0)
        assert all(world.memories.of(account) == [] for account in accounts)

    def test_no_more_than_asked_for_at_once(self, world: World) -> None:
        for number in range(5):
            running = Erasure(f"e-{number}", world.account, Target(TargetKind.USER), "user:u", NOW)
            world.erasures.save(running, due_at=NOW)
        assert [world.use_case.resume_due(limit=2) for _ in range(3)] == [(2, 0), (2, 0), (1, 0)]


@pytest.mark.parametrize(
    ("target", "agent", "thread"),
    [
        (Target(TargetKind.USER), None, None),
        (Target(TargetKind.AGENT, "agent-1"), "agent-1", None),
        (Target(TargetKind.SESSION, "session-1"), None, "session-1"),
        (Target(TargetKind.AUTHOR, "member-1"), None, None),
    ],
)
@pytest.mark.parametrize(("reason", "kind"), [("erase", EventType.ERASE), ("clear", EventType.CLEAR)])
def test_the_event_says_what_was_erased_and_not_whose_words(
    world: World, target: Target, agent: str | None, thread: str | None, reason: str, kind: EventType
) -> None:
    world.use_case.start(world.account, target, requested_by="user:u", reason=reason)
    [event] = world.sink.events
    assert (event.type, event.agent_id, event.thread_id) == (kind, agent, thread)
    assert event.metadata["target"] == target.kind.value
