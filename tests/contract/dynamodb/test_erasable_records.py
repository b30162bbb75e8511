"""What an erasure takes from the job records, and keeps out of them: one suite for the fakes and for DynamoDB."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.domain.learning.jobs import ClaimStatus, FinishedChunk, JobState, JobSubject
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.shared.tombstones import Target, Tombstone

from tests.support.aws.job_records import (
    ACCOUNT,
    AGENT,
    AUTHOR,
    MINE,
    NOW,
    OF_AGENT,
    OF_USER,
    OTHER,
    SESSION,
    THREAD,
    USER,
    WHOLE,
    Stores,
    both,
    emptied,
    every_part,
    finished,
)

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.job_records_fixtures"]

# ---- a whole account -------------------------------------------------------------------------------------------


@both
def test_of_an_account_every_record_is_deleted_and_nobody_elses(stores: Stores) -> None:
    for account in (ACCOUNT, OTHER):
        for n in range(30):
            stores.done(f"job-{n}", account=account)
        stores.claimed("running", account=account)
        stores.mark("thread-1", account=account)
        stores.keys.remember(account, "key", content_hash="first", job_id="job-1", now=NOW)
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 33
    stores.records.erase(ACCOUNT, WHOLE, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0
    assert stores.jobs.get(ACCOUNT, "job-7") is None
    assert stores.watermarks.get(ACCOUNT, "thread-1") is None
    assert stores.keys.remember(ACCOUNT, "key", content_hash="second", job_id="job-2", now=NOW) == ("second", "job-2")
    assert stores.records.count_erasable(OTHER, WHOLE, until=NOW) == 33


@both
@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED])
def test_a_worker_that_ends_after_its_account_was_erased_writes_no_record(stores: Stores, state: JobState) -> None:
    record = stores.claimed()
    stores.records.erase(ACCOUNT, WHOLE, until=NOW)
    stores.jobs.save(replace(finished(record), state=state))
    assert stores.jobs.get(ACCOUNT, "job-1") is None
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0


@both
def test_a_job_of_an_erased_account_can_run_as_a_new_one(stores: Stores) -> None:
    stores.claimed()
    stores.records.erase(ACCOUNT, SESSION, until=NOW)
    stores.records.erase(ACCOUNT, WHOLE, until=NOW)
    assert stores.claimed().attempts == 1
    stores.jobs.save(finished(stores.get()))
    assert stores.get().facts == (OF_USER, OF_AGENT)


def test_tombstones_receipts_and_what_is_to_expire_stay(table: tuple[Any, str]) -> None:
    DynamoDBTombstones(*table).put(ACCOUNT, Tombstone(WHOLE, NOW))
    DynamoDBErasures(*table).save(Erasure("erasure-1", ACCOUNT, WHOLE, "user:1", NOW), due_at=NOW)
    DynamoDBExpiryIndex(*table).register(ACCOUNT, NOW)
    before = table[0].scan(TableName=table[1])["Items"]
    records = DynamoDBRecords(*table)
    assert records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0
    for target in (WHOLE, USER, SESSION, AGENT, AUTHOR):
        records.erase(ACCOUNT, target, until=NOW)
    assert table[0].scan(TableName=table[1])["Items"] == before


# ---- a session, an agent, an author ----------------------------------------------------------------------------


@both
@every_part
def test_of_a_part_the_outcomes_go_and_the_job_stays_known(stores: Stores, target: Target) -> None:
    done = stores.done("done")
    failed = replace(finished(stores.claimed("failed")), state=JobState.FAILED, error="slow", error_detail="llm: slow")
    stores.jobs.save(failed)
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 2
    stores.records.erase(ACCOUNT, target, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0
    assert stores.get("done") == emptied(done)
    assert stores.get("failed") == emptied(failed)
    again = stores.jobs.claim(ACCOUNT, "done", content_hash="hash", subject=MINE, now=NOW, lease_seconds=60)
    assert again.status is ClaimStatus.ALREADY_DONE
    stores.records.erase(ACCOUNT, target, until=NOW)
    assert stores.get("done") == emptied(done), "erasing again changes nothing"


@both
@every_part
def test_what_is_about_somebody_else_is_left_alone(stores: Stores, target: Target) -> None:
    theirs = [
        stores.done("job-2", JobSubject("thread-2", "session-2", "agent-2", "author-2")),
        stores.done("job-3", JobSubject("agent-1", "author-1", "session-1", "thread-1")),
        stores.done("job-4", JobSubject()),
    ]
    stores.done(account=OTHER)
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0
    stores.records.erase(ACCOUNT, target, until=NOW)
    assert [stores.get(record.job_id) for record in theirs] == theirs
    assert stores.records.count_erasable(OTHER, target, until=NOW) == 1


@both
@every_part
def test_a_worker_that_ends_after_the_erasure_reports_without_outcomes(stores: Stores, target: Target) -> None:
    running = stores.claimed()
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0
    stores.records.erase(ACCOUNT, target, until=NOW)
    stores.jobs.save(replace(running, state=JobState.FAILED, error="slow", error_detail="llm: slow"))
    assert (stores.get().state, stores.get().error, stores.get().error_detail) == (JobState.FAILED, "slow", None)
    stores.jobs.save(finished(running))
    assert stores.get() == emptied(finished(running))
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0


@both
@every_part
@pytest.mark.parametrize("before", [JobState.QUEUED, JobState.FAILED, JobState.RUNNING])
def test_a_later_attempt_keeps_them_out_too(stores: Stores, target: Target, before: JobState) -> None:
    if before is JobState.QUEUED:
        stores.jobs.enqueue(ACCOUNT, "job-1", content_hash="hash", subject=MINE, now=NOW)
    else:
        stores.jobs.save(replace(stores.claimed(), state=before))
    stores.records.erase(ACCOUNT, target, until=NOW)
    later = finished(stores.claimed(now=NOW + timedelta(seconds=61)))
    stores.jobs.save(later)
    assert stores.get() == emptied(later)


@both
@pytest.mark.parametrize("target", [USER, SESSION, AGENT, AUTHOR], ids=lambda target: target.name)
def test_the_outcomes_of_what_a_running_job_has_finished_go_too_and_are_not_kept_again(
    stores: Stores, target: Target
) -> None:
    record = replace(stores.claimed(), chunks={"first": FinishedChunk((OF_USER, OF_AGENT), llm_calls=1)})
    stores.jobs.keep(record, lease_seconds=60)
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 1
    stores.records.erase(ACCOUNT, target, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0
    left = (OF_AGENT,) if target is USER else ()
    assert stores.get().chunks == {"first": FinishedChunk(left, llm_calls=1)}, "and it stays finished"
    stores.jobs.keep(record, lease_seconds=60)
    assert stores.get().chunks == {"first": FinishedChunk(left, llm_calls=1)}


@both
def test_the_lease_of_a_running_job_survives_the_erasure(stores: Stores) -> None:
    stores.claimed()
    stores.records.erase(ACCOUNT, SESSION, until=NOW)
    again = stores.jobs.claim(ACCOUNT, "job-1", content_hash="hash", subject=MINE, now=NOW, lease_seconds=60)
    assert again.status is ClaimStatus.IN_PROGRESS


@both
def test_how_far_a_thread_was_read_is_forgotten_with_the_session_of_its_id_only(stores: Stores) -> None:
    stores.done()
    for thread in ("thread-1", "thread-2"):
        stores.mark(thread)
    for target in (SESSION, USER, AGENT, AUTHOR):
        stores.records.erase(ACCOUNT, target, until=NOW)
    # The tombstone of a session says nothing about what its thread said in other sessions: that is not read again.
    assert stores.watermarks.get(ACCOUNT, "thread-1") is not None
    stores.mark("thread-1", account=OTHER)
    stores.records.erase(ACCOUNT, THREAD, until=NOW)
    assert stores.watermarks.get(ACCOUNT, "thread-1") is None
    assert stores.watermarks.get(ACCOUNT, "thread-2") is not None
    assert stores.watermarks.get(OTHER, "thread-1") is not None


# ---- the user memory -------------------------------------------------------------------------------------------


@both
def test_of_the_user_memory_only_its_facts_go_from_every_record(stores: Stores) -> None:
    first, second = stores.done("job-1"), stores.done("job-2", JobSubject())
    without = replace(stores.claimed("job-3"), state=JobState.DONE, facts=(OF_AGENT,))
    stores.jobs.save(without)
    assert stores.records.count_erasable(ACCOUNT, USER, until=NOW) == 2
    stores.records.erase(ACCOUNT, USER, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, USER, until=NOW) == 0
    assert [stores.get("job-1"), stores.get("job-2")] == [replace(r, facts=(OF_AGENT,)) for r in (first, second)]
    assert stores.get("job-3") == without


@both
@pytest.mark.parametrize("again", [False, True])
def test_a_running_job_keeps_the_facts_of_the_user_out(stores: Stores, again: bool) -> None:
    running = stores.claimed()
    stores.records.erase(ACCOUNT, USER, until=NOW)
    if again:
        running = stores.claimed(now=NOW + timedelta(seconds=61))
    stores.jobs.save(finished(running))
    assert stores.get() == replace(finished(running), facts=(OF_AGENT,))


@both
@pytest.mark.parametrize("targets", [(USER, SESSION), (SESSION, USER)])
def test_erasures_add_up(stores: Stores, targets: tuple[Target, Target]) -> None:
    running = stores.claimed()
    for target in targets:
        stores.records.erase(ACCOUNT, target, until=NOW)
    stores.jobs.save(finished(running))
    assert stores.get() == emptied(finished(running))
