"""Use case: takes back much at once: one run, one import, or everything that was learned between two moments.

A preview plans; the real thing plans in the same way, and carries it out, in steps for as long as there is time. The
same request again goes on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.learning import MemoriesByAge
from operator_memory.application.ports.management import JobHistory
from operator_memory.domain.errors import ConflictError
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.learning.taught import RUNNING, Plan, Run
from operator_memory.domain.learning.undo_requests import Fate, Sample, Undoing, UndoReport
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step

RUNS_AT_ONCE = 20
_PAGE = 200
MOST_SAMPLES = 20
"""Memories of each fate that a preview shows."""


@dataclass(slots=True)
class _Tally:
    """What was taken back so far, or would be."""

    removed: dict[str, Memory] = field(default_factory=dict)
    restored: dict[str, Memory] = field(default_factory=dict)
    kept: dict[str, tuple[Memory, str]] = field(default_factory=dict)
    runs: int = 0
    running: int = 0
    stopped_early: bool = False

    def add(self, plan: Plan) -> None:
        """Count ``plan``. What an earlier plan restored and this one removes is not restored."""
        self.removed |= {memory.id: memory for memory in (*plan.gone.values(), *plan.parts)}
        self.restored |= {memory.id: memory for memory in plan.restored}
        self.restored = {i: memory for i, memory in self.restored.items() if i not in self.removed}
        self.kept |= {memory.id: (memory, plan.kept[memory.id]) for memory in plan.stays}

    def report(self, *, samples: bool) -> UndoReport:
        """Return the counts; of a preview with ``samples``."""
        kept = Counter(why for _, why in self.kept.values())
        if self.running:
            kept[RUNNING] = self.running
        shown = tuple(self._samples()) if samples else ()
        return UndoReport(len(self.removed), len(self.restored), dict(kept), self.runs, self.stopped_early, shown)

    def _samples(self) -> Iterator[Sample]:
        yield from (Sample(m, Fate.REMOVED) for m in islice(self.removed.values(), MOST_SAMPLES))
        yield from (Sample(m, Fate.RESTORED) for m in islice(self.restored.values(), MOST_SAMPLES))
        yield from (Sample(m, Fate.KEPT, why) for m, why in islice(self.kept.values(), MOST_SAMPLES))


class UndoMany:
    """Takes back runs and imports."""

    def __init__(self, *, runs: UndoRun, history: JobHistory, library: MemoriesByAge, clock: Clock) -> None:
        self._runs = runs
        self._history = history
        self._library = library
        self._clock = clock

    def preview(self, account_id: AccountId, what: Undoing, seconds_left: SecondsLeft) -> UndoReport:
        """Return what `undo` would do now, and change nothing. ``stopped_early``: there would be more.

        Raises:
            NotFoundError: the account has no such run.
        """
        tally = _Tally()
        if what.import_id is not None:
            pages = self._brought(account_id, what.import_id, tally, seconds_left)
            brought = [memory for page in pages for memory in page]
            tally.add(self._runs.back.plan_import(account_id, what.import_id, brought))
            return tally.report(samples=True)
        taken = self._wanted(account_id, what, tally, seconds_left)
        steps = self._steps(account_id, taken, tally, seconds_left, mark=False)
        tally.add(self._runs.back.plan_runs(account_id, [run for step in steps for run in step], taken=set(taken)))
        return tally.report(samples=True)

    def undo(self, actor: str, account_id: AccountId, what: Undoing, seconds_left: SecondsLeft) -> UndoReport:
        """Take it back. ``actor``: who asks, as the trail names them. ``stopped_early``: the same request goes on.

        Raises:
            NotFoundError: the account has no such run.
            ConflictError: the one run that is asked for has not ended.
        """
        tally, back = _Tally(), self._runs.back
        if what.import_id is not None:
            for page in self._brought(account_id, what.import_id, tally, seconds_left):
                plan = back.plan_import(account_id, what.import_id, page)
                back.carry_out(actor, account_id, plan)
                tally.add(plan)
            return tally.report(samples=False)
        taken = self._wanted(account_id, what, tally, seconds_left)
        for step in self._steps(account_id, taken, tally, seconds_left, mark=True):
            plan = back.plan_runs(account_id, step, taken=set(taken))
            back.carry_out(actor, account_id, plan)
            tally.add(plan)
        if what.run_id is not None and tally.running:
            raise ConflictError("this run has not ended yet: undo it when it has")
        return tally.report(samples=False)

    def _brought(
        self, account_id: AccountId, import_id: str, tally: _Tally, seconds_left: SecondsLeft
    ) -> Iterator[Sequence[Memory]]:
        """Yield what an import has brought, page by page."""
        yield from self._pages(account_id, MemoryFilter(import_id=import_id, inactive=True), tally, seconds_left)

    def _pages(
        self, account_id: AccountId, where: MemoryFilter, tally: _Tally, seconds_left: SecondsLeft
    ) -> Iterator[Sequence[Memory]]:
        after: str | None = None
        slowest = 0.0
        while True:
            if not has_time_for_a_step(left := seconds_left(), slowest):
                tally.stopped_early = True
                return
            page, after = self._library.oldest(account_id, where, after=after, limit=_PAGE, now=self._clock.now())
            if page:
                yield page
            if after is None:
                return
            slowest = max(slowest, left - seconds_left())

    def _steps(
        self,
        account_id: AccountId,
        taken: Sequence[str],
        tally: _Tally,
        seconds_left: SecondsLeft,
        *,
        mark: bool,
    ) -> Iterator[list[Run]]:
        """Yield the runs that have ended, some at a time."""
        slowest = 0.0
        for start in range(0, len(taken), RUNS_AT_ONCE):
            if not has_time_for_a_step(left := seconds_left(), slowest):
                tally.stopped_early = True
                return
            found = [self._runs.ended(account_id, run, mark=mark) for run in taken[start : start + RUNS_AT_ONCE]]
            ended = [run for run in found if run is not None]
            tally.running += len(found) - len(ended)
            tally.runs += len(ended)
            yield ended
            slowest = max(slowest, left - seconds_left())

    def _wanted(self, account_id: AccountId, what: Undoing, tally: _Tally, seconds_left: SecondsLeft) -> list[str]:
        """Return the ids of the runs to be taken back; those that were before come last, so that the same request
        again goes on."""
        if what.run_id is not None:
            return [what.run_id]
        known, new, undone = set[str](), list[str](), list[str]()
        for record in self._records(account_id, tally, seconds_left):
            known.add(record.job_id)
            if what.covers(record):
                (new if record.undone_at is None else undone).append(record.job_id)
        where = MemoryFilter(
            kind=Kind.FACT, created_after=what.learned_after, created_before=what.learned_before, inactive=True
        )
        facts = (fact for page in self._pages(account_id, where, tally, seconds_left) for fact in page)
        expired = (f.source_run_id for f in facts if f.imported_at is None and what.covers_agent(f.agent_id))
        new += dict.fromkeys(run for run in expired if run is not None and run not in known)
        return [*new, *undone]

    def _records(self, account_id: AccountId, tally: _Tally, seconds_left: SecondsLeft) -> Iterator[JobRecord]:
        after: str | None = None
        while has_time_for_a_step(seconds_left(), 0.0):
            records, after = self._history.page(account_id, after=after, limit=_PAGE)
            yield from records
            if after is None:
                return
        tally.stopped_early = True
