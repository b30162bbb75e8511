"""What a critical reading of erasure, switches and import found, as specifications."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts
from operator_memory.application.management.import_memories import ImportMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import ConflictError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import JobState, Outcome
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent, new_event_id
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.erasure import InMemoryRecords
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.learning import FakeThreadMessages, InMemoryWatermarks
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.platform import FakeEventStore
from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

HOUR = timedelta(hours=1)
EVERYTHING = Target(TargetKind.ACCOUNT)


def importer(world: World) -> ImportMemories:
    return ImportMemories(
        writer=world.writer, embedder=world.embedder, trail=AuditTrail(world.events, world.clock), clock=world.clock
    )


class KilledError(BaseException):
    """Lambda ends the process: nothing after it runs."""


def test_an_erasure_that_is_killed_when_all_is_done_has_left_its_event() -> None:
    world = World()
    world.run(a_job(("user", "I like tea")))
    save = world.erasures.save

    def save_and_die(erasure: Erasure, *, due_at: datetime | None) -> None:
        save(erasure, due_at=due_at)
        if erasure.state is ErasureState.COMPLETE:
            raise KilledError

    world.erasures.save = save_and_die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u")
    world.erasures.save = save  # type: ignore[method-assign]
    world.clock.advance(hours=1)
    world.erase.resume_due()
    assert [event.type for event in world.events.events] == [EventType.ADD, EventType.ERASE]


def test_a_key_that_named_another_erasure_does_not_pass_for_this_one() -> None:
    world = World()
    world.erase.start(ACCOUNT, Target(TargetKind.SESSION, "thread-1"), requested_by="user:u", erasure_id="key")
    with pytest.raises(ConflictError):
        world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u", erasure_id="key")
    again = world.erase.start(ACCOUNT, Target(TargetKind.SESSION, "thread-1"), requested_by="user:u", erasure_id="key")
    assert again.state is ErasureState.COMPLETE


def test_an_import_that_an_erasure_overtakes_does_not_say_it_has_added_anything() -> None:
    world = World()
    world.run(a_job(("user", "I like tea")))
    text = "\n".join(json.dumps(memory_line(memory)) for memory in world.memories.of(ACCOUNT))
    world.memories.points.clear()
    world.events.events.clear()
    embed = world.embedder.embed

    def erase_meanwhile(texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        world.clock.advance(seconds=1)
        world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u")
        return embed(texts, timeout=timeout)

    world.embedder.embed = erase_meanwhile  # type: ignore[method-assign]
    report = importer(world).import_lines(Caller("u", user_id="u"), ACCOUNT, text)
    assert world.memories.of(ACCOUNT) == []
    assert (report.added, report.duplicates, len(report.rejected)) == (0, 0, 2)
    assert [event.type for event in world.events.events] == [EventType.ERASE]


# --- switches


def said(world: World, text: str, moment: datetime) -> None:
    """The platform's thread holds this message of the user."""
    assert world.threads is not None
    thread = world.threads.threads.setdefault((ACCOUNT, "thread-1"), [])
    thread.append(RawMessage("user", text, f"m{len(thread):04}", moment))


def test_a_run_kept_out_of_memory_is_not_learned_later_though_its_worker_could_not_say_so() -> None:
    world = World()
    said(world, "A secret", FINISHED)

    class Unreachable(InMemoryWatermarks):
        def advance(self, *_: object) -> None:
            raise UpstreamUnavailableError("dynamodb", "gone")

    healthy, world.watermarks = world.watermarks, Unreachable()
    with pytest.raises(UpstreamUnavailableError):
        world.run(a_job(messages=None, memory_enabled=False))
    world.watermarks = healthy
    world.run(a_job(messages=None, memory_enabled=False))
    world.run(a_job(messages=None, job_id="job-2", finished_at=FINISHED + HOUR), "other")
    assert world.memories.of(ACCOUNT) == []


def test_a_run_kept_out_of_memory_is_passed_over_while_its_thread_cannot_be_read() -> None:
    world = World()
    said(world, "A secret", FINISHED)
    healthy = world.threads

    class Unreachable(FakeThreadMessages):
        def read(self, *_: object, **__: object) -> list[RawMessage]:
            raise UpstreamUnavailableError("supabase", "gone")

    world.threads = Unreachable()
    assert world.run(a_job(messages=None, memory_enabled=False)).state is JobState.DONE
    world.threads = healthy
    world.run(a_job(messages=None, job_id="job-2", finished_at=FINISHED + HOUR), "other")
    assert world.memories.of(ACCOUNT) == []


def test_a_run_kept_out_of_memory_that_came_with_its_messages_is_not_read_from_its_thread_later() -> None:
    world = World()
    said(world, "A secret", FINISHED)
    world.run(a_job(("user", "A secret"), memory_enabled=False))
    world.run(a_job(messages=None, job_id="job-2", finished_at=FINISHED + HOUR), "other")
    assert world.memories.of(ACCOUNT) == []


def test_a_run_kept_out_of_memory_is_not_learned_later_where_the_deployment_was_switched_off_too() -> None:
    world = World()
    said(world, "A secret", FINISHED)
    world.policy = replace(world.policy, enabled=False)
    world.run(a_job(messages=None, memory_enabled=False))
    world.policy = replace(world.policy, enabled=True)
    world.run(a_job(messages=None, job_id="job-2", finished_at=FINISHED + HOUR), "other")
    assert world.memories.of(ACCOUNT) == []


# --- a scope that was cleared in the middle of a conversation


@pytest.mark.parametrize("target", [Target(TargetKind.USER), Target(TargetKind.AGENT, "agent-1")], ids=lambda t: t.name)
def test_what_was_said_before_a_scope_was_cleared_is_not_learned_from_a_run_that_ends_later(target: Target) -> None:
    world = World()
    about = "user" if target.kind is TargetKind.USER else "assistant"
    world.extractor.facts = lambda turns: [(turn.text, about) for turn in turns]
    cleared = FINISHED - HOUR
    said(world, "I like tea", cleared - HOUR)
    said(world, "I like juice", cleared)
    said(world, "I like water", cleared + timedelta(minutes=1))
    world.clock.time = cleared
    world.erase.start(ACCOUNT, target, requested_by="user:u", reason="clear")
    world.clock.time = FINISHED + HOUR
    record = world.run(a_job(messages=None))
    assert [m.text for m in world.memories.of(ACCOUNT) if target.holds(m)] == ["I like water"]
    assert [fact.reason for fact in record.facts] == ["erased", "erased", None]
    assert len(world.of_scope(Scope.SESSION)) == 3, "the session was not cleared"


# --- an erasure that is under way


def interrupted(world: World, target: Target) -> None:
    """The erasure has begun, and its process ends before anything is deleted."""
    erase = world.erase

    def die(*_: object, **__: object) -> dict[str, int]:
        raise KilledError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InMemoryLibrary, "count_erasable", die)
        with pytest.raises(KilledError):
            erase.start(ACCOUNT, target, requested_by="user:u")


def test_what_is_said_again_while_an_erasure_is_under_way_outlives_it() -> None:
    world = World()
    world.run(a_job(("user", "I like tea")))
    interrupted(world, EVERYTHING)
    world.clock.advance(minutes=1)
    record = world.run(a_job(("user", "I like tea"), job_id="job-2", finished_at=world.clock.now()), "other")
    assert [fact.outcome for fact in record.facts] == [Outcome.ADDED]
    world.clock.advance(hours=1)
    world.erase.resume_due()
    assert [memory.text for memory in world.of_scope(Scope.USER)] == ["I like tea"]
    assert [memory.source_run_id for memory in world.memories.of(ACCOUNT)] == ["job-2", "job-2"]


def test_what_is_brought_back_while_an_erasure_is_under_way_outlives_it() -> None:
    world = World()
    world.run(a_job(("user", "I like tea")))
    text = "\n".join(json.dumps(memory_line(memory)) for memory in world.memories.of(ACCOUNT))
    interrupted(world, EVERYTHING)
    world.clock.advance(minutes=1)
    report = importer(world).import_lines(Caller("u", user_id="u"), ACCOUNT, text)
    assert (report.added, report.duplicates) == (2, 0)
    world.clock.advance(hours=1)
    world.erase.resume_due()
    assert len(world.memories.of(ACCOUNT)) == 2


def test_the_words_of_a_search_that_were_on_their_way_into_the_trail_are_forgotten_by_the_last_look() -> None:
    world = World()
    account = AccountId(world.platform.new_user())
    trail = FakeEventStore(world.platform)
    ports = ErasurePorts(
        world.tombstones,
        world.erasures,
        world.library,
        InMemoryRecords(world.jobs),
        archive=None,
        events=trail,
        held=nothing_held(),
    )
    erase = EraseMemories(ports, trail=AuditTrail(world.events, world.clock), clock=world.clock)
    search = MemoryEvent(
        new_event_id(), account, f"user:{account}", EventType.SEARCH, world.clock.now(), query="my illness"
    )
    erasure = erase.start(account, EVERYTHING, requested_by=f"user:{account}")
    trail.record([search])  # it was in the queue
    world.clock.advance(hours=1)
    assert erase.resume_due() == (1, 0)
    assert trail.count_queries(account, EVERYTHING) == 0
    assert erase.receipt(account, erasure.id).removed["queries"] == 1


def test_a_database_whose_clock_is_ahead_does_not_make_a_message_outlive_an_erasure() -> None:
    world = World()
    world.clock.time = FINISHED
    said(world, "I like tea", FINISHED + timedelta(seconds=1.5))
    assert len(world.run(a_job(messages=None)).turns) == 1
    world.clock.advance(seconds=1)
    world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u")
    assert world.memories.of(ACCOUNT) == []


def test_an_erasure_that_ends_its_process_does_not_keep_the_others_waiting() -> None:
    world = World()
    interrupted(world, EVERYTHING)
    world.clock.advance(minutes=1)
    interrupted(world, Target(TargetKind.USER))
    count = InMemoryLibrary.count_erasable

    def deadly(library: InMemoryLibrary, account: AccountId, target: Target, *, until: datetime) -> dict[str, int]:
        if target == EVERYTHING:
            raise KilledError  # takes longer than a function may run, whenever it is tried
        return count(library, account, target, until=until)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InMemoryLibrary, "count_erasable", deadly)
        for _ in range(2):
            world.clock.advance(hours=1)
            with pytest.raises(KilledError):
                world.erase.resume_due()
    states = {erasure.target.kind: erasure.state for erasure in world.erase.receipts(ACCOUNT)}
    assert states == {TargetKind.ACCOUNT: ErasureState.RUNNING, TargetKind.USER: ErasureState.COMPLETE}
