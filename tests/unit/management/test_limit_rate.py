"""Rate limits: who is counted, what a block of leased reads saves, and what happens when nobody can count."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.application.management import limit_rate
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.domain.errors import (
    MalformedResponseError,
    RateLimitedError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.rate_limits import FAIL_OPEN, Bucket, RateLimit
from operator_memory.domain.memory.scopes import AccountId

from tests.support.fakes.core import FakeClock
from tests.support.fakes.limits import InMemoryTokenBuckets
from tests.support.time_outs import AMPLE

ACCOUNT = AccountId("acct-1")
PERSON = Caller("u-1", user_id="u-1")
SERVICE = Caller("runtime")
READS, WRITES, EXPENSIVE = Bucket.READS, Bucket.WRITES, Bucket.EXPENSIVE


class Limiter:
    """The use case with its parts in reach."""

    def __init__(self, per_minute: int = 60, *, service_factor: int = 10, lease: int = 10) -> None:
        self.clock = FakeClock()
        self.buckets = InMemoryTokenBuckets()
        self.limit = LimitRate(
            self.buckets,
            limits=dict.fromkeys(Bucket, RateLimit(per_minute)),
            service_factor=service_factor,
            clock=self.clock,
            lease=lease,
        )

    def allowed(self, bucket: Bucket, caller: Caller = PERSON) -> bool:
        try:
            self.limit.count_caller(caller, bucket)
        except RateLimitedError:
            return False
        return True

    def allowed_of(self, calls: int, bucket: Bucket, caller: Caller = PERSON) -> int:
        return sum(self.allowed(bucket, caller) for _ in range(calls))


def test_a_caller_and_an_account_are_counted_apart_and_each_kind_of_call_too() -> None:
    limiter = Limiter(per_minute=2)
    for bucket in Bucket:
        for _ in range(2):
            limiter.limit.count_caller(PERSON, bucket)
            limiter.limit.count_account(ACCOUNT, bucket)
        with pytest.raises(RateLimitedError):
            limiter.limit.count_caller(PERSON, bucket)
        with pytest.raises(RateLimitedError):
            limiter.limit.count_account(ACCOUNT, bucket)
    assert {key for key, _ in limiter.buckets.asked} == {
        f"{who}#{bucket}"
        for who in ("caller#user:u-1", "account#acct-1")
        for bucket in ("reads", "writes", "expensive")
    }


def test_a_stranger_does_not_touch_the_accounts_bucket() -> None:
    limiter = Limiter(per_minute=2)
    assert limiter.allowed_of(9, WRITES, Caller("u-2", user_id="u-2")) == 2
    limiter.limit.count_account(ACCOUNT, WRITES)


def test_a_person_and_a_service_of_the_same_name_are_two_callers() -> None:
    limiter = Limiter(per_minute=1, service_factor=1)
    assert limiter.allowed_of(2, WRITES, Caller("x", user_id="x")) == 1
    assert limiter.allowed_of(2, WRITES, Caller("x")) == 1


def test_a_refusal_says_when_to_come_back_and_who_does_is_served() -> None:
    limiter = Limiter(per_minute=1)
    limiter.limit.count_caller(PERSON, EXPENSIVE)
    limiter.clock.advance(seconds=20.5)
    with pytest.raises(RateLimitedError) as refused:
        limiter.limit.count_caller(PERSON, EXPENSIVE)
    assert refused.value.retry_after == 40
    limiter.clock.advance(seconds=40)
    limiter.limit.count_caller(PERSON, EXPENSIVE)


def test_a_service_may_make_several_times_as_many_calls() -> None:
    limiter = Limiter(per_minute=3, service_factor=4)
    assert limiter.allowed_of(50, WRITES, PERSON) == 3
    assert limiter.allowed_of(50, WRITES, SERVICE) == 12
    assert limiter.allowed_of(50, READS, SERVICE) == 12


def test_an_accounts_limit_is_not_multiplied() -> None:
    limiter = Limiter(per_minute=3, service_factor=4)
    for _ in range(3):
        limiter.limit.count_account(ACCOUNT, WRITES)
    with pytest.raises(RateLimitedError):
        limiter.limit.count_account(ACCOUNT, WRITES)


def test_without_a_limit_nobody_is_asked() -> None:
    limiter = Limiter(per_minute=0)
    for bucket in Bucket:
        assert limiter.allowed_of(100, bucket, SERVICE) == 100
        limiter.limit.count_account(ACCOUNT, bucket)
    assert limiter.buckets.asked == []


def test_reads_are_leased_in_blocks_and_others_asked_for_one_by_one() -> None:
    limiter = Limiter(per_minute=60)
    assert limiter.allowed_of(30, READS) == 30
    assert limiter.buckets.asked == [("caller#user:u-1#reads", 10)] * 3
    limiter.buckets.asked.clear()
    for bucket in (WRITES, EXPENSIVE):
        assert limiter.allowed_of(5, bucket) == 5
    assert [tokens for _, tokens in limiter.buckets.asked] == [1] * 10


@pytest.mark.parametrize(("per_minute", "block"), [(1, 1), (7, 1), (8, 2), (39, 9), (40, 10), (6_000, 10)])
def test_a_block_is_at_most_a_quarter_of_the_bucket(per_minute: int, block: int) -> None:
    limiter = Limiter(per_minute)
    limiter.limit.count_caller(PERSON, READS)
    assert limiter.buckets.asked == [("caller#user:u-1#reads", block)]


def test_where_no_block_is_left_a_single_token_is() -> None:
    limiter = Limiter(per_minute=12, lease=10)
    assert limiter.allowed_of(9, READS) == 9
    limiter.limit.count_caller(PERSON, WRITES)
    other_worker = LimitRate(
        limiter.buckets, limits={READS: RateLimit(12)}, service_factor=1, clock=limiter.clock, lease=1
    )
    for _ in range(2):
        other_worker.count_caller(PERSON, READS)
    limiter.buckets.asked.clear()
    assert limiter.allowed_of(5, READS) == 1, "all twelve tokens are used, not only whole blocks"
    assert limiter.buckets.asked[:2] == [("caller#user:u-1#reads", 3), ("caller#user:u-1#reads", 1)]


def test_leased_tokens_are_used_for_ten_seconds_at_most() -> None:
    limiter = Limiter(per_minute=60)
    limiter.limit.count_caller(PERSON, READS)
    limiter.clock.advance(seconds=9.9)
    limiter.limit.count_caller(PERSON, READS)
    assert len(limiter.buckets.asked) == 1
    limiter.clock.advance(seconds=0.1)
    limiter.limit.count_caller(PERSON, READS)
    assert len(limiter.buckets.asked) == 2


@given(
    pauses=st.lists(st.one_of(st.just(0.0), st.floats(0, 15)), max_size=60),
    per_minute=st.sampled_from([1, 7, 20, 60]),
    workers=st.integers(1, 3),
)
def test_several_workers_together_let_through_no_more_than_the_bucket_and_their_blocks(
    pauses: list[float], per_minute: int, workers: int
) -> None:
    limiters = [Limiter(per_minute) for _ in range(workers)]
    for limiter in limiters[1:]:
        limiter.limit = LimitRate(
            limiters[0].buckets,
            limits={READS: RateLimit(per_minute)},
            service_factor=1,
            clock=limiters[0].clock,
        )
    start, passed = limiters[0].clock.monotonic(), 0
    for turn, pause in enumerate(pauses):
        limiters[0].clock.advance(seconds=pause)
        passed += limiters[turn % workers].allowed(READS)
    seconds = limiters[0].clock.monotonic() - start
    assert passed <= per_minute + per_minute / 60 * seconds + 1e-6, "leased tokens were taken before they are used"
    if sum(pauses) == 0:
        assert passed >= min(len(pauses), per_minute - (workers - 1) * (per_minute // 4))


def test_many_threads_at_once_get_what_the_bucket_holds() -> None:
    limiter = Limiter(per_minute=100)
    start = threading.Barrier(20)

    def calls(_: int) -> int:
        start.wait(AMPLE)
        return limiter.allowed_of(20, READS)

    with ThreadPoolExecutor(20) as pool:
        passed = sum(pool.map(calls, range(20)))
    assert passed <= 100
    assert passed + limiter.allowed_of(100, READS) == 100, "no leased token is lost"


def test_the_oldest_lease_is_dropped_when_there_are_too_many() -> None:
    limiter = Limiter(per_minute=60)
    with patch.object(limit_rate, "MAX_LEASES", 3):
        for name in ("a", "b", "c", "a", "d"):  # b has not been used for longest
            limiter.limit.count_account(AccountId(name), READS)
        limiter.buckets.asked.clear()
        for name in ("a", "c", "d", "b"):
            limiter.limit.count_account(AccountId(name), READS)
    assert limiter.buckets.asked == [("account#b#reads", 10)]


FAILURES = [
    UpstreamTimeoutError("dynamodb", "no answer"),
    UpstreamUnavailableError("dynamodb", "connection failed"),
    UpstreamRejectedError("dynamodb", "refused"),
    MalformedResponseError("dynamodb", "no JSON"),
]


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("bucket", sorted(FAIL_OPEN))
def test_when_nobody_can_count_these_calls_pass_and_the_log_says_so_once(
    bucket: Bucket, error: UpstreamError, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(per_minute=3)
    limiter.buckets.error = error
    with caplog.at_level(logging.WARNING):
        for _ in range(9):
            limiter.limit.count_account(ACCOUNT, bucket)
    assert len(caplog.records) == 9
    record = caplog.records[0].__dict__
    assert (record["bucket"], record["system"], record["reason"]) == (bucket.value, "dynamodb", error.reason)
    assert "acct-1" not in caplog.text


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("bucket", sorted(set(Bucket) - FAIL_OPEN))
def test_when_nobody_can_count_the_other_calls_do_not_pass(bucket: Bucket, error: UpstreamError) -> None:
    limiter = Limiter()
    limiter.buckets.error = error
    with pytest.raises(type(error)):
        limiter.limit.count_caller(PERSON, bucket)
    with pytest.raises(type(error)):
        limiter.limit.count_account(ACCOUNT, bucket)


def test_an_outage_holds_up_one_read_in_a_block() -> None:
    limiter = Limiter(per_minute=60)
    limiter.buckets.error = FAILURES[0]
    assert limiter.allowed_of(30, READS) == 30
    assert len(limiter.buckets.asked) == 3
    limiter.buckets.error = None
    limiter.limit.count_caller(PERSON, READS)
    assert len(limiter.buckets.asked) == 4


def test_a_read_whose_block_is_refused_passes_when_the_single_token_cannot_be_asked_for() -> None:
    limiter = Limiter(per_minute=60)
    with patch.object(limiter.buckets, "take", side_effect=[5, FAILURES[0]]) as take:
        limiter.limit.count_caller(PERSON, READS)
    assert [call.kwargs["tokens"] for call in take.call_args_list] == [10, 1]
    assert {call.kwargs["timeout"] for call in take.call_args_list} == {0.3}


def test_each_question_waits_no_longer_than_it_may() -> None:
    limiter = Limiter()
    with patch.object(limiter.buckets, "take", return_value=0) as take:
        limiter.limit.count_account(ACCOUNT, WRITES)
    assert take.call_args.kwargs == {"tokens": 1, "now": limiter.clock.now(), "timeout": 0.3}
