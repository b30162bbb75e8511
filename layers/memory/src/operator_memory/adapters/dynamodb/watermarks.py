"""How far each thread has been read, in DynamoDB: item ``WATERMARK#<thread_id>`` of the account."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Table
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "WATERMARK#"
_ONLY_FORWARD = "attribute_not_exists(account_id) OR created_at < :at OR (created_at = :at AND message_id < :id)"


class DynamoDBWatermarks:
    """Port ``WatermarkStore``."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def get(self, account_id: AccountId, thread_id: str) -> Watermark | None:
        """The thread's watermark, or ``None``."""
        stored = self._table.get(account_id, _item(thread_id))
        if stored is None:
            return None
        try:
            return Watermark(datetime.fromisoformat(stored["created_at"]), stored["message_id"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(SYSTEM, "a watermark cannot be read") from error

    def advance(self, account_id: AccountId, thread_id: str, watermark: Watermark) -> None:
        """Move it forward; one that is not later than the stored one changes nothing."""
        at = watermark.created_at.astimezone(UTC).isoformat(timespec="microseconds")  # so that text sorts as time
        item = {
            "account_id": account_id,
            "item": _item(thread_id),
            "created_at": at,
            "message_id": watermark.message_id,
        }
        self._table.put_if(item, _ONLY_FORWARD, {":at": at, ":id": watermark.message_id})


def _item(thread_id: str) -> str:
    return PREFIX + thread_id
