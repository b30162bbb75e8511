"""Brings a backup back into the collection, without what was erased, deleted or archived since.

Looks twice, as every writer does: what is erased while points are written is taken out by the second look, and an
erasure that begins after it finds the points in the store. Doing it again changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.adapters.qdrant.neighbour_words import take_words_back
from operator_memory.application.ports.lifecycle import ExpiryIndex
from operator_memory.application.ports.management import ErasableMemories
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.deletions import asked_of
from operator_memory.domain.shared.tombstones import Tombstone

from infra.backup.gate import ARCHIVED, DELETED, ERASED, EXPIRED, Gate
from infra.progress import Progress
from infra.qdrant.points import Points

Json = dict[str, Any]
Pages = Callable[[], Iterator[list[Json]]]
"""Gives all points of a backup, page by page, each time it is called."""


class Gates(Protocol):
    """Makes a gate that knows what was erased up to now."""

    def __call__(self) -> Gate:
        """Make one."""
        ...


@dataclass(frozen=True, slots=True)
class Into:
    """Where points come back to, and what has to know of it."""

    points: Points
    collection: QdrantCollection
    erasable: ErasableMemories
    expiry: ExpiryIndex
    remover: RemoveMemories


@dataclass(slots=True)
class Report:
    """What a restore did. Holds no memory text."""

    restored: int = 0
    there: int = 0
    """Points that the collection had already; they stay as they were."""
    kept_out: Counter[str] = field(default_factory=Counter)
    erased_again: int = 0
    """Erasures carried out once more."""

    def sentences(self) -> list[str]:
        """For a person."""
        out = ", ".join(f"{count} {reason}" for reason, count in sorted(self.kept_out.items()))
        return [
            f"{self.restored} memories came back. {self.there} were there already and stay as they are.",
            f"Kept out: {out or 'none'}.",
        ]


def restore(pages: Pages, into: Into, gates: Gates, *, total: int | None) -> Report:
    """Write what may come back, then look again at what was erased meanwhile."""
    report = Report()
    progress = Progress("read", total)
    try:
        _load(pages, into, gates(), report, progress)
    finally:
        progress.end()
    look_again(pages, into, gates(), report, total=total)
    return report


def _load(pages: Pages, into: Into, gate: Gate, report: Report, progress: Progress) -> None:
    announced: dict[AccountId, datetime] = {}
    for page in pages():
        verdict = gate.judge(page)
        there = into.points.of_ids([point["id"] for point in verdict.kept], payload=False, vectors=False)
        for owner, at in verdict.expiries.items():  # first, so that nothing that expires is stored unannounced
            if owner not in announced or at < announced[owner]:
                into.expiry.register(owner, at)
                announced[owner] = at
        into.points.put([point for point in verdict.kept if point["id"] not in there], only_new=True)
        report.restored += len(verdict.kept) - len(there)
        report.there += len(there)
        report.kept_out += verdict.counts
        progress.add(len(page))
    for owner, at in announced.items():  # and again: a sweep in between saw an account with nothing to expire
        into.expiry.register(owner, at)


def look_again(
    pages: Pages, into: Into, gate: Gate, report: Report, *, total: int | None, archived: bool = False
) -> None:
    """Take out what must not be there, and its words out of what is left. ``archived``: also what is in the archive,
    where the points are those of a copy and not of a restore that has left it out."""
    progress = Progress("looked at again", total)
    carried_out: set[tuple[AccountId, Tombstone]] = set()
    try:
        for page in pages():
            verdict = gate.judge(page)
            erased = {memory.account_id for memory in verdict.dropped.get(ERASED, ())}
            _erase(erased | verdict.silenced, into, gate, carried_out)
            _delete(verdict.dropped.get(DELETED, ()), into, gate)
            gone = [memory for reason in (ERASED, DELETED, EXPIRED) for memory in verdict.dropped.get(reason, ())]
            for owner, memories in _by_account(gone).items():
                turns = [memory.id for memory in memories if memory.kind is Kind.TURN]
                if turns:
                    take_words_back(into.collection, owner, turns)
            if archived:
                into.points.delete([memory.id for memory in verdict.dropped.get(ARCHIVED, ())])
            progress.add(len(page))
    finally:
        progress.end()
    report.erased_again = len(carried_out)


def _erase(
    owners: Collection[AccountId], into: Into, gate: Gate, carried_out: set[tuple[AccountId, Tombstone]]
) -> None:
    """Carry out once more the erasures of these accounts, each once in a restore."""
    for owner in owners:
        for tombstone in gate.account(owner).tombstones:
            if (owner, tombstone) not in carried_out:
                into.erasable.erase(owner, tombstone.target, until=tombstone.erased_at)
                carried_out.add((owner, tombstone))


def _delete(memories: Sequence[Memory], into: Into, gate: Gate) -> None:
    """Do once more what comes with the deletion of ``memories``: what says the same is withheld, as it was then."""
    for owner, deleted in _by_account(memories).items():
        marks = gate.account(owner).marks
        for memory in deleted:
            at = max(marks[mark] for mark in asked_of(memory) if mark in marks)
            into.remover.forget_words(owner, [memory], at=at)
        found = into.points.of_ids([memory.id for memory in deleted], vectors=False)
        again = gate.judge(list(found.values()))  # one that was said again since stays
        into.points.delete([memory.id for memory in again.dropped.get(DELETED, ())])


def _by_account(memories: Sequence[Memory]) -> dict[AccountId, list[Memory]]:
    found: dict[AccountId, list[Memory]] = defaultdict(list)
    for memory in memories:
        found[memory.account_id].append(memory)
    return found
