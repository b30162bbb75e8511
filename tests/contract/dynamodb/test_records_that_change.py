"""Job records that are later than an erasure, damaged, or change while it is under way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.jobs import ATTEMPTS, DynamoDBJobs
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.application.learning.extract_run import MAX_MESSAGES
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import ClaimStatus, FactOutcome, JobState, Outcome
from operator_memory.domain.memory.scopes import Scope
from operator_memory.domain.shared.tombstones import Target

from tests.support.aws.job_records import (
    ACCOUNT,
    MINE,
    NOW,
    OF_AGENT,
    SESSION,
    THREAD,
    USER,
    WHOLE,
    Stores,
    both,
    emptied,
    every_part,
    finished,
    on_dynamodb,
)

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.job_records_fixtures"]

# ---- what is later than the erasure ----------------------------------------------------------------------------

SECOND = timedelta(seconds=1)


@both
def test_of_a_busy_account_what_is_later_stays_and_is_not_counted(stores: Stores) -> None:
    stores.done("before")
    stores.mark("before", at=NOW)
    stores.remember("before", "before", now=NOW)
    later = finished(stores.claimed("later", now=NOW + SECOND))
    stores.jobs.save(later)
    stores.jobs.enqueue(ACCOUNT, "queued", content_hash="hash", subject=MINE, now=NOW + SECOND)
    stores.mark("later", at=NOW + timedelta(microseconds=1))
    stores.remember("later", "later", now=NOW + SECOND)
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 3
    stores.records.erase(ACCOUNT, WHOLE, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0
    assert stores.jobs.get(ACCOUNT, "before") is None
    assert (stores.get("later"), stores.get("queued").state) == (later, JobState.QUEUED)
    assert stores.watermarks.get(ACCOUNT, "before") is None
    assert stores.watermarks.get(ACCOUNT, "later") is not None
    assert [stores.remember(key, "new", now=NOW + SECOND) for key in ("before", "later")] == ["new", "later"]
    again = stores.jobs.claim(ACCOUNT, "later", content_hash="hash", subject=MINE, now=NOW, lease_seconds=60)
    assert again.status is ClaimStatus.ALREADY_DONE


@both
@every_part
def test_of_a_part_the_outcomes_of_later_jobs_stay_and_are_not_counted(stores: Stores, target: Target) -> None:
    later = stores.claimed(now=NOW + SECOND)
    stores.jobs.save(finished(later))
    for part in (target, USER):
        assert stores.records.count_erasable(ACCOUNT, part, until=NOW) == 0
        stores.records.erase(ACCOUNT, part, until=NOW)
        assert stores.get() == finished(later)
        assert stores.records.count_erasable(ACCOUNT, part, until=NOW + SECOND) == 1


@both
def test_a_later_job_that_runs_during_the_erasure_reports_all_its_outcomes(stores: Stores) -> None:
    running = stores.claimed(now=NOW + SECOND)
    for target in (SESSION, USER, WHOLE):
        stores.records.erase(ACCOUNT, target, until=NOW)
    stores.jobs.save(finished(running))
    assert stores.get() == finished(running)


@both
def test_a_job_that_started_before_is_erased_though_it_ends_later(stores: Stores) -> None:
    ended = replace(finished(stores.claimed()), updated_at=NOW + SECOND)
    stores.jobs.save(ended)
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 1
    stores.records.erase(ACCOUNT, SESSION, until=NOW)
    assert stores.get() == emptied(ended)


@both
@pytest.mark.parametrize("target", [THREAD, WHOLE], ids=lambda target: target.name)
def test_a_thread_that_was_passed_over_since_stays_so(stores: Stores, target: Target) -> None:
    stores.mark("thread-1", at=NOW)
    stores.mark("thread-1", at=NOW + SECOND)  # a run that is not to be remembered ended meanwhile
    stores.records.erase(ACCOUNT, target, until=NOW)
    assert stores.watermarks.get(ACCOUNT, "thread-1") == Watermark(NOW + SECOND, "message-1")
    stores.records.erase(ACCOUNT, target, until=NOW + SECOND)
    assert stores.watermarks.get(ACCOUNT, "thread-1") is None


def test_a_thread_that_is_passed_over_while_the_account_is_gone_through_stays_so(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    stores.done()
    for thread in ("thread-1", "thread-2"):
        stores.mark(thread)

    class Slow:
        """A client in whose listings time passes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(table[0], name)

        def query(self, **request: Any) -> Any:
            answer = table[0].query(**request)
            if "WATERMARK#" in str(request):
                stores.mark("thread-1", at=NOW + SECOND)
            return answer

    slow: Any = Slow()
    DynamoDBRecords(slow, table[1]).erase(ACCOUNT, WHOLE, until=NOW)
    assert stores.watermarks.get(ACCOUNT, "thread-1") == Watermark(NOW + SECOND, "message-1")
    assert stores.watermarks.get(ACCOUNT, "thread-2") is None
    assert stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0


@pytest.mark.parametrize("time", [7, "soon", "2026-11-24T10:00:00", None])
def test_what_does_not_say_when_it_was_made_goes(table: tuple[Any, str], time: object) -> None:
    items = {"JOB#j": "started_at", "WATERMARK#t": "created_at", "IDEMPOTENCY#k": "ttl"}
    for name, attribute in items.items():
        Table(*table).put({"account_id": ACCOUNT, "item": name, attribute: time})
    records = DynamoDBRecords(*table)
    assert records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 3
    records.erase(ACCOUNT, WHOLE, until=NOW)
    assert records.count_erasable(ACCOUNT, WHOLE, until=NOW) == 0


# ---- many records, damaged records, records that change meanwhile ----------------------------------------------


def test_records_on_several_pages_are_all_found(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    large = (FactOutcome("5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77", Scope.SESSION, Outcome.DUPLICATE),) * MAX_MESSAGES
    for n in range(5):
        stores.jobs.save(replace(finished(stores.claimed(f"job-{n}")), turns=large))
    assert "LastEvaluatedKey" in table[0].query(
        TableName=table[1],
        KeyConditionExpression="account_id = :account",
        ExpressionAttributeValues={":account": {"S": ACCOUNT}},
    )
    assert (
        stores.records.count_erasable(ACCOUNT, SESSION, until=NOW)
        == stores.records.count_erasable(ACCOUNT, WHOLE, until=NOW)
        == 5
    )
    stores.records.erase(ACCOUNT, USER, until=NOW)
    assert {stores.get(f"job-{n}").facts for n in range(5)} == {(OF_AGENT,)}
    stores.records.erase(ACCOUNT, SESSION, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, SESSION, until=NOW) == 0


@pytest.mark.parametrize(
    "damage", [{"state": "lost"}, {"facts": 7}, {"facts": "fact-1 planet"}, {"attempts": None, "updated_at": None}]
)
def test_a_record_that_cannot_be_read_is_erased_all_the_same(table: tuple[Any, str], damage: dict[str, Any]) -> None:
    stores = on_dynamodb(*table)
    stores.done()
    stored = Table(*table).get(ACCOUNT, "JOB#job-1")
    assert stored is not None
    Table(*table).put(stored | damage)
    for target in (USER, SESSION, WHOLE):
        assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 1
        stores.records.erase(ACCOUNT, target, until=NOW)
        assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0


class Interrupted:
    """A client in whose way something comes: ``meanwhile`` happens before each write of an item."""

    def __init__(self, client: Any, meanwhile: Callable[[], object]) -> None:
        self._client = client
        self._meanwhile = meanwhile
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        self.writes += 1
        self._meanwhile()
        return self._client.put_item(**request)


@pytest.mark.parametrize("target", [SESSION, USER])
def test_a_worker_that_reports_in_the_middle_of_the_erasure_is_erased_too(
    table: tuple[Any, str], target: Target
) -> None:
    stores = on_dynamodb(*table)
    running = stores.claimed()
    late: Any = Interrupted(table[0], lambda: stores.jobs.save(finished(running)))
    DynamoDBRecords(late, table[1]).erase(ACCOUNT, target, until=NOW)
    assert late.writes == 2
    assert stores.get().state is JobState.DONE
    assert stores.records.count_erasable(ACCOUNT, target, until=NOW) == 0


def test_an_erasure_in_the_middle_of_a_report_or_of_a_claim_holds_for_it(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    interrupted: Any = Interrupted(table[0], lambda: stores.records.erase(ACCOUNT, SESSION, until=NOW))
    jobs = DynamoDBJobs(interrupted, table[1], record_days=30)
    running = stores.claimed()
    jobs.save(finished(running))
    assert stores.get() == emptied(finished(running))
    stores.jobs.enqueue(ACCOUNT, "job-2", content_hash="hash", subject=MINE, now=NOW)
    claim = jobs.claim(ACCOUNT, "job-2", content_hash="hash", subject=MINE, now=NOW, lease_seconds=60)
    assert (claim.status, interrupted.writes) == (ClaimStatus.CLAIMED, 4)
    stores.jobs.save(finished(claim.record))
    assert stores.get("job-2") == emptied(finished(claim.record))


@pytest.mark.parametrize("lost", [[], ["state", "attempts", "updated_at"]], ids=["whole", "damaged"])
def test_a_record_that_is_deleted_in_the_middle_stays_deleted(table: tuple[Any, str], lost: list[str]) -> None:
    stores = on_dynamodb(*table)
    record = stores.done()
    stored = Table(*table).get(ACCOUNT, "JOB#job-1")
    assert stored is not None
    Table(*table).put(stored | dict.fromkeys(lost))
    gone: Any = Interrupted(table[0], lambda: Table(*table).delete_many([(ACCOUNT, "JOB#job-1")]))
    DynamoDBRecords(gone, table[1]).erase(ACCOUNT, SESSION, until=NOW)
    assert stores.jobs.get(ACCOUNT, "job-1") is None
    DynamoDBJobs(gone, table[1], record_days=30).save(record)
    assert stores.jobs.get(ACCOUNT, "job-1") is None


def test_a_record_that_never_stands_still_is_an_error_worth_another_try(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    record = stores.done()

    def touch() -> None:
        moved = Table(*table).get(ACCOUNT, "JOB#job-1")
        assert moved is not None
        Table(*table).put(moved | {"erased": "all" if moved.get("erased") == "user" else "user"})

    restless: Any = Interrupted(table[0], touch)
    calls: list[Callable[[], None]] = [
        lambda: DynamoDBRecords(restless, table[1]).erase(ACCOUNT, SESSION, until=NOW),
        lambda: DynamoDBJobs(restless, table[1], record_days=30).save(record),
    ]
    for call in calls:
        restless.writes = 0
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
        assert restless.writes == ATTEMPTS


def test_however_reports_and_erasures_meet_nothing_is_left(table: tuple[Any, str]) -> None:
    stores = on_dynamodb(*table)
    with ThreadPoolExecutor(4) as pool:
        for n in range(20):
            running = stores.claimed(f"job-{n}")
            steps: list[Callable[[], object]] = [
                partial(stores.jobs.save, finished(running)),
                lambda: stores.records.erase(ACCOUNT, SESSION, until=NOW),
                lambda: stores.records.erase(ACCOUNT, USER, until=NOW),
            ]
            for step in [pool.submit(step) for step in (steps if n % 2 else steps[::-1])]:
                step.result()
    assert [stores.get(f"job-{n}").state for n in range(20)] == [JobState.DONE] * 20
    assert (
        stores.records.count_erasable(ACCOUNT, SESSION, until=NOW)
        == stores.records.count_erasable(ACCOUNT, USER, until=NOW)
        == 0
    )
