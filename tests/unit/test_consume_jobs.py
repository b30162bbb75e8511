"""A queue message is settled, tried again, or becomes a dead letter: its error's type decides."""

import contextlib
import logging
from datetime import UTC, datetime

import pytest
from operator_memory.application.consume_jobs import ConsumeJobs, QueuedJob
from operator_memory.domain.errors import (
    InvalidInputError,
    JobConflictError,
    JobInProgressError,
    MemoryServiceError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.jobs import LEASE_SECONDS, JobRecord, JobState, RunJob
from operator_memory.domain.scopes import AccountId

from tests.support.fakes import FakeJobQueue

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JOB = RunJob("job-1", AccountId("account-1"), "thread-1", "completed", NOW)
SECRET = "my secret words"


def message(receive_count: int = 1) -> QueuedJob:
    return QueuedJob(SECRET, "message-1", "account-1", "receipt-1", receive_count)


def consumer(queue: FakeJobQueue, outcome: Exception | None = None) -> ConsumeJobs:
    def extract(job: RunJob, content_hash: str) -> JobRecord:
        if outcome:
            raise outcome
        return JobRecord(job.account_id, job.job_id, JobState.DONE, content_hash, NOW)

    return ConsumeJobs(parse=lambda _: (JOB, "hash"), extract=extract, queue=queue)


def test_a_job_that_is_done_is_settled() -> None:
    queue = FakeJobQueue()
    consumer(queue)(message())
    assert (queue.retries, queue.letters) == ([], [])


@pytest.mark.parametrize(
    "error", [InvalidInputError("job_id", "is missing"), JobConflictError("other"), UpstreamRejectedError("llm", "401")]
)
def test_what_can_never_succeed_is_a_dead_letter_with_its_reason(error: MemoryServiceError) -> None:
    queue = FakeJobQueue()
    consumer(queue, error)(message())
    assert queue.retries == []
    assert queue.letters == [
        {"body": SECRET, "group_id": "account-1", "message_id": "message-1", "reason": error.reason}
    ]


@pytest.mark.parametrize("error", [UpstreamUnavailableError("qdrant", "503"), KeyError("x")])
@pytest.mark.parametrize(("receive_count", "delay"), [(1, 5), (2, 25), (3, 125), (4, 600), (99, 600)])
def test_what_may_succeed_stays_and_comes_back_later_each_time(
    error: Exception, receive_count: int, delay: int
) -> None:
    queue = FakeJobQueue()
    with pytest.raises(type(error)):
        consumer(queue, error)(message(receive_count))
    assert (queue.retries, queue.letters) == ([("receipt-1", delay)], [])


def test_a_job_that_a_worker_holds_comes_back_when_its_lease_has_ended() -> None:
    queue = FakeJobQueue()
    with pytest.raises(JobInProgressError):
        consumer(queue, JobInProgressError("busy"))(message())
    assert queue.retries == [("receipt-1", LEASE_SECONDS)]


def test_a_defect_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        consumer(FakeJobQueue(), KeyError(SECRET))(message())
    assert any(place.endswith(" extract") for place in vars(caplog.records[-1])["where"])


def test_a_dead_letter_that_cannot_be_sent_keeps_the_message() -> None:
    queue = FakeJobQueue(error=UpstreamUnavailableError("sqs", "down"))
    with pytest.raises(UpstreamUnavailableError):
        consumer(queue, JobConflictError("other"))(message())
    assert queue.retries == [("receipt-1", 5)]


def test_a_retry_that_cannot_be_scheduled_does_not_hide_the_error() -> None:
    queue = FakeJobQueue(error=UpstreamUnavailableError("sqs", "down"))
    with pytest.raises(UpstreamUnavailableError, match="qdrant"):
        consumer(queue, UpstreamUnavailableError("qdrant", "503"))(message())


@pytest.mark.parametrize(
    "error", [None, JobConflictError("other"), UpstreamUnavailableError("llm", "503"), KeyError(SECRET)]
)
def test_no_word_of_the_message_is_logged(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with contextlib.suppress(Exception):
        consumer(FakeJobQueue(), error)(message())
    assert caplog.records
    assert SECRET not in "".join(str(vars(record)) for record in caplog.records)
