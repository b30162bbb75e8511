"""Answers that were given under idempotency keys in DynamoDB: ``IDEMPOTENCY#<SHA-256>`` of the account, like the keys
of jobs."""

import hashlib
import math
import zlib
from datetime import datetime
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.idempotency import KEPT, PREFIX
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, epoch
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.management.keyed_requests import KeyedRequest, KnownRequest
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_BYTES = 64 * 1024
"""Of an answer, compressed. A larger one is not kept; to do again what led to it is harmless."""

_ATTEMPTS = 3
_ANY = ""
"""The content hash of a key that is free for any request."""

_IS_FREE = (
    "attribute_not_exists(account_id) OR #ttl <= :now"
    " OR (attribute_not_exists(answer) AND claimed_until <= :now AND content_hash IN (:hash, :any))"
)
_IS_MINE = "claim = :claim"


class DynamoDBAnswers:
    """Port ``AnswerStore``. Conditional writes: of several callers at once one answers."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def begin(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, now: datetime, until: datetime
    ) -> KnownRequest | None:
        """Claim the request, for a day at most; or return what is known of it."""
        name = _name(request)
        item = {
            "account_id": account_id,
            "item": name,
            "content_hash": request.content_hash,
            "claim": claim,
            "claimed_until": math.ceil(until.timestamp()),
            "ttl": math.ceil((now + KEPT).timestamp()),
        }
        for _ in range(_ATTEMPTS):
            if self._table.put_if(item, _IS_FREE, {":now": epoch(now), ":hash": request.content_hash, ":any": _ANY}):
                return None
            stored = self._table.get(account_id, name)
            if stored is not None:  # else removed in between
                return _known(stored)
        raise UpstreamUnavailableError(SYSTEM, "the key comes and goes faster than it can be read")

    def end(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, answer: str | None, refused: bool = False
    ) -> None:
        """Keep the answer if the claim still stands; ``None``, or one that is too large, frees the request."""
        stored = self._table.get(account_id, _name(request))
        if stored is None or stored.get("claim") != claim:
            return
        packed = None if answer is None else zlib.compress(answer.encode())
        kept: Item = {"answer": packed}
        if packed is None or len(packed) > MOST_BYTES:
            kept = {"claimed_until": 0, "content_hash": _ANY if refused else stored["content_hash"]}
        self._table.put_if({**stored, **kept}, _IS_MINE, {":claim": claim})


def _name(request: KeyedRequest) -> str:
    return PREFIX + hashlib.sha256(f"answer\x1f{request.key}".encode()).hexdigest()


def _known(stored: Item) -> KnownRequest:
    try:
        answer = stored.get("answer")
        return KnownRequest(str(stored["content_hash"]), zlib.decompress(bytes(answer)).decode() if answer else None)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise MalformedResponseError(SYSTEM, "a kept answer cannot be read") from error
