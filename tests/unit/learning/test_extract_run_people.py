"""What people decide holds for every run: switches, erasures, and a trail of what was learned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.domain.conversation import RawMessage, Turn
from operator_memory.domain.errors import UpstreamTimeoutError
from operator_memory.domain.learning.jobs import JobState, Outcome, RunJob
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

TALK = (("user", "I like tea"), ("assistant", "Noted"))
LATER = FINISHED + timedelta(hours=1)
TARGETS = [
    Target(TargetKind.ACCOUNT),
    Target(TargetKind.SESSION, "thread-1"),
    Target(TargetKind.SESSION, "session-1"),
    Target(TargetKind.AUTHOR, "member-1"),
]


def a_talk(**fields: object) -> RunJob:
    return replace(a_job(*TALK), session_id="session-1", author_id="member-1", **fields)  # type: ignore[arg-type]


def said(world: World, *texts: str, minutes: int = 0) -> None:
    """The platform's thread holds these messages of the user, ``minutes`` after the first run's end."""
    assert world.threads is not None
    thread = world.threads.threads.setdefault((ACCOUNT, "thread-1"), [])
    for text in texts:
        moment = FINISHED + timedelta(minutes=minutes, seconds=-30 + len(thread))
        thread.append(RawMessage("user", text, f"m{len(thread):04}", moment))


# --- switches


@pytest.mark.parametrize("which", ["account", "agent", "thread", "run"])
def test_a_run_that_is_switched_off_leaves_nothing_and_its_record_says_why(which: str) -> None:
    world = World()
    account = AccountId(world.platform.new_user())
    agent, thread = world.platform.new_agent(account), world.platform.new_thread(account)
    if which == "account":
        world.platform.accounts[account] = {"memory_enabled": False}
    if which == "agent":
        world.platform.agents[agent].settings["memory_enabled"] = False
    if which == "thread":
        world.platform.threads[thread].settings["memory_enabled"] = False
    job = a_job(*TALK, account=account, agent_id=agent, thread_id=thread, memory_enabled=which != "run")
    record = world.run(job)
    assert (record.state, dict(record.skipped)) == (JobState.DONE, {f"memory_disabled_{which}": 1})
    assert (world.memories.of(account), world.extractor.calls, world.events.events) == ([], [], [])


def test_a_run_does_not_write_into_the_session_of_a_thread_that_is_switched_off() -> None:
    world = World()
    account = AccountId(world.platform.new_user())
    here, other = world.platform.new_thread(account), world.platform.new_thread(account)
    world.platform.threads[other].settings.update(memory_enabled=False, memory_session_id="session-1")
    record = world.run(a_job(*TALK, account=account, thread_id=here, session_id="session-1"))
    assert dict(record.skipped) == {"memory_disabled_thread": 1}
    assert (world.memories.of(account), world.extractor.calls) == ([], [])


def test_what_was_said_while_memory_was_off_is_not_learned_when_it_is_on_again() -> None:
    world = World()
    said(world, "A secret")
    world.run(a_job(messages=None, memory_enabled=False))
    said(world, "I like tea", minutes=60)
    record = world.run(a_job(messages=None, job_id="job-2", finished_at=LATER), "other")
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like tea"]
    assert len(record.turns) == 1


def test_a_job_does_not_read_into_the_next_run_which_may_be_one_to_forget() -> None:
    world = World()
    said(world, "I like tea")
    said(world, "A secret", minutes=30)  # stored before the first run's job was worked off
    world.run(a_job(messages=None))
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like tea"]
    world.run(a_job(messages=None, job_id="job-2", finished_at=LATER, memory_enabled=False), "other")
    world.run(a_job(messages=None, job_id="job-3", finished_at=LATER + timedelta(hours=1)), "third")
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like tea"]


def test_while_the_switches_cannot_be_read_the_job_waits() -> None:
    world = World()
    world.platform.error = UpstreamTimeoutError("supabase", "no answer")
    with pytest.raises(UpstreamTimeoutError):
        world.run(a_job(*TALK))
    assert (world.memories.of(ACCOUNT), world.extractor.calls) == ([], [])
    world.platform.error = None
    assert world.run(a_job(*TALK)).state is JobState.DONE


def test_the_deployments_own_switch_learns_later_what_was_said_meanwhile() -> None:
    world = World()
    said(world, "I like tea")
    world.policy = replace(world.policy, enabled=False)
    world.run(a_job(messages=None))
    world.policy = replace(world.policy, enabled=True)
    world.run(a_job(messages=None, job_id="job-2"), "other")
    assert [memory.text for memory in world.of_scope(Scope.SESSION)] == ["I like tea"]


# --- erasure


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_a_job_that_was_queued_before_an_erasure_brings_nothing_back(target: Target) -> None:
    world = World()
    world.erase.start(ACCOUNT, target, requested_by="user:u")
    record = world.run(a_talk())
    assert (world.memories.of(ACCOUNT), world.extractor.calls) == ([], []), "and no model sees it"
    assert (record.state, dict(record.skipped)) == (JobState.DONE, {"erased": 2})


@pytest.mark.parametrize("target", [*TARGETS, Target(TargetKind.USER)], ids=lambda t: t.name)
def test_an_erasure_in_the_middle_of_extraction_wins(target: Target) -> None:
    world = World()

    def erase_now(turns: Sequence[Turn]) -> list[tuple[str, str]]:
        world.erase.start(ACCOUNT, target, requested_by="user:u")
        return [("Likes tea", "user")]

    world.extractor.facts = erase_now
    record = world.run(a_talk())
    assert [(fact.outcome, fact.reason) for fact in record.facts] == [(Outcome.REJECTED, "erased")]
    left = world.memories.of(ACCOUNT)
    assert [memory for memory in left if target.holds(memory)] == []
    assert len(left) == (2 if target.kind is TargetKind.USER else 0)


@pytest.mark.parametrize("target", [*TARGETS, Target(TargetKind.USER)], ids=lambda t: t.name)
def test_an_erasure_between_the_look_and_the_write_takes_the_write_back(target: Target) -> None:
    world = World()
    erased: list[str] = []

    def erase_once() -> None:
        if not erased and world.extractor.calls:  # the write of the facts
            erased.append(world.erase.start(ACCOUNT, target, requested_by="user:u").id)

    world.memories.before_upsert = erase_once
    world.run(a_talk())
    assert erased, "the erasure took place"
    assert [memory for memory in world.memories.of(ACCOUNT) if target.holds(memory)] == []


def test_a_worker_killed_after_its_write_is_cleaned_up_by_the_next_attempt() -> None:
    world = World()

    def killed(_: Sequence[Turn]) -> list[tuple[str, str]]:
        raise KeyboardInterrupt  # the turns are written; nothing else happens any more

    world.extractor.facts = killed
    with pytest.raises(KeyboardInterrupt):
        world.run(a_talk())
    orphans = world.of_scope(Scope.SESSION)
    target = Target(TargetKind.AUTHOR, "member-1")
    world.erase.start(ACCOUNT, target, requested_by="user:u")
    late = [EmbeddedMemory(m, world.embedder.embed([m.text], timeout=1)[0]) for m in orphans]
    world.memories.upsert(ACCOUNT, late)  # as a write that lands after the erasure has counted
    world.clock.advance(hours=1)
    world.run(a_talk())
    assert world.memories.of(ACCOUNT) == []


def test_what_is_said_after_an_erasure_is_remembered() -> None:
    world = World()
    world.erase.start(ACCOUNT, Target(TargetKind.ACCOUNT), requested_by="user:u")
    world.clock.advance(minutes=1)
    world.run(a_talk(finished_at=world.clock.now()))
    assert {memory.text for memory in world.memories.of(ACCOUNT)} == {"I like tea", "Noted"}


def test_a_thread_that_is_read_again_from_its_start_brings_only_what_is_new() -> None:
    world = World()
    said(world, "An old story")
    world.run(a_job(messages=None))
    world.clock.time = FINISHED + timedelta(minutes=30)
    world.erase.start(ACCOUNT, Target(TargetKind.ACCOUNT), requested_by="user:u")
    assert world.watermarks.marks == {}, "how far the thread was read is erased too"
    said(world, "I like tea", minutes=60)
    world.clock.time = LATER
    world.run(a_job(messages=None, job_id="job-2", finished_at=LATER), "other")
    assert {memory.text for memory in world.memories.of(ACCOUNT)} == {"I like tea"}


def test_another_accounts_job_does_not_care() -> None:
    world = World()
    world.erase.start(AccountId("account-2"), Target(TargetKind.ACCOUNT), requested_by="user:u")
    world.run(a_talk())
    assert len(world.memories.of(ACCOUNT)) == 3


# --- the trail


def test_one_event_says_what_a_job_added_and_none_of_it_in_words() -> None:
    world = World()
    record = world.run(a_talk())
    [event] = world.events.events
    assert (event.type, event.actor, event.agent_id, event.thread_id) == (
        EventType.ADD,
        "system:extraction",
        "agent-1",
        "thread-1",
    )
    assert set(event.memory_ids) == {memory.id for memory in world.memories.of(ACCOUNT)}
    assert event.metadata == {"job_id": record.job_id, "facts": 1, "author_id": "member-1"}
    assert event.query is None


def test_a_job_that_is_worked_off_again_notes_the_same_event() -> None:
    world = World()

    class BrokenError(Exception):
        pass

    def save_fails(record: object) -> None:
        raise BrokenError

    save, world.jobs.save = world.jobs.save, save_fails  # type: ignore[method-assign]
    with pytest.raises(BrokenError):
        world.run(a_talk())
    world.jobs.save = save  # type: ignore[method-assign]
    world.clock.advance(hours=1)
    world.run(a_talk())
    first, again = world.events.events
    assert first.id == again.id
    assert set(first.memory_ids) == set(again.memory_ids)


def test_a_job_that_adds_nothing_leaves_no_event() -> None:
    world = World()
    world.run(a_job(("tool", "{}")))
    assert world.events.events == []
