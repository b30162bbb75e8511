"""Legal holds: one suite for the fake and for DynamoDB (moto's server)."""

from datetime import UTC, datetime

import pytest
from operator_memory.adapters.dynamodb.holds import DynamoDBHolds
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.application.ports.lifecycle import HoldStore
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import NO_HOLDS, Hold, Holds
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.holds import FixedHolds

pytest_plugins = ["tests.support.aws.fixtures"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
WHOLE = Hold("Case 7: “Müller”", NOW, "service:legal")
THREAD = Hold("Case 8", NOW, "service:legal", "thread-1")


@pytest.fixture(params=["fake", "dynamodb"])
def holds(request: pytest.FixtureRequest) -> HoldStore:
    return FixedHolds() if request.param == "fake" else DynamoDBHolds(*request.getfixturevalue("table"))


def test_the_usual_account_has_none(holds: HoldStore) -> None:
    assert holds.holds(ACCOUNT) == NO_HOLDS


def test_what_is_placed_is_read_as_it_was_and_only_for_its_account(holds: HoldStore) -> None:
    holds.place(ACCOUNT, WHOLE)
    holds.place(ACCOUNT, THREAD)
    assert holds.holds(ACCOUNT) == Holds(WHOLE, {"thread-1": THREAD})
    assert holds.holds(OTHER) == NO_HOLDS


def test_placed_again_it_takes_the_place_of_the_first(holds: HoldStore) -> None:
    for reason in ("one", "two"):
        holds.place(ACCOUNT, Hold(reason, NOW, "service:legal", "thread-1"))
    assert holds.holds(ACCOUNT).threads["thread-1"].reason == "two"


def test_lifting_takes_one_away_and_says_whether_it_was_there(holds: HoldStore) -> None:
    holds.place(ACCOUNT, WHOLE)
    holds.place(ACCOUNT, THREAD)
    assert holds.lift(ACCOUNT, "another") is False
    assert holds.lift(ACCOUNT, None) is True
    assert holds.lift(ACCOUNT, None) is False
    assert holds.holds(ACCOUNT) == Holds(None, {"thread-1": THREAD})
    assert holds.lift(ACCOUNT, "thread-1") is True
    assert holds.holds(ACCOUNT) == NO_HOLDS


def test_an_erasure_of_the_account_leaves_them(table: tuple[object, str]) -> None:
    holds = DynamoDBHolds(*table)  # type: ignore[arg-type]
    holds.place(ACCOUNT, THREAD)
    DynamoDBRecords(*table).erase(ACCOUNT, Target(TargetKind.ACCOUNT), until=NOW)  # type: ignore[arg-type]
    assert holds.holds(ACCOUNT).threads == {"thread-1": THREAD}


@pytest.mark.parametrize("item", ["HOLD", "HOLD#thread-1"])
def test_one_that_cannot_be_read_is_never_taken_for_none(table: tuple[object, str], item: str) -> None:
    Table(*table).put({"account_id": ACCOUNT, "item": item, "reason": "x"})  # type: ignore[arg-type]
    with pytest.raises(MalformedResponseError):
        DynamoDBHolds(*table).holds(ACCOUNT)  # type: ignore[arg-type]
