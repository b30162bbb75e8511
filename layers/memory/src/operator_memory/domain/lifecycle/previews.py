"""A preview of what a policy does: counts by fate and reason, with examples."""

from dataclasses import dataclass, field

from operator_memory.domain.lifecycle.fates import Decision
from operator_memory.domain.memory.memory import Memory


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory, and what becomes of it."""

    memory: Memory
    decision: Decision


@dataclass(slots=True)
class Preview:
    """What a round would do now. ``continue_at``: the step at which the next part begins; ``None``: this is all.

    ``leaving_archive``: archived memories that the archive's own retention deletes; ``None``: not looked at.
    """

    counts: dict[Decision, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    leaving_archive: int | None = None
    continue_at: str | None = None

    def add(self, decision: Decision, count: int) -> None:
        """Count memories with this fate."""
        if count:
            self.counts[decision] = self.counts.get(decision, 0) + count
