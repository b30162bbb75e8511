"""Keeps the vectors of recent queries: an agent asks the same on every step of a run."""

import hashlib

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.recent_values import RecentValues

KEPT_SECONDS = 600.0
ACCOUNTS, EACH = 32, 8
"""How many accounts' queries are kept, and how many of each: no busy account takes the place of the others. A vector of
1,536 numbers takes 50 kB."""


class QueryVectors:
    """Keeps vectors for ten minutes, for the account that asked and no other. Thread-safe.

    A vector says nothing about what is stored, so an erasure or a correction cannot make it wrong: the store is read
    each time. Neither the query nor the account's id can be read from what is kept.
    """

    def __init__(self) -> None:
        self._accounts: RecentValues[bytes, RecentValues[bytes, Vector]] = RecentValues(ACCOUNTS)

    def get(self, account_id: AccountId, query: str, *, now: float) -> Vector | None:
        """Return the vector of ``query``, if the account asked it lately. ``now``: monotonic seconds."""
        account = self._accounts.get(_digest(account_id))
        found = account[0].get(_digest(query)) if account is not None else None
        return found[0] if found is not None and now - found[1] < KEPT_SECONDS else None

    def put(self, account_id: AccountId, query: str, vector: Vector, *, now: float) -> None:
        """Keep the vector."""
        known = self._accounts.get(_digest(account_id))
        account: RecentValues[bytes, Vector] = RecentValues(EACH) if known is None else known[0]
        account.put(_digest(query), vector, now)
        self._accounts.put(_digest(account_id), account, now)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
