"""Ports that several subjects need: the clock, the embedder, the store of memories.

Every method that touches stored data takes the account first and binds to it; no call is unscoped. All raise the errors
of ``domain.errors``. ``timeout`` is in seconds and covers the whole call.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.search_plan import Hit, SearchPlan

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.domain.shared.holds import Holds


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back, to measure durations with."""
        ...


class Embedder(Protocol):
    """Turns texts into dense vectors."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Vector]:
        """Embed ``texts`` in one call: one vector of ``dimensions`` floats per text, in order.

        Where the store makes the vectors, returns what stands for them: such vectors cannot be compared here.
        """
        ...


class Reranker(Protocol):
    """Judges how well texts answer a question."""

    def judge(self, query: str, documents: Sequence[str], *, timeout: float) -> Sequence[float]:
        """Return a finite number for each of ``documents`` (at least one), in order; the higher, the better it answers
        ``query``. What the numbers mean beyond their order is the reranker's own."""
        ...


class MemorySearch(Protocol):
    """Finds memories."""

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """Run all searches of ``plan`` in one request. Return one list of hits per search, best first.

        Never returns memories that have expired or are no longer valid at ``now``.
        """
        ...


class MemoryWriter(Protocol):
    """Stores memories."""

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        """Return those of ``ids`` that the account already has."""
        ...

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        """Return what the account has under ``ids``, by id: whole memories, in any state."""
        ...

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        """Mark memories as replaced by the memory ``by``: no search finds them from ``at`` on. Leaves pinned ones
        alone."""
        ...

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        """Return the memories that are marked as replaced by one of ``ids``, in any order."""
        ...

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        """Count the account's facts that hold at ``now``, in all scopes."""
        ...

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        """Store ``memories`` durably; return after the write is applied.

        Raises:
            ValueError: one of them belongs to another account.
        """
        ...


class LearnedMemories(Protocol):
    """Reads facts by where they were learned, and keeps what is known about that. None of it is a person's change: no
    version rises."""

    def facts_of_run(self, account_id: AccountId, run_id: str) -> list[Memory]:
        """Return all facts that the run taught, whole, in any state and order."""
        ...

    def facts_of_session(self, account_id: AccountId, session_id: str) -> list[Memory]:
        """Return all facts that were learned in the session, whole, in any state and order."""
        ...

    def note_learning(self, account_id: AccountId, memories: Sequence[Memory]) -> None:
        """Write ``evidence``, ``source_run_id`` and ``repeated_in`` of each as they are given. Ignores those that the
        account does not have."""
        ...

    def hold_again(self, account_id: AccountId, ids: Sequence[str], *, by: str) -> None:
        """Take back that the memory ``by`` replaced those of ``ids`` that are still marked so."""
        ...


class TurnMarks(Protocol):
    """Marks turns that other sessions must not recall (``Memory.withheld_by``)."""

    def withhold(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        """Add ``reasons`` to each turn, by its id, for withholding it. Ignores other ids."""
        ...

    def release(self, account_id: AccountId, reason: str) -> None:
        """Take ``reason`` off all turns that are withheld for it. A turn without any other reason is recalled again."""
        ...


class HoldReader(Protocol):
    """Reads what must stay."""

    def holds(self, account_id: AccountId) -> "Holds":
        """Return the account's holds, as last written."""
        ...
