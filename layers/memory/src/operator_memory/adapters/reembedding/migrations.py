"""The migration under way, in DynamoDB: item ``MIGRATION`` in the place of an account that no id can name."""

from typing import TYPE_CHECKING

from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, from_text, text
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.migration import Migration, MigrationState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NOBODY, _ITEM = "MIGRATION#", "MIGRATION"
_TIMES = ("started_at", "verified_at", "switched_at")


class DynamoDBMigrations:
    """At most one. It is read again each time: whoever deletes must not miss that one has begun."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def current(self) -> Migration | None:
        """The one under way (consistent read), or ``None``.

        Raises:
            MalformedResponseError: it cannot be read. Never taken for none: what is erased would stay in a copy.
        """
        stored = self._table.get(_NOBODY, _ITEM)
        return None if stored is None else _migration(stored)

    def begin(self, migration: Migration) -> bool:
        """Write it unless there is one; says whether it did."""
        return self._table.put_if(_written(migration), "attribute_not_exists(account_id)", {})

    def save(self, migration: Migration) -> None:
        """Write it as it stands now."""
        self._table.put(_written(migration))

    def end(self) -> None:
        """There is none any more."""
        self._table.delete_many([(_NOBODY, _ITEM)])


def _written(migration: Migration) -> Item:
    moments = {name: getattr(migration, name) for name in _TIMES}
    return {
        "account_id": _NOBODY,
        "item": _ITEM,
        "source": migration.source,
        "target": migration.target,
        "model": migration.model,
        "dimensions": migration.dimensions,
        "migration_state": migration.state.value,
        "place": migration.place,
        "passes": migration.passes,
        "copied": migration.copied,
        **{name: text(moment) if moment else None for name, moment in moments.items()},
    }


def _migration(item: Item) -> Migration:
    try:
        return Migration(
            source=item["source"],
            target=item["target"],
            model=item["model"],
            dimensions=int(item["dimensions"]),
            started_at=from_text(item["started_at"]),
            state=MigrationState(item["migration_state"]),
            place=item.get("place"),
            passes=int(item["passes"]),
            copied=int(item["copied"]),
            verified_at=from_text(item["verified_at"]) if "verified_at" in item else None,
            switched_at=from_text(item["switched_at"]) if "switched_at" in item else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(SYSTEM, "the migration cannot be read") from error
