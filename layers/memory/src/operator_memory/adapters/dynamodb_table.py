"""What the DynamoDB adapters share: the one table, its keys, and conditional writes.

Items have the partition key ``account_id`` and the sort key ``item``. The table holds no memory text.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from operator_memory.adapters.aws_errors import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SYSTEM = "dynamodb"
Item = dict[str, Any]
_TO_DYNAMO, _FROM_DYNAMO = TypeSerializer(), TypeDeserializer()


class Table:
    """Reads and writes single items of one account. Values are plain Python values."""

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
        request: dict[str, Any] = {"TableName": self.name, "Item": typed(item), "ConditionExpression": condition}
        if values:
            request["ExpressionAttributeValues"] = typed(values)
        if "#state" in condition:  # "state" is a reserved word
            request["ExpressionAttributeNames"] = {"#state": "state"}
        with translated(SYSTEM):
            try:
                self.client.put_item(**request)
            except ClientError as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    return False
                raise
        return True


def key(account_id: str, item: str) -> dict[str, Any]:
    """The primary key of an item."""
    return {"account_id": {"S": account_id}, "item": {"S": item}}


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` in DynamoDB's wire form; entries that are ``None`` are left out."""
    return {name: _TO_DYNAMO.serialize(value) for name, value in item.items() if value is not None}


def plain(item: Mapping[str, Any]) -> Item:
    """An item of an answer as plain values (numbers are ``Decimal``)."""
    return {name: _FROM_DYNAMO.deserialize(value) for name, value in item.items()}


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, as DynamoDB's time to live wants them."""
    return int(moment.timestamp())


def from_epoch(value: object) -> datetime:
    """The moment of a stored number of seconds."""
    return datetime.fromtimestamp(float(str(value)), UTC)
