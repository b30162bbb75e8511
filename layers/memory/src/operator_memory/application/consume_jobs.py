"""Use case: one message of the job queue, from its text to its end: done, tried again later, or a dead letter."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from operator_memory.application.ports import JobQueue
from operator_memory.domain.errors import JobInProgressError, MemoryServiceError, UpstreamError, where
from operator_memory.domain.jobs import JobRecord, RunJob, outcome_counts, retry_delay_seconds

_LOG = logging.getLogger("operator_memory.extraction")


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A message as received. ``receive_count`` is 1 the first time."""

    body: str
    message_id: str
    group_id: str
    receipt_handle: str
    receive_count: int


class ConsumeJobs:
    """Decides from the type of a failure what becomes of a message."""

    def __init__(
        self,
        *,
        parse: Callable[[str], tuple[RunJob, str]],
        extract: Callable[[RunJob, str], JobRecord],
        queue: JobQueue,
    ) -> None:
        """``parse`` gives the job in a message and the hash of its content; ``extract`` works it off."""
        self._parse = parse
        self._extract = extract
        self._queue = queue

    def __call__(self, message: QueuedJob) -> None:
        """Return when the message is settled and can be deleted.

        Raises:
            Exception: the message must stay in the queue; it has been scheduled for another try.
        """
        try:
            record = self._extract(*self._parse(message.body))
        except MemoryServiceError as error:
            if error.retryable:
                asked = error.retry_after if isinstance(error, UpstreamError) else None
                self._try_again(message, error.reason, leased=isinstance(error, JobInProgressError), asked=asked)
                raise
            self._bury(message, error)
            return
        except Exception as error:
            self._try_again(message, type(error).__name__, places=where(error))
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

    def _bury(self, message: QueuedJob, error: MemoryServiceError) -> None:
        _LOG.warning("job refused", extra={"message_id": message.message_id, "reason": error.reason})
        try:
            self._queue.dead_letter(
                message.body,
                group_id=message.group_id,
                message_id=message.message_id,
                reason=error.reason,
                detail=str(error),
            )
        except MemoryServiceError as failure:
            self._try_again(message, failure.reason)
            raise

    def _try_again(
        self,
        message: QueuedJob,
        reason: str,
        *,
        leased: bool = False,
        asked: int | None = None,
        places: list[str] | None = None,
    ) -> None:
        delay = max(retry_delay_seconds(message.receive_count, leased=leased), asked or 0)
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
