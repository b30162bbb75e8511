"""The budgets of accounts, in DynamoDB: item ``BUDGET`` of the account."""

from datetime import date
from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table
from operator_memory.adapters.dynamodb.usage.counters import counts_of, month_item
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.budget import Budget, Limit
from operator_memory.domain.usage.counts import Counts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ITEM = "BUDGET"
_FIELDS = ("granted_cents", "granted_tokens", "own_cents", "own_tokens")


class DynamoDBBudgets:
    """Port ``Budgets``."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def budget(self, account_id: AccountId) -> Budget:
        """The account's budget, or one without limits."""
        return _budget(self._table.get(account_id, ITEM))

    def put(self, account_id: AccountId, budget: Budget, *, expected: Budget) -> bool:
        """Write it over the one that is expected there."""
        known = _attributes(expected)
        clauses = [f"attribute_not_exists({n})" if v is None else f"{n} = :{n}" for n, v in known.items()]
        values = {f":{name}": value for name, value in known.items() if value is not None}
        item = {"account_id": account_id, "item": ITEM, **_attributes(budget)}
        return self._table.put_if(item, " AND ".join(clauses), values)

    def with_month(self, account_id: AccountId, month: date) -> tuple[Budget, Counts]:
        """The budget and the month's counts, in one request."""
        names = (ITEM, month_item(month))
        found = self._table.get_many([(account_id, name) for name in names])
        budget, counts = (found.get((account_id, name)) for name in names)
        return _budget(budget), counts_of(counts)


def _attributes(budget: Budget) -> dict[str, int | None]:
    granted, own = budget.granted, budget.own
    return dict(zip(_FIELDS, (granted.cents, granted.tokens, own.cents, own.tokens), strict=True))


def _budget(item: Item | None) -> Budget:
    try:
        numbers = [None if item is None or item.get(name) is None else int(item[name]) for name in _FIELDS]
    except (TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "a budget cannot be read") from error
    return Budget(Limit(*numbers[:2]), Limit(*numbers[2:]))
