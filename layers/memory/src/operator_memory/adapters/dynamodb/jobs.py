"""Job records in DynamoDB: item ``JOB#<job_id>`` of the account.

Outcomes are stored as text, one a line, since an item may take 400 KB and a long run has thousands of turns. What does
not fit goes into pages (see ``job_items``).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.dynamodb.job_items import PREFIX, JobItems
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, epoch, key
from operator_memory.domain.errors import JobInProgressError, MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import (
    ClaimStatus,
    FactOutcome,
    FinishedChunk,
    JobClaim,
    JobRecord,
    JobState,
    JobSubject,
    Outcome,
    started,
)
from operator_memory.domain.memory.scopes import AccountId, Scope

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 5
"""How often a conditional write is tried again when the record has changed since it was read."""

ERASED_ALL, ERASED_USER = "all", "user"
"""Values of the attribute ``erased``: which outcomes the record holds no more, and does not take again."""

_SAME_ATTEMPT = "attempts = :attempts AND content_hash = :hash AND attribute_not_exists(undone_at)"
_NO_LEASE = "(attribute_not_exists(lease_until) OR lease_until <= :now)"
_IS_FREE = f"(#state IN (:failed, :queued) OR (#state = :running AND {_NO_LEASE}))"


class DynamoDBJobs:
    """Ports ``JobStore``, ``UndoableJobs`` and ``JobHistory``.

    A claim is one conditional write, so of many workers exactly one gets the job.

    A record of which a person has had outcomes erased keeps them out: of the worker that is at it, and of later ones.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, *, record_days: int) -> None:
        """``record_days``: days until a record may be removed."""
        self._table = Table(client, table_name)
        self._items = JobItems(self._table)
        self._lifetime = timedelta(days=record_days)

    def enqueue(
        self, account_id: AccountId, job_id: str, *, content_hash: str, subject: JobSubject, now: datetime
    ) -> JobClaim:
        """Note a job that is about to be put into the queue, unless it is known."""
        record = JobRecord(account_id, job_id, JobState.QUEUED, content_hash, now, 0, subject=subject, queued_at=now)
        for _ in range(ATTEMPTS):
            if self._items.put_if(self._written(record, None), "attribute_not_exists(account_id)", {}):
                return JobClaim(ClaimStatus.CLAIMED, record)
            known = self.get(account_id, job_id)
            if known is None:
                continue  # removed in between
            if known.content_hash != content_hash:
                return JobClaim(ClaimStatus.CONFLICT, known)
            done = known.state is JobState.DONE or known.undone_at is not None
            return JobClaim(ClaimStatus.ALREADY_DONE if done else ClaimStatus.IN_PROGRESS, known)
        raise UpstreamUnavailableError(SYSTEM, "the job comes and goes faster than it can be read")

    def claim(
        self,
        account_id: AccountId,
        job_id: str,
        *,
        content_hash: str,
        subject: JobSubject,
        now: datetime,
        lease_seconds: int,
    ) -> JobClaim:
        """Take the job unless it is done, held by another, or had other content."""
        for _ in range(ATTEMPTS):
            stored = self._items.get(account_id, _item(job_id))
            known = _record(stored) if stored else None
            if stored and known:
                refusal = _refusal(stored, known, content_hash, now)
                if refusal is not None:
                    return JobClaim(refusal, known)
            attempts = known.attempts if known else 0
            record = started(known, account_id, job_id, content_hash, subject, now)
            erased = stored.get("erased") if stored else None
            item = self._written(record, erased) | {"lease_until": epoch(now) + lease_seconds}
            values = {
                ":failed": JobState.FAILED.value,
                ":queued": JobState.QUEUED.value,
                ":running": JobState.RUNNING.value,
                ":now": epoch(now),
            }
            same, read = _as_read(attempts, content_hash, erased)
            if self._items.put_if(item, f"attribute_not_exists(account_id) OR ({same} AND {_IS_FREE})", values | read):
                return JobClaim(ClaimStatus.CLAIMED, record)
        raise UpstreamUnavailableError(SYSTEM, "the job is claimed and released faster than it can be read")

    def mark_undone(self, account_id: AccountId, job_id: str, *, now: datetime) -> JobClaim | None:
        """Have no worker take the job again. See the port."""
        for _ in range(ATTEMPTS):
            stored = self._items.get(account_id, _item(job_id))
            if stored is None:
                return None
            known = _record(stored)
            if known.undone_at is not None:
                return JobClaim(ClaimStatus.ALREADY_DONE, known)
            held = known.state is JobState.RUNNING and int(stored.get("lease_until", 0)) > epoch(now)
            if held or known.state is JobState.QUEUED:
                return JobClaim(ClaimStatus.IN_PROGRESS, known)
            erased = stored.get("erased")
            same, values = _as_read(known.attempts, known.content_hash, erased)
            values |= {":state": known.state.value, ":updated": stored["updated_at"]}
            record = replace(known, undone_at=now)
            condition = f"{same} AND #state = :state AND updated_at = :updated"
            if self._items.put_if(self._written(record, erased), condition, values):
                return JobClaim(ClaimStatus.CLAIMED, record)
        raise UpstreamUnavailableError(SYSTEM, "the job's record changes faster than it can be read")

    def save(self, record: JobRecord) -> None:
        """Write the record, without outcomes that were erased meanwhile, and give up the lease.

        A record of an attempt that lost its lease to a later one is not written: the later one reports. Nor is
        one that is there no more: its account was erased.
        """
        self._write(record, {})

    def keep(self, record: JobRecord, *, lease_seconds: int) -> None:
        """Write the record of a running attempt, whose lease stays as it was claimed. See `save`."""
        self._write(record, {"lease_until": epoch(record.started_at or record.updated_at) + lease_seconds})

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """The record, or ``None`` if the account has no such job."""
        stored = self._items.get(account_id, _item(job_id))
        return _record(stored) if stored else None

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[JobRecord], str | None]:
        """Up to ``limit`` records by job id, and the job id after which the next call goes on."""
        start = None if after is None else key(account_id, _item(after))
        items = self._table.page(account_id, PREFIX, limit=limit + 1, start=start)
        wholes = [self._items.whole(item) for item in items[:limit]]
        records = [_record(item) for item in wholes if item is not None]
        return records, str(items[limit - 1]["item"]).removeprefix(PREFIX) if len(items) > limit else None

    def _write(self, record: JobRecord, lease: Item) -> None:
        erased: str | None = None
        for _ in range(ATTEMPTS):
            condition, values = _as_read(record.attempts, record.content_hash, erased)
            if self._items.put_if(self._written(record, erased) | lease, condition, values):
                return
            stored = self._items.get(record.account_id, _item(record.job_id))
            known = _record(stored) if stored else None
            if not stored or not known:
                return
            same = (known.attempts, known.content_hash) == (record.attempts, record.content_hash)
            if not same or known.undone_at is not None:
                if lease:
                    raise JobInProgressError(f"a later attempt has job {record.job_id}")
                return
            erased = stored.get("erased")
        raise UpstreamUnavailableError(SYSTEM, "the job's record changes faster than it can be read")

    def _written(self, record: JobRecord, erased: str | None) -> Item:
        subject = record.subject
        item = {
            "account_id": record.account_id,
            "item": _item(record.job_id),
            "state": record.state.value,
            "content_hash": record.content_hash,
            "updated_at": record.updated_at.isoformat(),
            "attempts": record.attempts,
            "facts": _lines(record.facts),
            "turns": _lines(record.turns),
            "skipped": dict(record.skipped),
            "skipped_at": {reason: list(numbers) for reason, numbers in record.skipped_at.items()},
            "llm_calls": record.llm_calls,
            "prompt_tokens": record.prompt_tokens,
            "completion_tokens": record.completion_tokens,
            "redactions": dict(record.redactions),
            "queued_at": record.queued_at and record.queued_at.isoformat(),
            "started_at": record.started_at and record.started_at.isoformat(),
            "undone_at": record.undone_at and record.undone_at.isoformat(),
            "error": record.error,
            "error_detail": record.error_detail,
            "first_error": record.first_error,
            "thread_id": subject.thread_id or None,
            "session_id": subject.session_id or None,
            "agent_id": subject.agent_id,
            "author_id": subject.author_id,
            "chunks": {key: _chunk_item(chunk) for key, chunk in record.chunks.items()} or None,
            "notices": list(record.notices) or None,
            "ttl": epoch(max(record.updated_at, record.undone_at or record.updated_at) + self._lifetime),
        }
        return item if erased is None else without_outcomes(item, erased)


def without_outcomes(item: Item, erased: str) -> Item:
    """A record's item without the outcomes that ``erased`` says, and marked so that it does not take them again.

    The state and the content's hash stay: a redelivered job is still known.
    """
    if ERASED_ALL in (erased, item.get("erased")):
        left = {"facts": "", "turns": "", "error_detail": None}
        return item | left | {"chunks": _chunks_with(lambda _lines: "", item), "erased": ERASED_ALL}
    facts = _without_users(str(item.get("facts", "")))
    return item | {"facts": facts, "chunks": _chunks_with(_without_users, item), "erased": erased}


def _chunks_with(change: Callable[[str], str], item: Item) -> Item | None:
    """The finished chunks of a record's item, their outcomes' lines changed. They stay finished without outcomes."""
    chunks = item.get("chunks") or {}
    return {key: chunk | {"facts": change(str(chunk.get("facts", "")))} for key, chunk in chunks.items()} or None


def _without_users(lines: str) -> str:
    return "\n".join(line for line in lines.split("\n") if line and not _of_user(line))


def holds_outcomes(item: Item, erased: str) -> bool:
    """Whether a record's item holds any of the outcomes that ``erased`` says."""
    lines = [str(each.get("facts", "")) for each in (item, *(item.get("chunks") or {}).values())]
    if erased == ERASED_ALL:
        return any(lines) or any(item.get(name) for name in ("turns", "error_detail"))
    return any(_of_user(line) for each in lines for line in each.split("\n") if line)


def _of_user(line: str) -> bool:
    """Whether an outcome's line is of user scope; one that cannot be read counts as such, so that it goes too."""
    return line.split(" ")[1:2] not in ([Scope.AGENT.value], [Scope.SESSION.value])


def _as_read(attempts: int, content_hash: str, erased: str | None) -> tuple[str, dict[str, Any]]:
    """The condition that the stored record is this attempt, with these outcomes erased, and the condition's values."""
    values: dict[str, Any] = {":attempts": attempts, ":hash": content_hash}
    if erased is None:
        return f"{_SAME_ATTEMPT} AND attribute_not_exists(erased)", values
    return f"{_SAME_ATTEMPT} AND erased = :erased", values | {":erased": erased}


def _item(job_id: str) -> str:
    return PREFIX + job_id


def _refusal(stored: Item, known: JobRecord, content_hash: str, now: datetime) -> ClaimStatus | None:
    if known.content_hash != content_hash:
        return ClaimStatus.CONFLICT
    if known.state is JobState.DONE or known.undone_at is not None:
        return ClaimStatus.ALREADY_DONE
    if known.state is JobState.RUNNING and int(stored.get("lease_until", 0)) > epoch(now):
        return ClaimStatus.IN_PROGRESS
    return None


def _lines(outcomes: Sequence[FactOutcome]) -> str:
    return "\n".join(map(_line, outcomes))


def _line(o: FactOutcome) -> str:
    """``id scope outcome [reason]``, and for what has more a tab and its JSON (which escapes every line break)."""
    text = f"{o.memory_id} {o.scope.value} {o.outcome.value} {o.reason or ''}".rstrip()
    return f"{text}\t{json.dumps([o.source, *o.others])}" if o.source or o.others else text


def _outcomes(lines: str) -> tuple[FactOutcome, ...]:
    return tuple(_outcome(*line.partition("\t")) for line in lines.split("\n") if line)


def _outcome(text: str, _tab: str, more: str) -> FactOutcome:
    memory_id, scope, outcome, *reason = text.split(" ", 3)
    source, *others = json.loads(more) if more else (None,)
    named = tuple(str(other) for other in others)
    return FactOutcome(memory_id, Scope(scope), Outcome(outcome), reason[0] if reason else None, source, named)


_COUNTS = (
    "llm_calls",
    "prompt_tokens",
    "completion_tokens",
    "answered",
    "failed",
    "unreadable",
    "passed_over",
)


def _chunk_item(chunk: FinishedChunk) -> Item:
    return {"facts": _lines(chunk.outcomes), **{name: getattr(chunk, name) for name in _COUNTS}}


def _chunk(item: Item) -> FinishedChunk:
    return FinishedChunk(_outcomes(item["facts"]), *(int(item[name]) for name in _COUNTS))


def _moment(item: Item, name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]) if item.get(name) else None


def _record(item: Item) -> JobRecord:
    try:
        return JobRecord(
            account_id=AccountId(item["account_id"]),
            job_id=item["item"].removeprefix(PREFIX),
            state=JobState(item["state"]),
            content_hash=item["content_hash"],
            updated_at=datetime.fromisoformat(item["updated_at"]),
            attempts=int(item["attempts"]),
            facts=_outcomes(item.get("facts", "")),
            turns=_outcomes(item.get("turns", "")),
            skipped={reason: int(count) for reason, count in item.get("skipped", {}).items()},
            skipped_at={reason: tuple(map(int, at)) for reason, at in item.get("skipped_at", {}).items()},
            llm_calls=int(item.get("llm_calls", 0)),
            prompt_tokens=int(item.get("prompt_tokens", 0)),
            completion_tokens=int(item.get("completion_tokens", 0)),
            redactions={kind: int(count) for kind, count in item.get("redactions", {}).items()},
            queued_at=_moment(item, "queued_at"),
            started_at=_moment(item, "started_at"),
            undone_at=_moment(item, "undone_at"),
            error=item.get("error"),
            error_detail=item.get("error_detail"),
            first_error=item.get("first_error"),
            chunks={key: _chunk(chunk) for key, chunk in (item.get("chunks") or {}).items()},
            notices=tuple(map(str, item.get("notices", ()))),
            subject=JobSubject(
                item.get("thread_id", ""), item.get("session_id", ""), item.get("agent_id"), item.get("author_id")
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a job record cannot be read") from error
