"""Use case: shows what is archived, and deletes single memories from it."""

from collections.abc import Sequence

from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.lifecycle import MemoryArchive
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory, ArchiveSelection
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage, SeenInArchive
from operator_memory.domain.shared.audit_events import EventType, Touched

MOST_LOOKED_AT = 2_000
"""Entries of the index that one page looks through: where few fit, the page ends early and says where to go on."""


class ReadArchive:
    """Shows archived memories. A ``ports.archive.ArchivedMemories``."""

    def __init__(self, *, archive: MemoryArchive, memories: WholeMemories, trail: AuditTrail) -> None:
        self._archive = archive
        self._memories = memories
        self._trail = trail

    def get(self, account_id: AccountId, memory_id: str) -> SeenInArchive | None:
        """Return the archived memory, or ``None``."""
        found = self._seen(account_id, self._archive.find(account_id, [memory_id]))
        return found[0] if found else None

    def page(
        self, account_id: AccountId, *, after: str | None, limit: int, selection: ArchiveSelection, actor: str
    ) -> tuple[list[SeenInArchive], str | None]:
        """Return up to ``limit`` of those that ``selection`` names, by id, and where the next call goes on.

        There may be fewer although there are more: so it is where few fit.
        """
        fitting, following = self._fitting(account_id, after, limit, selection)
        seen = self._seen(account_id, fitting)
        touched = Touched(tuple(one.memory.id for one in seen), selection.agent_id, selection.thread_id)
        self._trail.note(account_id, actor, EventType.SEARCH, touched, metadata={"how": "archive"})
        return seen, following

    def _fitting(
        self, account_id: AccountId, after: str | None, limit: int, selection: ArchiveSelection
    ) -> tuple[list[ArchivedEntry], str | None]:
        fitting: list[ArchivedEntry] = []
        looked_at = 0
        while looked_at < MOST_LOOKED_AT:
            entries, following = self._archive.entries(account_id, after=after, limit=limit)
            looked_at += len(entries)
            for entry in entries:
                if selection.holds(entry):
                    fitting.append(entry)
                    if len(fitting) == limit:
                        more = following is not None or entry is not entries[-1]
                        return fitting, entry.id if more else None
            after = following
            if after is None:
                break
        return fitting, after

    def group(self, account_id: AccountId, *, after: str | None) -> tuple[list[SeenInArchive], str | None]:
        """Return some archived memories and where the next call goes on: how all of them are read."""
        archived, following = self._archive.group(account_id, after=after)
        return [self._as_seen(account_id, memory) for memory in archived], following

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """Count what the account has in the archive."""
        return self._archive.usage(account_id)

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """Delete them from the archive; return how many were there."""
        return self._archive.forget(account_id, ids)

    def _seen(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[SeenInArchive]:
        read = self._archive.read(account_id, entries)
        return [self._as_seen(account_id, archived) for archived in read]

    def _as_seen(self, account_id: AccountId, archived: ArchivedMemory) -> SeenInArchive:
        memory = self._memories.understood(account_id, archived).memory
        return SeenInArchive(memory, archived.entry.archived_at, archived.entry.reason)
