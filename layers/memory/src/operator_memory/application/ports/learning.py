"""Ports of learning: the jobs and their queue, the platform's conversations, the extractor, the redactor.

The rules are those of ``ports.core``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.domain.conversation import RawMessage, Redacted, Turn, Watermark
from operator_memory.domain.learning.jobs import DeadLetter, JobClaim, JobRecord, JobSubject
from operator_memory.domain.learning.proposals import Extraction
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.memory_filter import MemoryFilter


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
    """Keeps the record of every extraction job, by job id."""

    def enqueue(
        self, account_id: AccountId, job_id: str, *, content_hash: str, subject: JobSubject, now: datetime
    ) -> JobClaim:
        """Note a job that is about to be put into the queue, unless it is known.

        Answers ``CLAIMED`` for a new one; ``CONFLICT`` for one that is known with other content; ``IN_PROGRESS`` for
        one that is queued, running or failed; ``ALREADY_DONE``.
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
        """Claim the job for this worker, unless it is done, held by another worker, or known with other content."""
        ...

    def save(self, record: JobRecord) -> None:
        """Write the record and give up the lease.

        Writes only over the stored record of the same attempt and content. A record that was deleted meanwhile, since
        its account was erased, is not written again; outcomes that were erased from it meanwhile are left out.
        """
        ...

    def keep(self, record: JobRecord, *, lease_seconds: int) -> None:
        """Write the record of a running attempt, whose lease stays as it was claimed.

        Raises:
            JobInProgressError: a later attempt has the job.
        """
        ...

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """Return the record, or ``None`` if the account has no such job."""
        ...


class UndoableJobs(Protocol):
    """Keeps jobs that were undone from being carried out again."""

    def mark_undone(self, account_id: AccountId, job_id: str, *, now: datetime) -> JobClaim | None:
        """Mark the job as undone, so that no worker takes it again; ``None`` if the account has no such job.

        Answers ``CLAIMED``; ``ALREADY_DONE`` for one that is marked already; ``IN_PROGRESS``, unmarked, for one that
        is queued or that a worker holds.
        """
        ...

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """Return the record, or ``None`` if the account has no such job."""
        ...


class MemoriesByAge(Protocol):
    """Reads the account's memories page by page."""

    def oldest(
        self, account_id: AccountId, where: MemoryFilter, *, after: str | None, limit: int, now: datetime
    ) -> tuple[list[Memory], str | None]:
        """Return up to ``limit`` (1..500) memories that match ``where``, oldest first, and where the next call goes on
        (``None``: the end). What was deleted meanwhile leaves no gap."""
        ...


class ThreadMessages(Protocol):
    """Reads the platform's own record of a conversation."""

    def read(self, account_id: AccountId, thread_id: str, *, after: Watermark | None, limit: int) -> list[RawMessage]:
        """Return user and assistant messages of the account's thread after ``after``, oldest first, at most ``limit``.

        Returns an empty list for a thread of another account. Each message carries ``message_id`` and ``created_at``.
        """
        ...


class WatermarkStore(Protocol):
    """Remembers how far each thread has been read."""

    def get(self, account_id: AccountId, thread_id: str) -> Watermark | None:
        """Return the thread's watermark, or ``None`` before its first extraction."""
        ...

    def advance(self, account_id: AccountId, thread_id: str, watermark: Watermark) -> None:
        """Move the watermark forward. One that is not later than the stored one changes nothing."""
        ...


class JobQueue(Protocol):
    """Steers the messages of the job queue."""

    def hold(self, receipt_handle: str, *, seconds: int) -> None:
        """Hide a received message for ``seconds`` from now on, instead of the queue's full timeout."""
        ...

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a failed message visible again after ``delay_seconds``, instead of the queue's full timeout."""
        ...

    def dead_letter(self, letter: DeadLetter) -> None:
        """Put a message that is given up into the dead-letter queue, with what is known about it as attributes."""
        ...


class Redactor(Protocol):
    """Takes secrets out of what was said, before anyone else reads it."""

    def redact(self, text: str) -> Redacted:
        """Replace every secret of ``text`` by ``[redacted: <kind>]``; leave the rest byte for byte.

        Idempotent, safe to call from several threads, in time linear in the text.

        Raises:
            TooLargeToRedactError: the text has more than two million characters. No other text is an error.
        """
        ...
