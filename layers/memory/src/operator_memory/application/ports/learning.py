"""Ports of learning: the jobs and their queue, the platform's conversations, the extractor, the redactor.

The rules are those of ``ports.core``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from operator_memory.domain.conversation import RawMessage, Redacted, Turn, Watermark
from operator_memory.domain.learning.jobs import DeadLetter, JobClaim, JobRecord, JobSubject
from operator_memory.domain.learning.proposals import Extraction
from operator_memory.domain.memory.scopes import AccountId


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


class Redactor(Protocol):
    """Takes secrets out of what was said, before anyone else reads it."""

    def redact(self, text: str) -> Redacted:
        """Replace every secret of ``text`` by ``[redacted: <kind>]``; the rest stays byte for byte.

        Idempotent, safe to call from several threads, and never raises on any text.
        """
        ...
