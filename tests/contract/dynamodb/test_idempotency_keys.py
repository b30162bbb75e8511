"""Idempotency keys: one suite for the fake and for DynamoDB (moto's server)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.application.ports.management import IdempotencyStore
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId

from tests.support.fakes.erasure import InMemoryIdempotency

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def keys(kind: str, request: pytest.FixtureRequest) -> IdempotencyStore:
    return InMemoryIdempotency() if kind == "fake" else DynamoDBIdempotency(*request.getfixturevalue("table"))


def remember(
    keys: IdempotencyStore, job_id: str, *, key: str = "key", account: AccountId = ACCOUNT, now: datetime = NOW
) -> str:
    content, kept = keys.remember(account, key, content_hash=f"content of {job_id}", job_id=job_id, now=now)
    assert content == f"content of {kept}"
    return kept


@both
def test_a_key_stands_for_what_was_first_sent_under_it(keys: IdempotencyStore) -> None:
    assert [remember(keys, job) for job in ("job-1", "job-2", "job-1")] == ["job-1"] * 3
    assert remember(keys, "job-3", key="another key") == "job-3"
    assert remember(keys, "job-4", account=OTHER) == "job-4"


@both
def test_a_key_is_forgotten_after_a_day(keys: IdempotencyStore) -> None:
    day = timedelta(days=1)
    remember(keys, "job-1")
    assert remember(keys, "job-2", now=NOW + day - timedelta(seconds=1)) == "job-1"
    assert remember(keys, "job-2", now=NOW + day) == "job-2", "whether the table has removed it yet or not"
    assert remember(keys, "job-3", now=NOW + day + timedelta(hours=23)) == "job-2"


@both
@pytest.mark.parametrize("key", ["", "k" * 4000, "a key/with #marks\n", "\ud800"])
def test_any_text_is_a_key(keys: IdempotencyStore, key: str) -> None:
    assert [remember(keys, job, key=key) for job in ("job-1", "job-2")] == ["job-1"] * 2


def test_of_eight_callers_at_once_the_first_ones_job_stands_for_all(table: tuple[Any, str]) -> None:
    keys = DynamoDBIdempotency(*table)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda n: remember(keys, f"job-{n}"), range(8)))) == 1


def test_the_table_removes_a_key_by_itself_and_does_not_hold_its_text(table: tuple[Any, str]) -> None:
    remember(DynamoDBIdempotency(*table), "job-1", key="order of a person")
    [item] = Table(*table).starting_with(ACCOUNT, "IDEMPOTENCY#")
    assert item["ttl"] == int((NOW + timedelta(days=1)).timestamp())
    assert "person" not in str(item)


def test_a_malformed_key_is_said_to_be_so(table: tuple[Any, str]) -> None:
    keys = DynamoDBIdempotency(*table)
    remember(keys, "job-1")
    [item] = Table(*table).starting_with(ACCOUNT, "IDEMPOTENCY#")
    Table(*table).put(item | {"job_id": None})
    with pytest.raises(MalformedResponseError):
        remember(keys, "job-1")
