"""Use case: consumes one message of the job queue, which ends done, scheduled for another try, or as a dead letter."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.application.ports.learning import JobQueue, JobStore
from operator_memory.domain.errors import JobInProgressError, MemoryServiceError, UpstreamError, where
from operator_memory.domain.learning.jobs import (
    MAX_RECEIVES,
    DeadLetter,
    JobRecord,
    RunJob,
    outcome_counts,
    retry_delay_seconds,
)

_LOG = logging.getLogger("operator_memory.extraction")


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A message as received. ``receive_count`` is 1 the first time."""

    body: str
    message_id: str
    group_id: str
    receipt_handle: str
    receive_count: int
    sent_at: datetime | None = None
    """When it was first put into a queue. What a job tells cannot have been said later."""


class ConsumeJobs:
    """Consumes messages. The type of a failure decides what happens to a message."""

    def __init__(
        self,
        *,
        parse: Callable[[str], tuple[RunJob, str]],
        extract: Callable[[RunJob, str], JobRecord],
        queue: JobQueue,
        jobs: JobStore,
    ) -> None:
        """``parse`` returns the job in a message and the hash of its content; ``extract`` extracts it."""
        self._parse = parse
        self._extract = extract
        self._queue = queue
        self._jobs = jobs

    def consume(self, message: QueuedJob) -> None:
        """Handle ``message``; return when it is settled and can be deleted.

        Raises:
            Exception: the message must stay in the queue; it has been scheduled for another try.
        """
        job: RunJob | None = None
        try:
            job, content_hash = self._parse(message.body)
            record = self._extract(replace(job, sent_at=message.sent_at), content_hash)
        except JobInProgressError as error:  # not a failed try: the other worker may succeed
            self._try_again(message, error.reason, retry_delay_seconds(message.receive_count, leased=True))
            raise
        except MemoryServiceError as error:
            if not error.retryable or message.receive_count >= MAX_RECEIVES:
                self._bury(message, job, error.reason, str(error))
                return
            asked = error.retry_after if isinstance(error, UpstreamError) else None
            delay = max(retry_delay_seconds(message.receive_count), asked or 0)
            self._try_again(message, error.reason, delay)
            raise
        except Exception as error:
            name = type(error).__name__  # a defect: its message may quote the conversation
            if message.receive_count >= MAX_RECEIVES:
                self._bury(message, job, "unexpected", name)
                return
            delay = retry_delay_seconds(message.receive_count)
            self._try_again(message, name, delay, places=where(error))
            raise
        _LOG.info(
            "job done",
            extra={
                "account_id": record.account_id,
                "job_id": record.job_id,
                "facts": outcome_counts(record.facts),
                "turns": len(record.turns),
            },
        )

    def _bury(self, message: QueuedJob, job: RunJob | None, reason: str, detail: str) -> None:
        _LOG.warning(
            "job given up",
            extra={"message_id": message.message_id, "reason": reason, "receive_count": message.receive_count},
        )
        try:
            record = None if job is None else self._jobs.get(job.account_id, job.job_id)
            self._queue.dead_letter(
                DeadLetter(
                    body=message.body,
                    message_id=message.message_id,
                    group_id=message.group_id,
                    reason=reason,
                    detail=detail,
                    first_error=(record and record.first_error) or reason,
                    receive_count=message.receive_count,
                    sent_at=message.sent_at,
                )
            )
        except MemoryServiceError as failure:
            self._try_again(message, failure.reason, retry_delay_seconds(message.receive_count))
            raise

    def _try_again(self, message: QueuedJob, reason: str, delay: int, *, places: list[str] | None = None) -> None:
        _LOG.warning(
            "job failed, to be tried again",
            extra={
                "message_id": message.message_id,
                "reason": reason,
                "receive_count": message.receive_count,
                "delay_seconds": delay,
                "where": places or [],
            },
        )
        try:
            self._queue.retry_later(message.receipt_handle, delay_seconds=delay)
        except MemoryServiceError:
            _LOG.warning("the queue's own time-out applies", extra={"message_id": message.message_id})
