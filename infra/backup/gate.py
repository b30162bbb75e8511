"""What must not come back with a backup: erased, deleted, archived or expired since. Asked of the table."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operator_memory.adapters.dynamodb.table import Table
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.qdrant import requests
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.memory.memory import CLEARED, Memory
from operator_memory.domain.memory.scopes import AccountId, account_id
from operator_memory.domain.shared.deletions import forbidden
from operator_memory.domain.shared.tombstones import Tombstone

Json = dict[str, Any]

ERASED, DELETED, ARCHIVED, EXPIRED, UNREADABLE = "erased", "deleted", "archived", "expired", "unreadable"
"""Why a point is kept out: an erasure covers it; a person deleted it after the backup was begun; it is in the archive;
its time is over; it does not say whose it is, or of an account with erasures whether they cover it."""

ARCHIVED_PREFIX = "ARCHIVED#"
"""Of the archive's index in the table: one item for each archived memory."""

_ACCOUNTS_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Account:
    """What was erased and deleted of one account."""

    tombstones: Sequence[Tombstone]
    marks: Mapping[str, datetime]


@dataclass(slots=True)
class Verdict:
    """About one page of points. ``kept`` may be written; ``dropped`` are memories that may not, by the reason."""

    kept: list[Json] = field(default_factory=list)
    expiries: dict[AccountId, datetime] = field(default_factory=dict)
    """Of the kept ones, the earliest of each account."""
    dropped: dict[str, list[Memory]] = field(default_factory=dict)
    silenced: set[AccountId] = field(default_factory=set)
    """Accounts with turns among the kept ones that other sessions must not recall."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many are dropped, by the reason."""


class Gate:
    """Judges points page by page. Reads each account's erasures once; ask a new one for what came later."""

    def __init__(self, client: Any, table: str, *, since: datetime, now: datetime) -> None:  # noqa: ANN401  (boto3)
        """``since``: when the backup was begun. What was deleted before is not in it, unless it was said again."""
        self._table = Table(client, table)
        self._tombstones = DynamoDBTombstones(client, table)
        self._since = since
        self._now = now
        self._accounts: OrderedDict[AccountId, Account] = OrderedDict()

    def judge(self, points: Sequence[Json]) -> Verdict:
        """Which of ``points`` may come back.

        Raises:
            UpstreamError, MalformedResponseError: the table cannot be read. Never taken for nothing erased.
        """
        verdict = Verdict()
        archived = self._archived(points)
        for point in points:
            owner = _owner(point)
            memory = None if owner is None else _memory(owner, point)
            reason = self._reason(owner, memory, archived)
            if reason is not None:
                verdict.counts[reason] += 1
                if memory is not None:
                    verdict.dropped.setdefault(reason, []).append(memory)
                continue
            if memory is not None:
                self._keep(verdict, memory, point)
            else:
                verdict.kept.append(point)
        return verdict

    def account(self, owner: AccountId) -> Account:
        """What was erased and deleted of this account."""
        if owner in self._accounts:
            self._accounts.move_to_end(owner)
            return self._accounts[owner]
        found = Account(self._tombstones.all(owner), self._tombstones.buried_since(owner, self._since))
        self._accounts[owner] = found
        if len(self._accounts) > _ACCOUNTS_KEPT:
            self._accounts.popitem(last=False)
        return found

    def _reason(self, owner: AccountId | None, memory: Memory | None, archived: set[str]) -> str | None:
        if owner is None:
            return UNREADABLE
        account = self.account(owner)
        if memory is None:
            return UNREADABLE if account.tombstones else None
        if any(tombstone.covers(memory) for tombstone in account.tombstones):
            return ERASED
        if account.marks and forbidden(memory, account.marks):
            return DELETED
        if memory.id in archived:
            return ARCHIVED
        if memory.expires_at is not None and memory.expires_at <= self._now:
            return EXPIRED
        return None

    def _keep(self, verdict: Verdict, memory: Memory, point: Json) -> None:
        owner = memory.account_id
        if any(tombstone.silences(memory) for tombstone in self.account(owner).tombstones):
            verdict.silenced.add(owner)
            point = {**point, "payload": {**point["payload"], requests.WITHHELD: [CLEARED]}}
        verdict.kept.append(point)
        if memory.expires_at is not None:
            verdict.expiries[owner] = min(memory.expires_at, verdict.expiries.get(owner, memory.expires_at))

    def _archived(self, points: Sequence[Json]) -> set[str]:
        keys = [(owner, f"{ARCHIVED_PREFIX}{point['id']}") for point in points if (owner := _owner(point)) is not None]
        return {item.removeprefix(ARCHIVED_PREFIX) for _, item in self._table.get_many(keys)}


def _owner(point: Mapping[str, Any]) -> AccountId | None:
    try:
        return account_id((point.get("payload") or {})[requests.ACCOUNT])
    except (InvalidInputError, KeyError, TypeError):
        return None


def _memory(owner: AccountId, point: Mapping[str, Any]) -> Memory | None:
    try:
        return requests.memory_of(owner, point)
    except MalformedResponseError:
        return None
