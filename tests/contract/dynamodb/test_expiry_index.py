"""The expiry index where DynamoDB differs from memory: a lagging index, and a server that is not there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId

from tests.support.aws.clients import aws_client
from tests.support.loopback import unused_port

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT = AccountId("account-1")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


class LaggingIndex:
    """A DynamoDB client whose ``due`` index still lists accounts as they were; the table itself is current."""

    def __init__(self, client: Any, *accounts: str) -> None:
        self._client = client
        self._answers = [{"Items": [{"account_id": {"S": account}} for account in accounts]}]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **_request: Any) -> dict[str, Any]:
        return self._answers.pop() if self._answers else {}


def test_an_account_is_due_as_the_table_has_it_not_as_a_lagging_index_says(table: tuple[Any, str]) -> None:
    client, name = table
    current = DynamoDBExpiryIndex(client, name)
    current.register(ACCOUNT, NOW)
    [entry] = current.due(now=NOW, limit=1)
    assert current.settle(entry, NOW + timedelta(seconds=50))
    lagging: Any = LaggingIndex(client, ACCOUNT, "dropped-since")
    assert DynamoDBExpiryIndex(lagging, name).due(now=NOW, limit=10) == []
    lagging = LaggingIndex(client, ACCOUNT, "dropped-since")
    [found] = DynamoDBExpiryIndex(lagging, name).due(now=NOW + timedelta(seconds=50), limit=10)
    assert (found.due_at, found.version) == (NOW + timedelta(seconds=50), 2)


def test_with_the_functions_own_time_outs_a_server_that_is_not_there_is_told_within_seconds() -> None:
    client = aws_client("dynamodb", f"http://127.0.0.1:{unused_port()}")
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (2, 5)
    assert client.meta.config.retries["total_max_attempts"] == 3
    with pytest.raises(UpstreamUnavailableError) as raised:
        DynamoDBExpiryIndex(client, "t").register(ACCOUNT, NOW)
    assert raised.value.retryable
    client.close()
