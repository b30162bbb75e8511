"""Job records, watermarks and the expiry index: one suite for the fakes and for DynamoDB (moto's server)."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from operator_memory.adapters.dynamodb import table as dynamodb_table
from operator_memory.adapters.dynamodb.expiry import SHARDS, DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
from operator_memory.application.learning.extract_run import MAX_MESSAGES
from operator_memory.application.ports.learning import JobStore, WatermarkStore
from operator_memory.application.ports.lifecycle import ExpiryIndex
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import (
    ClaimStatus,
    FactOutcome,
    JobClaim,
    JobRecord,
    JobState,
    JobSubject,
    Outcome,
)
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.scopes import AccountId, Scope

from tests.support.aws.clients import aws_client
from tests.support.fakes.core import InMemoryExpiryIndex
from tests.support.fakes.learning import InMemoryJobs, InMemoryWatermarks
from tests.support.loopback import unused_port
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SUBJECT = JobSubject("thread-1", "session-1", "agent-1", "author-1")
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


Jobs = InMemoryJobs | DynamoDBJobs


@pytest.fixture
def jobs(kind: str, request: pytest.FixtureRequest) -> Jobs:
    if kind == "fake":
        return InMemoryJobs()
    return DynamoDBJobs(*request.getfixturevalue("table"), record_days=30)


@pytest.fixture
def watermarks(kind: str, request: pytest.FixtureRequest) -> WatermarkStore:
    return InMemoryWatermarks() if kind == "fake" else DynamoDBWatermarks(*request.getfixturevalue("table"))


@pytest.fixture
def expiry(kind: str, request: pytest.FixtureRequest) -> ExpiryIndex:
    return InMemoryExpiryIndex() if kind == "fake" else DynamoDBExpiryIndex(*request.getfixturevalue("table"))


def claim(jobs: JobStore, content: str = "hash", *, account: AccountId = ACCOUNT, now: datetime = NOW) -> JobClaim:
    return jobs.claim(account, "job-1", content_hash=content, subject=SUBJECT, now=now, lease_seconds=60)


@both
def test_a_new_job_is_claimed_and_another_worker_has_to_wait(jobs: JobStore) -> None:
    first = claim(jobs)
    assert (first.status, first.record.state, first.record.attempts) == (ClaimStatus.CLAIMED, JobState.RUNNING, 1)
    assert claim(jobs, now=NOW + timedelta(seconds=59)).status is ClaimStatus.IN_PROGRESS


@both
def test_a_lease_that_has_run_out_is_taken_over_and_the_first_worker_cannot_report(jobs: JobStore) -> None:
    slow = claim(jobs).record
    fast = claim(jobs, now=NOW + timedelta(seconds=61))
    assert (fast.status, fast.record.attempts) == (ClaimStatus.CLAIMED, 2)
    jobs.save(replace(slow, state=JobState.FAILED, error="too_late"))
    jobs.save(replace(fast.record, state=JobState.DONE))
    jobs.save(replace(slow, state=JobState.FAILED, error="too_late"))
    kept = jobs.get(ACCOUNT, "job-1")
    assert kept is not None
    assert (kept.state, kept.error, kept.attempts) == (JobState.DONE, None, 2)


@both
def test_a_job_that_is_done_stays_done(jobs: JobStore) -> None:
    record = replace(claim(jobs).record, state=JobState.DONE, llm_calls=1)
    jobs.save(record)
    again = claim(jobs, now=NOW + timedelta(days=1))
    assert (again.status, again.record) == (ClaimStatus.ALREADY_DONE, record)


@both
def test_a_job_that_failed_can_be_claimed_again(jobs: JobStore) -> None:
    jobs.save(claim(jobs).record.failed(error="upstream_timeout", detail="llm: slow", now=NOW))
    again = claim(jobs)
    assert (again.status, again.record.attempts, again.record.error) == (ClaimStatus.CLAIMED, 2, None)


@both
def test_a_worker_that_saves_a_running_job_gives_up_its_lease(jobs: JobStore) -> None:
    jobs.save(replace(claim(jobs).record, llm_calls=1))
    again = claim(jobs)
    assert (again.status, again.record.attempts) == (ClaimStatus.CLAIMED, 2)


@both
@pytest.mark.parametrize("state", list(JobState))
def test_the_same_id_with_other_content_is_a_conflict_in_every_state(jobs: JobStore, state: JobState) -> None:
    jobs.save(replace(claim(jobs, "one").record, state=state))
    assert claim(jobs, "two", now=NOW + timedelta(days=1)).status is ClaimStatus.CONFLICT


def enqueue(jobs: JobStore, content: str = "hash") -> JobClaim:
    return jobs.enqueue(ACCOUNT, "job-1", content_hash=content, subject=SUBJECT, now=NOW)


@both
def test_a_job_is_queued_once_and_the_first_worker_runs_its_first_attempt(jobs: JobStore) -> None:
    queued = enqueue(jobs)
    assert (queued.status, queued.record.state, queued.record.attempts) == (ClaimStatus.CLAIMED, JobState.QUEUED, 0)
    assert jobs.get(ACCOUNT, "job-1") == queued.record
    assert (enqueue(jobs).status, enqueue(jobs, "other").status) == (ClaimStatus.IN_PROGRESS, ClaimStatus.CONFLICT)
    assert claim(jobs, "other").status is ClaimStatus.CONFLICT
    taken = claim(jobs)
    assert (taken.status, taken.record.attempts, taken.record.subject) == (ClaimStatus.CLAIMED, 1, SUBJECT)
    assert claim(jobs).status is ClaimStatus.IN_PROGRESS


@both
@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (JobState.RUNNING, ClaimStatus.IN_PROGRESS),
        (JobState.FAILED, ClaimStatus.IN_PROGRESS),
        (JobState.DONE, ClaimStatus.ALREADY_DONE),
    ],
)
def test_queueing_a_job_that_is_known_changes_nothing(jobs: JobStore, state: JobState, answer: ClaimStatus) -> None:
    record = replace(claim(jobs).record, state=state)
    jobs.save(record)
    again, other = enqueue(jobs), enqueue(jobs, "other")
    assert (again.status, other.status) == (answer, ClaimStatus.CONFLICT)
    assert again.record == other.record == jobs.get(ACCOUNT, "job-1") == record


@both
def test_a_record_that_is_not_there_is_not_written_by_a_report(jobs: JobStore) -> None:
    jobs.save(JobRecord(ACCOUNT, "job-1", JobState.DONE, "hash", NOW))
    assert jobs.get(ACCOUNT, "job-1") is None


@both
@pytest.mark.parametrize("subject", [JobSubject(), JobSubject("t"), JobSubject("t", "s", "a"), SUBJECT])
def test_a_record_says_what_it_is_about(jobs: JobStore, subject: JobSubject) -> None:
    claimed = jobs.claim(ACCOUNT, "job-1", content_hash="hash", subject=subject, now=NOW, lease_seconds=60)
    kept = jobs.get(ACCOUNT, "job-1")
    assert kept == claimed.record
    assert kept.subject == subject


@both
def test_another_accounts_job_of_the_same_id_is_another_job(jobs: JobStore) -> None:
    claim(jobs, "one")
    assert jobs.get(OTHER, "job-1") is None
    assert claim(jobs, "two", account=OTHER).status is ClaimStatus.CLAIMED


@both
def test_a_record_comes_back_as_it_was_saved(jobs: JobStore) -> None:
    outcomes = (
        FactOutcome("id-1", Scope.USER, Outcome.ADDED),
        FactOutcome("id-2", Scope.AGENT, Outcome.REJECTED, "a reason of several words"),
    )
    record = replace(
        claim(jobs).record,
        state=JobState.FAILED,
        facts=outcomes,
        turns=outcomes[:1],
        skipped={"no_text": 2},
        llm_calls=3,
        notices=("budget_used_up",),
        error="upstream_timeout",
        error_detail="llm: no answer",
        updated_at=NOW + timedelta(microseconds=7),
    )
    jobs.save(record)
    assert jobs.get(ACCOUNT, "job-1") == record
    assert jobs.get(ACCOUNT, "job-2") is None


@both
@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_an_accounts_records_are_read_page_by_page_each_once(jobs: Jobs, limit: int) -> None:
    names = sorted(f"job-{n}" for n in range(7))
    for account, name in [*((ACCOUNT, name) for name in reversed(names)), (OTHER, "job-x")]:
        jobs.enqueue(account, name, content_hash="hash", subject=SUBJECT, now=NOW)
    found: list[str] = []
    after: str | None = None
    while True:
        records, after = jobs.page(ACCOUNT, after=after, limit=limit)
        assert len(records) <= limit
        found += [record.job_id for record in records]
        if after is None:
            break
    assert found == names
    assert jobs.page(AccountId("account-3"), after=None, limit=limit) == ([], None)


def test_of_eight_workers_at_once_exactly_one_gets_the_job(table: tuple[Any, str]) -> None:
    jobs = DynamoDBJobs(*table, record_days=30)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: claim(jobs).status, range(8)))
    assert sorted(claims) == [ClaimStatus.CLAIMED, *[ClaimStatus.IN_PROGRESS] * 7]


def test_a_large_record_fits_into_an_item_and_expires_by_itself(table: tuple[Any, str]) -> None:
    jobs = DynamoDBJobs(*table, record_days=30)
    identity = "5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77"
    turns = (FactOutcome(identity, Scope.SESSION, Outcome.DUPLICATE),) * MAX_MESSAGES
    facts = (FactOutcome(identity, Scope.AGENT, Outcome.REJECTED, "instruction_like"),) * 500
    record = replace(claim(jobs).record, state=JobState.DONE, turns=turns, facts=facts)
    jobs.save(record)
    assert jobs.get(ACCOUNT, "job-1") == record
    item = table[0].get_item(TableName=table[1], Key=dynamodb_table.key(ACCOUNT, "JOB#job-1"))["Item"]
    assert len(json.dumps(item)) < 400_000
    assert int(item["ttl"]["N"]) == int((NOW + timedelta(days=30)).timestamp())


def mark(seconds: float, identity: str = "m") -> Watermark:
    return Watermark(NOW + timedelta(seconds=seconds), identity)


@both
def test_a_watermark_only_moves_forward_and_ties_are_broken_by_id(watermarks: WatermarkStore) -> None:
    assert watermarks.get(ACCOUNT, "t") is None
    for step, expected in [
        (mark(1), mark(1)),
        (mark(0), mark(1)),
        (mark(1, "n"), mark(1, "n")),
        (mark(1, "a"), mark(1, "n")),
        (mark(1.000001, "a"), mark(1.000001, "a")),
        (mark(2), mark(2)),
    ]:
        watermarks.advance(ACCOUNT, "t", step)
        assert watermarks.get(ACCOUNT, "t") == expected
    assert watermarks.get(ACCOUNT, "other") is None
    assert watermarks.get(OTHER, "t") is None


def due(expiry: ExpiryIndex, seconds: float = 0, limit: int = 100) -> list[tuple[AccountId, datetime]]:
    entries = expiry.due(now=NOW + timedelta(seconds=seconds), limit=limit)
    return sorted((entry.account_id, entry.due_at) for entry in entries)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@both
def test_an_account_is_due_at_its_earliest_expiry(expiry: ExpiryIndex) -> None:
    for seconds in (20, 10, 30):
        expiry.register(ACCOUNT, at(seconds))
    expiry.register(OTHER, at(15))
    assert due(expiry, 9) == []
    assert due(expiry, 10) == [(ACCOUNT, at(10))]
    assert due(expiry, 15) == [(ACCOUNT, at(10)), (OTHER, at(15))]


@both
def test_an_account_is_never_due_before_something_has_expired(expiry: ExpiryIndex) -> None:
    expiry.register(ACCOUNT, at(10.5))
    assert due(expiry, 10.4) == []
    assert due(expiry, 11) == [(ACCOUNT, at(11))]


@both
def test_settling_moves_the_account_on_or_drops_it(expiry: ExpiryIndex) -> None:
    expiry.register(ACCOUNT, at(1))
    [entry] = expiry.due(now=at(1), limit=1)
    assert expiry.settle(entry, at(50)) is True
    assert due(expiry, 49) == []
    [entry] = expiry.due(now=at(50), limit=1)
    assert expiry.settle(entry, None) is True
    assert due(expiry, 1_000_000) == []


@both
def test_what_was_registered_meanwhile_is_not_lost(expiry: ExpiryIndex) -> None:
    expiry.register(ACCOUNT, at(1))
    [entry] = expiry.due(now=at(1), limit=1)
    expiry.register(ACCOUNT, at(99))
    assert expiry.settle(entry, None) is False
    assert due(expiry, 1) == [(ACCOUNT, at(1))]
    assert expiry.settle(DueAccount(OTHER, at(1), 1), None) is False


@both
def test_a_version_is_never_used_again(expiry: ExpiryIndex) -> None:
    expiry.register(ACCOUNT, at(1))
    [entry] = expiry.due(now=at(1), limit=1)
    assert expiry.settle(entry, None) is True
    expiry.register(ACCOUNT, at(1))
    assert expiry.settle(entry, None) is False, "an answer that got lost, and came back after a new registration"
    assert due(expiry, 1) == [(ACCOUNT, at(1))]


@both
def test_no_more_accounts_than_asked_for(expiry: ExpiryIndex) -> None:
    accounts = [AccountId(f"account-{n}") for n in range(3 * SHARDS)]
    for account in accounts:
        expiry.register(account, at(0))
    assert len(due(expiry, limit=7)) == 7
    assert [account for account, _ in due(expiry)] == sorted(accounts)


def test_three_registrations_at_once_all_count(table: tuple[Any, str]) -> None:
    expiry = DynamoDBExpiryIndex(*table)
    expiry.register(ACCOUNT, at(100))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: expiry.register(ACCOUNT, at(90 - n)), range(3)))
    [entry] = expiry.due(now=at(200), limit=1)
    assert (entry.due_at, entry.version) == (at(88), 4)


def test_a_table_that_is_not_there_is_refused_and_a_server_that_is_not_there_is_worth_another_try(
    table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UpstreamRejectedError, match="ResourceNotFound"):
        claim(DynamoDBJobs(table[0], "no-such-table", record_days=1))
    once = Config(connect_timeout=AMPLE, read_timeout=AMPLE, retries={"total_max_attempts": 1})
    monkeypatch.setattr("tests.support.aws.clients.CLIENT_CONFIG", once)
    nowhere = aws_client("dynamodb", f"http://127.0.0.1:{unused_port()}")
    record = JobRecord(ACCOUNT, "job-1", JobState.DONE, "hash", NOW)
    for call in (
        lambda: claim(DynamoDBJobs(nowhere, "t", record_days=1)),
        lambda: enqueue(DynamoDBJobs(nowhere, "t", record_days=1)),
        lambda: DynamoDBJobs(nowhere, "t", record_days=1).save(record),
        lambda: DynamoDBWatermarks(nowhere, "t").get(ACCOUNT, "t"),
        lambda: DynamoDBExpiryIndex(nowhere, "t").register(ACCOUNT, NOW),
        lambda: DynamoDBExpiryIndex(nowhere, "t").due(now=NOW, limit=1),
    ):
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
    nowhere.close()
