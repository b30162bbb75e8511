"""Undo in the large: one run, one import, or all that a time taught; the preview is the real thing."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operator_memory.application.learning.undo_many import UndoMany
from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.management.import_memories import ImportMemories
from operator_memory.application.management.manage_memories import Changes, ManageMemories, WritingPorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import ConflictError, NotFoundError
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.learning.undo_requests import Fate, Undoing, UndoReport
from operator_memory.domain.management.export_line import memory_line
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.holds import Hold

from tests.support.builders import a_memory
from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

PERSON = Caller("ada", user_id="ada")
PORTO, FARO, LISBON, TEA = "User lives in Porto", "User lives in Faro", "User lives in Lisbon", "User likes tea"


def ample() -> float:
    return 900.0


class Learned:
    """An account that has learned in several runs, one a day; each attempt began when what it read was said."""

    def __init__(self) -> None:
        self.world = World()

    def run(self, day: int, *texts: str, job: str = "", **fields: Any) -> str:
        job, at = job or f"job-{day}", FINISHED + timedelta(days=day)
        messages = tuple(RawMessage("user", text, f"{job}-{n}", at) for n, text in enumerate(texts))
        self.world.clock.time = at
        self.world.run(a_job(messages=messages, finished_at=at, job_id=job, **fields), job)
        return job

    @property
    def use_case(self) -> UndoMany:
        world = self.world
        runs = UndoRun(
            jobs=world.jobs,
            learned=world.memories,
            writer=world.writer,
            remover=world.remover,
            visibility=world.visibility,
            trail=AuditTrail(world.events, world.clock),
            clock=world.clock,
        )
        return UndoMany(runs=runs, history=world.jobs, library=world.library, clock=world.clock)

    @property
    def manage(self) -> ManageMemories:
        world = self.world
        return ManageMemories(
            library=world.library,
            writing=WritingPorts(world.screening, world.embedder, world.writer),
            visibility=world.visibility,
            remover=world.remover,
            trail=AuditTrail(world.events, world.clock),
            clock=world.clock,
        )

    def preview(self, what: Undoing, left: Callable[[], float] = ample) -> UndoReport:
        return self.use_case.preview(ACCOUNT, what, left)

    def undo(self, what: Undoing, left: Callable[[], float] = ample) -> UndoReport:
        return self.use_case.undo("user:ada", ACCOUNT, what, left)

    def bring(self, *memories: Memory) -> str:
        """Import them; return the import's id."""
        world = self.world
        importer = ImportMemories(
            writer=world.writer,
            embedder=world.embedder,
            trail=AuditTrail(world.events, world.clock),
            clock=world.clock,
        )
        lines = "\n".join(json.dumps(memory_line(memory)) for memory in memories)
        return importer.import_lines(PERSON, ACCOUNT, lines).import_id

    def facts(self) -> dict[str, Memory]:
        return {m.text: m for m in self.world.memories.of(ACCOUNT) if m.kind is Kind.FACT}

    def in_force(self) -> set[str]:
        return {text for text, memory in self.facts().items() if memory.superseded_by is None}


def days(first: int, last: int, agent_id: str | None = None) -> Undoing:
    """All that was learned on these days."""
    return Undoing(
        learned_after=FINISHED + timedelta(days=first),
        learned_before=FINISHED + timedelta(days=last, hours=1),
        agent_id=agent_id,
    )


def counts(report: UndoReport) -> UndoReport:
    return replace(report, samples=())


@pytest.fixture
def learned() -> Learned:
    return Learned()


def test_all_that_was_learned_between_two_moments_goes_and_what_it_replaced_is_in_force_again(learned: Learned) -> None:
    learned.run(0, PORTO)
    learned.run(1, FARO)
    learned.run(2, LISBON, TEA)
    learned.run(3, "User has a dog")
    assert learned.in_force() == {LISBON, TEA, "User has a dog"}
    report = learned.undo(days(1, 2))
    assert learned.in_force() == {PORTO, "User has a dog"}
    assert (report.removed, report.restored, report.runs, report.stopped_early) == (3, 1, 2, False)


def test_the_preview_says_what_the_real_thing_does_and_changes_nothing(learned: Learned) -> None:
    learned.run(0, PORTO)
    learned.run(1, FARO, TEA)
    learned.run(2, LISBON)
    learned.manage.change(PERSON, ACCOUNT, learned.facts()[TEA].id, Changes(pinned=True), version=None)
    before = learned.world.memories.of(ACCOUNT)
    preview = learned.preview(days(1, 2))
    assert learned.world.memories.of(ACCOUNT) == before
    fates = {sample.memory.text: (sample.fate, sample.reason) for sample in preview.samples}
    assert fates == {
        FARO: (Fate.REMOVED, None),
        LISBON: (Fate.REMOVED, None),
        PORTO: (Fate.RESTORED, None),
        TEA: (Fate.KEPT, "pinned"),
    }
    assert learned.undo(days(1, 2)) == counts(preview)


def test_what_only_runs_that_are_taken_back_have_said_again_does_not_stay_for_it(learned: Learned) -> None:
    learned.run(0, TEA)
    learned.run(1, TEA)
    assert learned.facts()[TEA].repeated_in == ("job-1",)
    preview = learned.preview(days(0, 1))
    assert (preview.removed, preview.kept) == (1, {})
    assert learned.undo(days(0, 1)) == counts(preview)
    assert learned.in_force() == set()


def test_what_another_run_says_as_well_stays(learned: Learned) -> None:
    learned.run(0, TEA)
    learned.run(5, TEA)
    assert learned.undo(days(0, 1)).kept == {"learned_again": 1}
    assert learned.facts()[TEA].source_run_id == "job-5"


def test_only_runs_of_the_agent_that_is_named(learned: Learned) -> None:
    learned.run(0, PORTO, agent_id="agent-1")
    learned.run(1, TEA, agent_id="agent-2")
    learned.undo(days(0, 1, agent_id="agent-2"))
    assert learned.in_force() == {PORTO}


def test_runs_whose_records_have_expired_are_found_by_what_they_taught(learned: Learned) -> None:
    learned.run(0, PORTO)
    learned.run(1, TEA)
    learned.world.jobs.records.clear()
    assert learned.undo(days(1, 1)).removed == 1
    assert learned.in_force() == {PORTO}
    assert learned.undo(Undoing(run_id="job-0")).removed == 1


def test_a_run_that_read_late_what_was_said_early_counts_by_when_it_learned(learned: Learned) -> None:
    at = FINISHED - timedelta(days=9)
    learned.world.clock.time = FINISHED
    messages = (RawMessage("user", TEA, "m", at),)
    learned.world.run(a_job(messages=messages, finished_at=at, job_id="late"), "late")
    assert learned.facts()[TEA].created_at == at
    assert learned.undo(days(-9, -8)).removed == 0
    assert learned.undo(days(0, 1)).removed == 1


def test_a_run_that_is_not_known(learned: Learned) -> None:
    with pytest.raises(NotFoundError):
        learned.undo(Undoing(run_id="no-such"))


def test_a_run_that_has_not_ended_is_not_taken_back(learned: Learned) -> None:
    job = learned.run(0, TEA)
    key = (ACCOUNT, job)
    learned.world.jobs.records[key] = replace(learned.world.jobs.records[key], state=JobState.QUEUED)
    assert learned.preview(days(0, 1)).kept == {"running": 1}
    assert learned.undo(days(0, 1)).kept == {"running": 1}
    with pytest.raises(ConflictError):
        learned.undo(Undoing(run_id=job))
    assert learned.in_force() == {TEA}


def test_without_time_for_all_it_stops_and_the_same_again_goes_on(
    learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operator_memory.application.learning.undo_many.RUNS_AT_ONCE", 1)
    names = [learned.run(day, f"User owns {thing}") for day, thing in enumerate(("a boat", "a car", "a piano"))]
    assert len(names) == 3
    looks = iter([900.0] * 4 + [0.0] * 99)
    first = learned.undo(days(0, 2), lambda: next(looks))
    assert first.stopped_early
    assert 0 < first.removed < 3
    second = learned.undo(days(0, 2))
    assert (second.stopped_early, first.removed + second.removed) == (False, 3)
    assert learned.in_force() == set()


def test_what_is_held_stays(learned: Learned) -> None:
    learned.run(0, TEA)
    learned.run(1, PORTO, thread_id="thread-9")
    hold = Hold("Case 7", FINISHED, "service:legal", "thread-9")
    learned.world.holds.place(ACCOUNT, hold)
    preview = learned.preview(days(0, 1))
    assert learned.undo(days(0, 1)) == counts(preview)
    assert preview.kept == {"held": 1}
    [denied] = [event for event in learned.world.events.events if event.type is EventType.DENIED]
    assert (denied.actor, denied.metadata) == ("user:ada", {"action": "undo", "held": "thread"})
    assert learned.in_force() == {PORTO}


class TestImports:
    def test_what_it_brought_goes_and_what_was_there_stays(self, learned: Learned) -> None:
        learned.run(0, PORTO)
        identity = learned.bring(a_memory("Likes ale."), a_memory("Has a cat."), a_memory(PORTO))
        assert len(learned.facts()) == 3
        preview = learned.preview(Undoing(import_id=identity))
        assert {sample.memory.text for sample in preview.samples} == {"Likes ale.", "Has a cat."}
        assert learned.undo(Undoing(import_id=identity)) == counts(preview)
        assert set(learned.facts()) == {PORTO}
        event = learned.world.events.events[-1]
        assert (event.type, event.metadata) == (EventType.DELETE, {"by": "undo", "import_id": identity})

    def test_another_import_stays(self, learned: Learned) -> None:
        first, second = learned.bring(a_memory("Likes ale.")), learned.bring(a_memory("Has a cat."))
        assert first != second
        learned.undo(Undoing(import_id=first))
        assert set(learned.facts()) == {"Has a cat."}

    def test_what_a_person_has_changed_since_stays(self, learned: Learned) -> None:
        identity = learned.bring(a_memory("Likes ale."), a_memory("Has a cat."), a_memory("Owns a boat.", pinned=True))
        learned.world.clock.advance(hours=1)
        facts, manage = learned.facts(), learned.manage
        manage.change(PERSON, ACCOUNT, facts["Likes ale."].id, Changes(text="Likes stout."), version=None)
        manage.change(PERSON, ACCOUNT, facts["Has a cat."].id, Changes(pinned=True), version=None)
        report = learned.undo(Undoing(import_id=identity))
        assert (report.removed, report.kept) == (1, {"edited": 1, "pinned": 1})
        assert set(learned.facts()) == {"Likes stout.", "Has a cat."}

    def test_the_same_can_be_imported_or_learned_afterwards(self, learned: Learned) -> None:
        identity = learned.bring(a_memory(TEA))
        learned.undo(Undoing(import_id=identity))
        learned.run(0, TEA)
        assert learned.in_force() == {TEA}

    def test_one_that_is_not_known_brings_nothing_back(self, learned: Learned) -> None:
        assert learned.undo(Undoing(import_id="no-such")).removed == 0


THINGS = st.sampled_from([PORTO, FARO, LISBON, TEA, "User likes coffee"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=st.lists(st.lists(THINGS, min_size=1, max_size=2, unique=True), min_size=1, max_size=5), data=st.data())
def test_the_preview_is_the_real_thing_whatever_was_said(said: list[list[str]], data: st.DataObject) -> None:
    learned = Learned()
    for day, texts in enumerate(said):
        learned.run(day, *texts)
    first = data.draw(st.integers(0, len(said) - 1))
    what = days(first, data.draw(st.integers(first, len(said) - 1)))
    preview = learned.preview(what)
    real = learned.undo(what)
    assert real == counts(preview)
    assert learned.undo(what).removed == 0
    moments: list[datetime] = [memory.created_at for memory in learned.facts().values()]
    assert len(moments) == len(learned.facts())
