"""Callers' idempotency keys in DynamoDB: item ``IDEMPOTENCY#<SHA-256 of the key>`` of the account."""

import hashlib
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Table, epoch
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "IDEMPOTENCY#"
KEPT = timedelta(days=1)
_ATTEMPTS = 3

# DynamoDB removes an item some time after its time to live has passed; until then it counts as removed.
_IS_FREE = "attribute_not_exists(account_id) OR #ttl <= :now"


class DynamoDBIdempotency:
    """Port ``IdempotencyStore``. One conditional write: of several callers at once the first one's stands."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def remember(
        self, account_id: AccountId, key: str, *, content_hash: str, job_id: str, now: datetime
    ) -> tuple[str, str]:
        """The (content hash, job id) that the key stands for: those given if it is new. Kept for a day."""
        name = PREFIX + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        item = {
            "account_id": account_id,
            "item": name,
            "content_hash": content_hash,
            "job_id": job_id,
            "ttl": math.ceil((now + KEPT).timestamp()),
        }
        for _ in range(_ATTEMPTS):
            if self._table.put_if(item, _IS_FREE, {":now": epoch(now)}):
                return content_hash, job_id
            stored = self._table.get(account_id, name)
            if stored is None:
                continue  # removed in between
            try:
                return str(stored["content_hash"]), str(stored["job_id"])
            except KeyError as error:
                raise MalformedResponseError(SYSTEM, "an idempotency key cannot be read") from error
        raise UpstreamUnavailableError(SYSTEM, "the key comes and goes faster than it can be read")
