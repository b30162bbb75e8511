"""Answers kept under idempotency keys: one suite for the fake and for DynamoDB (moto's server)."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.answers import DynamoDBAnswers
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.application.ports.management import AnswerStore, ErasableRecords
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.management.keyed_requests import KeyedRequest, KnownRequest
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.fakes.erasure import InMemoryAnswers, InMemoryRecords

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
REQUEST = KeyedRequest("user:ada\x1fkey", "hash")
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def answers(kind: str, request: pytest.FixtureRequest) -> AnswerStore:
    return InMemoryAnswers() if kind == "fake" else DynamoDBAnswers(*request.getfixturevalue("table"))


@pytest.fixture
def records(kind: str, answers: AnswerStore, request: pytest.FixtureRequest) -> ErasableRecords:
    if isinstance(answers, InMemoryAnswers):
        return InMemoryRecords(answers=answers)
    return DynamoDBRecords(*request.getfixturevalue("table"))


def begin(
    answers: AnswerStore,
    claim: str = "me",
    *,
    account: AccountId = ACCOUNT,
    request: KeyedRequest = REQUEST,
    now: datetime = NOW,
) -> KnownRequest | None:
    return answers.begin(account, request, claim=claim, now=now, until=now + timedelta(seconds=35))


@both
def test_an_answer_is_given_again_for_a_day(answers: AnswerStore) -> None:
    assert begin(answers) is None
    answers.end(ACCOUNT, REQUEST, claim="me", answer="the answer: \u00e4")
    assert begin(answers, now=NOW + timedelta(hours=23)) == KnownRequest("hash", "the answer: \u00e4")
    assert begin(answers, now=NOW + timedelta(days=1)) is None, "whether the table has removed it yet or not"


@both
def test_accounts_and_keys_are_apart(answers: AnswerStore) -> None:
    begin(answers)
    answers.end(ACCOUNT, REQUEST, claim="me", answer="a")
    assert begin(answers, account=OTHER) is None
    assert begin(answers, request=KeyedRequest("user:ben\x1fkey", "hash")) is None


@both
def test_while_it_is_answered_nobody_else_does(answers: AnswerStore) -> None:
    begin(answers)
    assert begin(answers, "you") == KnownRequest("hash", None)
    assert begin(answers, "you", now=NOW + timedelta(seconds=34)) == KnownRequest("hash", None)


@both
def test_who_died_is_followed_by_the_next_and_says_nothing_any_more(answers: AnswerStore) -> None:
    begin(answers)
    later = NOW + timedelta(seconds=36)
    other = KeyedRequest(REQUEST.key, "another hash")
    assert begin(answers, "you", request=other, now=later) == KnownRequest("hash", None), "only the same request"
    assert begin(answers, "you", now=later) is None
    answers.end(ACCOUNT, REQUEST, claim="me", answer="too late")
    answers.end(ACCOUNT, REQUEST, claim="you", answer="in time")
    assert begin(answers, now=later) == KnownRequest("hash", "in time")


@both
def test_a_failure_leaves_the_request_to_whoever_comes_next(answers: AnswerStore) -> None:
    begin(answers)
    answers.end(ACCOUNT, REQUEST, claim="me", answer=None)
    other = KeyedRequest(REQUEST.key, "another hash")
    assert begin(answers, "you", request=other) == KnownRequest("hash", None), "something may have been done"
    assert begin(answers, "you", now=NOW) is None


@both
def test_after_a_refusal_the_key_is_free_for_any_request(answers: AnswerStore) -> None:
    begin(answers)
    answers.end(ACCOUNT, REQUEST, claim="me", answer=None, refused=True)
    other = KeyedRequest(REQUEST.key, "another hash")
    assert begin(answers, "you", request=other) is None
    assert begin(answers, "he", request=REQUEST) == KnownRequest("another hash", None)


@both
def test_an_answer_that_is_too_large_is_not_kept(answers: AnswerStore) -> None:
    begin(answers)
    noise = random.Random(1).randbytes(4_000_000).hex()
    answers.end(ACCOUNT, REQUEST, claim="me", answer=noise)
    assert begin(answers, "you") is None


@both
def test_erasing_the_account_erases_them(answers: AnswerStore, records: ErasableRecords) -> None:
    begin(answers)
    answers.end(ACCOUNT, REQUEST, claim="me", answer="a")
    everything, until = Target(TargetKind.ACCOUNT), NOW + timedelta(minutes=1)
    assert records.count_erasable(ACCOUNT, everything, until=until) == 1
    records.erase(ACCOUNT, everything, until=until)
    assert records.count_erasable(ACCOUNT, everything, until=until) == 0
    answers.end(ACCOUNT, REQUEST, claim="me", answer="comes too late")
    assert begin(answers) is None


def test_of_eight_at_once_one_answers(table: tuple[Any, str]) -> None:
    answers = DynamoDBAnswers(*table)
    with ThreadPoolExecutor(8) as pool:
        known = list(pool.map(lambda n: begin(answers, f"claim {n}"), range(8)))
    assert known.count(None) == 1


def test_the_table_removes_it_by_itself_and_holds_neither_key_nor_caller(table: tuple[Any, str]) -> None:
    begin(DynamoDBAnswers(*table))
    [item] = Table(*table).starting_with(ACCOUNT, "IDEMPOTENCY#")
    assert item["ttl"] == int((NOW + timedelta(days=1)).timestamp())
    assert "ada" not in str(item)


def test_a_damaged_answer_is_said_to_be_so(table: tuple[Any, str]) -> None:
    answers = DynamoDBAnswers(*table)
    begin(answers)
    [item] = Table(*table).starting_with(ACCOUNT, "IDEMPOTENCY#")
    Table(*table).put(item | {"answer": b"no zlib"})
    with pytest.raises(MalformedResponseError):
        begin(answers, "you")
