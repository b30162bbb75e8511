"""Transactions of moto's DynamoDB whose cost does not grow with the table."""

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

_Kept = list[tuple[Table, Any, Any, Any]]
"""A table, the two parts of a key, and the item that is there; ``None``: none."""


def mend_transactions() -> None:
    """Have a transaction keep only the items that it is about, to put them back if it fails.

    Moto copies the whole table, once for each of them: a second for a table of 5,000 items. Whoever calls it carries
    out one request at a time.
    """
    transact = DynamoDBBackend.transact_write_items

    @functools.wraps(transact)
    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        kept = _kept(backend, transact_items)
        try:
            with _tables_not_copied():
                transact(backend, transact_items)
        except Exception:
            _put_back(kept)
            raise

    setattr(DynamoDBBackend, transact_write_items.__name__, transact_write_items)


def _kept(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> _Kept:
    found: _Kept = []
    for item in transact_items:
        [op] = list(item.values())[:1]
        table = backend.tables.get(op.get("TableName"))
        if table is not None:
            key = backend.get_keys_value(table, op.get("Key") or op["Item"])
            found.append((table, *key, copy.deepcopy(table.get_item(*key))))
    return found


def _put_back(kept: _Kept) -> None:
    for table, hash_key, range_key, item in kept:
        if item is not None:
            table.items[hash_key][range_key] = item
        elif table.get_item(hash_key, range_key) is not None:
            del table.items[hash_key][range_key]


@contextmanager
def _tables_not_copied() -> Iterator[None]:
    setattr(Table, "__deepcopy__", lambda table, _memo: table)  # noqa: B010  (moto has none)
    try:
        yield
    finally:
        delattr(Table, "__deepcopy__")
