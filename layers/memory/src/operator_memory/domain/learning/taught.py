"""What a run taught, and what of it can be taken back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, Outcome
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import without_run

EDITED, PINNED, APPROVED, CHANGED = "edited", "pinned", "approved", "changed"
IMPORTED, LEARNED_AGAIN, HELD = "imported", "learned_again", "held"


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. ``kept``: by the id of a fact that stays the reason."""

    record: JobRecord
    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


def why_kept(memory: Memory, outcomes: Mapping[str, FactOutcome]) -> str | None:
    """Why a fact that the run taught stays, or ``None``. ``outcomes``: those of the run, by memory.

    What a person has done to it since is their word; and what another run has said as well was not taught by this one
    alone.
    """
    if memory.imported_at is not None:
        return IMPORTED
    if memory.history:
        return EDITED
    if memory.pinned:
        return PINNED
    if memory.version > 1:
        outcome = outcomes.get(memory.id)
        waited = outcome is not None and outcome.outcome is Outcome.REJECTED
        return APPROVED if waited and memory.rejected is None else CHANGED
    return LEARNED_AGAIN if memory.repeated_in else None


def without_its_part(memory: Memory, run_id: str) -> Memory:
    """``memory``, which other runs have taught too, without what ``run_id`` has."""
    others = tuple(run for run in memory.repeated_in if run != run_id)
    source = memory.source_run_id
    if source == run_id and others:
        source, others = others[0], others[1:]
    left = without_run(memory.evidence, run_id) if memory.source_run_id == run_id else memory.evidence
    return replace(memory, evidence=left, source_run_id=source, repeated_in=others)


def successor(memory: Memory, gone: Mapping[str, Memory]) -> str | None:
    """What is in force in the place of ``memory`` once ``gone`` are; ``None``: itself."""
    seen: set[str] = set()
    newer = memory.superseded_by
    while newer is not None and newer in gone and newer not in seen:
        seen.add(newer)
        newer = gone[newer].superseded_by
    return None if newer in gone else newer


def parts_kept(outcomes: Sequence[FactOutcome]) -> dict[str, str]:
    """By the memory that was made of what stays true of a replaced one, the id of that one."""
    return {o.memory_id: o.others[0] for o in outcomes if o.outcome is Outcome.KEPT and o.others}


def repeated(outcomes: Sequence[FactOutcome]) -> list[str]:
    """The memories that the run said again."""
    found = (other for o in outcomes if o.outcome is Outcome.DUPLICATE for other in o.others)
    return list(dict.fromkeys(found))
