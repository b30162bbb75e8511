"""Ports of what an account uses, may spend and may keep.

The rules are those of ``ports.core``.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.budget import Budget
from operator_memory.domain.usage.counts import Counts, DayUsage, UsageEvent
from operator_memory.domain.usage.quota import Quota
from operator_memory.domain.usage.sizes import Sizes


class UsageCounters(Protocol):
    """Keeps counts by day and agent, and by month, for 400 days."""

    def count(self, account_id: AccountId, events: Sequence[UsageEvent], *, now: datetime) -> int:
        """Add ``events`` to the counts of their days and months. Return how many were added: those whose cause was
        counted before are left out, for at least 30 days."""
        ...

    def days(
        self, account_id: AccountId, *, first: date, last: date, agent_id: str | None, after: str | None, limit: int
    ) -> tuple[list[DayUsage], str | None]:
        """Return up to ``limit`` rows from ``first`` to ``last``, by day and agent, and where the next call goes on
        (``None``: the end). ``agent_id``: only this agent's."""
        ...

    def month(self, account_id: AccountId, month: date) -> Counts:
        """Return the counts of the month that begins on ``month``."""
        ...


class Budgets(Protocol):
    """Keeps the budgets of accounts."""

    def budget(self, account_id: AccountId) -> Budget:
        """Return the account's budget, as last written; one without limits, if none was."""
        ...

    def put(self, account_id: AccountId, budget: Budget, *, expected: Budget) -> bool:
        """Write the budget, if the stored one is ``expected``; tell whether it was."""
        ...

    def with_month(self, account_id: AccountId, month: date) -> tuple[Budget, Counts]:
        """Return the budget and the counts of the month, in one request."""
        ...


class UsageMeter(Protocol):
    """Counts what learning takes. Never raises what a store raises: what cannot be counted is logged."""

    def count_calls(
        self, account_id: AccountId, agent_id: str | None, *, calls: int, prompt_tokens: int, completion_tokens: int
    ) -> None:
        """Count calls of the model that were just made, whether they were of use or not."""
        ...

    def count_job(self, account_id: AccountId, job_id: str, agent_id: str | None, counts: Counts) -> None:
        """Count a job that has ended, once for each id."""
        ...


class EventMeter(Protocol):
    """Counts what the trail tells. Never raises what a store raises."""

    def count_events(self, account_id: AccountId, events: Sequence[UsageEvent]) -> None:
        """Count each once, by its cause."""
        ...


class BudgetCheck(Protocol):
    """Knows whether the model may be asked."""

    def allows_model(self, account_id: AccountId) -> bool:
        """Tell whether the account's budget of this month is not used up. ``True`` if that cannot be read."""
        ...


class QuotaRule(Protocol):
    """Knows how many facts an account may have, and what happens when it is full."""

    def quota(self, account_id: AccountId) -> Quota:
        """Return the account's quota."""
        ...


class RoomMaker(Protocol):
    """Makes room in a full account, where its quota says so."""

    def who_gives_way(self, account_id: AccountId, *, limit: int) -> list[str]:
        """Return the ids of up to ``limit`` facts that may go to the archive, the least important first."""
        ...

    def give_way(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """Move these to the archive; return how many were moved."""
        ...


class QuotaKeeper(Protocol):
    """Keeps what people write within their account's quota."""

    def admit(self, account_id: AccountId, wanted: int) -> int:
        """Return how many of ``wanted`` new facts there is room for. Makes room where the quota says so."""
        ...

    def require_room(self, account_id: AccountId) -> None:
        """Return if there is room for one more fact.

        Raises:
            QuotaFullError: there is none.
        """
        ...


class MemorySizes(Protocol):
    """Measures memories."""

    def sizes(self, account_id: AccountId, *, count: int) -> Sizes:
        """Return how many bytes the account's memories take; ``count``: how many it has."""
        ...
