"""Erasures and their receipts in DynamoDB: item ``ERASURE#<id>`` of the account, and the index ``due``."""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Key, Table, epoch, from_text, text, typed
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "due"
_PREFIX = "ERASURE#"
_SHARD = "erasure"
"""One shard for all: erasures are rare, and none stays in the index for long."""

_PAGE = 50
ATTEMPTS = 5
"""How often a save is tried again when the counts have changed since they were read."""

_IS_NEW = "attribute_not_exists(account_id)"
_COUNTS_AS_READ = "removed = :removed"
_LOG = logging.getLogger("operator_memory.erasure")


class DynamoDBErasures:
    """Port ``ErasureStore``. Receipts have no time to live."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def begin(self, erasure: Erasure, *, due_at: datetime) -> bool:
        """Write it unless the account has one of its id, in one conditional write; says whether it did."""
        return self._table.put_if(_written(erasure, due_at), _IS_NEW, {})

    def save(self, erasure: Erasure, *, due_at: datetime | None) -> None:
        """Write it as it stands; at ``due_at`` (rounded up to a second) it is to be looked at again.

        Of ``removed`` as stored and as given each count is the larger, whoever writes at the same time.

        Raises:
            MalformedResponseError: what is stored cannot be read.
            UpstreamUnavailableError: others change it again and again.
        """
        for _ in range(ATTEMPTS):
            stored = self._table.get(erasure.account_id, _PREFIX + erasure.id)
            before = _erasure(stored) if stored else erasure
            known = before.removed if stored else {}
            names = {**known, **erasure.removed}
            removed = {name: max(known.get(name, 0), erasure.removed.get(name, 0)) for name in names}
            dropped = {**erasure.dropped, **before.dropped}
            item = _written(replace(erasure, removed=removed, dropped=dropped), due_at)
            as_read = {":removed": stored["removed"]} if stored else {}
            if self._table.put_if(item, _COUNTS_AS_READ if stored else _IS_NEW, as_read):
                return
        raise UpstreamUnavailableError(SYSTEM, "an erasure changes faster than it can be read")

    def note_dropped(self, account_id: AccountId, where: str, *, count: int, at: datetime) -> int:
        """Note it on all erasures begun by ``at``, and leave when they are due as it is; returns on how many.

        Raises:
            UpstreamUnavailableError: others change one again and again.
        """
        begun = [erasure for erasure in self.all(account_id) if erasure.erased_at <= at]
        for erasure in begun:
            self._note_dropped(account_id, erasure.id, where, count, at)
        return len(begun)

    def _note_dropped(self, account_id: AccountId, erasure_id: str, where: str, count: int, at: datetime) -> None:
        for _ in range(ATTEMPTS):
            stored = self._table.get(account_id, _PREFIX + erasure_id)
            if stored is None:
                return
            removed = {**stored["removed"], where: int(stored["removed"].get(where, 0)) + count}
            item = {**stored, "removed": removed, "dropped": {**stored.get("dropped", {}), where: text(at)}}
            condition = f"{_COUNTS_AS_READ} AND #state = :state"
            if self._table.put_if(item, condition, {":removed": stored["removed"], ":state": stored["state"]}):
                return
        raise UpstreamUnavailableError(SYSTEM, "an erasure changes faster than it can be read")

    def get(self, account_id: AccountId, erasure_id: str) -> Erasure | None:
        """The erasure, or ``None`` if the account has none of this id."""
        stored = self._table.get(account_id, _PREFIX + erasure_id)
        return _erasure(stored) if stored else None

    def all(self, account_id: AccountId) -> list[Erasure]:
        """All of the account, newest first."""
        found = map(_erasure, self._table.starting_with(account_id, _PREFIX))
        return sorted(found, key=lambda erasure: (erasure.erased_at, erasure.id), reverse=True)

    def due(self, *, now: datetime, limit: int) -> list[Erasure]:
        """Up to ``limit`` erasures, of any account, whose time has come; the longest waiting first.

        One that cannot be read is logged and left out: it must not keep the others waiting.
        """
        return list(islice(self._due(now), limit))

    def _due(self, now: datetime) -> Iterator[Erasure]:
        entries = self._table.query(
            {
                "TableName": self._table.name,
                "IndexName": INDEX,
                "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
                "ExpressionAttributeValues": typed({":shard": _SHARD, ":now": epoch(now)}),
                "Limit": _PAGE,
            }
        )
        while page := [_key(entry) for entry in islice(entries, _PAGE)]:
            stored = self._table.get_many(page)  # the index may lag behind
            for key in page:
                item = stored.get(key)
                if item is not None and "due_at" in item and item["due_at"] <= epoch(now):
                    try:
                        yield _erasure(item)
                    except MalformedResponseError:
                        _LOG.error("an erasure cannot be read", extra={"account_id": key[0], "item": key[1]})


def _key(item: Item) -> Key:
    return item["account_id"], item["item"]


def _written(erasure: Erasure, due_at: datetime | None) -> Item:
    return {
        "account_id": erasure.account_id,
        "item": _PREFIX + erasure.id,
        "target_kind": erasure.target.kind.value,
        "target_id": erasure.target.id,
        "requested_by": erasure.requested_by,
        "erased_at": text(erasure.erased_at),
        "state": erasure.state.value,
        "removed": dict(erasure.removed),
        "remaining": dict(erasure.remaining),
        "completed_at": text(erasure.completed_at) if erasure.completed_at else None,
        "verified_at": text(erasure.verified_at) if erasure.verified_at else None,
        "reason": erasure.reason,
        "dropped": {where: text(at) for where, at in erasure.dropped.items()} or None,
        "held": erasure.held,
        "due_shard": _SHARD if due_at else None,
        "due_at": math.ceil(due_at.timestamp()) if due_at else None,
    }


def _erasure(item: Item) -> Erasure:
    try:
        return Erasure(
            id=item["item"].removeprefix(_PREFIX),
            account_id=AccountId(item["account_id"]),
            target=Target(TargetKind(item["target_kind"]), item.get("target_id")),
            requested_by=item["requested_by"],
            erased_at=from_text(item["erased_at"]),
            state=ErasureState(item["state"]),
            removed=_counts(item["removed"]),
            remaining=_counts(item["remaining"]),
            completed_at=_moment(item, "completed_at"),
            verified_at=_moment(item, "verified_at"),
            reason=item["reason"],
            dropped={where: from_text(at) for where, at in item.get("dropped", {}).items()},
            held=item.get("held"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "an erasure cannot be read") from error


def _counts(stored: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in stored.items()}


def _moment(item: Item, name: str) -> datetime | None:
    return from_text(item[name]) if name in item else None
