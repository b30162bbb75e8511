"""The ports: what the use cases need from the outside, as Protocols.

Every method that touches stored data takes the account first and must bind to it; there is no unscoped
call. All raise the errors of ``domain.errors``; ``timeout`` is in seconds and covers the whole call.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from operator_memory.domain.conversation import RawMessage, Turn
from operator_memory.domain.learning.jobs import DeadLetter, JobClaim, JobRecord, JobSubject
from operator_memory.domain.learning.proposals import Extraction
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.recall.search_plan import Hit, SearchPlan


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


class ExpiredMemories(Protocol):
    """Removes what has expired, one account and one page at a time."""

    def delete_expired(self, account_id: AccountId, *, now: datetime, limit: int) -> int:
        """Delete up to ``limit`` memories of the account whose ``expires_at`` is at or before ``now``.

        Returns how many were deleted; fewer than ``limit`` means that none are left.
        """
        ...

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """The earliest ``expires_at`` later than ``after``, or ``None``."""
        ...


@dataclass(frozen=True, slots=True)
class DueAccount:
    """An account that has something to expire, and the version of the entry that says so."""

    account_id: AccountId
    due_at: datetime
    version: int


class ExpiryIndex(Protocol):
    """Knows which accounts have memories to expire, and when, without looking into any memory."""

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        """Note that the account has a memory expiring at ``due_at``. Call BEFORE the memory is stored."""
        ...

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        """Up to ``limit`` accounts whose earliest expiry is at or before ``now``."""
        ...

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        """Move the account to its next expiry, or take it off the list if there is none.

        Returns ``False`` and changes nothing if the account was registered again since ``entry`` was read.
        """
        ...


class FactExtractor(Protocol):
    """Finds facts in a conversation. One LLM call per call of `extract`."""

    def extract(
        self,
        account_id: AccountId,
        turns: Sequence[Turn],
        *,
        observed_at: datetime,
        agent_id: str | None,
        earlier: Sequence[Turn] = (),
    ) -> Extraction:
        """Extract the facts of ``turns`` (non-empty, already cleaned), said at ``observed_at``.

        ``earlier``: the turns before, which help to understand these.

        Raises:
            MalformedResponseError: if the model's answer cannot be understood. Never an empty success.
        """
        ...


class JobStore(Protocol):
    """The record of every extraction job, readable by job id."""

    def enqueue(
        self, account_id: AccountId, job_id: str, *, content_hash: str, subject: JobSubject, now: datetime
    ) -> JobClaim:
        """Note a job that is about to be put into the queue, unless it is known: ``CLAIMED`` if it was not.

        ``CONFLICT`` if it was known with other content; ``IN_PROGRESS`` while it is queued or runs, or has
        failed; ``ALREADY_DONE``.
        """
        ...

    def claim(
        self,
        account_id: AccountId,
        job_id: str,
        *,
        content_hash: str,
        subject: JobSubject,
        now: datetime,
        lease_seconds: int,
    ) -> JobClaim:
        """Take the job for this worker unless it is done, held by another, or had other content."""
        ...

    def save(self, record: JobRecord) -> None:
        """Write the record as it stands and give up the lease.

        Only over the stored record of the same attempt and content. One that was deleted meanwhile (its account
        was erased) is not written again, and outcomes that were erased from it meanwhile are left out.
        """
        ...

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """The record, or ``None`` if the account has no such job."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """How far a thread has been read: the last message's time and id (ties are broken by id)."""

    created_at: datetime
    message_id: str


class ThreadMessages(Protocol):
    """The platform's own record of a conversation."""

    def read(self, account_id: AccountId, thread_id: str, *, after: Watermark | None, limit: int) -> list[RawMessage]:
        """User and assistant messages of the account's thread after ``after``, oldest first, at most ``limit``.

        A thread of another account gives an empty list. Each message carries ``message_id`` and ``created_at``.
        """
        ...


class WatermarkStore(Protocol):
    """Remembers how far each thread has been read."""

    def get(self, account_id: AccountId, thread_id: str) -> Watermark | None:
        """The thread's watermark, or ``None`` before its first extraction."""
        ...

    def advance(self, account_id: AccountId, thread_id: str, watermark: Watermark) -> None:
        """Move it forward; a watermark that is not later than the stored one changes nothing."""
        ...


class JobQueue(Protocol):
    """The parts of the job queue that a consumer steers."""

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a failed message visible again after ``delay_seconds``, instead of the queue's full timeout."""
        ...

    def dead_letter(self, letter: DeadLetter) -> None:
        """Put a message that is given up into the dead-letter queue, with all that is known of it as attributes."""
        ...


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many were taken out of it, by kind. Never what they were."""

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """``api_key``, ``token``, ``private_key``, ``card_number``, ``password``; only kinds that were found."""


class Redactor(Protocol):
    """Takes secrets out of what was said, before anyone else reads it."""

    def redact(self, text: str) -> Redacted:
        """Replace every secret of ``text`` by ``[redacted: <kind>]``; the rest stays byte for byte.

        Idempotent, safe to call from several threads, and never raises on any text.
        """
        ...
