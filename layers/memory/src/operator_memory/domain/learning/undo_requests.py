"""What is to be taken back, and what a preview or the real thing says of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.learning.jobs import JobRecord, JobState
from operator_memory.domain.memory.memory import Memory


@dataclass(frozen=True, slots=True)
class Undoing:
    """One run, one import, or all runs that learned from ``learned_after`` (inclusive) to ``learned_before``
    (exclusive), of one agent or all."""

    run_id: str | None = None
    import_id: str | None = None
    learned_after: datetime | None = None
    learned_before: datetime | None = None
    agent_id: str | None = None

    def covers(self, record: JobRecord) -> bool:
        """Whether the last attempt at a run, which taught what it has taught or may teach still, began in this time."""
        if record.state is JobState.DONE and not record.facts:
            return False
        moment = record.started_at or record.updated_at
        begun = self.learned_after is not None and self.learned_after <= moment
        return begun and self.ends_after(moment) and self.covers_agent(record.subject.agent_id)

    def ends_after(self, moment: datetime) -> bool:
        """Whether it covers what was learned as late as ``moment``."""
        return self.learned_before is not None and moment < self.learned_before

    def covers_agent(self, agent_id: str | None) -> bool:
        """Whether it covers what this agent learned."""
        return self.agent_id in (None, agent_id)


class Fate(StrEnum):
    """What becomes of a memory."""

    REMOVED = "removed"
    RESTORED = "restored"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory of a preview. ``reason``: why it is kept."""

    memory: Memory
    fate: Fate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UndoReport:
    """Counts of memories, those that stay by their reason, and of runs."""

    removed: int
    restored: int
    kept: Mapping[str, int]
    runs: int
    stopped_early: bool = False
    samples: Sequence[Sample] = field(default_factory=tuple)
