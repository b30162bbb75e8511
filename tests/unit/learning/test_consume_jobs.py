"""A queue message is settled, tried again, or becomes a dead letter: its error's type decides."""

import contextlib
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from operator_memory.application.learning.consume_jobs import ConsumeJobs, QueuedJob
from operator_memory.domain.errors import (
    InvalidInputError,
    JobConflictError,
    JobInProgressError,
    MemoryServiceError,
    OutOfTimeError,
    RefusedKeyError,
    TimeIsUpError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.learning.jobs import (
    MAX_RECEIVES,
    DeadLetter,
    JobRecord,
    JobState,
    RunJob,
    retry_delay_seconds,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.lease import HOLD_SECONDS, LEASE_SECONDS

from tests.support.fakes.learning import FakeJobQueue, InMemoryJobs

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JOB = RunJob("job-1", AccountId("account-1"), "thread-1", "completed", NOW)
SENT = NOW - timedelta(minutes=5)
SECRET = "my secret words"


def message(receive_count: int = 1) -> QueuedJob:
    return QueuedJob(SECRET, "message-1", "account-1", "receipt-1", receive_count, SENT)


def consumer(
    queue: FakeJobQueue, outcome: BaseException | None = None, record: JobRecord | None = None, *, readable: bool = True
) -> ConsumeJobs:
    def extract(job: RunJob, content_hash: str) -> JobRecord:
        if outcome:
            raise outcome
        return JobRecord(job.account_id, job.job_id, JobState.DONE, content_hash, NOW)

    def parse(_: str) -> tuple[RunJob, str]:
        if not readable:
            raise InvalidInputError("body", "is not valid JSON")
        return JOB, "hash"

    jobs = InMemoryJobs({(JOB.account_id, JOB.job_id): record} if record else {})
    return ConsumeJobs(parse=parse, extract=extract, queue=queue, jobs=jobs)


def test_a_job_that_is_done_is_settled() -> None:
    queue = FakeJobQueue()
    consumer(queue).consume(message())
    assert (queue.retries, queue.letters) == ([], [])


@pytest.mark.parametrize(
    "error", [InvalidInputError("job_id", "is missing"), JobConflictError("other"), UpstreamRejectedError("llm", "401")]
)
def test_what_can_never_succeed_is_a_dead_letter_with_its_reason(error: MemoryServiceError) -> None:
    queue = FakeJobQueue()
    consumer(queue, error).consume(message())
    assert queue.retries == []
    assert queue.letters == [
        DeadLetter(SECRET, "message-1", "account-1", error.reason, str(error), error.reason, 1, SENT)
    ]


def test_a_message_that_cannot_be_read_is_a_dead_letter() -> None:
    queue = FakeJobQueue()
    consumer(queue, readable=False).consume(message())
    assert [letter.reason for letter in queue.letters] == ["invalid_input"]


@pytest.mark.parametrize("error", [UpstreamUnavailableError("qdrant", "503"), KeyError(SECRET)])
def test_what_has_failed_for_an_hour_is_a_dead_letter_with_its_first_and_its_last_error(error: Exception) -> None:
    queue, now = FakeJobQueue(), NOW
    record = JobRecord(JOB.account_id, JOB.job_id, JobState.RUNNING, "hash", now, attempts=MAX_RECEIVES)
    record = record.failed(error="upstream_timeout", detail="llm: no answer", now=now)
    consumer(queue, error, record.failed(error="x", detail="x", now=now)).consume(message(MAX_RECEIVES))
    [letter] = queue.letters
    assert (letter.first_error, letter.receive_count) == ("upstream_timeout", MAX_RECEIVES)
    assert letter.reason == (error.reason if isinstance(error, MemoryServiceError) else "unexpected")
    assert SECRET not in letter.detail
    assert queue.retries == []


def test_a_job_that_another_worker_holds_is_never_given_up() -> None:
    queue = FakeJobQueue()
    with pytest.raises(JobInProgressError):
        consumer(queue, JobInProgressError("busy")).consume(message(MAX_RECEIVES + 5))
    assert queue.letters == []


def test_an_hour_passes_before_a_job_is_given_up() -> None:
    assert sum(retry_delay_seconds(n) for n in range(1, MAX_RECEIVES)) >= 3600


@pytest.mark.parametrize(("asked", "delay"), [(None, 5), (3, 5), (300, 300)])
def test_a_busy_system_is_left_alone_for_as_long_as_it_asks(asked: int | None, delay: int) -> None:
    queue, busy = FakeJobQueue(), UpstreamUnavailableError("llm", "429")
    busy.retry_after = asked
    with pytest.raises(UpstreamUnavailableError):
        consumer(queue, busy).consume(message())
    assert queue.retries == [("receipt-1", delay)]


def test_the_job_is_told_when_it_was_sent() -> None:
    seen: list[RunJob] = []

    def extract(job: RunJob, content_hash: str) -> JobRecord:
        seen.append(job)
        return JobRecord(job.account_id, job.job_id, JobState.DONE, content_hash, NOW)

    ConsumeJobs(parse=lambda _: (JOB, "hash"), extract=extract, queue=FakeJobQueue(), jobs=InMemoryJobs()).consume(
        message()
    )
    assert [job.sent_at for job in seen] == [SENT]


@pytest.mark.parametrize("error", [None, UpstreamUnavailableError("qdrant", "503"), JobConflictError("other")])
def test_the_queue_keeps_the_message_for_the_time_of_the_lease_and_no_longer(error: Exception | None) -> None:
    """A worker that is killed does not give it back."""
    queue = FakeJobQueue()
    with contextlib.suppress(UpstreamUnavailableError):
        consumer(queue, error).consume(message())
    assert queue.holds == [("receipt-1", HOLD_SECONDS)]
    assert 0 < HOLD_SECONDS - LEASE_SECONDS < 60, "when it comes again its lease has just ended"


def test_a_queue_that_does_not_hold_it_does_not_keep_the_job_from_being_done() -> None:
    queue = FakeJobQueue(error=UpstreamUnavailableError("sqs", "down"))
    consumer(queue).consume(message())
    assert queue.retries == []


@pytest.mark.parametrize("receive_count", [1, MAX_RECEIVES + 5])
@pytest.mark.parametrize(
    "error",
    [OutOfTimeError("2 chunks are finished"), SystemExit(143), KeyboardInterrupt()],
    ids=lambda e: type(e).__name__,
)
def test_a_worker_that_ends_in_an_orderly_way_gives_the_message_back_at_once(
    error: BaseException, receive_count: int
) -> None:
    queue = FakeJobQueue()
    with pytest.raises(type(error)):
        consumer(queue, error).consume(message(receive_count))
    assert (queue.retries, queue.letters) == ([("receipt-1", 0)], [])


def test_a_job_in_whose_middle_the_time_always_ends_is_given_up() -> None:
    queue = FakeJobQueue()
    with pytest.raises(TimeIsUpError):
        consumer(queue, TimeIsUpError()).consume(message(MAX_RECEIVES - 1))
    assert (queue.retries, queue.letters) == ([("receipt-1", 0)], [])
    consumer(queue, TimeIsUpError()).consume(message(MAX_RECEIVES))
    assert [letter.reason for letter in queue.letters] == ["out_of_time"]


def test_what_a_system_said_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    error = RefusedKeyError("ssm", "refused the request with 400 (AccessDeniedException)")
    with pytest.raises(RefusedKeyError):
        consumer(FakeJobQueue(), error).consume(message())
    assert vars(caplog.records[-1])["detail"] == "ssm: refused the request with 400 (AccessDeniedException)"


def test_the_job_is_told_when_its_time_ends() -> None:
    seen: list[RunJob] = []

    def extract(job: RunJob, content_hash: str) -> JobRecord:
        seen.append(job)
        return JobRecord(job.account_id, job.job_id, JobState.DONE, content_hash, NOW)

    jobs = ConsumeJobs(parse=lambda _: (JOB, "hash"), extract=extract, queue=FakeJobQueue(), jobs=InMemoryJobs())
    jobs.consume(replace(message(), ends_at=1_234.5))
    assert [job.ends_at for job in seen] == [1_234.5]


@pytest.mark.parametrize("error", [UpstreamUnavailableError("qdrant", "503"), KeyError("x")])
@pytest.mark.parametrize(("receive_count", "delay"), [(1, 5), (2, 25), (3, 125), (4, 600), (MAX_RECEIVES - 1, 600)])
def test_what_may_succeed_stays_and_comes_back_later_each_time(
    error: Exception, receive_count: int, delay: int
) -> None:
    queue = FakeJobQueue()
    with pytest.raises(type(error)):
        consumer(queue, error).consume(message(receive_count))
    assert (queue.retries, queue.letters) == ([("receipt-1", delay)], [])


def test_a_job_that_a_worker_holds_comes_back_when_its_lease_has_ended() -> None:
    queue = FakeJobQueue()
    with pytest.raises(JobInProgressError):
        consumer(queue, JobInProgressError("busy")).consume(message())
    assert queue.retries == [("receipt-1", LEASE_SECONDS)]


def test_a_defect_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        consumer(FakeJobQueue(), KeyError(SECRET)).consume(message())
    assert any(place.endswith(" extract") for place in vars(caplog.records[-1])["where"])


def test_a_dead_letter_that_cannot_be_sent_keeps_the_message() -> None:
    queue = FakeJobQueue(error=UpstreamUnavailableError("sqs", "down"))
    with pytest.raises(UpstreamUnavailableError):
        consumer(queue, JobConflictError("other")).consume(message())
    assert queue.retries == [("receipt-1", 5)]


def test_a_retry_that_cannot_be_scheduled_does_not_hide_the_error() -> None:
    queue = FakeJobQueue(error=UpstreamUnavailableError("sqs", "down"))
    with pytest.raises(UpstreamUnavailableError, match="qdrant"):
        consumer(queue, UpstreamUnavailableError("qdrant", "503")).consume(message())


@pytest.mark.parametrize(
    "error", [None, JobConflictError("other"), UpstreamUnavailableError("llm", "503"), KeyError(SECRET)]
)
def test_no_word_of_the_message_is_logged(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with contextlib.suppress(Exception):
        consumer(FakeJobQueue(), error).consume(message())
    assert caplog.records
    assert SECRET not in "".join(str(vars(record)) for record in caplog.records)
