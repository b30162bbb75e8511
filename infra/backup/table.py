"""Tries the recovery of the table: into a scratch table, by DynamoDB's point-in-time recovery. Holds no memory text."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from operator_memory.adapters.aws.boto3_clients import error_code, translated
from operator_memory.adapters.dynamodb.table import SYSTEM, Item, Table, plain
from operator_memory.domain.errors import ConfigurationError, UpstreamTimeoutError

SUFFIX = "-drill"
_MOST = 2000
"""Items that are compared. The rest is counted by nobody: to read a whole table costs."""
_EVERY_SECONDS, _MOST_SECONDS = 10.0, 3 * 3600.0
_MISSING = "ResourceNotFoundException"


@dataclass(slots=True)
class Found:
    """What a drill of the table found."""

    live: Counter[str] = field(default_factory=Counter)
    """Of the compared items, how many the table in use has ``the same``, ``changed since`` or ``gone since``."""
    faults: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """For a person."""
        told = ", ".join(f"{count} {what}" for what, count in self.live.items()) or "no item"
        return [f"Compared with the table in use: {told}.", *(f"Fault: {fault}" for fault in self.faults)]


def try_table(
    client: Any,  # noqa: ANN401  (boto3 "dynamodb")
    table: str,
    *,
    at: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """Recover ``table`` as it was ``at`` a moment (``None``: as late as possible), compare, delete what was made.

    Raises:
        ConfigurationError: the table has no point-in-time recovery, or not to that moment.
        UpstreamError: DynamoDB cannot be used.
    """
    scratch = table + SUFFIX
    _delete(client, scratch, sleep)
    moment: dict[str, Any] = {"UseLatestRestorableTime": True} if at is None else {"RestoreDateTime": at}
    with translated(SYSTEM):
        try:
            client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=scratch, **moment)
        except ClientError as error:
            if error_code(error) in ("PointInTimeRecoveryUnavailableException", "InvalidRestoreTimeException"):
                raise ConfigurationError(f"{table} cannot be recovered to that moment: {error_code(error)}.") from None
            raise
    try:
        _wait_for(client, scratch, sleep)
        return _compared(Table(client, scratch), Table(client, table))
    finally:
        _delete(client, scratch, sleep)


def _compared(recovered: Table, live: Table) -> Found:
    found = Found()
    for page in _pages(recovered):
        others = live.get_many((item["account_id"], item["item"]) for item in page)
        for item in page:
            other = others.get((item["account_id"], item["item"]))
            found.live["gone since" if other is None else "the same" if other == item else "changed since"] += 1
    if not found.live and next(_pages(live), None):
        found.faults.append("the recovered table is empty, and the table in use is not.")
    return found


def _pages(table: Table) -> Iterator[list[Item]]:
    start: dict[str, Any] = {}
    read = 0
    while read < _MOST:
        with translated(SYSTEM):
            answer = table.client.scan(TableName=table.name, Limit=100, **start)
        page = [plain(item) for item in answer.get("Items", [])]
        read += len(page)
        if page:
            yield page
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _status(client: Any, table: str) -> str | None:  # noqa: ANN401  (boto3 "dynamodb")
    with translated(SYSTEM):
        try:
            return str(client.describe_table(TableName=table)["Table"]["TableStatus"])
        except ClientError as error:
            if error_code(error) == _MISSING:
                return None
            raise


def _wait_for(client: Any, table: str, sleep: Callable[[float], None]) -> None:  # noqa: ANN401  (boto3 "dynamodb")
    waited = 0.0
    while _status(client, table) != "ACTIVE":
        if waited >= _MOST_SECONDS:
            raise UpstreamTimeoutError(SYSTEM, f"{table} was not recovered within {_MOST_SECONDS / 3600:.0f} h")
        sys.stderr.write(f"{table} is being recovered: {waited / 60:.0f} min\n")
        sleep(_EVERY_SECONDS)
        waited += _EVERY_SECONDS


def _delete(client: Any, table: str, sleep: Callable[[float], None]) -> None:  # noqa: ANN401  (boto3 "dynamodb")
    """Delete the scratch table, if there is one, and wait until it is gone."""
    while (status := _status(client, table)) is not None:
        if status == "ACTIVE":
            with translated(SYSTEM):
                client.delete_table(TableName=table)
        if _status(client, table) is not None:
            sleep(_EVERY_SECONDS)
