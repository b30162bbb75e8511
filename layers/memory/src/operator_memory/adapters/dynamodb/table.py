"""What the DynamoDB adapters share: the one table, its keys, conditional writes, and reads and deletions of many.

Items have the partition key ``account_id`` and the sort key ``item``. The table holds no memory text.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.domain.errors import UpstreamUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SYSTEM = "dynamodb"
Item = dict[str, Any]
Key = tuple[str, str]
"""An item's account and name."""

BATCH_ATTEMPTS = 5
"""How often what a batch left over is asked for again before the call fails."""

_TO_DYNAMO, _FROM_DYNAMO = TypeSerializer(), TypeDeserializer()
_RESERVED = ("state", "ttl")
_READ_BATCH = 100
_WRITE_BATCH = 25
_FIRST_WAIT = 0.05


class Table:
    """Reads and writes items. Values are plain Python values."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        """The client should have the project's time-outs (`aws_errors.CLIENT_CONFIG`)."""
        self.client = client
        self.name = name

    def get(self, account_id: str, item: str) -> Item | None:
        """The item as last written (consistent read), or ``None``."""
        with translated(SYSTEM):
            answer = self.client.get_item(TableName=self.name, Key=key(account_id, item), ConsistentRead=True)
        found = answer.get("Item")
        return plain(found) if found else None

    def put_if(self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> bool:
        """Write the whole item if ``condition`` holds for what is stored; says whether it did."""
        return self._put_if(item, condition, values) is not None

    def replace_if(
        self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any]
    ) -> tuple[bool, Item | None]:
        """As `put_if`, and what it took the place of."""
        before = self._put_if(item, condition, values, returned="ALL_OLD")
        return before is not None, before or None

    def _put_if(
        self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any], *, returned: str = "NONE"
    ) -> Item | None:
        """What the answer says was there before; ``None`` if the condition does not hold."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "Item": typed(item),
            "ConditionExpression": condition,
            "ReturnValues": returned,
        }
        if values:
            request["ExpressionAttributeValues"] = typed(values)
        if names := {f"#{word}": word for word in _RESERVED if f"#{word}" in condition}:
            request["ExpressionAttributeNames"] = names
        with translated(SYSTEM):
            try:
                answer = self.client.put_item(**request)
            except ClientError as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    return None
                raise
        return plain(answer.get("Attributes", {}))

    def put(self, item: Mapping[str, Any]) -> None:
        """Write the whole item, whatever is stored."""
        with translated(SYSTEM):
            self.client.put_item(TableName=self.name, Item=typed(item))

    def starting_with(self, account_id: str, prefix: str, *, only: Sequence[str] = ()) -> Iterator[Item]:
        """All items of the account whose name starts with ``prefix``, by name, as last written.

        They are read page by page, while the caller goes through them. ``only``: these attributes and the
        key, without the others.
        """
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "account_id = :account AND begins_with(#item, :prefix)",
            "ExpressionAttributeNames": {"#item": "item"},
            "ExpressionAttributeValues": typed({":account": account_id, ":prefix": prefix}),
        }
        if only:
            names = {f"#{number}": name for number, name in enumerate(only)}
            request["ExpressionAttributeNames"] |= names
            request["ProjectionExpression"] = ", ".join(["account_id", "#item", *names])
        return self.query(request)

    def page(self, account_id: str, prefix: str, *, limit: int, start: Mapping[str, Any] | None) -> list[Item]:
        """Up to ``limit`` of the account's items whose name starts with ``prefix``, by name, after the key ``start``.

        Fewer only at the end.
        """
        found: list[Item] = []
        request: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        while len(found) < limit:
            with translated(SYSTEM):
                answer = self.client.query(
                    TableName=self.name,
                    ConsistentRead=True,
                    KeyConditionExpression="account_id = :account AND begins_with(#item, :prefix)",
                    ExpressionAttributeNames={"#item": "item"},
                    ExpressionAttributeValues=typed({":account": account_id, ":prefix": prefix}),
                    Limit=limit - len(found),
                    **request,
                )
            found += map(plain, answer.get("Items", []))
            if not answer.get("LastEvaluatedKey"):
                break
            request = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found

    def query(self, request: Mapping[str, Any]) -> Iterator[Item]:
        """The items that a Query gives, over all its pages."""
        start: dict[str, Any] = {}
        while True:
            with translated(SYSTEM):
                answer = self.client.query(**request, **start)
            yield from map(plain, answer.get("Items", []))
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of the items that exist, as last written (consistent reads).

        Raises:
            UpstreamUnavailableError: DynamoDB left some unread again and again.
        """
        found: dict[Key, Item] = {}
        for batch in _batches(list(dict.fromkeys(keys)), _READ_BATCH):
            asked: Any = {self.name: {"Keys": [key(*one) for one in batch], "ConsistentRead": True}}
            for attempt in range(BATCH_ATTEMPTS):
                _wait(attempt)
                with translated(SYSTEM):
                    answer = self.client.batch_get_item(RequestItems=asked)
                for item in map(plain, answer.get("Responses", {}).get(self.name, [])):
                    found[item["account_id"], item["item"]] = item
                asked = answer.get("UnprocessedKeys")
                if not asked:
                    break
            else:
                raise UpstreamUnavailableError(SYSTEM, "items were left unread")
        return found

    def put_many(self, items: Sequence[Item]) -> None:
        """Write the items, whatever is stored. No two may have the same key.

        Raises:
            UpstreamUnavailableError: DynamoDB left some unwritten again and again.
        """
        for start in range(0, len(items), _WRITE_BATCH):
            batch = items[start : start + _WRITE_BATCH]
            self._write([{"PutRequest": {"Item": typed(item)}} for item in batch], "unwritten")

    def delete_many(self, keys: Iterable[Key]) -> None:
        """Delete the items; those that do not exist are ignored.

        Raises:
            UpstreamUnavailableError: DynamoDB left some undeleted again and again.
        """
        for batch in _batches(list(dict.fromkeys(keys)), _WRITE_BATCH):
            self._write([{"DeleteRequest": {"Key": key(*one)}} for one in batch], "undeleted")

    def _write(self, requests: Sequence[Item], left: str) -> None:
        asked: Any = {self.name: requests}
        for attempt in range(BATCH_ATTEMPTS):
            _wait(attempt)
            with translated(SYSTEM):
                asked = self.client.batch_write_item(RequestItems=asked).get("UnprocessedItems")
            if not asked:
                return
        raise UpstreamUnavailableError(SYSTEM, f"items were left {left}")


def _batches(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _wait(attempt: int) -> None:
    """Before asking again for what was left over, as DynamoDB advises: 0, 50, 100, 200, 400 ms."""
    if attempt:
        time.sleep(_FIRST_WAIT * 2 ** (attempt - 1))


def key(account_id: str, item: str) -> dict[str, Any]:
    """The primary key of an item."""
    return {"account_id": {"S": account_id}, "item": {"S": item}}


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` in DynamoDB's wire form; entries that are ``None`` are left out."""
    return {name: _TO_DYNAMO.serialize(value) for name, value in item.items() if value is not None}


def plain(item: Mapping[str, Any]) -> Item:
    """An item of an answer as plain values (numbers are ``Decimal``)."""
    return {name: _FROM_DYNAMO.deserialize(value) for name, value in item.items()}


def text(moment: datetime) -> str:
    """The moment as UTC to the microsecond, always of one length: sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(value: object) -> datetime:
    """The moment that `text` wrote.

    Raises:
        ValueError: it is none, or has no time zone.
    """
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, as DynamoDB's time to live wants them."""
    return int(moment.timestamp())


def from_epoch(value: object) -> datetime:
    """The moment of a stored number of seconds."""
    return datetime.fromtimestamp(float(str(value)), UTC)
