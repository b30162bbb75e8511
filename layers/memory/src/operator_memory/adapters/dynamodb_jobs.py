"""Job records in DynamoDB: item ``JOB#<job_id>`` of the account.

Outcomes are stored as text, one a line, since an item may take 400 KB and a long run has thousands of turns.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb_table import SYSTEM, Item, Table, epoch
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.jobs import ClaimStatus, FactOutcome, JobClaim, JobRecord, JobState, Outcome
from operator_memory.domain.scopes import AccountId, Scope

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLAIM_ATTEMPTS = 5
_MAY_CLAIM = (
    "attribute_not_exists(account_id)"
    " OR (content_hash = :hash AND attempts = :attempts"
    " AND (#state = :failed OR (#state = :running AND lease_until <= :now)))"
)


class DynamoDBJobs:
    """Port ``JobStore``. A claim is one conditional write, so of many workers exactly one gets the job."""

    def __init__(self, client: "DynamoDBClient", table_name: str, *, record_days: int) -> None:
        """``record_days``: days until a record may be removed."""
        self._table = Table(client, table_name)
        self._lifetime = timedelta(days=record_days)

    def claim(
        self, account_id: AccountId, job_id: str, *, content_hash: str, now: datetime, lease_seconds: int
    ) -> JobClaim:
        """Take the job unless it is done, held by another, or had other content."""
        for _ in range(_CLAIM_ATTEMPTS):
            stored = self._table.get(account_id, _item(job_id))
            known = _record(stored) if stored else None
            if stored and known:
                refusal = _refusal(stored, known, content_hash, now)
                if refusal is not None:
                    return JobClaim(refusal, known)
            attempts = known.attempts if known else 0
            record = JobRecord(account_id, job_id, JobState.RUNNING, content_hash, now, attempts=attempts + 1)
            item = self._written(record) | {"lease_until": epoch(now) + lease_seconds}
            values = {
                ":hash": content_hash,
                ":attempts": attempts,
                ":failed": JobState.FAILED.value,
                ":running": JobState.RUNNING.value,
                ":now": epoch(now),
            }
            if self._table.put_if(item, _MAY_CLAIM, values):
                return JobClaim(ClaimStatus.CLAIMED, record)
        raise UpstreamUnavailableError(SYSTEM, "the job is claimed and released faster than it can be read")

    def save(self, record: JobRecord) -> None:
        """Write the record and give up the lease.

        A record of an attempt that lost its lease to a later one is not written: the later one reports.
        """
        condition = "attribute_not_exists(account_id) OR (attempts = :attempts AND content_hash = :hash)"
        values = {":attempts": record.attempts, ":hash": record.content_hash}
        self._table.put_if(self._written(record), condition, values)

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """The record, or ``None`` if the account has no such job."""
        stored = self._table.get(account_id, _item(job_id))
        return _record(stored) if stored else None

    def _written(self, record: JobRecord) -> Item:
        return {
            "account_id": record.account_id,
            "item": _item(record.job_id),
            "state": record.state.value,
            "content_hash": record.content_hash,
            "updated_at": record.updated_at.isoformat(),
            "attempts": record.attempts,
            "facts": _lines(record.facts),
            "turns": _lines(record.turns),
            "skipped": dict(record.skipped),
            "llm_calls": record.llm_calls,
            "error": record.error,
            "error_detail": record.error_detail,
            "ttl": epoch(record.updated_at + self._lifetime),
        }


def _item(job_id: str) -> str:
    return f"JOB#{job_id}"


def _refusal(stored: Item, known: JobRecord, content_hash: str, now: datetime) -> ClaimStatus | None:
    if known.content_hash != content_hash:
        return ClaimStatus.CONFLICT
    if known.state is JobState.DONE:
        return ClaimStatus.ALREADY_DONE
    if known.state is JobState.RUNNING and int(stored.get("lease_until", 0)) > epoch(now):
        return ClaimStatus.IN_PROGRESS
    return None


def _lines(outcomes: Sequence[FactOutcome]) -> str:
    return "\n".join(f"{o.memory_id} {o.scope.value} {o.outcome.value} {o.reason or ''}".rstrip() for o in outcomes)


def _outcomes(lines: str) -> tuple[FactOutcome, ...]:
    return tuple(_outcome(*line.split(" ", 3)) for line in lines.split("\n") if line)


def _outcome(memory_id: str, scope: str, outcome: str, reason: str | None = None) -> FactOutcome:
    return FactOutcome(memory_id, Scope(scope), Outcome(outcome), reason)


def _record(item: Item) -> JobRecord:
    try:
        return JobRecord(
            account_id=AccountId(item["account_id"]),
            job_id=item["item"].removeprefix("JOB#"),
            state=JobState(item["state"]),
            content_hash=item["content_hash"],
            updated_at=datetime.fromisoformat(item["updated_at"]),
            attempts=int(item["attempts"]),
            facts=_outcomes(item.get("facts", "")),
            turns=_outcomes(item.get("turns", "")),
            skipped={reason: int(count) for reason, count in item.get("skipped", {}).items()},
            llm_calls=int(item.get("llm_calls", 0)),
            error=item.get("error"),
            error_detail=item.get("error_detail"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a job record cannot be read") from error
