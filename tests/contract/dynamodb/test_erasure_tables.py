"""Tombstones and erasures: one suite for the fakes and for DynamoDB (moto's server).

What an erasure takes from the job records is in ``test_erasable_records``.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from operator_memory.adapters.dynamodb import table as dynamodb_table
from operator_memory.adapters.dynamodb.erasures import ATTEMPTS, DynamoDBErasures
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.application.ports.management import ErasureStore, Tombstones
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.fakes.erasure import InMemoryErasures, InMemoryTombstones

pytest_plugins = ["tests.support.aws.fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WHOLE, USER = Target(TargetKind.ACCOUNT), Target(TargetKind.USER)
SESSION = Target(TargetKind.SESSION, "session-1")
ERASURE = Erasure("erasure-1", ACCOUNT, SESSION, "user:member-1", NOW)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def tombstones(kind: str, request: pytest.FixtureRequest) -> Tombstones:
    return InMemoryTombstones() if kind == "fake" else DynamoDBTombstones(*request.getfixturevalue("table"))


@pytest.fixture
def erasures(kind: str, request: pytest.FixtureRequest) -> ErasureStore:
    return InMemoryErasures() if kind == "fake" else DynamoDBErasures(*request.getfixturevalue("table"))


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# ---- tombstones ------------------------------------------------------------------------------------------------


@both
def test_the_later_tombstone_stands_to_the_microsecond(tombstones: Tombstones) -> None:
    assert tombstones.find(ACCOUNT, [SESSION]) == []
    for put, standing in [(1.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.000001, 1.000001), (1.0, 1.000001), (9.0, 9.0)]:
        tombstones.put(ACCOUNT, Tombstone(SESSION, at(put)))
        assert tombstones.find(ACCOUNT, [SESSION]) == [Tombstone(SESSION, at(standing))]


@both
def test_a_tombstone_of_another_time_zone_is_compared_by_its_moment(tombstones: Tombstones) -> None:
    tombstones.put(ACCOUNT, Tombstone(WHOLE, NOW))
    east = timezone(timedelta(hours=9))
    tombstones.put(ACCOUNT, Tombstone(WHOLE, at(-1).astimezone(east)))
    assert tombstones.find(ACCOUNT, [WHOLE]) == [Tombstone(WHOLE, NOW)]


@both
def test_only_the_tombstones_asked_for_are_found_and_none_of_another_account(tombstones: Tombstones) -> None:
    same_id = Target(TargetKind.AGENT, "session-1")
    for target in (WHOLE, USER, SESSION):
        tombstones.put(ACCOUNT, Tombstone(target, NOW))
    assert tombstones.find(ACCOUNT, [SESSION, same_id, WHOLE, SESSION]) == [
        Tombstone(SESSION, NOW),
        Tombstone(WHOLE, NOW),
    ]
    assert tombstones.find(OTHER, [WHOLE, USER, SESSION]) == []
    assert tombstones.find(ACCOUNT, []) == []


@both
def test_more_targets_than_fit_into_one_question(tombstones: Tombstones) -> None:
    targets = [Target(TargetKind.AUTHOR, f"author-{n}") for n in range(230)]
    for target in targets[::3]:
        tombstones.put(ACCOUNT, Tombstone(target, NOW))
    assert [stone.target for stone in tombstones.find(ACCOUNT, targets)] == targets[::3]


def test_tombstones_stay(table: tuple[Any, str]) -> None:
    DynamoDBTombstones(*table).put(ACCOUNT, Tombstone(WHOLE, NOW))
    stored = Table(*table).get(ACCOUNT, "TOMBSTONE#account")
    assert stored is not None
    assert "ttl" not in stored


@pytest.mark.parametrize("erased_at", [None, "soon", "2026-11-24T09:00:00"])
def test_a_tombstone_that_cannot_be_read_is_not_taken_for_none(table: tuple[Any, str], erased_at: str | None) -> None:
    Table(*table).put({"account_id": ACCOUNT, "item": "TOMBSTONE#account", "erased_at": erased_at})
    with pytest.raises(MalformedResponseError):
        DynamoDBTombstones(*table).find(ACCOUNT, [USER, WHOLE])


def test_of_eight_tombstones_at_once_the_latest_stands(table: tuple[Any, str]) -> None:
    tombstones = DynamoDBTombstones(*table)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: tombstones.put(ACCOUNT, Tombstone(WHOLE, at(n * 3 % 8))), range(8)))
    assert tombstones.find(ACCOUNT, [WHOLE]) == [Tombstone(WHOLE, at(7))]


# ---- erasures --------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("target", [WHOLE, SESSION])
def test_a_receipt_comes_back_as_it_was_saved(erasures: ErasureStore, target: Target) -> None:
    begun = replace(ERASURE, target=target)
    erasures.save(begun, due_at=at(300))
    assert erasures.get(ACCOUNT, "erasure-1") == begun
    done = replace(
        begun,
        state=ErasureState.VERIFIED,
        removed={"memories": 12, "entities": 3},
        remaining={"memories": 0, "entities": 0},
        completed_at=at(1.000001),
        verified_at=at(660.5),
        reason="clear",
    )
    erasures.save(done, due_at=None)
    assert erasures.get(ACCOUNT, "erasure-1") == done
    assert erasures.get(ACCOUNT, "erasure-2") is None
    assert erasures.get(OTHER, "erasure-1") is None


@both
def test_the_erasures_of_an_account_are_listed_newest_first(erasures: ErasureStore) -> None:
    for n, account in [(2, ACCOUNT), (3, ACCOUNT), (1, ACCOUNT), (4, OTHER)]:
        erasures.save(replace(ERASURE, id=f"erasure-{5 - n}", account_id=account, erased_at=at(n)), due_at=None)
    assert [erasure.erased_at for erasure in erasures.all(ACCOUNT)] == [at(3), at(2), at(1)]
    assert erasures.all(AccountId("account-3")) == []


@both
def test_an_erasure_begins_once(erasures: ErasureStore) -> None:
    assert erasures.begin(ERASURE, due_at=at(300))
    second = replace(ERASURE, erased_at=at(1), requested_by="user:other")
    assert not erasures.begin(second, due_at=at(301))
    assert erasures.get(ACCOUNT, "erasure-1") == ERASURE
    assert due(erasures, 300) == ["erasure-1"]
    assert erasures.begin(replace(second, account_id=OTHER), due_at=at(300))


@both
def test_what_was_counted_as_removed_stays_counted_whoever_saves_next(erasures: ErasureStore) -> None:
    erasures.save(replace(ERASURE, removed={"memories": 3, "entities": 1}), due_at=NOW)
    erasures.save(replace(ERASURE, removed={"memories": 0, "archived": 2}, remaining={"memories": 1}), due_at=NOW)
    erasures.save(replace(ERASURE, removed={"memories": 4}), due_at=NOW)
    assert erasures.get(ACCOUNT, "erasure-1") == replace(ERASURE, removed={"memories": 4, "entities": 1, "archived": 2})


@both
def test_dropped_letters_are_noted_on_receipts_begun_by_then_and_a_save_keeps_it(erasures: ErasureStore) -> None:
    later, others = replace(ERASURE, id="erasure-2", erased_at=at(100)), replace(ERASURE, account_id=OTHER)
    for one in (ERASURE, later, others):
        erasures.save(replace(one, removed={"memories": 3}), due_at=at(300))
    assert erasures.note_dropped(ACCOUNT, "dead_letters", count=2, at=at(50)) == 1
    assert erasures.note_dropped(ACCOUNT, "dead_letters", count=1, at=at(60)) == 1
    erasures.save(replace(ERASURE, removed={"memories": 4}), due_at=at(300))  # by who read it before
    noted = replace(ERASURE, removed={"memories": 4, "dead_letters": 3}, dropped={"dead_letters": at(60)})
    assert erasures.get(ACCOUNT, "erasure-1") == noted
    for one in (later, others):
        assert erasures.get(one.account_id, one.id) == replace(one, removed={"memories": 3})
    assert len(due(erasures, 300)) == 3, "what is due stays due"
    assert erasures.note_dropped(AccountId("account-3"), "dead_letters", count=0, at=at(60)) == 0


class Crowded:
    """A client before each of whose writes another one comes in the way."""

    def __init__(self, client: Any, other: Callable[[int], None]) -> None:
        """``other`` is called with the number of the write, from 1."""
        self._client = client
        self._other = other
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        self.writes += 1
        self._other(self.writes)
        return self._client.put_item(**request)


def test_counts_that_are_saved_at_once_are_all_kept(table: tuple[Any, str]) -> None:
    erasures = DynamoDBErasures(*table)
    assert erasures.begin(ERASURE, due_at=NOW)

    def once(write: int) -> None:
        if write == 1:
            erasures.save(replace(ERASURE, removed={"memories": 3}), due_at=NOW)

    late: Any = Crowded(table[0], once)
    DynamoDBErasures(late, table[1]).save(replace(ERASURE, removed={"archived": 2}), due_at=NOW)
    kept = erasures.get(ACCOUNT, "erasure-1")
    assert (kept and kept.removed, late.writes) == ({"memories": 3, "archived": 2}, 2)


def test_counts_that_never_stand_still_are_an_error_worth_another_try(table: tuple[Any, str]) -> None:
    erasures = DynamoDBErasures(*table)

    def again(write: int) -> None:
        erasures.save(replace(ERASURE, removed={"memories": write}), due_at=NOW)

    restless: Any = Crowded(table[0], again)
    with pytest.raises(UpstreamUnavailableError) as raised:
        DynamoDBErasures(restless, table[1]).save(ERASURE, due_at=NOW)
    assert raised.value.retryable
    assert restless.writes == ATTEMPTS


def test_of_eight_that_begin_one_erasure_at_once_one_does(table: tuple[Any, str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = pool.map(lambda n: DynamoDBErasures(*table).begin(ERASURE, due_at=at(n)), range(8))
        assert sorted(begun) == [False] * 7 + [True]


def due(erasures: ErasureStore, seconds: float, limit: int = 100) -> list[str]:
    return [erasure.id for erasure in erasures.due(now=at(seconds), limit=limit)]


@both
def test_erasures_of_every_account_are_due_in_their_time_and_not_before(erasures: ErasureStore) -> None:
    for identity, account, seconds in [("late", ACCOUNT, 20), ("soon", OTHER, 10), ("odd", ACCOUNT, 15.5)]:
        erasures.save(replace(ERASURE, id=identity, account_id=account), due_at=at(seconds))
    erasures.save(replace(ERASURE, id="never"), due_at=None)
    assert due(erasures, 9) == []
    assert due(erasures, 10) == ["soon"]
    assert due(erasures, 15.4) == ["soon"]
    assert due(erasures, 20) == ["soon", "odd", "late"]
    assert due(erasures, 20, limit=2) == ["soon", "odd"]


@both
def test_an_erasure_that_was_looked_at_is_due_at_its_next_time_or_never(erasures: ErasureStore) -> None:
    erasures.save(ERASURE, due_at=at(1))
    erasures.save(replace(ERASURE, state=ErasureState.COMPLETE), due_at=at(600))
    assert due(erasures, 599) == []
    assert [erasure.state for erasure in erasures.due(now=at(600), limit=1)] == [ErasureState.COMPLETE]
    erasures.save(ERASURE, due_at=None)
    assert due(erasures, 1_000_000) == []


@both
def test_more_erasures_are_due_than_one_question_answers(erasures: ErasureStore) -> None:
    for n in range(120):
        erasures.save(replace(ERASURE, id=f"erasure-{n:03}"), due_at=at(n))
    assert due(erasures, 1000, limit=110) == [f"erasure-{n:03}" for n in range(110)]


def spoil(table: tuple[Any, str], identity: str, **changes: object) -> None:
    """Overwrite attributes of an erasure; those that are ``None`` are removed."""
    stored = Table(*table).get(ACCOUNT, f"ERASURE#{identity}")
    assert stored is not None
    Table(*table).put(stored | changes)


@pytest.mark.parametrize(
    "damage",
    [
        {"erased_at": "2026-11-24T09:00:00"},
        {"target_id": None},
        {"target_kind": "planet"},
        {"state": None},
        {"removed": "many"},
        {"remaining": {"memories": "some"}},
        {"verified_at": "later"},
    ],
)
def test_a_malformed_erasure_is_said_to_be_so(table: tuple[Any, str], damage: dict[str, Any]) -> None:
    erasures = DynamoDBErasures(*table)
    erasures.save(ERASURE, due_at=NOW)
    spoil(table, "erasure-1", **damage)
    with pytest.raises(MalformedResponseError):
        erasures.get(ACCOUNT, "erasure-1")
    with pytest.raises(MalformedResponseError):
        erasures.all(ACCOUNT)


def test_malformed_erasures_do_not_keep_the_others_waiting(
    table: tuple[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    erasures = DynamoDBErasures(*table)
    for n in range(5):
        erasures.save(replace(ERASURE, id=f"erasure-{n}"), due_at=at(n))
    for n in (0, 1, 3):
        spoil(table, f"erasure-{n}", state="lost")
    with caplog.at_level(logging.ERROR):
        assert due(erasures, 10, limit=2) == ["erasure-2", "erasure-4"], "though as many were spoiled as asked for"
    assert [record.name for record in caplog.records].count("operator_memory.erasure") == 3


class Lagging:
    """A client whose index stands still: every Query gets the answer of the first."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answer: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        self._answer = self._answer or self._client.query(**request)
        return self._answer


def test_an_index_that_lags_behind_brings_nothing_back(table: tuple[Any, str]) -> None:
    client: Any = Lagging(table[0])
    erasures = DynamoDBErasures(client, table[1])
    for n in range(4):
        erasures.save(replace(ERASURE, id=f"erasure-{n}"), due_at=NOW)
    assert len(due(erasures, 0)) == 4
    erasures.save(replace(ERASURE, id="erasure-0"), due_at=None)
    erasures.save(replace(ERASURE, id="erasure-1"), due_at=at(60))
    erasures.save(replace(ERASURE, id="erasure-2", state=ErasureState.COMPLETE), due_at=NOW)
    table[0].delete_item(TableName=table[1], Key=dynamodb_table.key(ACCOUNT, "ERASURE#erasure-3"))
    assert [(e.id, e.state) for e in erasures.due(now=NOW, limit=9)] == [("erasure-2", ErasureState.COMPLETE)]


@both
def test_one_that_waits_says_why_until_it_goes_on(erasures: ErasureStore) -> None:
    waiting = replace(ERASURE, state=ErasureState.WAITING, held="Case 7")
    erasures.begin(ERASURE, due_at=at(60))
    erasures.save(waiting, due_at=at(3600))
    assert erasures.get(ACCOUNT, ERASURE.id) == waiting
    assert erasures.due(now=at(60), limit=9) == []
    erasures.save(ERASURE, due_at=at(60))
    assert erasures.get(ACCOUNT, ERASURE.id) == ERASURE
    assert erasures.due(now=at(60), limit=9) == [ERASURE]
