"""Use case: brings memories back from the archive, as they were: with their ids, payloads and vectors.

Nothing is embedded. What is in the store already stays, since it is newer. A memory is written to the store before it
is taken out of the archive, so it is in at least one place at every moment, and doing it again goes on where it ended.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.core import Clock, HoldReader
from operator_memory.application.ports.lifecycle import MemoryArchive
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.lifecycle.archived import (
    ArchivedEntry,
    ArchiveSelection,
    WholeMemory,
    keeps_words_of,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step, no_limit

PAGE = 500
"""Entries of the index that are looked at in one step."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What became of the archived memories that were asked for."""

    restored: int = 0
    in_store: int = 0
    """The store had it, from an interrupted restore or learned anew: that one stays."""
    erased: int = 0
    deleted: int = 0
    """A person deleted the like of it while it was archived."""
    expired: int = 0
    unreadable: int = 0
    """Still in the archive's index, but it could not be read. It stays there."""
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class RestorePorts:
    """What a memory goes through on its way back."""

    archive: MemoryArchive
    memories: WholeMemories
    writer: GuardedWriter
    holds: HoldReader | None = None


class RestoreMemories:
    """Brings memories back."""

    def __init__(self, ports: RestorePorts, *, trail: AuditTrail, clock: Clock) -> None:
        self._archive, self._memories, self._writer = ports.archive, ports.memories, ports.writer
        self._holds = ports.holds
        self._trail = trail
        self._clock = clock

    def restore(
        self,
        account_id: AccountId,
        selection: ArchiveSelection,
        *,
        actor: str,
        ids: Sequence[str] | None = None,
        seconds_left: SecondsLeft = no_limit,
    ) -> RestoreReport:
        """Bring back what ``selection`` names, of ``ids`` only if they are given, for as long as there is time.

        Restored memories leave the archive, so the same call again goes on with the others.
        """
        counts: Counter[str] = Counter()
        restored: list[str] = []
        early, slowest = False, 0.0
        for entries in self._groups(account_id, selection, ids):
            if not has_time_for_a_step(left := seconds_left(), slowest):
                early = True
                break
            counts += self._bring_back(account_id, entries, restored)
            slowest = max(slowest, left - seconds_left())
        if restored:
            self._trail.note(account_id, actor, EventType.RESTORE, Touched(tuple(restored)))
        return RestoreReport(restored=len(restored), **counts, stopped_early=early)

    def _groups(
        self, account_id: AccountId, selection: ArchiveSelection, ids: Sequence[str] | None
    ) -> Iterator[list[ArchivedEntry]]:
        """Yield what is asked for, together what is kept together: so each object is read and written once."""
        wanted = None if ids is None else set(ids)
        seen: set[str] = set()
        for page in self._pages(account_id, ids):
            for entry in page:
                if entry.id in seen or not selection.holds(entry):
                    continue
                together = self._archive.kept_with(account_id, entry)
                group = [e for e in together if selection.holds(e) and (wanted is None or e.id in wanted)]
                seen.update(e.id for e in group)
                yield group

    def _pages(self, account_id: AccountId, ids: Sequence[str] | None) -> Iterator[list[ArchivedEntry]]:
        if ids is not None:
            yield self._archive.find(account_id, list(dict.fromkeys(ids)))
            return
        after, begun = None, False
        while after is not None or not begun:
            begun = True
            page, after = self._archive.entries(account_id, after=after, limit=PAGE)
            yield page

    def _bring_back(
        self, account_id: AccountId, entries: Sequence[ArchivedEntry], restored: list[str]
    ) -> "Counter[str]":
        """Bring back what may come back, take what is decided out of the archive, count what became of the rest."""
        if not entries:
            return Counter()
        counts: Counter[str] = Counter()
        since = {entry.id: entry.archived_at for entry in entries}
        # Somebody may be moving them out at this moment: what is touched stays where it is.
        known = self._memories.touch(account_id, list(since), at=self._clock.now())
        read = self._archive.read(account_id, [entry for entry in entries if entry.id not in known])
        found = [self._memories.understood(account_id, archived) for archived in read]
        counts["in_store"] = len(known)
        counts["unreadable"] = len(entries) - len(known) - len(found)
        decided = set(known)
        for reason, which in self._refusals(account_id, since):
            refused = which([whole.memory for whole in found])
            counts[reason] += len(refused)
            decided |= refused
            found = [whole for whole in found if whole.memory.id not in refused]
        erased = self._store(account_id, found, since)
        counts["erased"] += len(erased)
        restored += [whole.memory.id for whole in found if whole.memory.id not in erased]
        decided |= {whole.memory.id for whole in found}
        self._leave(account_id, [entry for entry in entries if entry.id in decided], restored)
        return +counts

    def _refusals(
        self, account_id: AccountId, since: dict[str, datetime]
    ) -> list[tuple[str, Callable[[Sequence[Memory]], set[str]]]]:
        """What keeps a memory from coming back, in the order in which it is looked for."""
        now = self._clock.now()
        return [
            ("expired", lambda memories: {m.id for m in memories if m.expires_at is not None and m.expires_at <= now}),
            ("erased", lambda memories: self._writer.enforce(account_id, memories)),
            ("deleted", lambda memories: self._writer.deleted_since(account_id, memories, since)),
        ]

    def _store(self, account_id: AccountId, found: Sequence[WholeMemory], since: dict[str, datetime]) -> set[str]:
        """Write them to the store; return the ids of those that were erased or deleted meanwhile.

        As `GuardedWriter.upsert` does: whoever erases or deletes after the last look finds them in the store.
        """
        if not found:
            return set()
        memories = [whole.memory for whole in found]
        own_words = self._without_words(account_id, memories, since)
        self._writer.announce(account_id, memories)
        self._memories.put_back(account_id, found, used_at=self._clock.now(), own_words=own_words)
        self._writer.announce(account_id, memories)
        erased = self._writer.enforce(account_id, memories)
        deleted = self._writer.deleted_since(account_id, memories, since) - erased
        if deleted:
            self._memories.delete_unchanged(account_id, self._memories.read(account_id, sorted(deleted)))
        return erased | deleted

    def _without_words(self, account_id: AccountId, memories: Sequence[Memory], since: dict[str, datetime]) -> set[str]:
        """Return the ids of turns that are not found any more by the words of the turn they follow."""
        followed = list({memory.follows for memory in memories if memory.follows is not None})
        if not followed:
            return set()
        now = {memory.id: memory for memory in memories} | self._writer.stored(account_id, followed)
        absent = [identity for identity in followed if identity not in now]
        for archived in self._archive.read(account_id, self._archive.find(account_id, absent)):
            now[archived.entry.id] = self._memories.understood(account_id, archived).memory
        return {m.id for m in memories if not keeps_words_of(m, now.get(m.follows or ""), since=since[m.id])}

    def _leave(self, account_id: AccountId, entries: Sequence[ArchivedEntry], restored: Sequence[str]) -> None:
        """Take ``entries`` out of the archive; what is held stays, unless it is in the store now."""
        if self._holds is not None:
            holds, back = self._holds.holds(account_id), set(restored)
            entries = [e for e in entries if e.id in back or holds.on(e.outline(account_id)) is None]
        self._archive.take_back(account_id, entries)
