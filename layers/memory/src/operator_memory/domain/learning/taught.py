"""What a run taught or an import brought, and what of it can be taken back. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, Outcome
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import without_run

EDITED, PINNED, APPROVED, CHANGED = "edited", "pinned", "approved", "changed"
IMPORTED, LEARNED_AGAIN, HELD, RUNNING = "imported", "learned_again", "held", "running"


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. ``kept``: by the id of a fact that stays the reason."""

    record: JobRecord
    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is to be taken back: its record, and all facts that it taught, in any state."""

    record: JobRecord
    facts: tuple[Memory, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a memory is from that is taken back: the run or import, as the trail names it, and what that was about."""

    named: str
    """``job_id`` or ``import_id``."""
    id: str
    agent_id: str | None = None
    thread_id: str | None = None


def origin_of_run(record: JobRecord) -> Origin:
    """Where the facts of a run are from."""
    return Origin("job_id", record.job_id, record.subject.agent_id, record.subject.thread_id or None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What taking back does, before it is done. A preview shows it; the real thing carries it out.

    ``gone`` and ``parts`` are deleted; ``copies``: ids of those whose words stay known. ``restored`` are in force
    again, ``handed_on`` to what replaces them now. ``shared`` stay, as they are without the part of what is taken back.
    ``origins`` are by memory; ``kept`` are the reasons why others stay.
    """

    gone: Mapping[str, Memory] = field(default_factory=dict)
    parts: tuple[Memory, ...] = ()
    copies: frozenset[str] = frozenset()
    restored: tuple[Memory, ...] = ()
    handed_on: tuple[tuple[Memory, str], ...] = ()
    shared: tuple[Memory, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    stays: tuple[Memory, ...] = ()
    """The memories that ``kept`` names."""

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of all that is deleted."""
        return tuple(memory.id for memory in (*self.gone.values(), *self.parts))


def why_import_kept(memory: Memory) -> str | None:
    """Why a memory that an import brought stays, or ``None``: a person has changed it since, or a run has said it."""
    at = memory.imported_at
    if at is None:
        return CHANGED
    if memory.updated_at > at:
        if memory.history and memory.history[-1].changed_at > at:
            return EDITED
        return PINNED if memory.pinned else CHANGED
    since = (said.said_at for said in memory.evidence)
    return LEARNED_AGAIN if any(moment is not None and moment > at for moment in since) else None


def said_by_others(memory: Memory, taken: Collection[str]) -> Memory:
    """``memory`` as if the runs that are ``taken`` back had not repeated it."""
    return replace(memory, repeated_in=tuple(run for run in memory.repeated_in if run not in taken))


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
