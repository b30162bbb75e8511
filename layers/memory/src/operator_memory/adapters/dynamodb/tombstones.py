"""Tombstones in DynamoDB: item ``TOMBSTONE#<target's name>`` of the account. They have no time to live: a thread may
be read again from its start, however long ago it was erased. Those of single memories, ``DELETED#<mark>``, have one."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Key, Table, epoch, from_text, text
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.deletions import KEPT
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


DELETED_PREFIX = "DELETED#"
PREFIX = "TOMBSTONE#"


class DynamoDBTombstones:
    """Port ``Tombstones``. One conditional write to put, one consistent read for up to 100 targets to find."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        """Store it; one that is not later than the target's own changes nothing."""
        at = text(tombstone.erased_at)
        account, name = _key(account_id, tombstone.target)
        item = {"account_id": account, "item": name, "erased_at": at}
        self._table.put_if(item, "attribute_not_exists(account_id) OR erased_at < :at", {":at": at})

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        """The tombstones of ``targets``, in their order.

        Raises:
            MalformedResponseError: one cannot be read. Never taken for none: what is erased would come back.
        """
        keys = {_key(account_id, target): target for target in targets}
        found = self._table.get_many(keys)
        return [_tombstone(target, found[key]) for key, target in keys.items() if key in found]

    def all(self, account_id: AccountId) -> list[Tombstone]:
        """Every tombstone of the account.

        Raises:
            MalformedResponseError: one cannot be read. Never taken for none.
        """
        return [_tombstone(_target(item), item) for item in self._table.starting_with(account_id, PREFIX)]

    def buried_since(self, account_id: AccountId, moment: datetime) -> dict[str, datetime]:
        """The marks of what was deleted at ``moment`` or later, and when.

        Raises:
            MalformedResponseError: one cannot be read. Never taken for none.
        """
        items = self._table.starting_with(account_id, DELETED_PREFIX)
        found = {item["item"].removeprefix(DELETED_PREFIX): _moment(item, "deleted_at") for item in items}
        return {mark: at for mark, at in found.items() if at >= moment}

    def bury(self, account_id: AccountId, marks: Collection[str], *, at: datetime) -> None:
        """Store the marks of what was deleted at ``at``, 25 in a request.

        Of two deletions of the same in the same moment either's time may stand.
        """
        about = {"account_id": account_id, "deleted_at": text(at), "ttl": epoch(at + KEPT)}
        self._table.put_many([about | {"item": DELETED_PREFIX + mark} for mark in sorted(marks)])

    def buried(self, account_id: AccountId, marks: Collection[str]) -> dict[str, datetime]:
        """When what left each mark was deleted.

        Raises:
            MalformedResponseError: one cannot be read. Never taken for none: what is deleted would come back.
        """
        found = self._table.get_many([(account_id, DELETED_PREFIX + mark) for mark in sorted(marks)])
        return {item["item"].removeprefix(DELETED_PREFIX): _moment(item, "deleted_at") for item in found.values()}


def _key(account_id: AccountId, target: Target) -> Key:
    return account_id, PREFIX + target.name


def _target(item: Item) -> Target:
    kind, _, name = str(item["item"]).removeprefix(PREFIX).partition("#")
    try:
        return Target(TargetKind(kind), name or None)
    except ValueError as error:
        raise MalformedResponseError(SYSTEM, "a tombstone cannot be read") from error


def _tombstone(target: Target, item: Item) -> Tombstone:
    return Tombstone(target, _moment(item, "erased_at"))


def _moment(item: Item, name: str) -> datetime:
    try:
        return from_text(item[name])
    except (KeyError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a tombstone cannot be read") from error
