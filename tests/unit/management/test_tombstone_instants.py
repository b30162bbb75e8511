"""A tombstone's very moment: what was said then is erased, and what was said a microsecond later is not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from operator_memory.application.management.record_events import RecordEvents
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent, new_event_id
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.builders import AGENT_KEY, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.platform import FakeEventStore
from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

MICROSECOND = timedelta(microseconds=1)
ERASED = FINISHED - timedelta(minutes=10)
MOMENTS = {"just before": ERASED - MICROSECOND, "at that moment": ERASED, "just after": ERASED + MICROSECOND}
EVERYTHING, OF_USER = Target(TargetKind.ACCOUNT), Target(TargetKind.USER)
OF_AGENT, OF_SESSION = Target(TargetKind.AGENT, "agent-1"), Target(TargetKind.SESSION, "thread-1")
OF_AUTHOR = Target(TargetKind.AUTHOR, "member-1")
TARGETS = [EVERYTHING, OF_USER, OF_AGENT, OF_SESSION, OF_AUTHOR]
each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
each_moment = pytest.mark.parametrize("moment", MOMENTS)


def of(target: Target, moment: datetime) -> Memory:
    """A memory that belongs to ``target``, said at ``moment``."""
    key = {TargetKind.AGENT: AGENT_KEY, TargetKind.SESSION: SESSION_KEY}.get(target.kind, USER_KEY)
    memory = replace(a_memory(key=key), account_id=ACCOUNT, created_at=moment)
    return replace(memory, thread_id="thread-1", author_id="member-1")


@each_target
@each_moment
def test_what_it_covers(target: Target, moment: str) -> None:
    said = of(target, MOMENTS[moment])
    assert Tombstone(target, ERASED).covers(said) is (moment != "just after")
    brought_back = replace(said, created_at=ERASED - timedelta(days=1), imported_at=MOMENTS[moment])
    assert Tombstone(target, ERASED).covers(brought_back) is (moment != "just after")


@each_moment
def test_what_it_silences(moment: str) -> None:
    turn = replace(a_memory(key=SESSION_KEY, kind=Kind.TURN), created_at=MOMENTS[moment])
    assert Tombstone(OF_USER, ERASED).silences(turn) is (moment != "just after")


@each_target
@each_moment
def test_what_is_not_stored_any_more(target: Target, moment: str) -> None:
    world, memory = World(), of(target, MOMENTS[moment])
    world.tombstones.put(ACCOUNT, Tombstone(target, ERASED))
    erased = world.writer.upsert(ACCOUNT, [EmbeddedMemory(memory, world.embedder.embed([memory.text], timeout=1)[0])])
    gone = moment != "just after"
    assert erased == ({memory.id} if gone else set())
    assert world.memories.of(ACCOUNT) == ([] if gone else [memory])


@each_target
def test_what_a_run_learns_that_was_queued_before(target: Target) -> None:
    world = World()
    about = "assistant" if target is OF_AGENT else "user"
    world.extractor.facts = lambda turns: [(turn.text, about) for turn in turns]
    world.tombstones.put(ACCOUNT, Tombstone(target, ERASED))
    said = tuple(RawMessage("user", f"I said so {moment}", None, at) for moment, at in MOMENTS.items())

    record = world.run(a_job(messages=said, author_id="member-1"))

    [fact] = [memory for memory in world.memories.of(ACCOUNT) if memory.kind is Kind.FACT]
    assert fact.text == "I said so just after"
    turns = world.of_scope(Scope.SESSION)
    if target in (OF_USER, OF_AGENT):
        assert len(turns) == 3, "the session was not erased"
        assert [outcome.reason for outcome in record.facts] == ["erased", "erased", None]
        if target is OF_USER:
            heard = {turn.text for turn in turns if not turn.withheld_by}
            assert heard == {"I said so just after"}, "other sessions recall nothing else"
    else:
        assert [turn.text for turn in turns] == ["I said so just after"]
        assert record.skipped["erased"] == 2


def test_what_a_run_learns_when_its_account_and_its_session_were_erased() -> None:
    world = World()
    for target, erased in ((EVERYTHING, ERASED), (OF_SESSION, ERASED + MICROSECOND)):
        world.tombstones.put(ACCOUNT, Tombstone(target, erased))
    moments = {**MOMENTS, "after both": ERASED + 2 * MICROSECOND}
    said = tuple(RawMessage("user", f"I said so {moment}", None, at) for moment, at in moments.items())
    record = world.run(a_job(messages=said))
    assert [turn.text for turn in world.of_scope(Scope.SESSION)] == ["I said so after both"]
    assert record.skipped["erased"] == 3


@each_moment
def test_which_words_of_a_search_are_not_kept(moment: str) -> None:
    world = World()
    account = AccountId(world.platform.new_user())
    trail = FakeEventStore(world.platform)
    world.tombstones.put(account, Tombstone(EVERYTHING, ERASED))
    actor, at = f"user:{account}", MOMENTS[moment]
    search = MemoryEvent(new_event_id(), account, actor, EventType.SEARCH, at, query="my illness")
    assert (
        RecordEvents(store=trail, library=world.library, tombstones=world.tombstones, holds=FixedHolds()).record(
            [search]
        )
        == set()
    )
    assert trail.count_queries(account, EVERYTHING) == (1 if moment == "just after" else 0)


# ---- a job from a clock that is ahead ------------------------------------------------------------------------------

AHEAD = timedelta(hours=1)


@pytest.mark.parametrize("target", [EVERYTHING, OF_SESSION, OF_AUTHOR], ids=lambda target: target.name)
@pytest.mark.parametrize("said_at", [None, FINISHED, FINISHED + AHEAD], ids=["no time", "a true time", "a time ahead"])
def test_an_erasure_while_a_job_from_a_clock_that_is_ahead_waits(target: Target, said_at: datetime | None) -> None:
    """The runner's clock says that the run ends after the erasure; the queue knows that it was there before."""
    world = World()
    sent = FINISHED + timedelta(seconds=1)
    messages = (RawMessage("user", "I like tea", "m-1", said_at), RawMessage("assistant", "Noted", "m-2", said_at))
    job = a_job(messages=messages, finished_at=FINISHED + AHEAD, sent_at=sent, author_id="member-1")
    world.clock.time = sent + timedelta(minutes=1)
    world.erase.start(ACCOUNT, target, requested_by="user:u")

    world.clock.time = FINISHED + 2 * AHEAD
    record = world.run(job)

    assert world.memories.of(ACCOUNT) == []
    assert (record.facts, record.turns, record.skipped["erased"]) == ((), (), 2)


@pytest.mark.parametrize("target", [OF_USER, OF_AGENT], ids=lambda target: target.name)
def test_a_scope_that_is_cleared_while_such_a_job_waits(target: Target) -> None:
    world = World()
    sent = FINISHED + timedelta(seconds=1)
    about = "user" if target is OF_USER else "assistant"
    world.extractor.facts = lambda turns: [(turn.text, about) for turn in turns]
    world.clock.time = sent + timedelta(minutes=1)
    world.erase.start(ACCOUNT, target, requested_by="user:u", reason="clear")

    world.clock.time = FINISHED + 2 * AHEAD
    record = world.run(a_job(("user", "I like tea"), finished_at=FINISHED + AHEAD, sent_at=sent))

    assert [memory.text for memory in world.memories.of(ACCOUNT) if target.holds(memory)] == []
    assert [fact.reason for fact in record.facts] == ["erased"]


def test_what_is_sent_after_the_erasure_is_remembered_though_its_clock_is_ahead() -> None:
    world = World()
    world.clock.time = FINISHED
    world.erase.start(ACCOUNT, EVERYTHING, requested_by="user:u")
    world.clock.time = sent = FINISHED + timedelta(minutes=1)
    messages = (RawMessage("user", "I like tea", "m-1", FINISHED + AHEAD),)
    record = world.run(a_job(messages=messages, finished_at=FINISHED + AHEAD, sent_at=sent))
    assert len(record.turns) == 1
    assert {memory.created_at <= world.clock.time for memory in world.memories.of(ACCOUNT)} == {True}
