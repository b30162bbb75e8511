"""The vectors of queries that were asked lately: whose they are, how long they stay, how many, and which are not."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from operator_memory.application.recall.query_vectors import ACCOUNTS, EACH, KEPT_SECONDS, QueryVectors
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import InferenceText

from tests.support.builders import ACCOUNT
from tests.support.fakes.core import FakeClock
from tests.support.recall.retrieval_world import ALL_SCOPES, VECTOR, World

OTHER = AccountId("acct-2")
TEN_MINUTES = 600.0


def kept(*queries: str, account: AccountId = ACCOUNT, now: float = 0.0) -> QueryVectors:
    vectors = QueryVectors()
    for query in queries:
        vectors.put(account, query, [float(len(query))], now=now)
    return vectors


# --- whose


def test_an_account_gets_its_own_back_and_another_that_asks_the_same_words_does_not() -> None:
    vectors = kept("What do I drink?")
    assert vectors.get(ACCOUNT, "What do I drink?", now=1) == [16.0]
    assert vectors.get(OTHER, "What do I drink?", now=1) is None
    assert vectors.get(ACCOUNT, "what do I drink?", now=1) is None, "another query, to an embedder"


ids = st.text("ab1-", min_size=1, max_size=4).map(AccountId)
queries = st.text("ab1-\n", max_size=4)


@given(ids, queries, ids, queries)
@example(AccountId("a"), "b1", AccountId("ab"), "1")
@example(AccountId("a"), "\n1", AccountId("a"), "1")
def test_no_two_pairs_of_account_and_query_share_a_vector(
    one: AccountId, asked: str, other: AccountId, asked_too: str
) -> None:
    found = kept(asked, account=one).get(other, asked_too, now=1)
    assert (found is not None) == ((one, asked) == (other, asked_too))


def test_another_account_that_asks_the_same_words_embeds_them_again() -> None:
    world = World()
    asked = [(ACCOUNT, False), (OTHER, False), (ACCOUNT, True), (OTHER, True)]
    for account, reused in asked:
        assert world(replace(ALL_SCOPES, account_id=account)).vector_reused is reused
    assert len(world.embedder.calls) == 2


def test_what_is_kept_does_not_say_who_asked_what() -> None:
    vectors = kept("my diagnosis", account=AccountId("acct-secret"))
    everything = pickle.dumps([(key, dict(of_it._entries)) for key, (of_it, _) in vectors._accounts._entries.items()])
    assert b"diagnosis" not in everything
    assert b"acct-secret" not in everything


# --- how long


@pytest.mark.parametrize(
    ("age", "found"), [(0.0, True), (TEN_MINUTES - 0.001, True), (TEN_MINUTES, False), (1e6, False)]
)
def test_a_vector_is_kept_for_ten_minutes(age: float, found: bool) -> None:
    assert KEPT_SECONDS == TEN_MINUTES
    assert (kept("q", now=50.0).get(ACCOUNT, "q", now=50.0 + age) is not None) is found


def test_being_used_does_not_make_it_last_longer_and_being_made_again_does() -> None:
    clock = FakeClock()
    vectors = kept("q", now=clock.monotonic())
    for _ in range(3):
        clock.advance(minutes=3)
        assert vectors.get(ACCOUNT, "q", now=clock.monotonic())
    clock.advance(minutes=1)
    assert vectors.get(ACCOUNT, "q", now=clock.monotonic()) is None
    vectors.put(ACCOUNT, "q", [2.0], now=clock.monotonic())
    clock.advance(minutes=9)
    assert vectors.get(ACCOUNT, "q", now=clock.monotonic()) == [2.0]


def test_a_run_that_goes_on_after_ten_minutes_embeds_once_more() -> None:
    world = World()
    reused = []
    for _ in range(5):
        reused.append(world().vector_reused)
        world.clock.seconds += 180
    assert reused == [False, True, True, True, False]
    assert len(world.embedder.calls) == 2


# --- how many


def test_there_are_never_more_than_so_many_and_the_oldest_goes_first() -> None:
    vectors = kept(*(f"query {n}" for n in range(3 * EACH)))
    there = [n for n in range(3 * EACH) if vectors.get(ACCOUNT, f"query {n}", now=1)]
    assert there == list(range(2 * EACH, 3 * EACH))


def test_a_busy_account_takes_no_other_ones_place_and_of_many_the_latest_stay() -> None:
    vectors = QueryVectors()
    for n in range(2 * ACCOUNTS):
        vectors.put(AccountId(f"acct-{n}"), "tea", [float(n)], now=float(n))
    for n in range(5 * EACH):
        vectors.put(AccountId("busy"), f"query {n}", [0.0], now=100.0)
    there = [n for n in range(2 * ACCOUNTS) if vectors.get(AccountId(f"acct-{n}"), "tea", now=100.0)]
    assert there == list(range(ACCOUNTS + 1, 2 * ACCOUNTS))


def test_many_threads_at_once_keep_within_the_bound_and_get_no_others_vector() -> None:
    vectors = QueryVectors()

    def ask(n: int) -> bool:
        account, query = AccountId(f"acct-{n % 7}"), f"query {n % 300}"
        vectors.put(account, query, [float(n % 7), float(n % 300)], now=1.0)
        return vectors.get(account, query, now=2.0) in (None, [float(n % 7), float(n % 300)])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(4_000)))
    assert len(vectors._accounts._entries) == 7


# --- which not

FAILURES = [
    UpstreamTimeoutError("embeddings", "x"),
    UpstreamUnavailableError("embeddings", "x"),
    UpstreamRejectedError("embeddings", "x"),
    MalformedResponseError("embeddings", "x"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failure_to_embed_is_not_kept(failure: UpstreamError) -> None:
    world = World()
    world.embedder.fails = failure
    failed = world()
    assert failed.degraded
    assert not failed.vector_reused
    world.embedder.fails = None
    assert (world().degraded, len(world.embedder.calls)) == ((), 2)
    assert [plan.vector for _, plan, _, _ in world.search.calls] == [None, VECTOR]


def test_a_failure_does_not_cost_the_vector_that_is_there() -> None:
    world = World()
    world()
    world.embedder.fails = UpstreamUnavailableError("embeddings", "x")
    assert (world().degraded, world().vector_reused) == ((), True)


def test_a_failing_store_does_not_cost_the_vector() -> None:
    world = World()
    world.search.fails = UpstreamUnavailableError("qdrant", "x")
    assert world().degraded == ("qdrant_unavailable",)
    world.search.fails = None
    assert world().vector_reused


def test_text_that_the_server_embeds_is_not_kept_there_is_nothing_to_save() -> None:
    world = World()
    text = InferenceText("What do I drink?", "a-model")
    world.retrieve._embedder = ServerSide(text)
    assert [world().vector_reused for _ in range(2)] == [False, False]
    assert [plan.vector for _, plan, _, _ in world.search.calls] == [text, text]


class ServerSide:
    """An embedder whose vectors the server makes."""

    dimensions = 2

    def __init__(self, text: InferenceText) -> None:
        self._text = text

    def embed(self, texts: object, *, timeout: float) -> list[InferenceText]:
        return [self._text]
