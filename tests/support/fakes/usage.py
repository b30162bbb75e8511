"""Ports of usage in memory: counters, budgets, sizes, an archive that takes what makes room."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.budget import Budget
from operator_memory.domain.usage.counts import NOTHING, Counts, DayUsage, UsageEvent, month_of, total
from operator_memory.domain.usage.quota import Quota, WhenFull
from operator_memory.domain.usage.sizes import PointSize, Sizes, estimated_sizes

from tests.support.fakes.core import InMemoryMemories


@dataclass
class InMemoryUsage:
    """Port ``UsageCounters``. While ``error`` is set, nothing can be counted or read."""

    rows: dict[tuple[AccountId, date, str], tuple[Counts, datetime]] = field(default_factory=dict)
    """By account, day and agent: the counts, and when they were begun."""
    months: dict[tuple[AccountId, date], Counts] = field(default_factory=dict)
    causes: dict[tuple[AccountId, str], datetime] = field(default_factory=dict)
    error: MemoryServiceError | None = None

    def count(self, account_id: AccountId, events: Sequence[UsageEvent], *, now: datetime) -> int:
        self._check()
        counted = 0
        for event in events:
            if event.counts == NOTHING or (event.cause and (account_id, event.cause) in self.causes):
                continue
            if event.cause:
                self.causes[account_id, event.cause] = now
            row, month = (account_id, event.day, event.agent_id or ""), (account_id, month_of(event.at))
            counts, since = self.rows.get(row, (NOTHING, now))
            self.rows[row] = (counts + event.counts, since)
            self.months[month] = self.months.get(month, NOTHING) + event.counts
            counted += 1
        return counted

    def days(
        self, account_id: AccountId, *, first: date, last: date, agent_id: str | None, after: str | None, limit: int
    ) -> tuple[list[DayUsage], str | None]:
        self._check()
        found = [
            DayUsage(day, agent or None, counts)
            for (account, day, agent), (counts, _) in self.rows.items()
            if account == account_id and first <= day <= last and agent_id in (None, agent)
        ]
        later = sorted((row for row in found if after is None or _place(row) > after), key=_place)
        return later[:limit], _place(later[limit - 1]) if len(later) > limit else None

    def month(self, account_id: AccountId, month: date) -> Counts:
        self._check()
        return self.months.get((account_id, month), NOTHING)

    def of(self, account_id: AccountId) -> Counts:
        """All that was ever counted for the account."""
        return total(counts for (account, _), counts in self.months.items() if account == account_id)

    def _check(self) -> None:
        if self.error:
            raise self.error


def _place(row: DayUsage) -> str:
    return f"{row.day.isoformat()}#{row.agent_id or '-'}"


@dataclass
class InMemoryBudgets:
    """Port ``Budgets``."""

    usage: InMemoryUsage = field(default_factory=InMemoryUsage)
    budgets: dict[AccountId, Budget] = field(default_factory=dict)
    error: MemoryServiceError | None = None
    reads: int = 0

    def budget(self, account_id: AccountId) -> Budget:
        return self.budgets.get(account_id, Budget())

    def put(self, account_id: AccountId, budget: Budget, *, expected: Budget) -> bool:
        if self.budget(account_id) != expected:
            return False
        self.budgets[account_id] = budget
        return True

    def with_month(self, account_id: AccountId, month: date) -> tuple[Budget, Counts]:
        self.reads += 1
        if self.error:
            raise self.error
        return self.budget(account_id), self.usage.month(account_id, month)


@dataclass
class InMemorySizes:
    """Port ``MemorySizes``: the texts are the payloads, and each vector has 32 numbers."""

    memories: InMemoryMemories

    def sizes(self, account_id: AccountId, *, count: int) -> Sizes:
        mine = self.memories.of(account_id)
        return estimated_sizes([PointSize(len(json.dumps(m.text)), 4 * 32) for m in mine], count)


@dataclass
class FakeArchiver:
    """Port ``StoreToArchive``: takes memories out of the store, and keeps why."""

    memories: InMemoryMemories
    archived: dict[str, str] = field(default_factory=dict)
    error: MemoryServiceError | None = None

    def __call__(self, account_id: AccountId, reasons: Mapping[str, str], /) -> int:
        if self.error:
            raise self.error
        mine = self.memories.points.get(account_id, {})
        found = {identity: why for identity, why in reasons.items() if identity in mine}
        for identity in found:
            del mine[identity]
        self.archived |= found
        return len(found)


@dataclass
class FakeMetrics:
    """Takes metrics, and adds them up by name."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, counts: Mapping[str, int]) -> None:
        for name, number in counts.items():
            self.numbers[name] = self.numbers.get(name, 0) + number


@dataclass(frozen=True, slots=True)
class FixedQuota:
    """Port ``QuotaRule``: the same for every account."""

    most: int
    when_full: WhenFull = WhenFull.REFUSE

    def quota(self, account_id: AccountId) -> Quota:
        """Return it."""
        return Quota(self.most, self.when_full)
