"""Undo: what one run taught is taken back, what it replaced holds again, what people and other runs did since stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.application.management.manage_memories import Changes, ManageMemories, WritingPorts
from operator_memory.application.management.reinstate_memories import ReinstateMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import ConflictError, NotFoundError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import JobRecord, JobState, Outcome, RunJob
from operator_memory.domain.learning.proposals import Remaining
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.audit_events import EventType

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

PORTO, FARO, LISBON, TEA = "User lives in Porto", "User lives in Faro", "User lives in Lisbon", "User likes tea"
PERSON = Caller("ada", user_id="ada")


def said(*texts: str, day: int = 0, job: str = "job-1", **fields: Any) -> RunJob:
    """A run on a day, in which a person says the texts; its messages have ids and times."""
    at = FINISHED + timedelta(days=day)
    messages = tuple(RawMessage("user", text, f"{job}-{n}", at) for n, text in enumerate(texts))
    return a_job(messages=messages, finished_at=at, job_id=job, **fields)


def run(world: World, job: RunJob) -> JobRecord:
    return world.run(job, job.job_id)


def facts(world: World) -> dict[str, Memory]:
    """What is stored as a fact, by its text."""
    return {memory.text: memory for memory in world.memories.of(ACCOUNT) if memory.kind is Kind.FACT}


def in_force(world: World) -> set[str]:
    return {text for text, memory in facts(world).items() if memory.superseded_by is None}


def manage(world: World) -> ManageMemories:
    return ManageMemories(
        library=world.library,
        writing=WritingPorts(world.screening, world.embedder, world.writer),
        visibility=world.visibility,
        remover=world.remover,
        trail=AuditTrail(world.events, world.clock),
        clock=world.clock,
    )


@pytest.fixture
def world() -> World:
    return World()


def test_facts_it_added_are_gone_and_its_turns_stay_where_they_were_said(world: World) -> None:
    run(world, said(PORTO, TEA))
    ids = {memory.id for memory in facts(world).values()}
    undone = world.undo()
    assert (set(undone.removed), undone.restored, undone.kept) == (ids, (), {})
    assert facts(world) == {}
    turns = world.of_scope(Scope.SESSION)
    assert {turn.text for turn in turns} == {PORTO, TEA}
    assert all(turn.withheld_by for turn in turns), "no other session is told what was taken back"


def test_it_is_on_the_trail_as_a_deletion_by_who_asked(world: World) -> None:
    run(world, said(PORTO))
    [memory] = facts(world).values()
    world.undo()
    event = world.events.events[-1]
    assert (event.type, event.actor, event.memory_ids) == (EventType.DELETE, "user:ada", (memory.id,))
    assert event.metadata == {"by": "undo", "job_id": "job-1"}


def test_a_second_time_there_is_nothing_left(world: World) -> None:
    run(world, said(PORTO))
    first = world.undo()
    events = len(world.events.events)
    again = world.undo()
    assert (again.removed, again.restored, again.kept) == ((), (), {})
    assert again.record.undone_at == first.record.undone_at
    assert len(world.events.events) == events


def test_the_same_job_redelivered_teaches_nothing(world: World) -> None:
    job = said(PORTO)
    run(world, job)
    world.undo()
    calls = len(world.extractor.calls)
    assert run(world, job).undone_at is not None
    assert (facts(world), len(world.extractor.calls)) == ({}, calls)


def test_nor_does_another_job_with_what_was_said_before(world: World) -> None:
    run(world, said(PORTO))
    world.undo()
    [outcome] = run(world, said("User lives in Porto.", job="job-0", day=-1)).facts
    assert (outcome.outcome, outcome.reason) == (Outcome.REJECTED, "deleted")
    assert facts(world) == {}


def test_said_again_later_it_is_learned(world: World) -> None:
    run(world, said(PORTO))
    world.undo()
    world.clock.advance(days=1)
    at = world.clock.now() - timedelta(hours=1)
    run(world, replace(said(PORTO, job="job-2"), messages=(RawMessage("user", PORTO, "m", at),), finished_at=at))
    assert in_force(world) == {PORTO}


def test_what_it_replaced_is_in_force_again_and_recalled_again(world: World) -> None:
    run(world, said(PORTO, job="job-0", day=-1))
    run(world, said(LISBON))
    assert in_force(world) == {LISBON}
    older = facts(world)[PORTO]
    undone = world.undo()
    assert undone.restored == (older.id,)
    assert in_force(world) == {PORTO}
    assert facts(world)[PORTO].valid_until is None
    assert facts(world)[PORTO].version == older.version, "nobody has changed it"
    withheld = {turn.text: bool(turn.withheld_by) for turn in world.of_scope(Scope.SESSION)}
    assert withheld == {PORTO: False, LISBON: True}
    restored, deleted = world.events.events[-2:]
    assert (restored.type, restored.metadata["how"]) == (EventType.UPDATE, "restored")
    assert deleted.type is EventType.DELETE


def test_what_something_else_replaced_since_stays_replaced_by_that(world: World) -> None:
    run(world, said(PORTO, job="job-0", day=-2))
    run(world, said(LISBON, day=-1))
    run(world, said(FARO, job="job-2"))
    undone = world.undo()
    assert undone.restored == ()
    assert in_force(world) == {FARO}
    assert facts(world)[PORTO].superseded_by == facts(world)[FARO].id


def test_each_run_can_be_taken_back_after_the_other(world: World) -> None:
    run(world, said(PORTO, job="job-0", day=-1))
    run(world, said(LISBON))
    world.undo()
    undone = world.undo("job-0")
    assert (len(undone.removed), undone.kept, facts(world)) == (1, {}, {})


def test_what_a_person_did_since_stays_and_is_named(world: World) -> None:
    run(world, said("User is allergic to nuts", "User likes jazz", TEA, "User is fond of chess"))
    known, people = facts(world), manage(world)
    ids = {text: memory.id for text, memory in known.items()}
    people.change(PERSON, ACCOUNT, ids["User is allergic to nuts"], Changes(text="User is allergic to figs"), version=1)
    people.change(PERSON, ACCOUNT, ids["User likes jazz"], Changes(pinned=True), version=1)
    people.change(PERSON, ACCOUNT, ids[TEA], Changes(importance=1.0), version=1)
    undone = world.undo()
    assert undone.kept == {
        ids["User is allergic to nuts"]: "edited",
        ids["User likes jazz"]: "pinned",
        ids[TEA]: "changed",
    }
    assert undone.removed == (ids["User is fond of chess"],)
    assert set(facts(world)) == {"User is allergic to figs", "User likes jazz", TEA}


def test_what_waits_in_quarantine_goes_and_what_was_approved_stays(world: World) -> None:
    world.extractor.facts = lambda _: [("User is married to Ana", "user"), ("User is married to Bea", "user")]
    run(world, said("The user is happy, and dogs are too."))
    approved = facts(world)["User is married to Ana"]
    trail = AuditTrail(world.events, world.clock)
    reinstate = ReinstateMemories(
        library=world.library,
        writer=world.writer,
        visibility=world.visibility,
        screening=world.screening,
        trail=trail,
        clock=world.clock,
    )
    reinstate.approve(PERSON, ACCOUNT, approved.id)
    assert world.undo().kept == {approved.id: "approved"}
    assert set(facts(world)) == {"User is married to Ana"}


def test_a_fact_that_another_run_said_as_well_stays_as_that_runs(world: World) -> None:
    run(world, said(TEA, day=-1))
    run(world, said(TEA, job="job-2"))
    [memory] = facts(world).values()
    assert (memory.source_run_id, memory.repeated_in) == ("job-1", ("job-2",))
    assert world.undo().kept == {memory.id: "learned_again"}
    [left] = facts(world).values()
    assert (left.source_run_id, left.repeated_in, left.evidence) == ("job-2", (), ())
    assert world.undo("job-2").removed == (memory.id,)


def test_of_a_fact_that_it_only_repeated_nothing_is_left_but_the_fact(world: World) -> None:
    run(world, said(TEA, day=-1))
    before = facts(world)
    run(world, said(TEA, job="job-2"))
    undone = world.undo("job-2")
    assert (undone.removed, undone.kept) == ((), {})
    assert facts(world) == before


def test_what_stayed_true_of_a_replaced_memory_goes_when_that_is_whole_again(world: World) -> None:
    both = "User lives in Porto and works at Sonae"
    run(world, said(both, job="job-0", day=-1))
    whole = facts(world)[both]
    rest = Remaining("User works at Sonae", world.embedder.embed(["User works at Sonae"], timeout=1)[0])
    world.extractor.details = {LISBON: {"replaces": (whole.id,), "remains": {whole.id: rest}}}
    record = run(world, said(LISBON))
    assert in_force(world) == {LISBON, "User works at Sonae"}
    assert [(o.outcome, o.others) for o in record.facts][-1] == (Outcome.KEPT, (whole.id,))
    world.undo()
    assert set(facts(world)) == in_force(world) == {both}


def test_all_of_a_run_with_more_than_five_hundred_facts(world: World) -> None:
    ends = ("ana", "bert", "dane", "eli", "fan", "gor", "hild", "jor", "kan", "lia", "mund", "nora", "olf", "zim")
    by_turn = [[a + b + end for end in ends] for a in ("Bar", "Cel", "Dor", "Fin", "Gal") for b in "aeioulrn"]
    names = [name for turn in by_turn for name in turn]
    world.extractor.facts = lambda _: [(f"User admires {name}", "user") for name in names]
    record = run(world, said(*(f"I admire {', '.join(turn)}." for turn in by_turn)))
    stored = {memory.id for memory in facts(world).values()}
    assert len(stored) == len(record.facts) == len(names) == 560
    assert set(world.undo().removed) == stored
    assert facts(world) == {}


@pytest.mark.parametrize(
    ("state", "lease", "possible"),
    [
        (JobState.QUEUED, False, False),
        (JobState.RUNNING, True, False),
        (JobState.RUNNING, False, True),
        (JobState.FAILED, False, True),
        (JobState.DONE, False, True),
    ],
)
def test_one_that_has_not_ended_is_refused(world: World, state: JobState, lease: bool, possible: bool) -> None:
    now, key = world.clock.now(), (ACCOUNT, "job-1")
    world.jobs.records[key] = JobRecord(ACCOUNT, "job-1", state, "job-1", now)
    if lease:
        world.jobs.leases[key] = now + timedelta(minutes=5)
    if possible:
        assert world.undo().record.undone_at == now
        assert run(world, said(PORTO)).state is state, "no worker takes it up again"
        assert facts(world) == {}
        return
    with pytest.raises(ConflictError, match=f"still {state.value}"):
        world.undo()
    assert world.jobs.records[key].undone_at is None


def test_none_of_this_id_and_another_accounts_are_the_same(world: World) -> None:
    run(world, said(PORTO))
    for job, account in (("job-9", ACCOUNT), ("job-1", AccountId("account-2"))):
        with pytest.raises(NotFoundError):
            world.undo(job, account)
    assert in_force(world) == {PORTO}


class TestInterrupted:
    """A store fails somewhere in the middle: the same call again finishes it."""

    @pytest.mark.parametrize(
        ("part", "method"),
        [
            ("tombstones", "bury"),
            ("memories", "facts_of_run"),
            ("memories", "replaced_by"),
            ("memories", "hold_again"),
            ("memories", "release"),
            ("memories", "withhold"),
            ("memories", "facts_of_session"),
            ("library", "delete"),
        ],
    )
    def test_a_repetition_finishes_it(self, monkeypatch: pytest.MonkeyPatch, part: str, method: str) -> None:
        world = World()
        run(world, said(PORTO, job="job-0", day=-1))
        run(world, said(LISBON, TEA))

        def fail(*_: object, **__: object) -> None:
            raise UpstreamUnavailableError("store", "gone")

        with monkeypatch.context() as broken:
            broken.setattr(type(getattr(world, part)), method, fail)
            with pytest.raises(UpstreamUnavailableError):
                world.undo()
        assert run(world, said(LISBON, TEA)).undone_at is not None, "meanwhile it teaches nothing"
        world.undo()
        assert set(facts(world)) == in_force(world) == {PORTO}
        [outcome] = run(world, said(TEA, job="job-9", day=-1)).facts
        assert outcome.reason == "deleted"
        deleted = {i for e in world.events.events if e.type is EventType.DELETE for i in e.memory_ids}
        assert len(deleted) == 2
