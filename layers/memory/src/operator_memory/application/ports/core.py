"""Ports that the use cases of several subjects need: the clock, the embedder, the store of memories.

Every method that touches stored data takes the account first and must bind to it; there is no unscoped call. All raise
the errors of ``domain.errors``; ``timeout`` is in seconds and covers the whole call.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.search_plan import Hit, SearchPlan


class Clock(Protocol):
    """Where 'now' comes from."""

    def now(self) -> datetime:
        """Current time, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, for measuring durations."""
        ...


class Embedder(Protocol):
    """Turns texts into dense vectors."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Vector]:
        """Embed ``texts`` in one call: one vector of ``dimensions`` floats per text, in order.

        Where the store makes the vectors, what stands for them: nothing can be compared with those here.
        """
        ...


class MemorySearch(Protocol):
    """Finds memories: the read side of the store."""

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """Run all searches of ``plan`` in one request; one list of hits per search, best first.

        Memories that have expired or are no longer valid at ``now`` are never returned.
        """
        ...


class MemoryWriter(Protocol):
    """Stores memories."""

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        """Which of ``ids`` the account already has."""
        ...

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        """What the account has under ``ids``, in whatever state, whole, by id."""
        ...

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        """Mark memories as replaced by the memory ``by``: from ``at`` on they are not found. What is pinned stays."""
        ...

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        """The memories that are marked as replaced by one of ``ids``, in any order."""
        ...

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        """How many facts of the account hold at ``now``, in all scopes."""
        ...

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        """Store ``memories`` durably (returns after the write is applied).

        Raises:
            ValueError: if one of them belongs to another account.
        """
        ...


class TurnMarks(Protocol):
    """Marks turns that other sessions are not to recall (``Memory.withheld_by``)."""

    def withhold(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        """Add to each turn, by its id, the ``reasons`` why it is withheld. Other ids are ignored."""
        ...

    def release(self, account_id: AccountId, reason: str) -> None:
        """Take ``reason`` off all turns that are withheld for it; one that is for nothing else is recalled again."""
        ...
