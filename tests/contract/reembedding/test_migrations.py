"""The record of a move of all memories, and the account's erasures in one look."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.reembedding.migrations import DynamoDBMigrations
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.migration import Migration, MigrationState, OtherCollection
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.builders import ACCOUNT, NOW

pytest_plugins = ["tests.support.aws.fixtures"]

MOVE = Migration("old", "new", "model-b", 12, NOW)


def test_it_is_read_as_it_was_written(table: tuple[Any, str]) -> None:
    migrations = DynamoDBMigrations(*table)
    assert migrations.current() is None
    assert migrations.begin(MOVE)
    assert not migrations.begin(Migration("old", "another", "model-c", 3, NOW))
    assert migrations.current() == MOVE
    whole = Migration(
        "old", "new", "model-b", 12, NOW, MigrationState.SWITCHED, '"id"', 3, 70, NOW, NOW + timedelta(hours=1)
    )
    migrations.save(whole)
    assert migrations.current() == whole
    migrations.end()
    assert migrations.current() is None


def test_one_that_cannot_be_read_is_not_taken_for_none(table: tuple[Any, str]) -> None:
    Table(*table).put({"account_id": "MIGRATION#", "item": "MIGRATION", "source": "old"})
    with pytest.raises(MalformedResponseError):
        DynamoDBMigrations(*table).current()


def test_the_source_comes_first() -> None:
    assert MOVE.beside("old") == OtherCollection("new", first=False)
    assert MOVE.beside("new") == OtherCollection("old", first=True)
    assert MOVE.beside("another") is None


def test_all_erasures_of_an_account_are_found(table: tuple[Any, str]) -> None:
    tombstones = DynamoDBTombstones(*table)
    put = [Tombstone(Target(TargetKind.USER), NOW), Tombstone(Target(TargetKind.SESSION, "thread#1"), NOW)]
    for tombstone in put:
        tombstones.put(ACCOUNT, tombstone)
    assert sorted(tombstones.all(ACCOUNT), key=lambda one: one.target.name) == put[::-1]
    Table(*table).put({"account_id": ACCOUNT, "item": "TOMBSTONE#planet#earth", "erased_at": NOW.isoformat()})
    with pytest.raises(MalformedResponseError):
        tombstones.all(ACCOUNT)


def test_marks_are_found_by_the_time_of_the_deletion(table: tuple[Any, str]) -> None:
    tombstones = DynamoDBTombstones(*table)
    tombstones.bury(ACCOUNT, {"early"}, at=NOW - timedelta(seconds=1))
    tombstones.bury(ACCOUNT, {"late"}, at=NOW)
    assert tombstones.buried_since(ACCOUNT, NOW) == {"late": NOW.astimezone(UTC)}
    assert set(tombstones.buried_since(ACCOUNT, datetime.min.replace(tzinfo=UTC))) == {"early", "late"}
