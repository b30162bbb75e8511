"""Job records of any size, and those that were undone: one suite for the fakes and for DynamoDB."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb import job_items
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.domain.errors import JobInProgressError, MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import (
    ClaimStatus,
    FactOutcome,
    FinishedChunk,
    JobRecord,
    JobState,
    Outcome,
)
from operator_memory.domain.memory.scopes import Scope

from tests.support.aws.job_records import ACCOUNT, MINE, NOW, USER, WHOLE, Stores, both, on_dynamodb

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.job_records_fixtures"]


def outcomes(count: int, scope: Scope = Scope.USER, outcome: Outcome = Outcome.ADDED) -> tuple[FactOutcome, ...]:
    """Of as many facts, as long as they come, with ids that do not compress."""
    made = (str(uuid.uuid4()) for _ in range(count))
    return tuple(FactOutcome(i, scope, outcome, None, f"message-{i}", (i,)) for i in made)


def large(record: JobRecord) -> JobRecord:
    facts = (*outcomes(6_000), *outcomes(1_000, Scope.AGENT))
    return replace(record, state=JobState.DONE, facts=facts, turns=outcomes(5_000, Scope.SESSION))


def pages(table: tuple[Any, str]) -> list[str]:
    return [item["item"] for item in Table(*table).starting_with(ACCOUNT, job_items.PAGES_PREFIX)]


@both
def test_a_run_with_thousands_of_facts_is_recorded_whole(stores: Stores) -> None:
    record = large(stores.claimed())
    stores.jobs.save(record)
    assert stores.get() == record


def test_each_of_its_items_fits_and_ends_with_it(table: tuple[Any, str]) -> None:
    stores, (client, name) = on_dynamodb(*table), table
    stores.jobs.save(large(stores.claimed()))
    items = client.scan(TableName=name)["Items"]
    assert len(items) > 2
    assert all(sum(len(str(value)) for value in item.values()) < 1_600_000 for item in items)
    assert max(len(item["data"]["B"]) for item in items if "data" in item) <= job_items.PAGE_BYTES
    assert len({item["ttl"]["N"] for item in items}) == 1


def test_an_export_lists_it_whole(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    record = large(stores.claimed())
    stores.jobs.save(record)
    stores.done("job-2")
    jobs = DynamoDBJobs(*table, record_days=30)
    [first], after = jobs.page(ACCOUNT, after=None, limit=1)
    [second], end = jobs.page(ACCOUNT, after=after, limit=1)
    assert (first, second.job_id, end) == (record, "job-2", None)


def test_pages_that_were_replaced_are_deleted(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_items, "MOST_INLINE", 1_000)
    stores = on_dynamodb(*table)
    running = stores.claimed()
    for count in (30, 60):
        chunks = {f"chunk-{n}": FinishedChunk(outcomes(count), 1) for n in range(3)}
        running = replace(running, chunks=chunks)
        stores.jobs.keep(running, lease_seconds=60)
        assert stores.get() == running
        assert len(pages(table)) == 1
    done = replace(running, state=JobState.DONE, chunks={}, facts=outcomes(2))
    stores.jobs.save(done)
    assert (stores.get(), pages(table)) == (done, [])


def test_of_a_write_that_is_refused_no_page_is_left(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    stale = stores.claimed()
    later = stores.claimed(now=NOW + timedelta(hours=1))
    stores.jobs.save(large(stale))
    assert (stores.get(), pages(table)) == (later, [])


@both
def test_erasing_the_users_memory_takes_its_outcomes_out_of_all_pages(stores: Stores) -> None:
    record = large(stores.claimed())
    stores.jobs.save(record)
    assert stores.records.count_erasable(ACCOUNT, USER, until=NOW) == 1
    stores.records.erase(ACCOUNT, USER, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, USER, until=NOW) == 0
    assert stores.get() == replace(record, facts=record.facts[6_000:])


def test_an_account_is_erased_with_all_pages(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    stores.jobs.save(large(stores.claimed()))
    stores.records.erase(ACCOUNT, WHOLE, until=NOW)
    assert (stores.jobs.get(ACCOUNT, "job-1"), pages(table)) == (None, [])


def test_a_page_that_is_missing_or_damaged_is_not_taken_for_no_facts(table: tuple[Any, str]) -> None:
    stores, plain = on_dynamodb(*table), Table(*table)
    stores.jobs.save(large(stores.claimed()))
    [first, *_] = pages(table)
    plain.put({"account_id": ACCOUNT, "item": first, "data": b"x"})
    with pytest.raises(MalformedResponseError):
        stores.get()
    plain.delete_many([(ACCOUNT, first)])
    with pytest.raises(UpstreamUnavailableError):
        stores.get()


# ---- undone jobs -----------------------------------------------------------------------------------------------


@both
def test_a_job_that_is_undone_is_known_as_such_and_never_claimed_again(kind: str, request: Any) -> None:
    stores = request.getfixturevalue("stores")
    record = stores.done()
    claim = stores.jobs.mark_undone(ACCOUNT, "job-1", now=NOW)
    assert (claim.status, claim.record) == (ClaimStatus.CLAIMED, replace(record, undone_at=NOW))
    again = stores.jobs.mark_undone(ACCOUNT, "job-1", now=NOW + timedelta(days=1))
    assert (again.status, again.record.undone_at) == (ClaimStatus.ALREADY_DONE, NOW)
    assert stores.get() == claim.record
    assert stores.jobs.mark_undone(ACCOUNT, "job-2", now=NOW) is None


@both
@pytest.mark.parametrize("state", [JobState.FAILED, JobState.RUNNING])
def test_one_that_failed_or_whose_worker_died_is_not_tried_again(kind: str, request: Any, state: JobState) -> None:
    stores = request.getfixturevalue("stores")
    running = stores.claimed()
    if state is JobState.FAILED:
        stores.jobs.save(replace(running, state=state))
    late = NOW + timedelta(minutes=5)
    assert stores.jobs.mark_undone(ACCOUNT, "job-1", now=late).status is ClaimStatus.CLAIMED
    tried = stores.jobs.claim(ACCOUNT, "job-1", content_hash="hash", subject=MINE, now=late, lease_seconds=60)
    queued = stores.jobs.enqueue(ACCOUNT, "job-1", content_hash="hash", subject=MINE, now=late)
    assert tried.status is queued.status is ClaimStatus.ALREADY_DONE
    stores.jobs.save(replace(running, facts=outcomes(1)))
    assert stores.get().facts == (), "nor does the worker report that was thought dead"
    with pytest.raises(JobInProgressError):
        stores.jobs.keep(running, lease_seconds=60)


@both
def test_one_that_waits_or_runs_is_not_marked(kind: str, request: Any) -> None:
    stores = request.getfixturevalue("stores")
    stores.claimed()
    assert stores.jobs.mark_undone(ACCOUNT, "job-1", now=NOW).status is ClaimStatus.IN_PROGRESS
    stores.jobs.enqueue(ACCOUNT, "job-2", content_hash="hash", subject=MINE, now=NOW)
    assert stores.jobs.mark_undone(ACCOUNT, "job-2", now=NOW).status is ClaimStatus.IN_PROGRESS
    assert {stores.get(job).undone_at for job in ("job-1", "job-2")} == {None}


def test_the_record_of_one_that_is_undone_is_kept_for_as_long_from_then_on(table: tuple[Any, str]) -> None:
    on_dynamodb(*table).done()
    late = NOW + timedelta(days=29)
    DynamoDBJobs(*table, record_days=30).mark_undone(ACCOUNT, "job-1", now=late)
    stored = Table(*table).get(ACCOUNT, "JOB#job-1")
    assert stored is not None
    assert int(stored["ttl"]) == int((late + timedelta(days=30)).timestamp())
