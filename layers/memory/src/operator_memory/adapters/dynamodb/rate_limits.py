"""Token buckets in DynamoDB: item ``RATE`` under the key ``RATE#<bucket>``. Standard library only (hot path).

A bucket is one number, its "theoretical arrival time" (tat): the moment at which it will be full again. Taking
tokens moves it on by their cost; it may lie at most a whole bucket ahead of now. That is exact, needs no refill and
no read before the write, and an item that was removed is a full bucket. (GCRA, the generic cell rate algorithm:
ITU-T I.371; https://brandur.org/rate-limiting)
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory.adapters.aws.signed_json import AwsJsonClient, Refusal
from operator_memory.domain.errors import MalformedResponseError, UpstreamTimeoutError, UpstreamUnavailableError
from operator_memory.domain.management.rate_limits import RateLimit

_SYSTEM = "dynamodb"
_ATTEMPTS = 3
_MINUTE = 60_000_000
_SECOND = 1_000_000
_KEPT_SECONDS = 60
"""How long after the bucket is full again its item may be removed: workers' clocks differ a little."""

_REFUSED = "ConditionalCheckFailedException"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Move:
    """What taking some tokens means now, all in microseconds (times since 1970)."""

    now: int
    cost: int
    latest: int
    """The latest tat that leaves room for them."""

    @property
    def expires(self) -> int:
        """When the item can go, in seconds since 1970."""
        return (self.latest + self.cost) // _SECOND + _KEPT_SECONDS


class DynamoDBTokenBuckets:
    """Port ``TokenBuckets``. One request if the bucket is full, two if it is in use, one if it is empty."""

    def __init__(self, client: AwsJsonClient, table: str) -> None:
        """``client`` is one for the service ``dynamodb``; ``table`` the name of the product's table."""
        self._client = client
        self._table = table

    def take(self, key: str, limit: RateLimit, *, tokens: int, now: datetime, timeout: float) -> int:
        """Take ``tokens`` from the bucket ``key``. 0: taken; else the whole seconds until they would be there.

        A limit of 0 takes nothing and asks nobody.

        Raises:
            ValueError: ``tokens`` is less than one, or more than a full bucket holds.
            UpstreamError: DynamoDB does not serve, or not within ``timeout`` seconds.
        """
        if limit.per_minute == 0:
            return 0
        if not 1 <= tokens <= limit.per_minute:
            raise ValueError(f"a bucket of {limit.per_minute} never holds {tokens} tokens")
        deadline = time.monotonic() + timeout
        move = _move(limit, tokens, now)
        tat: int | None = None
        for _ in range(_ATTEMPTS):
            taken, tat = self._try(key, move, tat, deadline)
            if taken:
                return 0
            if tat is not None and tat > move.latest:
                return -((move.latest - tat) // _SECOND)
        raise UpstreamUnavailableError(_SYSTEM, "the bucket changes faster than it can be read")

    def _try(self, key: str, move: _Move, known: int | None, deadline: float) -> tuple[bool, int | None]:
        """Take the tokens if the bucket is as ``known`` says (``None``: full); else what it is instead."""
        values = {":now": move.now, ":cost": move.cost, ":ttl": move.expires}
        if known is None or known <= move.now:
            condition = "attribute_not_exists(tat) OR tat <= :now"
            change = "SET tat = :full, #ttl = :ttl"
            values[":full"] = values.pop(":cost") + move.now
        else:
            condition = "tat > :now AND tat <= :latest"
            change = "SET tat = tat + :cost, #ttl = :ttl"
            values[":latest"] = move.latest
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"account_id": {"S": f"RATE#{key}"}, "item": {"S": "RATE"}},
            "ConditionExpression": condition,
            "UpdateExpression": change,
            "ExpressionAttributeNames": {"#ttl": "ttl"},  # a reserved word
            "ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        left = deadline - time.monotonic()
        if left <= 0:
            raise UpstreamTimeoutError(_SYSTEM, "no time left for another attempt")
        answer = self._client.call_or_refusal(
            "DynamoDB_20120810.UpdateItem", request, expected=(_REFUSED,), timeout=left
        )
        return (False, _tat(answer)) if isinstance(answer, Refusal) else (True, None)


def _move(limit: RateLimit, tokens: int, now: datetime) -> _Move:
    interval = -(-_MINUTE // limit.per_minute)  # rounded up: never more than the limit
    moment = (now - _EPOCH) // timedelta(microseconds=1)
    return _Move(moment, interval * tokens, moment + interval * (limit.per_minute - tokens))


def _tat(refusal: Refusal) -> int | None:
    """The stored time, or ``None`` if there is no item (any more)."""
    item = refusal.body.get("Item")
    if item is None:
        return None
    try:
        return int(item["tat"]["N"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(_SYSTEM, "unexpected answer to UpdateItem") from error
