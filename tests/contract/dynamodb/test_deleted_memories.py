"""Tombstones of single memories: one suite for the fake and for DynamoDB (moto's server)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import Table, plain
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.application.ports.management import Tombstones
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.provenance import SaidWords
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.deletions import marks_of
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import a_memory
from tests.support.fakes.erasure import InMemoryTombstones

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def tombstones(kind: str, request: pytest.FixtureRequest) -> Tombstones:
    return InMemoryTombstones() if kind == "fake" else DynamoDBTombstones(*request.getfixturevalue("table"))


@both
def test_marks_are_found_with_the_time_of_their_deletion_and_in_their_account_only(tombstones: Tombstones) -> None:
    tombstones.bury(ACCOUNT, {"a", "b"}, at=NOW)
    assert tombstones.buried(ACCOUNT, {"a", "b", "c"}) == {"a": NOW, "b": NOW}
    assert tombstones.buried(OTHER, {"a", "b"}) == {}
    assert tombstones.buried(ACCOUNT, set()) == {}


@both
def test_of_two_deletions_the_later_counts(tombstones: Tombstones) -> None:
    later = NOW + timedelta(days=1)
    tombstones.bury(ACCOUNT, {"a"}, at=NOW)
    tombstones.bury(ACCOUNT, {"a"}, at=later)
    assert tombstones.buried(ACCOUNT, {"a"}) == {"a": later}


@both
def test_more_than_fit_into_one_request(tombstones: Tombstones) -> None:
    marks = {f"mark-{number}" for number in range(230)}
    tombstones.bury(ACCOUNT, marks, at=NOW)
    assert set(tombstones.buried(ACCOUNT, {*marks, "another"})) == marks


def everything(table: tuple[Any, str]) -> list[dict[str, Any]]:
    client, name = table
    return [plain(item) for item in client.scan(TableName=name)["Items"]]


def test_they_hold_no_words_and_end_after_four_hundred_days(table: tuple[Any, str]) -> None:
    said = SaidWords("I live in Porto by the river", role="user", message_id="message-1")
    DynamoDBTombstones(*table).bury(ACCOUNT, marks_of(a_memory("User lives in Porto", evidence=(said,))), at=NOW)
    items = everything(table)
    assert len(items) == 2
    assert "porto" not in json.dumps(items, default=str).lower()
    assert {int(item["ttl"]) for item in items} == {int((NOW + timedelta(days=400)).timestamp())}


def test_they_are_erased_with_the_account_and_later_ones_stay(table: tuple[Any, str]) -> None:
    tombstones, records = DynamoDBTombstones(*table), DynamoDBRecords(*table)
    tombstones.bury(ACCOUNT, {"a", "b"}, at=NOW)
    tombstones.bury(ACCOUNT, {"later"}, at=NOW + timedelta(seconds=2))
    tombstones.bury(OTHER, {"a"}, at=NOW)
    records.erase(ACCOUNT, Target(TargetKind.SESSION, "session-1"), until=NOW + timedelta(seconds=1))
    assert len(tombstones.buried(ACCOUNT, {"a", "b", "later"})) == 3
    whole = Target(TargetKind.ACCOUNT)
    assert records.count_erasable(ACCOUNT, whole, until=NOW) == 0, "they are no records"
    records.erase(ACCOUNT, whole, until=NOW + timedelta(seconds=1))
    assert set(tombstones.buried(ACCOUNT, {"a", "b", "later"})) == {"later"}
    assert set(tombstones.buried(OTHER, {"a"})) == {"a"}


@pytest.mark.parametrize("deleted_at", [None, "soon", "2026-11-24T09:00:00"])
def test_one_that_cannot_be_read_is_not_taken_for_none(table: tuple[Any, str], deleted_at: str | None) -> None:
    Table(*table).put({"account_id": ACCOUNT, "item": "DELETED#a", "deleted_at": deleted_at})
    with pytest.raises(MalformedResponseError):
        DynamoDBTombstones(*table).buried(ACCOUNT, {"a"})
