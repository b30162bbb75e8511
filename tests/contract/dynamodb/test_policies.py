"""An account's policy and its last round: one suite for the fake and for DynamoDB (moto's server)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.policies import ITEM, ROUND, DynamoDBPolicies
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.application.ports.lifecycle import ExpiryIndex, PolicyStore
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.policies import StoredPolicy
from operator_memory.domain.lifecycle.rounds import PolicyRound
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.core import InMemoryExpiryIndex
from tests.support.fakes.lifecycle import InMemoryPolicies
from tests.support.lifecycle.world import a_policy

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
STORED = StoredPolicy(a_policy({"scope": "user", "most_memories": 5}, time_to_live_days=3), NOW, "user:owner")
EVERYTHING = Target(TargetKind.ACCOUNT)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def policies(kind: str, request: pytest.FixtureRequest) -> PolicyStore:
    return InMemoryPolicies() if kind == "fake" else DynamoDBPolicies(*request.getfixturevalue("table"))


@pytest.fixture
def expiry(kind: str, request: pytest.FixtureRequest) -> ExpiryIndex:
    return InMemoryExpiryIndex() if kind == "fake" else DynamoDBExpiryIndex(*request.getfixturevalue("table"))


@both
def test_without_a_policy_there_is_an_empty_one(policies: PolicyStore) -> None:
    assert policies.policy(ACCOUNT) == StoredPolicy()
    assert policies.last_round(ACCOUNT) is None


@both
def test_a_policy_is_read_as_it_was_written_and_is_one_accounts_only(policies: PolicyStore) -> None:
    policies.set_policy(ACCOUNT, STORED)
    assert policies.policy(ACCOUNT) == STORED
    assert policies.policy(OTHER) == StoredPolicy()
    emptied = replace(STORED, policy=a_policy(), updated_by=None)
    policies.set_policy(ACCOUNT, emptied)
    assert policies.policy(ACCOUNT) == emptied


@both
def test_the_last_run_is_kept_beside_the_policy(policies: PolicyStore) -> None:
    policies.set_policy(ACCOUNT, STORED)
    for day in range(2):
        done = PolicyRound(NOW + timedelta(days=day), NOW + timedelta(days=day + 1), f"digest {day}")
        policies.note_round(ACCOUNT, done)
        assert policies.last_round(ACCOUNT) == done
    assert policies.policy(ACCOUNT) == STORED
    assert policies.last_round(OTHER) is None


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"policy": "not json", "updated_at": NOW.isoformat()},
        {"policy": '{"default": {"time_to_live_days": -1}}', "updated_at": NOW.isoformat()},
        {"policy": "{}"},
        {"policy": "{}", "updated_at": "yesterday"},
    ],
)
def test_nothing_is_deleted_by_half_a_policy(table: tuple[Any, str], item: dict[str, str]) -> None:
    Table(*table).put({"account_id": ACCOUNT, "item": ITEM, **item})
    with pytest.raises(MalformedResponseError):
        DynamoDBPolicies(*table).policy(ACCOUNT)


def test_a_run_that_cannot_be_read_counts_as_none(table: tuple[Any, str]) -> None:
    Table(*table).put({"account_id": ACCOUNT, "item": ROUND, "ran_at": "yesterday"})
    assert DynamoDBPolicies(*table).last_round(ACCOUNT) is None


def test_the_erasure_of_an_account_takes_its_policy_but_not_one_that_was_set_since(table: tuple[Any, str]) -> None:
    policies, records = DynamoDBPolicies(*table), DynamoDBRecords(*table)
    for account in (ACCOUNT, OTHER):
        policies.set_policy(account, STORED)
        policies.note_round(account, PolicyRound(NOW, NOW, "digest"))
    records.erase(ACCOUNT, Target(TargetKind.USER), until=NOW)
    assert policies.policy(ACCOUNT) == STORED, "of a part of the account it stays"
    records.erase(ACCOUNT, EVERYTHING, until=NOW - timedelta(seconds=1))
    assert policies.policy(ACCOUNT) == STORED
    records.erase(ACCOUNT, EVERYTHING, until=NOW)
    assert (policies.policy(ACCOUNT), policies.last_round(ACCOUNT)) == (StoredPolicy(), None)
    assert policies.policy(OTHER) == STORED


@both
def test_an_accounts_entry_is_read_whether_it_is_due_or_not(expiry: ExpiryIndex) -> None:
    assert expiry.entry(ACCOUNT) is None
    expiry.register(ACCOUNT, NOW)
    entry = expiry.entry(ACCOUNT)
    assert entry is not None
    assert (entry.account_id, entry.due_at) == (ACCOUNT, NOW)
    assert expiry.settle(entry, NOW + timedelta(days=1)) is True
    moved = expiry.entry(ACCOUNT)
    assert moved is not None
    assert moved.due_at == NOW + timedelta(days=1)
    assert expiry.settle(moved, None) is True
    assert expiry.entry(ACCOUNT) is None
