"""A table that answers in part, late, or not at all."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.config import Config
from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import BATCH_ATTEMPTS, Table, typed
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.domain.errors import UpstreamTimeoutError, UpstreamUnavailableError
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support import time_outs
from tests.support.aws.clients import aws_client
from tests.support.loopback import HttpServer, Request, reply, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WHOLE, USER = Target(TargetKind.ACCOUNT), Target(TargetKind.USER)
SESSION = Target(TargetKind.SESSION, "session-1")
ERASURE = Erasure("erasure-1", ACCOUNT, SESSION, "user:member-1", NOW)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that ask once."""
    config = Config(connect_timeout=AMPLE, read_timeout=AMPLE, retries={"total_max_attempts": 1})
    monkeypatch.setattr("tests.support.aws.clients.CLIENT_CONFIG", config)


@pytest.fixture
def partial() -> Iterator[tuple[HttpServer, list[int], Any]]:
    """A server that works off one item of a batch per request, the sizes of the batches, and its client."""
    sizes: list[int] = []

    def answer(request: Request) -> bytes:
        asked = request.json()["RequestItems"]["t"]
        left = asked["Keys"] if isinstance(asked, dict) else asked
        sizes.append(len(left))
        first, rest = left[0], left[1:]
        if not isinstance(asked, dict):
            return reply({"UnprocessedItems": {"t": rest} if rest else {}})
        found = [first | typed({"erased_at": NOW.isoformat()})]
        unread = {"t": {"Keys": rest, "ConsistentRead": True}} if rest else {}
        return reply({"Responses": {"t": found}, "UnprocessedKeys": unread})

    with HttpServer(answer) as server:
        client = aws_client("dynamodb", server.url)
        yield server, sizes, client
        client.close()


def agents(count: int) -> list[Target]:
    return [Target(TargetKind.AGENT, str(n)) for n in range(count)]


def test_what_a_batch_leaves_over_is_asked_for_again(partial: tuple[HttpServer, list[int], Any]) -> None:
    _, sizes, client = partial
    assert [stone.target for stone in DynamoDBTombstones(client, "t").find(ACCOUNT, agents(4))] == agents(4)
    Table(client, "t").delete_many([(ACCOUNT, "1"), (ACCOUNT, "2")])
    assert sizes == [4, 3, 2, 1, 2, 1]


def test_but_not_for_ever(partial: tuple[HttpServer, list[int], Any]) -> None:
    server, _, client = partial
    for call in (
        lambda: DynamoDBTombstones(client, "t").find(ACCOUNT, agents(9)),
        lambda: Table(client, "t").delete_many([(ACCOUNT, str(n)) for n in range(9)]),
    ):
        before = len(server.requests)
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
        assert len(server.requests) - before == BATCH_ATTEMPTS


def calls(client: Any) -> list[Callable[[], object]]:
    """Everything that the adapters can be asked."""
    tombstones, erasures = DynamoDBTombstones(client, "t"), DynamoDBErasures(client, "t")
    records, keys = DynamoDBRecords(client, "t"), DynamoDBIdempotency(client, "t")
    return [
        lambda: tombstones.put(ACCOUNT, Tombstone(WHOLE, NOW)),
        lambda: tombstones.find(ACCOUNT, [WHOLE]),
        lambda: erasures.begin(ERASURE, due_at=NOW),
        lambda: erasures.save(ERASURE, due_at=None),
        lambda: erasures.get(ACCOUNT, "erasure-1"),
        lambda: erasures.all(ACCOUNT),
        lambda: erasures.due(now=NOW, limit=1),
        lambda: records.count_erasable(ACCOUNT, WHOLE, until=NOW),
        lambda: records.count_erasable(ACCOUNT, SESSION, until=NOW),
        lambda: records.erase(ACCOUNT, WHOLE, until=NOW),
        lambda: records.erase(ACCOUNT, SESSION, until=NOW),
        lambda: keys.remember(ACCOUNT, "key-1", content_hash="hash", job_id="job-1", now=NOW),
    ]


@pytest.mark.usefixtures("once")
def test_a_table_that_cannot_be_reached_is_worth_another_try() -> None:
    client = aws_client("dynamodb", f"http://127.0.0.1:{unused_port()}")
    for call in calls(client):
        with pytest.raises(UpstreamUnavailableError) as raised:
            call()
        assert raised.value.retryable
    client.close()


@pytest.mark.usefixtures("once")
def test_a_table_that_does_not_answer_in_time_is_worth_another_try() -> None:
    with time_outs.at_once(), HttpServer(lambda _: TIMES_OUT) as server:
        client = aws_client("dynamodb", server.url)
        for call in calls(client):
            with pytest.raises(UpstreamTimeoutError) as raised:
                call()
            assert raised.value.retryable
        client.close()
