"""Which accounts have something to expire, in DynamoDB: item ``EXPIRY`` of the account, and the index ``due``.

The index is sparse and cut into shards, so that no single partition takes every account's writes.
"""

import math
import zlib
from datetime import datetime
from typing import TYPE_CHECKING

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, epoch, from_epoch, plain, typed
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "due"
SHARDS = 16
_ITEM = "EXPIRY"
_ATTEMPTS = 5


class DynamoDBExpiryIndex:
    """Port ``ExpiryIndex``. Every change raises ``version``; changes are made on condition of the one read."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        """Note that the account has a memory expiring at ``due_at``."""
        for _ in range(_ATTEMPTS):
            stored = self._table.get(account_id, _ITEM)
            seconds = _whole_seconds(due_at)
            if stored is None:
                if self._put(account_id, seconds, version=1, expected=None):
                    return
            else:
                version = int(stored["version"])
                earliest = min(seconds, int(stored.get("due_at", seconds)))
                if self._put(account_id, earliest, version + 1, expected=version):
                    return
        raise UpstreamUnavailableError(SYSTEM, "the account's expiry changes faster than it can be written")

    def entry(self, account_id: AccountId) -> DueAccount | None:
        """The account's entry; ``None`` if it is not in the index."""
        return _entry(account_id, self._table.get(account_id, _ITEM))

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        """Up to ``limit`` accounts that are due at ``now``, as they stand in the table."""
        due: list[DueAccount] = []
        for shard in range(SHARDS):
            due += self._as_stored(self._due_in_shard(shard, now, limit - len(due)), now)
            if len(due) >= limit:
                break
        return due

    def _as_stored(self, accounts: list[AccountId], now: datetime) -> list[DueAccount]:
        """Those of ``accounts`` that are due as they stand in the table: the index may lag behind."""
        items = self._table.get_many([(account, _ITEM) for account in accounts]) if accounts else {}
        entries = [_entry(account, items.get((account, _ITEM))) for account in accounts]
        return [entry for entry in entries if entry is not None and entry.due_at <= now]

    def _due_in_shard(self, shard: int, now: datetime, limit: int) -> list[AccountId]:
        with translated(SYSTEM):
            answer = self._table.client.query(
                TableName=self._table.name,
                IndexName=INDEX,
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues=typed({":shard": _shard_name(shard), ":now": epoch(now)}),
                Limit=limit,
            )
        return [AccountId(plain(item)["account_id"]) for item in answer.get("Items", [])]

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        """Move the account to its next expiry, or take it off the list; ``False`` if it was registered meanwhile.

        An entry without a next expiry is kept, outside the index: its version must go on counting.
        """
        due_at = None if next_due_at is None else _whole_seconds(next_due_at)
        return self._put(entry.account_id, due_at, entry.version + 1, expected=entry.version)

    def _put(self, account_id: AccountId, due_at: int | None, version: int, expected: int | None) -> bool:
        item = {
            "account_id": account_id,
            "item": _ITEM,
            "due_shard": None if due_at is None else _shard_name(zlib.crc32(account_id.encode()) % SHARDS),
            "due_at": due_at,
            "version": version,
        }
        if expected is None:
            return self._table.put_if(item, "attribute_not_exists(account_id)", {})
        return self._table.put_if(item, "version = :expected", {":expected": expected})


def _whole_seconds(moment: datetime) -> int:
    """Rounded up: an account must not be due before something has expired, or a sweep would come back at once."""
    return math.ceil(moment.timestamp())


def _shard_name(shard: int) -> str:
    return f"expiry-{shard:02}"


def _entry(account_id: AccountId, item: Item | None) -> DueAccount | None:
    if item is None or "due_at" not in item:
        return None
    return DueAccount(account_id, from_epoch(item["due_at"]), int(item["version"]))
