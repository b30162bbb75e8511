"""The vectors of queries that were asked lately: an agent asks the same on every step of a run."""

import hashlib
from collections.abc import Sequence

from operator_memory.application.recent_values import RecentValues
from operator_memory.domain.scopes import AccountId

KEPT_SECONDS = 600.0
MOST = 128
"""Of all accounts together: 1,536 numbers take 50 kB."""


class QueryVectors:
    """Kept for ten minutes, for the account that asked and no other. Safe to use from several threads.

    A vector says nothing about what is stored, so an erasure or a correction cannot make it wrong: what is found with
    it is read from the store each time. Neither the query nor the account's id can be read from what is kept.
    """

    def __init__(self) -> None:
        self._recent: RecentValues[bytes, Sequence[float]] = RecentValues(MOST)

    def get(self, account_id: AccountId, query: str, *, now: float) -> Sequence[float] | None:
        """The vector of ``query``, if the account asked it lately. ``now``: monotonic seconds."""
        found = self._recent.get(_key(account_id, query))
        return found[0] if found is not None and now - found[1] < KEPT_SECONDS else None

    def put(self, account_id: AccountId, query: str, vector: Sequence[float], *, now: float) -> None:
        """Keep it."""
        self._recent.put(_key(account_id, query), vector, now)


def _key(account_id: AccountId, query: str) -> bytes:
    """An id holds no line break, so no two pairs of account and query have the same text."""
    return hashlib.sha256(f"{account_id}\n{query}".encode("utf-8", "replace")).digest()
