"""Writes memories so that erasure and expiry can rely on it: stores none that a tombstone covers, not even in a race,
and none that expires without the index knowing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from operator_memory.application.ports.core import MemoryWriter
from operator_memory.application.ports.lifecycle import ExpiryIndex
from operator_memory.application.ports.management import ErasableMemories, Tombstones
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, loses
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.deletions import asked_of, deleted_since, forbidden, marks_of
from operator_memory.domain.shared.tombstones import Target, Tombstone, targets_of

F = TypeVar("F", set[str], dict[str, Memory])


class GuardedWriter:
    """Writes memories. Every writer goes through it.

    It looks for a tombstone before a write and again after it. An erasure that began in between has counted zero before
    the write landed, so the write takes itself back. An erasure that begins after the second look finds the write in
    the store.
    """

    def __init__(
        self,
        *,
        memories: MemoryWriter,
        expiry: ExpiryIndex,
        erasable: ErasableMemories,
        tombstones: Tombstones,
        held: KeepHeld,
    ) -> None:
        self._memories = memories
        self._expiry = expiry
        self._erasable = erasable
        self._tombstones = tombstones
        self._held = held

    def existing_ids(self, account_id: AccountId, ids: Sequence[str], *, wanted: Sequence[Memory] = ()) -> set[str]:
        """Return those of ``ids`` that the account already has.

        ``wanted``: what is to be stored unless it is there. First deletes what an erasure under way has still to
        delete: otherwise what is said again meanwhile would count as known, and vanish with it.
        """
        return self._read(self._memories.existing_ids, account_id, ids, wanted)

    def stored(self, account_id: AccountId, ids: Sequence[str], *, wanted: Sequence[Memory] = ()) -> dict[str, Memory]:
        """Return what the account has under ``ids``. ``wanted``: as for `existing_ids`."""
        return self._read(self._memories.stored, account_id, ids, wanted)

    def _read(
        self,
        read: Callable[[AccountId, Sequence[str]], F],
        account_id: AccountId,
        ids: Sequence[str],
        wanted: Sequence[Memory],
    ) -> F:
        """Return what ``read`` finds, after deleting what an erasure under way has still to delete."""
        found = read(account_id, ids)
        tombstones = self.find(account_id, targets_of(wanted)) if found and wanted else []
        for tombstone in tombstones:
            self.erase(account_id, tombstone)
        return read(account_id, ids) if tombstones else found

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        """Mark memories as replaced (see the port). Stores nothing, so there is nothing to guard."""
        self._memories.supersede(account_id, ids, by=by, at=at)

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        """Return the memories that are marked as replaced by one of ``ids``."""
        return self._memories.replaced_by(account_id, ids)

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        """Count the facts that hold."""
        return self._memories.count_facts(account_id, now=now)

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> set[str]:
        """Store ``memories`` except those that are erased. Return the ids of the erased ones; none of them is stored.

        Nor are their words: a turn that ``follows`` one of them is found by its own words only.
        """
        before = self.enforce(account_id, [embedded.memory for embedded in memories])
        wanted = _without_words_of(before, [embedded for embedded in memories if embedded.memory.id not in before])
        if not wanted:
            return before
        stored = [embedded.memory for embedded in wanted]
        self.announce(account_id, stored)  # first, so that nothing that expires is ever stored unannounced
        self._memories.upsert(account_id, self._without_held(account_id, wanted))
        # And again: a sweep in between saw an account with nothing to expire, and took it off its list.
        self.announce(account_id, stored)
        after = self.enforce(account_id, stored)
        left = [embedded for embedded in wanted if embedded.memory.id not in after]
        if any(embedded.memory.follows in after for embedded in left):
            # Guarded as the first write was, and all of them: any may be erased by now, too.
            after |= self.upsert(account_id, _without_words_of(after, left))
        return before | after

    def _without_held(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> list[EmbeddedMemory]:
        """Return ``memories`` without those that would take something from a held one that is stored: it stays as it
        is."""
        holds = self._held.holds(account_id)
        if holds.first is None:
            return list(memories)
        stored = self._memories.stored(account_id, [embedded.memory.id for embedded in memories])
        kept = {
            new.memory.id
            for new in memories
            if (old := stored.get(new.memory.id)) is not None and holds.on(old) is not None and loses(old, new.memory)
        }
        return [embedded for embedded in memories if embedded.memory.id not in kept]

    def announce(self, account_id: AccountId, memories: Sequence[Memory]) -> None:
        """Tell the expiry index when the earliest of ``memories`` expires, if one does."""
        if expiries := [memory.expires_at for memory in memories if memory.expires_at]:
            self._expiry.register(account_id, min(expiries))

    def enforce(self, account_id: AccountId, memories: Sequence[Memory]) -> set[str]:
        """Return the ids of those of ``memories`` that are erased, and delete what the store still has of what was
        erased.

        Deleting again also removes what an earlier attempt had written when it was killed.
        """
        erased: set[str] = set()
        for tombstone in self.find(account_id, targets_of(memories)):
            covered = {memory.id for memory in memories if tombstone.covers(memory)}
            if covered or any(map(tombstone.silences, memories)):
                self.erase(account_id, tombstone)
                erased |= covered
        return erased

    def bury(self, account_id: AccountId, memories: Iterable[Memory], *, at: datetime) -> None:
        """Keep what was said up to ``at`` from bringing back ``memories``, which are deleted."""
        marks = set().union(*map(marks_of, memories))
        if marks:
            self._tombstones.bury(account_id, marks, at=at)

    def deleted(self, account_id: AccountId, memories: Sequence[Memory]) -> set[str]:
        """Return the ids of those of ``memories``, about to be stored, that a person deleted after they were said."""
        asked = set().union(*map(asked_of, memories))
        marks = self._tombstones.buried(account_id, asked) if asked else {}
        return {memory.id for memory in memories if forbidden(memory, marks)} if marks else set()

    def deleted_since(
        self, account_id: AccountId, memories: Sequence[Memory], since: Mapping[str, datetime]
    ) -> set[str]:
        """Return the ids of those of ``memories`` the like of which a person has deleted after ``since``, by id."""
        asked = set().union(*map(asked_of, memories))
        marks = self._tombstones.buried(account_id, asked) if asked else {}
        return {memory.id for memory in memories if deleted_since(memory, marks, since[memory.id])} if marks else set()

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        """Return the tombstones of ``targets``."""
        return self._tombstones.find(account_id, targets)

    def erase(self, account_id: AccountId, tombstone: Tombstone) -> None:
        """Delete once more what the tombstone covers, unless some of it is held: then its erasure waits."""
        if self._held.on_target(account_id, tombstone.target) is not None:
            return
        self._erasable.erase(account_id, tombstone.target, until=tombstone.erased_at)


def _without_words_of(erased: AbstractSet[str], memories: Sequence[EmbeddedMemory]) -> list[EmbeddedMemory]:
    """Return ``memories``; those that follow one of ``erased`` without its words."""
    return [
        replace(embedded, memory=replace(embedded.memory, follows=None), before="")
        if embedded.memory.follows in erased
        else embedded
        for embedded in memories
    ]
