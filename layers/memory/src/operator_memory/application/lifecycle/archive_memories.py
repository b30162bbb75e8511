"""Use case: moves memories from the store into the archive.

Written, read back, entered into the index; only then deleted from the store, and only if nobody has changed it since.
So a memory is in at least one place at every moment. Who was killed in between leaves it in both: moving it again ends
that, and so does `TidyArchive`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import MemoryArchive
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.lifecycle.archived import WholeMemory, archived
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched

AT_ONCE = 100
"""Memories that are moved together, into one object of the archive."""

ACTOR = "system:lifecycle"


class ArchiveMemories:
    """Moves memories. `archive` is a ``StoreToArchive``."""

    def __init__(
        self,
        *,
        memories: WholeMemories,
        archive: MemoryArchive,
        writer: GuardedWriter,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        self._memories = memories
        self._archive = archive
        self._writer = writer
        self._trail = trail
        self._clock = clock

    def archive(self, account_id: AccountId, reasons: Mapping[str, str]) -> int:
        """Move the memories that ``reasons`` names by id, each for its reason; return how many were moved.

        Pinned ones stay.
        """
        ids = list(reasons)
        return sum(
            self._move(account_id, {identity: reasons[identity] for identity in ids[start : start + AT_ONCE]})
            for start in range(0, len(ids), AT_ONCE)
        )

    def _move(self, account_id: AccountId, reasons: Mapping[str, str]) -> int:
        at = self._clock.now()
        found = self._memories.read(account_id, list(reasons))
        stored = [whole for whole in found if not whole.memory.pinned]  # it may have been pinned since it was chosen
        if not stored:
            return 0
        gone_in = [archived(whole, reason=reasons[whole.memory.id], at=at) for whole in stored]
        kept = self._archive.keep(account_id, gone_in)
        placed = {entry.id for entry in kept}  # another worker has archived the others since, or is about to
        staying = self._settle(account_id, [whole for whole in stored if whole.memory.id in placed], at)
        self._archive.take_back(account_id, [entry for entry in kept if entry.id in staying])
        moved = tuple(entry.id for entry in kept if entry.id not in staying)
        if moved:
            self._trail.note(account_id, ACTOR, EventType.ARCHIVE, Touched(moved))
        return len(moved)

    def _settle(self, account_id: AccountId, stored: Sequence[WholeMemory], at: datetime) -> set[str]:
        """Delete from the store what is unchanged; return the ids of what has no place in the archive.

        That is what was changed meanwhile, and what was erased or deleted. The look for tombstones and marks comes
        after the index is written: an erasure or a deletion that begins later finds the entry.
        """
        memories = [whole.memory for whole in stored]
        erased = self._writer.enforce(account_id, memories)
        changed = self._memories.delete_unchanged(account_id, [w for w in stored if w.memory.id not in erased])
        deleted = self._writer.deleted_since(account_id, memories, {memory.id: at for memory in memories})
        return erased | changed | deleted
