"""Erasures that are slow, that fail in one store, that meet unreadable lines or another call."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from operator_memory.application.management.erase_memories import UNREADABLE, EraseMemories, ErasurePorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import (
    ConflictError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, Outcome
from operator_memory.domain.lifecycle.archived import ArchivedMemory
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import NOW, a_memory
from tests.support.fakes.archive import SPOILED, InMemoryArchive
from tests.support.fakes.core import FakeClock, InMemoryMemories
from tests.support.fakes.erasure import InMemoryErasures, InMemoryRecords, InMemoryTombstones
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.learning import InMemoryJobs
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakeEventStore, FakePlatform
from tests.support.fakes.whole import archived_copy
from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

EVERYTHING = Target(TargetKind.ACCOUNT)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


# --- what goes on while an erasure is slow


def said(world: World, text: str, moment: datetime) -> None:
    """The platform's thread holds this message of the user."""
    assert world.threads is not None
    thread = world.threads.threads.setdefault((ACCOUNT, "thread-1"), [])
    thread.append(RawMessage("user", text, f"m{len(thread):04}", moment))


@contextmanager
def broken(store: type, method: str, error: Exception) -> Iterator[None]:
    """While the store cannot do it."""

    def fail(*_: object, **__: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, method, fail)
        yield


@pytest.mark.parametrize("target", [EVERYTHING, Target(TargetKind.SESSION, "thread-1")], ids=lambda t: t.name)
def test_a_run_kept_out_of_memory_while_an_erasure_is_slow_is_not_learned_from_later(target: Target) -> None:
    world = World()
    world.clock.time = FINISHED
    said(world, "I like tea", FINISHED - MINUTE)
    world.run(a_job(messages=None))
    with broken(InMemoryRecords, "erase", UpstreamTimeoutError("dynamodb", "no answer")), pytest.raises(UpstreamError):
        world.erase.start(ACCOUNT, target, requested_by="user:u")

    world.clock.advance(hours=1)
    said(world, "A secret", FINISHED + HOUR)
    world.run(a_job(messages=None, memory_enabled=False, job_id="off", finished_at=FINISHED + HOUR), "off")
    world.clock.advance(minutes=10)
    assert world.erase.resume_due() == (1, 0)

    said(world, "I like water", FINISHED + HOUR + 5 * MINUTE)
    world.run(a_job(messages=None, job_id="next", finished_at=world.clock.now()), "next")
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like water"]


def test_of_a_busy_account_an_erasure_comes_to_an_end() -> None:
    world = World()
    world.clock.time = FINISHED
    world.run(a_job(("user", "I like tea")))
    erase = InMemoryRecords.erase

    def while_it_learns(records: InMemoryRecords, account: AccountId, target: Target, *, until: datetime) -> None:
        erase(records, account, target, until=until)
        world.clock.advance(seconds=1)
        world.run(a_job(("user", "I like water"), job_id="since", finished_at=world.clock.now()), "since")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InMemoryRecords, "erase", while_it_learns)
        receipt = world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u")
    assert (receipt.state, receipt.removed["job_records"]) == (ErasureState.COMPLETE, 1)
    assert [job for _, job in world.jobs.records] == ["since"]
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like water"]


# --- one store that fails


class Stores:
    """One account with something in every store."""

    def __init__(self) -> None:
        self.clock, self.platform, self.sink = FakeClock(NOW), FakePlatform(), FakeEvents()
        self.memories, self.jobs, self.archive = InMemoryMemories(), InMemoryJobs(), InMemoryArchive()
        self.tombstones, self.erasures = InMemoryTombstones(), InMemoryErasures()
        self.trail = FakeEventStore(self.platform)
        self.account = AccountId(self.platform.new_user())
        self.store("Likes tea.")
        self.archive.put(self.account, self.archived("Long ago."))
        facts = (FactOutcome("m-1", Scope.USER, Outcome.ADDED),)
        self.jobs.records[self.account, "j"] = JobRecord(self.account, "j", JobState.DONE, "hash", NOW, facts=facts)
        self.trail.record([_search(self.account)])

    def store(self, text: str) -> None:
        memory = replace(a_memory(text, days_old=1), account_id=self.account)
        self.memories.upsert(self.account, [EmbeddedMemory(memory, [1.0])])

    def archived(self, text: str) -> ArchivedMemory:
        return archived_copy(replace(a_memory(text), account_id=self.account))

    @property
    def erase(self) -> EraseMemories:
        ports = ErasurePorts(
            tombstones=self.tombstones,
            erasures=self.erasures,
            memories=InMemoryLibrary(self.memories),
            records=InMemoryRecords(self.jobs),
            archive=self.archive,
            events=self.trail,
            held=nothing_held(),
        )
        return EraseMemories(ports, trail=AuditTrail(self.sink, self.clock), clock=self.clock)

    def start(self, target: Target = EVERYTHING) -> Erasure:
        return self.erase.start(self.account, target, requested_by="user:u", erasure_id="e")

    def receipt(self) -> Erasure:
        return self.erase.receipt(self.account, "e")

    def held(self) -> dict[str, int]:
        """What is in which store."""
        return {
            "memories": len(self.memories.of(self.account)),
            "archived": len(self.archive.objects),
            "job_records": len(self.jobs.records),
            "queries": self.trail.count_queries(self.account, EVERYTHING),
        }


@pytest.fixture
def stores() -> Stores:
    return Stores()


NONE = {"memories": 0, "archived": 0, "job_records": 0, "queries": 0}
STORES = [
    (InMemoryLibrary, "memories", "count_erasable"),
    (InMemoryLibrary, "memories", "erase"),
    (InMemoryArchive, "archived", "count_erasable"),
    (InMemoryArchive, "archived", "erase"),
    (InMemoryRecords, "job_records", "count_erasable"),
    (InMemoryRecords, "job_records", "erase"),
    (FakeEventStore, "queries", "count_queries"),
    (FakeEventStore, "queries", "forget_queries"),
]


@pytest.mark.parametrize(("store", "name", "method"), STORES, ids=lambda x: getattr(x, "__name__", x))
@pytest.mark.parametrize(
    "error", [UpstreamTimeoutError("a store", "?"), UpstreamRejectedError("a store", "?"), KeyError()]
)
def test_a_store_that_fails_does_not_keep_what_is_in_the_others(
    stores: Stores, store: type, name: str, method: str, error: Exception
) -> None:
    with broken(store, method, error), pytest.raises(type(error)):
        stores.start()
    assert stores.held() == NONE | {name: 1}
    receipt = stores.receipt()
    assert receipt.state is ErasureState.RUNNING
    assert {other: receipt.removed[other] for other in NONE if other != name} == dict.fromkeys(NONE.keys() - {name}, 1)
    assert stores.sink.events == []

    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0)
    assert stores.held() == NONE
    assert stores.receipt().state is ErasureState.COMPLETE
    assert stores.receipt().removed == dict.fromkeys(NONE, 1) | {"entities": 0}


def test_of_several_failures_one_is_told_after_which_trying_again_can_help(stores: Stores) -> None:
    refused, slow = UpstreamRejectedError("qdrant", "no"), UpstreamTimeoutError("s3", "no answer")
    with (
        broken(InMemoryLibrary, "erase", refused),
        broken(InMemoryArchive, "erase", slow),
        broken(FakeEventStore, "forget_queries", UpstreamTimeoutError("supabase", "no answer")),
        pytest.raises(UpstreamError) as raised,
    ):
        stores.start()
    assert raised.value is slow


def test_a_late_write_is_found_by_the_last_look_though_the_trail_cannot_be_reached(stores: Stores) -> None:
    stores.start()
    stores.store("Late.")
    stores.clock.advance(hours=1)
    with broken(FakeEventStore, "count_queries", UpstreamTimeoutError("supabase", "no answer")):
        assert stores.erase.resume_due() == (0, 1)
    assert stores.held()["memories"] == 0
    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0)
    assert (stores.receipt().state, stores.receipt().removed["memories"]) == (ErasureState.VERIFIED, 2)


# --- a line of the archive that cannot be read


def test_a_line_that_cannot_be_read_does_not_make_the_erasure_of_a_part_endless(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    stores.archive.put(stores.account, SPOILED, stores.archived("Before."), SPOILED)
    receipt = stores.start(Target(TargetKind.USER))
    assert (receipt.state, receipt.removed["archived"]) == (ErasureState.COMPLETE, 2)
    assert receipt.remaining == {**NONE, "entities": 0, UNREADABLE: 2}
    assert list(stores.archive.objects.values()) == [[SPOILED, SPOILED]]
    assert "lines that cannot be read" in caplog.text

    stores.store("Late.")
    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0), "the last look is taken all the same"
    assert stores.held()["memories"] == 0
    ended = stores.receipt()
    assert (ended.state, ended.verified_at, ended.remaining) == (ErasureState.COMPLETE, None, receipt.remaining)
    stores.clock.advance(days=30)
    assert stores.erase.resume_due() == (0, 0), "nothing would become of another look"
    assert stores.start(Target(TargetKind.USER)) == ended


def test_the_erasure_of_an_account_takes_such_lines_and_is_verified(stores: Stores) -> None:
    stores.archive.put(stores.account, SPOILED)
    assert stores.start().remaining == dict.fromkeys([*NONE, "entities"], 0)
    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0)
    assert (stores.receipt().state, stores.archive.objects) == (ErasureState.VERIFIED, {})


# --- two calls with one key


def at_once(stores: Stores, place: int) -> tuple[Erasure, Erasure]:
    """Two calls with one key, the second of which comes when the first is about to make its ``place``th call of a
    store; their answers."""
    answers: list[Erasure] = []
    calls = iter(range(100))

    def watched(port: type, method: str) -> None:
        original = getattr(port, method)

        def call(*arguments: Any, **options: Any) -> Any:
            if next(calls, None) == place:
                stores.clock.advance(seconds=1)
                answers.append(stores.start())
            return original(*arguments, **options)

        patched.setattr(port, method, call)

    with pytest.MonkeyPatch.context() as patched:
        for store, _, method in STORES:
            watched(store, method)
        for method in ("get", "begin", "save"):
            watched(InMemoryErasures, method)
        first = stores.start()
    assert len(answers) == 1
    return first, answers[0]


@pytest.mark.parametrize("place", range(20))
def test_two_calls_with_one_key_are_one_erasure_and_lose_no_count(stores: Stores, place: int) -> None:
    first, second = at_once(stores, place)
    stored = stores.receipt()
    assert stored.state is ErasureState.COMPLETE
    assert stored.removed == dict.fromkeys(NONE, 1) | {"entities": 0}
    assert first.removed == second.removed == stored.removed
    assert first.erased_at == second.erased_at == stored.erased_at
    assert {stone.erased_at for stone in stores.tombstones.stones.values()} == {stored.erased_at}
    assert len({event.id for event in stores.sink.events}) == 1


def test_two_calls_with_one_key_for_two_targets_are_a_conflict(stores: Stores) -> None:
    begin = InMemoryErasures.begin

    def overtaken(erasures: InMemoryErasures, erasure: Erasure, *, due_at: datetime) -> bool:
        begin(erasures, replace(erasure, target=Target(TargetKind.USER)), due_at=due_at)
        return begin(erasures, erasure, due_at=due_at)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InMemoryErasures, "begin", overtaken)
        with pytest.raises(ConflictError):
            stores.start()
    assert stores.held() == dict.fromkeys(NONE, 1)


def _search(account: AccountId) -> MemoryEvent:
    return MemoryEvent(
        "search", account, "user:u", EventType.SEARCH, NOW - MINUTE, query="words of search", result_count=3
    )


# --- what reaches the archive late


def test_the_last_look_is_for_the_archive_too(stores: Stores) -> None:
    stores.start()
    stores.archive.put(stores.account, stores.archived("Moved by a worker that was at it."))
    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0)
    receipt = stores.receipt()
    assert (receipt.state, receipt.removed["archived"], stores.archive.index) == (ErasureState.VERIFIED, 2, {})


def test_what_stays_in_the_archive_keeps_the_last_look_open(stores: Stores) -> None:
    stores.start()
    stores.archive.put(stores.account, stores.archived("Late."))
    stores.clock.advance(hours=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InMemoryArchive, "erase", lambda *_, **__: 0)
        assert stores.erase.resume_due() == (0, 1)
    assert stores.receipt().state is ErasureState.COMPLETE
    stores.clock.advance(hours=1)
    assert stores.erase.resume_due() == (1, 0)
    assert stores.receipt().state is ErasureState.VERIFIED
