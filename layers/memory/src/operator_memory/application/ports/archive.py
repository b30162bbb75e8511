"""Ports around the archive: what moves memories out of the store and back, shows them and erases them.

The archive itself is ``ports.lifecycle.MemoryArchive``. The rules are those of ``ports.core``.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.domain.lifecycle.archived import ArchivedMemory, WholeMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage, SeenInArchive
from operator_memory.domain.shared.tombstones import Target


class WholeMemories(Protocol):
    """Reads memories of the store with all that it holds of them, and moves them out and back."""

    def read(self, account_id: AccountId, ids: Sequence[str]) -> list[WholeMemory]:
        """Return those of ``ids`` that the account has."""
        ...

    def delete_unchanged(self, account_id: AccountId, memories: Sequence[WholeMemory]) -> set[str]:
        """Delete those that are still stored as they are given. Return the ids of those that are stored after it, since
        they were changed meanwhile.

        Their words stay with the turns that follow them.
        """
        ...

    def touch(self, account_id: AccountId, ids: Sequence[str], *, at: datetime) -> set[str]:
        """Count one more use of those that are stored, at ``at``; return the ids of those that are stored after it.

        Whoever is moving one of them out finds it changed, and leaves it.
        """
        ...

    def put_back(
        self, account_id: AccountId, memories: Sequence[WholeMemory], *, used_at: datetime, own_words: Collection[str]
    ) -> None:
        """Store them as they are given, last accessed at ``used_at``. What is stored under their ids already stays.

        ``own_words``: ids of turns that are no longer found by the words of what they followed.
        """
        ...

    def understood(self, account_id: AccountId, archived: ArchivedMemory) -> WholeMemory:
        """Return ``archived`` as the memory that it is.

        Raises:
            MalformedResponseError: it cannot be understood, or is another account's.
        """
        ...


class ErasableArchive(Protocol):
    """Erases a part of an account's memory from the archive."""

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """Count the archived memories in ``target`` that were said at or before ``until``.

        Of a part of the account it counts what can be read; of the whole account, everything.
        """
        ...

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """Delete them; return how many lines stay because they cannot be read. Repeating it changes nothing.

        An unreadable line does not say whose it is: a newer version may have written it, or a disk have damaged it. The
        erasure of a part leaves those that it comes across and says so; the erasure of the whole account deletes them.
        """
        ...


class ArchivedMemories(Protocol):
    """Shows people what is archived, and deletes it for them."""

    def get(self, account_id: AccountId, memory_id: str) -> SeenInArchive | None:
        """Return the archived memory, or ``None`` if the account has none of this id in its archive."""
        ...

    def group(self, account_id: AccountId, *, after: str | None) -> tuple[list[SeenInArchive], str | None]:
        """Return some of them, those after ``after``, and where the next call goes on (``None``: the end)."""
        ...

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """Count what the account has in the archive."""
        ...

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """Delete them from the archive; return how many were there."""
        ...
