"""The job records of an account, and what a worker does with them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage
from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
from operator_memory.application.ports.learning import JobStore, WatermarkStore
from operator_memory.application.ports.management import ErasableRecords, IdempotencyStore
from operator_memory.application.ports.usage import UsageCounters
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.learning.jobs import ClaimStatus, FactOutcome, JobRecord, JobState, JobSubject, Outcome
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WHOLE, USER = Target(TargetKind.ACCOUNT), Target(TargetKind.USER)
SESSION, THREAD = Target(TargetKind.SESSION, "session-1"), Target(TargetKind.SESSION, "thread-1")
AGENT, AUTHOR = Target(TargetKind.AGENT, "agent-1"), Target(TargetKind.AUTHOR, "author-1")
MINE = JobSubject("thread-1", "session-1", "agent-1", "author-1")
OF_USER = FactOutcome("fact-1", Scope.USER, Outcome.ADDED)
OF_AGENT = FactOutcome("fact-2", Scope.AGENT, Outcome.REJECTED, "a reason with user in it")
TURN = FactOutcome("turn-1", Scope.SESSION, Outcome.ADDED)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])
every_part = pytest.mark.parametrize("target", [SESSION, THREAD, AGENT, AUTHOR], ids=lambda target: target.name)


@dataclass(frozen=True)
class Stores:
    """The stores of one table, and the steps of a worker on them."""

    jobs: JobStore
    watermarks: WatermarkStore
    keys: IdempotencyStore
    records: ErasableRecords
    usage: UsageCounters

    def claimed(
        self,
        job_id: str = "job-1",
        subject: JobSubject = MINE,
        *,
        account: AccountId = ACCOUNT,
        now: datetime = NOW,
    ) -> JobRecord:
        claim = self.jobs.claim(account, job_id, content_hash="hash", subject=subject, now=now, lease_seconds=60)
        assert claim.status is ClaimStatus.CLAIMED
        return claim.record

    def done(self, job_id: str = "job-1", subject: JobSubject = MINE, *, account: AccountId = ACCOUNT) -> JobRecord:
        """A record with outcomes of every kind."""
        record = finished(self.claimed(job_id, subject, account=account))
        self.jobs.save(record)
        return record

    def get(self, job_id: str = "job-1") -> JobRecord:
        record = self.jobs.get(ACCOUNT, job_id)
        assert record is not None
        return record

    def mark(self, thread_id: str, *, account: AccountId = ACCOUNT, at: datetime = NOW) -> None:
        self.watermarks.advance(account, thread_id, Watermark(at, "message-1"))

    def remember(self, key: str, job_id: str, *, now: datetime) -> str:
        """The job that the key stands for."""
        return self.keys.remember(ACCOUNT, key, content_hash="hash", job_id=job_id, now=now)[1]


def finished(record: JobRecord) -> JobRecord:
    return replace(record, state=JobState.DONE, facts=(OF_USER, OF_AGENT), turns=(TURN,), skipped={"no_text": 1})


def emptied(record: JobRecord) -> JobRecord:
    return replace(record, facts=(), turns=(), error_detail=None)


def on_dynamodb(client: Any, table: str) -> Stores:
    return Stores(
        DynamoDBJobs(client, table, record_days=30),
        DynamoDBWatermarks(client, table),
        DynamoDBIdempotency(client, table),
        DynamoDBRecords(client, table),
        DynamoDBUsage(client, table),
    )
