"""Token buckets: one suite for the fake and for DynamoDB (moto's server), whose requests are counted on the way."""

import http.client
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient
from operator_memory.adapters.dynamodb.rate_limits import DynamoDBTokenBuckets
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.application.ports.management import TokenBuckets
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.management.rate_limits import RateLimit

from tests.support import time_outs
from tests.support.fakes.limits import InMemoryTokenBuckets
from tests.support.loopback import HttpServer, Request, reply, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

pytest_plugins = ["tests.support.aws.fixtures"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TEN = RateLimit(10)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


class DynamoFront(HttpServer):
    """Counts requests and hands them on one by one: DynamoDB is atomic for each item, moto's threads are not."""

    def __init__(self, url: str) -> None:
        self._moto = urlsplit(url).netloc
        self._one_at_a_time = threading.Lock()
        super().__init__(self._forward)

    def _forward(self, request: Request) -> bytes:
        with self._one_at_a_time:
            connection = http.client.HTTPConnection(self._moto, timeout=AMPLE)
            try:
                connection.request(request.method, request.path, request.body, dict(request.headers))
                answer = connection.getresponse()
                return reply(answer.read(), answer.status)
            finally:
                connection.close()


def client(url: str) -> AwsJsonClient:
    keys = AwsCredentials("AKIA", "s")
    return AwsJsonClient(
        service="dynamodb", region="us-east-1", endpoint_url=url, credentials=keys, clock=SystemClock()
    )


@pytest.fixture
def front(aws_url: str) -> Iterator[DynamoFront]:
    with DynamoFront(aws_url) as server:
        yield server


@pytest.fixture
def dynamo(front: DynamoFront, table: tuple[Any, str]) -> Iterator[DynamoDBTokenBuckets]:
    connected = client(front.url)
    yield DynamoDBTokenBuckets(connected, table[1])
    connected.close()


@pytest.fixture
def buckets(kind: str, request: pytest.FixtureRequest) -> TokenBuckets:
    if kind == "fake":
        return InMemoryTokenBuckets()
    found: TokenBuckets = request.getfixturevalue("dynamo")
    return found


def take(
    buckets: TokenBuckets,
    after: float = 0.0,
    *,
    tokens: int = 1,
    limit: RateLimit = TEN,
    key: str = "caller#user:u-1#reads",
) -> int:
    """Seconds to wait, asked ``after`` so many seconds."""
    return buckets.take(key, limit, tokens=tokens, now=NOW + timedelta(seconds=after), timeout=AMPLE)


@both
def test_a_full_bucket_gives_what_it_holds_and_then_says_when_the_next_token_comes(buckets: TokenBuckets) -> None:
    assert [take(buckets) for _ in range(10)] == [0] * 10
    assert take(buckets) == 6, "ten a minute is one in six seconds"
    assert take(buckets, 0.5) == 6
    assert take(buckets, 5.5) == 1
    assert take(buckets, 6) == 0
    assert take(buckets, 6) == 6


@both
def test_a_refused_call_takes_nothing(buckets: TokenBuckets) -> None:
    assert take(buckets, tokens=10) == 0
    assert [take(buckets, second) for second in range(6)] == [6, 5, 4, 3, 2, 1]
    assert take(buckets, 6) == 0


@both
def test_many_tokens_are_taken_together_or_not_at_all(buckets: TokenBuckets) -> None:
    assert take(buckets, tokens=7) == 0
    assert take(buckets, tokens=4) == 6
    assert take(buckets, tokens=3) == 0
    assert take(buckets, tokens=10) == 60


@both
def test_a_bucket_that_rested_is_full_and_not_more_than_full(buckets: TokenBuckets) -> None:
    assert take(buckets, tokens=10) == 0
    assert take(buckets, 3_600, tokens=10) == 0
    assert take(buckets, 3_600) == 6


@both
def test_buckets_do_not_share_tokens(buckets: TokenBuckets) -> None:
    assert take(buckets, tokens=10, key="caller#user:u-1#reads") == 0
    assert take(buckets, key="caller#user:u-1#writes") == 0
    assert take(buckets, key="caller#user:u-2#reads") == 0
    assert take(buckets, key="caller#user:u-1#reads") == 6


@both
def test_a_limit_of_nothing_is_no_limit(buckets: TokenBuckets) -> None:
    assert [take(buckets, tokens=1_000, limit=RateLimit(0)) for _ in range(3)] == [0] * 3


@both
@pytest.mark.parametrize("tokens", [0, -1, 11])
def test_tokens_that_the_bucket_never_holds_are_a_mistake(buckets: TokenBuckets, tokens: int) -> None:
    with pytest.raises(ValueError, match="never holds"):
        take(buckets, tokens=tokens)


@both
def test_a_limit_that_was_lowered_or_raised_holds_from_the_next_call_on(buckets: TokenBuckets) -> None:
    assert take(buckets, tokens=10) == 0
    assert take(buckets, limit=RateLimit(60)) == 1, "what was taken is a full minute's worth"
    assert take(buckets, 30, limit=RateLimit(60), tokens=30) == 0
    assert take(buckets, 30, limit=RateLimit(1)) == 60


@both
def test_of_twenty_at_once_on_a_bucket_of_ten_ten_are_let_through(buckets: TokenBuckets) -> None:
    start = threading.Barrier(20)

    def one(_: int) -> int:
        start.wait(AMPLE)
        return take(buckets)

    with ThreadPoolExecutor(20) as pool:
        waits = sorted(pool.map(one, range(20)))
    assert waits == [0] * 10 + [6] * 10


steps = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0, 2), st.floats(0, 70)), st.integers(1, 5)), min_size=1, max_size=25
)


def obeys_the_law(granted: list[tuple[float, int]], per_minute: int) -> bool:
    """In any window of t seconds at most ``per_minute + per_minute / 60 * t`` tokens."""
    for first, last in itertools.combinations_with_replacement(range(len(granted)), 2):
        seconds = granted[last][0] - granted[first][0]
        if sum(tokens for _, tokens in granted[first : last + 1]) > per_minute + per_minute / 60 * seconds + 1e-3:
            return False
    return True


@both
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(per_minute=st.sampled_from([5, 7, 60, 600]), steps=steps)
def test_the_law_of_the_bucket(buckets: TokenBuckets, per_minute: int, steps: list[tuple[float, int]]) -> None:
    """Both obey it, both say exactly the same, and who waits as long as he was told is served."""
    key, limit, model = str(uuid.uuid4()), RateLimit(per_minute), InMemoryTokenBuckets()
    granted, seconds = [], 0.0
    for pause, tokens in steps:
        seconds = round(seconds + pause, 6)
        wait = take(buckets, seconds, tokens=tokens, limit=limit, key=key)
        assert wait == take(model, seconds, tokens=tokens, limit=limit, key=key)
        if wait:
            seconds += wait
            assert take(buckets, seconds, tokens=tokens, limit=limit, key=key) == 0
            assert take(model, seconds, tokens=tokens, limit=limit, key=key) == 0
        granted.append((seconds, tokens))
    assert obeys_the_law(granted, per_minute)


def test_the_law_would_notice_a_token_too_many() -> None:
    assert obeys_the_law([(0, 10), (6, 1)], 10)
    assert not obeys_the_law([(0, 10), (5.9, 1)], 10)
    assert not obeys_the_law([(0, 1), (100, 5), (100, 6)], 10)


def test_a_full_bucket_costs_one_request_one_in_use_two_and_an_empty_one_one(
    dynamo: DynamoDBTokenBuckets, front: DynamoFront
) -> None:
    counts = []
    for tokens in (1, 1, 8, 1):
        before = len(front.requests)
        take(dynamo, tokens=tokens)
        counts.append(len(front.requests) - before)
    take(dynamo, limit=RateLimit(0))
    assert counts == [1, 2, 2, 1]
    assert len(front.requests) == 6
    assert front.connections == 1
    first = front.requests[0]
    assert first.headers["content-type"] == "application/x-amz-json-1.0"
    assert first.headers["x-amz-target"] == "DynamoDB_20120810.UpdateItem"


def test_the_item_goes_a_little_after_the_bucket_is_full_again(
    dynamo: DynamoDBTokenBuckets, table: tuple[Any, str]
) -> None:
    for tokens in (4, 6):
        take(dynamo, tokens=tokens)
    dynamodb, name = table
    [item] = dynamodb.scan(TableName=name)["Items"]
    assert (item["account_id"]["S"], item["item"]["S"]) == ("RATE#caller#user:u-1#reads", "RATE")
    full_at = int(NOW.timestamp()) + 60
    assert int(item["tat"]["N"]) == full_at * 1_000_000
    assert full_at < int(item["ttl"]["N"]) <= full_at + 120


def refusal(**tat: str) -> bytes:
    item = {"Item": {"tat": tat}} if tat else {}
    return reply({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", **item}, 400)


def ask(server: HttpServer, timeout: float = 20.0) -> int:
    connected = client(server.url)
    try:
        return DynamoDBTokenBuckets(connected, "memory").take("k", TEN, tokens=1, now=NOW, timeout=timeout)
    finally:
        connected.close()


MICROS = int(NOW.timestamp()) * 1_000_000


def test_an_item_that_is_removed_between_two_attempts_is_a_full_bucket() -> None:
    answers = [refusal(N=str(MICROS + 1)), refusal(), reply({})]
    with HttpServer(lambda _request: answers[len(server.requests) - 1]) as server:
        assert ask(server) == 0
    conditions = [request.json()["ConditionExpression"] for request in server.requests]
    assert conditions[0] == conditions[2] != conditions[1]


def test_another_who_takes_the_last_token_meanwhile_is_seen() -> None:
    answers = [refusal(N=str(MICROS + 1)), refusal(N=str(MICROS + 60_000_000))]
    with HttpServer(lambda _request: answers[len(server.requests) - 1]) as server:
        assert ask(server) == 6


def test_a_bucket_that_never_stands_still_is_given_up_after_three_attempts() -> None:
    answers = [refusal(N=str(MICROS + 1)), refusal(), refusal(N=str(MICROS + 1))]
    with HttpServer(lambda _request: answers[len(server.requests) - 1]) as server:
        with pytest.raises(UpstreamUnavailableError):
            ask(server)
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"__type": "x#ProvisionedThroughputExceededException"}, 400), UpstreamUnavailableError),
        (reply({"__type": "x#ThrottlingException"}, 400), UpstreamUnavailableError),
        (reply({"__type": "x#InternalServerError"}, 500), UpstreamUnavailableError),
        (reply({"__type": "x#ResourceNotFoundException"}, 400), UpstreamRejectedError),
        (reply({"__type": "x#AccessDeniedException"}, 400), UpstreamRejectedError),
        (refusal(S="soon"), MalformedResponseError),
        (refusal(N="soon"), MalformedResponseError),
        (reply(b"<html>"), MalformedResponseError),
    ],
)
def test_a_database_that_does_not_serve_is_an_error_not_a_decision(answer: bytes, error: type[UpstreamError]) -> None:
    with HttpServer(lambda _request: answer) as server, pytest.raises(error):
        ask(server)


def test_both_attempts_together_take_no_longer_than_the_timeout() -> None:
    def answer(_request: Request) -> bytes:
        return refusal(N=str(MICROS + 1)) if len(server.requests) == 1 else TIMES_OUT

    with time_outs.at_once() as waits, HttpServer(answer) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeoutError):
            ask(server, timeout=AMPLE)
        assert len(server.requests) == 2
        assert sum(waits) < AMPLE <= time.monotonic() - started, "the second has what the first has left"
    with HttpServer() as server, pytest.raises(UpstreamTimeoutError):
        ask(server, timeout=0)
    assert not server.requests


def test_a_database_that_is_not_there_and_a_table_that_is_not_there(aws_url: str) -> None:
    down = client(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(UpstreamUnavailableError):
        take(DynamoDBTokenBuckets(down, "memory"))
    connected = client(aws_url)
    with pytest.raises(UpstreamRejectedError):
        take(DynamoDBTokenBuckets(connected, "no-such-table"))
    connected.close()
