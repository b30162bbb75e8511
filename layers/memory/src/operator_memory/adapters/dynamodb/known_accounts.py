"""Accounts that memory is kept for, in DynamoDB: those in the index ``due``; and the places of sweeps.

The index holds an entry for each account with something that expires, and for each erasure under way: small items, so
that a page of them is cheap.
"""

import json
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.adapters.dynamodb.expiry import INDEX
from operator_memory.adapters.dynamodb.table import SYSTEM, Table, plain
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SWEEPS = "SWEEP#"
"""In the place of an account, with a character that no id may hold."""


class DynamoDBKnownAccounts:
    """Port ``KnownAccounts``. A place is a key of the index, so it stays good when its entry is gone."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def page(self, *, after: str | None, limit: int) -> tuple[list[AccountId], str | None]:
        """Up to ``limit`` accounts, each once, and where the next call goes on."""
        start: dict[str, Any] = {"ExclusiveStartKey": json.loads(after)} if after else {}
        with translated(SYSTEM):
            answer = self._table.client.scan(TableName=self._table.name, IndexName=INDEX, Limit=limit, **start)
        found = [plain(item)["account_id"] for item in answer.get("Items", [])]
        following = answer.get("LastEvaluatedKey")
        accounts = [AccountId(account) for account in dict.fromkeys(found)]
        return accounts, json.dumps(following, sort_keys=True) if following else None

    def place(self, name: str) -> str | None:
        """The place that was kept under ``name``."""
        stored = self._table.get(_SWEEPS, name)
        return None if stored is None else stored.get("place")

    def keep_place(self, name: str, place: str | None) -> None:
        """Keep the place."""
        self._table.put({"account_id": _SWEEPS, "item": name, "place": place})
