"""Ports of the life cycle: what expires, and when.

The rules are those of ``ports.core``.
"""

from datetime import datetime
from typing import Protocol

from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.scopes import AccountId


class ExpiredMemories(Protocol):
    """Removes expired memories, one account and one page at a time."""

    def delete_expired(self, account_id: AccountId, *, now: datetime, limit: int) -> int:
        """Delete up to ``limit`` memories of the account whose ``expires_at`` is at or before ``now``.

        Returns how many were deleted; fewer than ``limit`` means that none are left.
        """
        ...

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """Return the earliest ``expires_at`` later than ``after``, or ``None``."""
        ...


class ExpiryIndex(Protocol):
    """Knows which accounts have memories to expire, and when, without reading any memory."""

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        """Note that the account has a memory that expires at ``due_at``. Call it before storing the memory."""
        ...

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        """Return up to ``limit`` accounts whose earliest expiry is at or before ``now``."""
        ...

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        """Move the account to its next expiry, or take it off the list if there is none.

        Returns ``False`` and changes nothing if the account was registered again since ``entry`` was read.
        """
        ...
