"""Legal holds in DynamoDB: item ``HOLD`` of the account, and ``HOLD#<thread>``. They have no time to live, and the
erasure of an account leaves them."""

from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, from_text, text
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import Hold, Holds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ACCOUNT = "HOLD"
_THREAD = "HOLD#"


class DynamoDBHolds:
    """Port ``HoldStore``. One consistent query reads all holds of an account."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def holds(self, account_id: AccountId) -> Holds:
        """The account's holds.

        Raises:
            MalformedResponseError: one cannot be read. Never taken for none: what is held would be removed.
        """
        found = {item["item"]: item for item in self._table.starting_with(account_id, _ACCOUNT)}
        account = found.pop(_ACCOUNT, None)
        threads = {name.removeprefix(_THREAD): item for name, item in found.items() if name.startswith(_THREAD)}
        return Holds(
            None if account is None else _hold(account, None),
            {thread: _hold(item, thread) for thread, item in threads.items()},
        )

    def place(self, account_id: AccountId, hold: Hold) -> None:
        """Store it."""
        self._table.put(
            {
                "account_id": account_id,
                "item": _name(hold.thread_id),
                "reason": hold.reason,
                "placed_at": text(hold.placed_at),
                "placed_by": hold.placed_by,
            }
        )

    def lift(self, account_id: AccountId, thread_id: str | None) -> bool:
        """Delete it; says whether there was one."""
        name = _name(thread_id)
        known = self._table.get(account_id, name) is not None
        self._table.delete_many([(account_id, name)])
        return known


def _name(thread_id: str | None) -> str:
    return _ACCOUNT if thread_id is None else _THREAD + thread_id


def _hold(item: Item, thread_id: str | None) -> Hold:
    try:
        return Hold(str(item["reason"]), from_text(item["placed_at"]), str(item["placed_by"]), thread_id)
    except (KeyError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a hold cannot be read") from error
