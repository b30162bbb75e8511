"""Counts of usage and budgets: one suite for the fakes and for DynamoDB (moto's server)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from operator_memory.adapters.dynamodb.table import key
from operator_memory.adapters.dynamodb.usage.budgets import DynamoDBBudgets
from operator_memory.adapters.dynamodb.usage.counters import DynamoDBUsage, day_item, month_item
from operator_memory.application.ports.usage import Budgets, UsageCounters
from operator_memory.domain.errors import MalformedResponseError, UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.domain.usage.budget import Budget, Limit
from operator_memory.domain.usage.counts import NOTHING, Counts, DayUsage, UsageEvent

from tests.support.aws.job_records import Stores
from tests.support.fakes.usage import InMemoryBudgets, InMemoryUsage

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.aws.job_records_fixtures"]

ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TODAY, MONTH = NOW.date(), date(2026, 11, 1)
A_CALL = Counts(llm_calls=1, prompt_tokens=700, completion_tokens=30, cost_micro_cents=12_300)
both = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def usage(kind: str, request: pytest.FixtureRequest) -> UsageCounters:
    return InMemoryUsage() if kind == "fake" else DynamoDBUsage(*request.getfixturevalue("table"))


@pytest.fixture
def budgets(kind: str, request: pytest.FixtureRequest) -> tuple[Budgets, UsageCounters]:
    if kind == "fake":
        usage = InMemoryUsage()
        return InMemoryBudgets(usage), usage
    table = request.getfixturevalue("table")
    return DynamoDBBudgets(*table), DynamoDBUsage(*table)


def add(
    usage: UsageCounters,
    counts: Counts = A_CALL,
    *,
    at: datetime = NOW,
    agent: str | None = "agent-1",
    cause: str | None = None,
    account: AccountId = ACCOUNT,
) -> int:
    return usage.count(account, [UsageEvent(at, counts, agent, cause)], now=NOW)


def days(usage: UsageCounters, account: AccountId = ACCOUNT, **changes: Any) -> list[DayUsage]:
    asked = {"first": MONTH, "last": TODAY, "agent_id": None, "after": None, "limit": 100, **changes}
    return usage.days(account, **asked)[0]


# ---- counting ------------------------------------------------------------------------------------------------------


@both
def test_counts_add_up_by_day_and_agent_and_by_month(usage: UsageCounters) -> None:
    for at, agent in ((NOW, "agent-1"), (NOW, "agent-1"), (NOW, None), (NOW - timedelta(days=1), "agent-2")):
        assert add(usage, at=at, agent=agent) == 1
    assert [(row.day.day, row.agent_id, row.counts.llm_calls) for row in days(usage)] == [
        (23, "agent-2", 1),
        (24, None, 1),
        (24, "agent-1", 2),
    ]
    assert usage.month(ACCOUNT, MONTH) == A_CALL + A_CALL + A_CALL + A_CALL
    assert days(usage, OTHER) == []
    assert usage.month(OTHER, MONTH) == NOTHING


@both
def test_every_count_is_kept(usage: UsageCounters) -> None:
    all_of_them = Counts(*range(1, 13))
    add(usage, all_of_them)
    assert days(usage)[0].counts == all_of_them
    assert usage.month(ACCOUNT, MONTH) == all_of_them


@both
def test_a_cause_counts_once_whatever_comes_with_it(usage: UsageCounters) -> None:
    assert add(usage, cause="event:1") == 1
    known, new = (UsageEvent(NOW, A_CALL, "agent-1", cause) for cause in ("event:1", "event:2"))
    told_once = UsageEvent(NOW, A_CALL, "agent-1")
    assert usage.count(ACCOUNT, [known, new, told_once, new], now=NOW) == 2
    assert usage.count(ACCOUNT, [known, new], now=NOW) == 0
    assert usage.month(ACCOUNT, MONTH).llm_calls == 3
    assert add(usage, cause="event:1", account=OTHER) == 1


@both
def test_more_events_than_one_transaction_takes(usage: UsageCounters) -> None:
    events = [
        UsageEvent(NOW - timedelta(days=number % 60), Counts(contexts=1), f"agent-{number % 7}", f"event:{number}")
        for number in range(250)
    ]
    assert usage.count(ACCOUNT, events[:100], now=NOW) == 100
    assert usage.count(ACCOUNT, events, now=NOW) == 150
    assert sum(row.counts.contexts for row in days(usage, first=date(2026, 9, 1), limit=1_000)) == 250


@both
def test_what_counts_for_nothing_leaves_no_trace(usage: UsageCounters) -> None:
    assert add(usage, NOTHING, cause="event:1") == 0
    assert days(usage) == []
    assert add(usage, cause="event:1") == 1


@both
def test_a_month_ends_at_midnight_utc(usage: UsageCounters) -> None:
    before, after = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    add(usage, at=before)
    add(usage, at=after.astimezone())
    assert (usage.month(ACCOUNT, MONTH), usage.month(ACCOUNT, date(2026, 12, 1))) == (A_CALL, A_CALL)


class OneAtATime:
    """A client whose requests are carried out one by one: transactions are atomic, moto's threads are not."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()

    def transact_write_items(self, **request: Any) -> Any:
        with self._lock:
            return self._client.transact_write_items(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_two_workers_at_once_lose_nothing_and_count_nothing_twice(table: tuple[Any, str]) -> None:
    client, name = table
    usage = DynamoDBUsage(OneAtATime(client), name)  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as pool:
        told_once = list(pool.map(lambda _: add(usage), range(24)))
        told_by_all = list(pool.map(lambda _: add(usage, cause="job:1"), range(8)))
    assert (sum(told_once), sum(told_by_all)) == (24, 1)
    assert usage.month(ACCOUNT, MONTH).llm_calls == 25


class Busy:
    """A client whose transactions meet others ``times`` times."""

    def __init__(self, client: Any, times: int) -> None:
        self._client, self.left = client, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        if self.left == 0:
            return self._client.transact_write_items(**request)
        self.left -= 1
        error = {
            "Error": {"Code": "TransactionCanceledException"},
            "CancellationReasons": [{"Code": "TransactionConflict"}],
        }
        raise ClientError(error, "TransactWriteItems")  # type: ignore[arg-type]


def test_transactions_that_meet_are_tried_again(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("operator_memory.adapters.dynamodb.usage.counters.time.sleep", waits.append)
    client, name = table
    assert add(DynamoDBUsage(Busy(client, 3), name)) == 1  # type: ignore[arg-type]
    assert len(waits) == 3
    with pytest.raises(UpstreamUnavailableError):
        add(DynamoDBUsage(Busy(client, 100), name))  # type: ignore[arg-type]
    assert DynamoDBUsage(*table).month(ACCOUNT, MONTH) == A_CALL


def test_counts_and_causes_end_by_themselves(table: tuple[Any, str]) -> None:
    client, name = table
    add(DynamoDBUsage(*table), cause="job:1")
    ends = {}
    for item in (day_item(TODAY, "agent-1"), month_item(MONTH), "USAGE#once#job:1"):
        stored = client.get_item(TableName=name, Key=key(ACCOUNT, item))["Item"]
        ends[item] = datetime.fromtimestamp(int(stored["ttl"]["N"]), UTC) - NOW
    assert timedelta(days=400) < ends[day_item(TODAY, "agent-1")] < timedelta(days=402)
    assert timedelta(days=400) < ends[month_item(MONTH)] < timedelta(days=432)
    assert ends["USAGE#once#job:1"] == timedelta(days=40)


def test_counts_that_are_no_numbers_are_an_error(table: tuple[Any, str]) -> None:
    client, name = table
    item = {**key(ACCOUNT, month_item(MONTH)), "jobs": {"S": "many"}}
    client.put_item(TableName=name, Item=item)
    with pytest.raises(MalformedResponseError):
        DynamoDBUsage(*table).month(ACCOUNT, MONTH)


# ---- reading -------------------------------------------------------------------------------------------------------


@both
def test_days_come_in_pages_and_only_those_asked_for(usage: UsageCounters) -> None:
    for day in range(1, 11):
        for agent in ("agent-1", "agent-2", None):
            add(usage, at=datetime(2026, 11, day, 12, tzinfo=UTC), agent=agent)
    found: list[DayUsage] = []
    after: str | None = None
    pages = 0
    while pages == 0 or after is not None:
        page, after = usage.days(
            ACCOUNT, first=date(2026, 11, 3), last=date(2026, 11, 8), agent_id=None, after=after, limit=7
        )
        found, pages = [*found, *page], pages + 1
    assert (len(found), pages) == (18, 3)
    assert sorted({row.day.day for row in found}) == [3, 4, 5, 6, 7, 8]
    assert len({(row.day, row.agent_id) for row in found}) == 18
    of_one = usage.days(ACCOUNT, first=MONTH, last=TODAY, agent_id="agent-2", after=None, limit=10)
    assert ({row.agent_id for row in of_one[0]}, len(of_one[0]), of_one[1]) == ({"agent-2"}, 10, None)


# ---- erasing -------------------------------------------------------------------------------------------------------


@both
def test_an_erased_account_keeps_its_months_and_nothing_of_its_days(stores: Stores) -> None:
    whole = Target(TargetKind.ACCOUNT)
    for account in (ACCOUNT, OTHER):
        add(stores.usage, account=account, cause="job:1")
        add(stores.usage, account=account, agent=None)
    assert stores.records.count_erasable(ACCOUNT, whole, until=NOW) == 2
    stores.records.erase(ACCOUNT, whole, until=NOW)
    assert stores.records.count_erasable(ACCOUNT, whole, until=NOW) == 0
    assert days(stores.usage) == []
    assert stores.usage.month(ACCOUNT, MONTH).llm_calls == 2
    assert len(days(stores.usage, OTHER)) == 2
    assert add(stores.usage, cause="job:1") == 1


@both
def test_what_is_used_after_an_erasure_is_none_of_its_business(stores: Stores) -> None:
    before = NOW - timedelta(minutes=1)
    add(stores.usage)
    assert stores.records.count_erasable(ACCOUNT, Target(TargetKind.ACCOUNT), until=before) == 0
    stores.records.erase(ACCOUNT, Target(TargetKind.ACCOUNT), until=before)
    assert len(days(stores.usage)) == 1


@both
def test_the_erasure_of_a_part_leaves_the_counts(stores: Stores) -> None:
    add(stores.usage)
    stores.records.erase(ACCOUNT, Target(TargetKind.AGENT, "agent-1"), until=NOW)
    assert len(days(stores.usage)) == 1


# ---- budgets -------------------------------------------------------------------------------------------------------


@both
def test_a_budget_is_kept_and_read_with_the_month(budgets: tuple[Budgets, UsageCounters]) -> None:
    kept, usage = budgets
    assert kept.budget(ACCOUNT) == Budget()
    assert kept.with_month(ACCOUNT, MONTH) == (Budget(), NOTHING)
    budget = Budget(Limit(500, None), Limit(None, 0))
    assert kept.put(ACCOUNT, budget, expected=Budget())
    add(usage)
    assert kept.budget(ACCOUNT) == budget
    assert kept.with_month(ACCOUNT, MONTH) == (budget, A_CALL)
    assert kept.with_month(OTHER, MONTH) == (Budget(), NOTHING)


@both
def test_a_budget_is_written_over_the_one_that_was_read(budgets: tuple[Budgets, UsageCounters]) -> None:
    kept, _ = budgets
    one, other = Budget(Limit(1, 2)), Budget(Limit(1, 2), Limit(3, None))
    assert kept.put(ACCOUNT, one, expected=Budget())
    assert not kept.put(ACCOUNT, other, expected=Budget())
    assert kept.put(ACCOUNT, other, expected=one)
    assert kept.put(ACCOUNT, Budget(), expected=other)
    assert kept.budget(ACCOUNT) == Budget()
