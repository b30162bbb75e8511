"""What an erasure takes from the records about an account's jobs, in DynamoDB: its items ``JOB#``, ``WATERMARK#``,
``IDEMPOTENCY#``, and of a whole account ``DELETED#``, ``USAGE#`` and its policy. Tombstones, receipts and the expiry
index stay; so do a month's sums of usage, which are numbers only, and the budget: else to erase would fill it up
again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb import idempotency as dynamodb_idempotency
from operator_memory.adapters.dynamodb import watermarks as dynamodb_watermarks
from operator_memory.adapters.dynamodb.job_items import PAGES_PREFIX, JobItems
from operator_memory.adapters.dynamodb.job_items import PREFIX as JOBS_PREFIX
from operator_memory.adapters.dynamodb.jobs import ATTEMPTS, ERASED_ALL, ERASED_USER, holds_outcomes, without_outcomes
from operator_memory.adapters.dynamodb.policies import ITEM as POLICY
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Key, Table, from_epoch, from_text
from operator_memory.adapters.dynamodb.tombstones import DELETED_PREFIX
from operator_memory.adapters.dynamodb.usage.counters import DAYS_PREFIX, ONCE_PREFIX
from operator_memory.adapters.dynamodb.usage.counters import PREFIX as USAGE_PREFIX
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_USAGE = (DAYS_PREFIX, ONCE_PREFIX)
_COUNTED = (JOBS_PREFIX, dynamodb_watermarks.PREFIX, dynamodb_idempotency.PREFIX, DAYS_PREFIX)
_FOR_GOOD = (JOBS_PREFIX, PAGES_PREFIX, dynamodb_idempotency.PREFIX, DELETED_PREFIX, POLICY, *_USAGE)
_TIMES = ("queued_at", "started_at", "created_at", "deleted_at", "since", "updated_at", "ttl")
_DELETED_AT_ONCE = 25
_ROUNDED_UP = timedelta(seconds=1)


class DynamoDBRecords:
    """Port ``ErasableRecords``. Items are read as they are, not as records: one that is malformed is erased too."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)
        self._items = JobItems(self._table)

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """How many records say something about ``target``: items of an account, else job records with outcomes."""
        if target.kind is TargetKind.ACCOUNT:
            return sum(1 for _ in self._keys(account_id, until))
        erased = _outcomes_of(target)
        return sum(holds_outcomes(item, erased) for item in self._jobs(account_id, target, until))

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        """Of a whole account: delete them. Of a part: take the outcomes out of its jobs' records.

        Records that are queued, run or may run again are marked, so that no worker puts outcomes back. Of a
        session also forgets how far the thread of that id was read: the session's tombstone holds for all of it.

        Raises:
            UpstreamUnavailableError: something could not be deleted or changed; the rest may be.
        """
        if target.kind is TargetKind.ACCOUNT:
            self._table.delete_many(self._keys(account_id, until, _FOR_GOOD))
            self._forget_reading(self._keys(account_id, until, (dynamodb_watermarks.PREFIX,)), until)
            return
        if target.kind is TargetKind.SESSION:
            self._forget_reading([(account_id, f"{dynamodb_watermarks.PREFIX}{target.id}")], until)
        erased = _outcomes_of(target)
        for item in self._jobs(account_id, target, until):
            self._take_out(item, erased)

    def _keys(self, account_id: AccountId, until: datetime, prefixes: Sequence[str] = _COUNTED) -> Iterator[Key]:
        for prefix in prefixes:
            for item in self._table.starting_with(account_id, prefix, only=_TIMES):
                if not _is_later(item, until):
                    yield item["account_id"], item["item"]

    def _forget_reading(self, keys: Iterable[Key], until: datetime) -> None:
        """Delete those watermarks that are not later as they are now. Many were listed a while ago, and one that has
        moved on since may be all that keeps a run that is not to be remembered from being read."""
        rest = iter(keys)
        while batch := list(islice(rest, _DELETED_AT_ONCE)):
            stored = self._table.get_many(batch)
            self._table.delete_many([key for key, item in stored.items() if not _is_later(item, until)])

    def _jobs(self, account_id: AccountId, target: Target, until: datetime) -> Iterator[Item]:
        about = _about(target)
        for item in self._table.starting_with(account_id, JOBS_PREFIX):
            if about(item) and not _is_later(item, until) and (whole := self._items.whole(item)) is not None:
                yield whole

    def _take_out(self, item: Item, erased: str) -> None:
        """Change the record unless somebody else changes it first; then look at it again."""
        current: Item | None = item
        for _ in range(ATTEMPTS):
            if current is None or not _needs_change(current, erased):
                return
            condition, values = _as_read(current)
            if self._items.put_if(without_outcomes(current, erased), condition, values):
                return
            current = self._items.get(item["account_id"], item["item"])
        raise UpstreamUnavailableError(SYSTEM, "a job's record changes faster than it can be read")


def _outcomes_of(target: Target) -> str:
    return ERASED_USER if target.kind is TargetKind.USER else ERASED_ALL


def _about(target: Target) -> Callable[[Item], bool]:
    """Whether a record's item is of a job that ``target`` concerns."""
    match target.kind:
        case TargetKind.SESSION:
            return lambda item: target.id in (item.get("session_id"), item.get("thread_id"))
        case TargetKind.AGENT:
            return lambda item: item.get("agent_id") == target.id
        case TargetKind.AUTHOR:
            return lambda item: item.get("author_id") == target.id
        case _:
            return lambda _item: True


def _is_later(item: Item, until: datetime) -> bool:
    """Whether the item says that it was made after ``until``: the job was queued or its last attempt started, the
    thread was read or passed over beyond it, the key was used, the day's counts were begun.
    When a key was used is known to the second."""
    name = str(item["item"])
    try:
        if name.startswith(dynamodb_idempotency.PREFIX):
            return from_epoch(item["ttl"]) - dynamodb_idempotency.KEPT - _ROUNDED_UP >= until
        times: tuple[str, ...] = ("queued_at", "started_at")
        if name.startswith(dynamodb_watermarks.PREFIX):
            times = ("created_at",)
        elif name.startswith(DELETED_PREFIX):
            times = ("deleted_at",)
        elif name.startswith(USAGE_PREFIX):
            times = ("since",)
        elif name.startswith(POLICY):
            times = ("updated_at",)
        return any(from_text(item[time]) > until for time in times if time in item)
    except (KeyError, OverflowError, ValueError):
        return False


def _needs_change(item: Item, erased: str) -> bool:
    """Whether there are outcomes to take out, or a worker could still put some in."""
    if holds_outcomes(item, erased):
        return True
    return item.get("state") != JobState.DONE.value and item.get("erased") not in (erased, ERASED_ALL)


def _as_read(item: Item) -> tuple[str, Item]:
    """The condition that the stored record is still ``item``, and its values: every write changes one of these."""
    clauses, values = [], {}
    for attribute, name in (("#state", "state"), ("attempts",) * 2, ("updated_at",) * 2, ("erased",) * 2):
        if name in item:
            clauses.append(f"{attribute} = :{name}")
            values[f":{name}"] = item[name]
        else:
            clauses.append(f"attribute_not_exists({attribute})")
    # Without this clause a malformed record, with none of them, would be written again after it was deleted.
    return " AND ".join(["attribute_exists(account_id)", *clauses]), values
