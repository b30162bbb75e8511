"""Use case: consumes one message of the job queue, which ends done, scheduled for another try, or as a dead letter."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.application.ports.learning import JobQueue, JobStore
from operator_memory.domain.errors import (
    JobInProgressError,
    MemoryServiceError,
    OutOfTimeError,
    TimeIsUpError,
    UpstreamError,
    where,
)
from operator_memory.domain.learning.jobs import (
    MAX_RECEIVES,
    DeadLetter,
    JobRecord,
    RunJob,
    outcome_counts,
    retry_delay_seconds,
)
from operator_memory.domain.shared.lease import HOLD_SECONDS

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
    ends_at: float | None = None
    """When the worker's time ends, in seconds of the monotonic clock."""


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
            BaseException: the message must stay in the queue; it has been scheduled for another try.
        """
        job: RunJob | None = None
        self._hold(message)
        try:
            job, content_hash = self._parse(message.body)
            record = self._extract(replace(job, sent_at=message.sent_at, ends_at=message.ends_at), content_hash)
        except BaseException as error:
            delay = _delay(error, message.receive_count)
            if delay is None:
                self._bury(message, job, error)
                return
            self._try_again(message, error, delay)
            raise
        _LOG.info(
            "job done",
            extra={
                "account_id": record.account_id,
                "job_id": record.job_id,
                "facts": outcome_counts(record.facts),
                "turns": len(record.turns),
                "llm_calls": record.llm_calls,
                "prompt_tokens": record.prompt_tokens,
                "completion_tokens": record.completion_tokens,
                "notices": list(record.notices),
            },
        )

    def _hold(self, message: QueuedJob) -> None:
        """Keep the message from others for as long as the job, not for the queue's half hour: a worker that is killed
        does not give it back."""
        try:
            self._queue.hold(message.receipt_handle, seconds=HOLD_SECONDS)
        except MemoryServiceError:
            _LOG.warning("the queue's own time-out applies", extra={"message_id": message.message_id})

    def _bury(self, message: QueuedJob, job: RunJob | None, error: BaseException) -> None:
        reason, detail = _reason(error)
        if not isinstance(error, MemoryServiceError | TimeIsUpError):
            reason, detail = "unexpected", type(error).__name__
        self._log("job given up", message, error)
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
            self._try_again(message, failure, retry_delay_seconds(message.receive_count))
            raise

    def _try_again(self, message: QueuedJob, error: BaseException, delay: int) -> None:
        self._log("job failed, to be tried again", message, error, delay_seconds=delay)
        try:
            self._queue.retry_later(message.receipt_handle, delay_seconds=delay)
        except MemoryServiceError:
            _LOG.warning("the message comes again when its hold ends", extra={"message_id": message.message_id})

    @staticmethod
    def _log(what: str, message: QueuedJob, error: BaseException, **more: object) -> None:
        reason, detail = _reason(error)
        known = isinstance(error, MemoryServiceError)
        _LOG.warning(
            what,
            extra={
                "message_id": message.message_id,
                "reason": reason,
                "detail": detail,
                "receive_count": message.receive_count,
                "where": [] if known else where(error),
                **more,
            },
        )


def _delay(error: BaseException, receive_count: int) -> int | None:
    """Seconds after which the message is to come again; ``None``: it is given up."""
    if isinstance(error, JobInProgressError):  # not a failed try: the other worker may succeed
        return retry_delay_seconds(receive_count, leased=True)
    if isinstance(error, OutOfTimeError) or not isinstance(error, Exception | TimeIsUpError):
        return 0  # nor is this one: it got further, or the worker was told to stop
    if receive_count >= MAX_RECEIVES or (isinstance(error, MemoryServiceError) and not error.retryable):
        return None
    if isinstance(error, TimeIsUpError):
        return 0
    asked = error.retry_after if isinstance(error, UpstreamError) else None
    return max(retry_delay_seconds(receive_count), asked or 0)


def _reason(error: BaseException) -> tuple[str, str]:
    """A machine-readable name, and a sentence. The message of a defect may quote the conversation."""
    if isinstance(error, MemoryServiceError):
        return error.reason, str(error)
    if isinstance(error, TimeIsUpError):
        return "out_of_time", "the worker's time ended in the middle of it"
    return type(error).__name__, ""
