"""The accounts that memory is kept for: one suite for the fake and for DynamoDB (moto's server)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.known_accounts import DynamoDBKnownAccounts
from operator_memory.application.ports.lifecycle import KnownAccounts
from operator_memory.domain.errors import UpstreamError
from operator_memory.domain.memory.scopes import AccountId

from tests.support.aws.clients import aws_client
from tests.support.fakes.gone import InMemoryKnownAccounts
from tests.support.loopback import unused_port

pytest_plugins = ["tests.support.aws.fixtures"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """The port, and how an account comes to be known."""

    known: KnownAccounts
    learn: Callable[[AccountId], None]
    forget: Callable[[AccountId], object]

    def all(self, limit: int) -> list[AccountId]:
        found, after = self.known.page(after=None, limit=limit)
        while after is not None:
            more, after = self.known.page(after=after, limit=limit)
            found += more
        return found


@pytest.fixture(params=["fake", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "fake":
        fake = InMemoryKnownAccounts()
        return Kept(fake, fake.accounts.append, fake.accounts.remove)
    client, name = request.getfixturevalue("table")
    index = DynamoDBExpiryIndex(client, name)

    def forget(account_id: AccountId) -> None:
        [entry] = [entry for entry in index.due(now=NOW, limit=100) if entry.account_id == account_id]
        index.settle(entry, None)

    return Kept(DynamoDBKnownAccounts(client, name), lambda account: index.register(account, NOW), forget)


ACCOUNTS = [AccountId(f"account-{n:02}") for n in range(25)]


def test_every_account_comes_once_in_pages(kept: Kept) -> None:
    for account in ACCOUNTS:
        kept.learn(account)
    for limit in (4, 25, 100):
        assert sorted(kept.all(limit)) == ACCOUNTS


def test_none_is_none(kept: Kept) -> None:
    assert kept.known.page(after=None, limit=10) == ([], None)


def test_a_place_is_kept_and_stays_good_when_what_it_names_is_gone(kept: Kept) -> None:
    for account in ACCOUNTS:
        kept.learn(account)
    first, place = kept.known.page(after=None, limit=10)
    kept.known.keep_place("search", place)
    kept.forget(first[-1])
    assert kept.known.place("other") is None
    rest: list[AccountId] = []
    after = kept.known.place("search")
    while after is not None:
        more, after = kept.known.page(after=after, limit=10)
        rest += more
    assert sorted(first + rest) == ACCOUNTS
    kept.known.keep_place("search", None)
    assert kept.known.place("search") is None


def test_the_places_are_no_accounts(table: tuple[Any, str]) -> None:
    known = DynamoDBKnownAccounts(*table)
    known.keep_place("search", "somewhere")
    assert known.page(after=None, limit=10) == ([], None)


def test_a_table_that_cannot_be_reached_is_said_to_be_so() -> None:
    client = aws_client("dynamodb", f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(UpstreamError):
        DynamoDBKnownAccounts(client, "t").page(after=None, limit=1)
    client.close()
