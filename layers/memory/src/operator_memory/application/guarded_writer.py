"""Writing that erasure can rely on: no memory is stored that a tombstone covers, not even by a race."""

from collections.abc import Sequence

from operator_memory.application.management_ports import ErasableMemories, Tombstones
from operator_memory.application.ports import MemoryWriter
from operator_memory.domain.erasure import Tombstone, targets_of
from operator_memory.domain.models import EmbeddedMemory, Memory
from operator_memory.domain.scopes import AccountId


class GuardedWriter:
    """Every writer of memories goes through here.

    A tombstone is looked for before a write and again after it: an erasure that began in between has counted its
    zero before the write landed, so the write takes itself back. An erasure that begins later than the second
    look finds the write in the store.
    """

    def __init__(self, memories: MemoryWriter, erasable: ErasableMemories, tombstones: Tombstones) -> None:
        self._memories = memories
        self._erasable = erasable
        self._tombstones = tombstones

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        """Which of ``ids`` the account already has."""
        return self._memories.existing_ids(account_id, ids)

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> set[str]:
        """Store ``memories``, except those erased; returns the ids of the latter, none of which is stored."""
        before = self.enforce(account_id, [embedded.memory for embedded in memories])
        wanted = [embedded for embedded in memories if embedded.memory.id not in before]
        if not wanted:
            return before
        self._memories.upsert(account_id, wanted)
        return before | self.enforce(account_id, [embedded.memory for embedded in wanted])

    def enforce(self, account_id: AccountId, memories: Sequence[Memory]) -> set[str]:
        """The ids of those of ``memories`` that are erased; whatever of their kind is in the store is deleted.

        Deleting again also takes what an earlier attempt had written when it was killed.
        """
        erased: set[str] = set()
        for tombstone in self.tombstones(account_id, memories):
            covered = {memory.id for memory in memories if tombstone.covers(memory)}
            if covered:
                self._erasable.erase(account_id, tombstone.target, until=tombstone.erased_at)
                erased |= covered
        return erased

    def tombstones(self, account_id: AccountId, memories: Sequence[Memory]) -> list[Tombstone]:
        """The tombstones of every target that could hold one of ``memories``."""
        return self._tombstones.find(account_id, targets_of(memories))
