"""Use cases: show what an account uses, and set what it may spend."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from operator_memory.application.ports.archive import ArchivedMemories
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.ports.usage import Budgets, MemorySizes, UsageCounters
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.usage.keep_quota import KeepQuota
from operator_memory.domain.errors import ConflictError, InvalidInputError
from operator_memory.domain.management.listing import Usage
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.usage.budget import Budget, Limit, Standing, standing
from operator_memory.domain.usage.counts import Counts, DayUsage, Prices, day_of, month_of
from operator_memory.domain.usage.quota import Quota, QuotaState, quota_state
from operator_memory.domain.usage.sizes import Sizes

MOST_DAYS = 400
"""From the first day of a list to the last: no more are kept."""

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """All that an account uses."""

    stored: Usage
    sizes: Sizes
    archived: ArchiveUsage | None
    quota: Quota
    facts: int
    quota_state: QuotaState
    month: date
    used: Counts
    budget: Standing
    priced: bool


@dataclass(frozen=True, slots=True)
class AccountBudget:
    """An account's budget, what the deployment allows where it says nothing, and how it stands."""

    budget: Budget
    default: Limit
    standing: Standing
    month: date


@dataclass(frozen=True, slots=True)
class UsageSources:
    """Where the numbers come from. ``archived`` may be absent."""

    library: MemoryLibrary
    sizes: MemorySizes
    counters: UsageCounters
    budgets: Budgets
    archived: ArchivedMemories | None = None


class ManageUsage:
    """Reads usage, reads and sets budgets."""

    def __init__(
        self,
        sources: UsageSources,
        *,
        quota: KeepQuota,
        default: Limit,
        prices: Prices,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        """``default``: the limit of accounts that have none of their own."""
        self._sources = sources
        self._quota = quota
        self._default = default
        self._prices = prices
        self._trail = trail
        self._clock = clock

    @property
    def priced(self) -> bool:
        """Whether costs can be estimated."""
        return self._prices.known

    def usage(self, account_id: AccountId) -> AccountUsage:
        """Return what the account has stored, and what it has used this month."""
        sources, now = self._sources, self._clock.now()
        stored = sources.library.usage(account_id, now=now)
        quota, facts = self._quota.standing(account_id)
        budget = self.budget(account_id)
        return AccountUsage(
            stored=stored,
            sizes=sources.sizes.sizes(account_id, count=stored.total),
            archived=None if sources.archived is None else sources.archived.usage(account_id),
            quota=quota,
            facts=facts,
            quota_state=quota_state(quota, facts),
            month=budget.month,
            used=budget.standing.used,
            budget=budget.standing,
            priced=self._prices.known,
        )

    def days(
        self,
        account_id: AccountId,
        *,
        first: date | None = None,
        last: date | None = None,
        agent_id: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> tuple[list[DayUsage], str | None]:
        """Return rows by day and agent, and where the next call goes on. Left out, the last thirty days.

        Raises:
            InvalidInputError: the days are in the wrong order, or more than are kept.
        """
        end = last or day_of(self._clock.now())
        begin = first or date.fromordinal(max(1, end.toordinal() - 29))
        if begin > end:
            raise InvalidInputError("from", "is later than `to`")
        if (end - begin).days >= MOST_DAYS:
            raise InvalidInputError("from", f"must be less than {MOST_DAYS} days before `to`")
        return self._sources.counters.days(
            account_id, first=begin, last=end, agent_id=agent_id, after=after, limit=limit
        )

    def budget(self, account_id: AccountId) -> AccountBudget:
        """Return the account's budget, and how it stands this month."""
        month = month_of(self._clock.now())
        budget, used = self._sources.budgets.with_month(account_id, month)
        return self._account_budget(budget, used, month)

    def set_budget(self, actor: str, account_id: AccountId, limit: Limit, *, own: bool) -> AccountBudget:
        """Set the account's budget: what it is granted, or, where ``own``, what its owner wants at most.

        Raises:
            InvalidInputError: a cost is limited that cannot be estimated.
            ConflictError: somebody else sets it all the time.
        """
        if limit.cents is not None and not self._prices.known:
            raise InvalidInputError("cents", "cannot be kept: no prices are configured here; limit the tokens")
        budget = self._write(
            account_id, lambda known: Budget(known.granted, limit) if own else Budget(limit, known.own)
        )
        self._trail.note(
            account_id,
            actor,
            EventType.SETTINGS_CHANGE,
            metadata={"of": "budget", "part": "own" if own else "granted", **_numbers(limit)},
        )
        month = month_of(self._clock.now())
        return self._account_budget(budget, self._sources.counters.month(account_id, month), month)

    def _write(self, account_id: AccountId, change: Callable[[Budget], Budget]) -> Budget:
        for _ in range(ATTEMPTS):
            known = self._sources.budgets.budget(account_id)
            budget = change(known)
            if budget == known or self._sources.budgets.put(account_id, budget, expected=known):
                return budget
        raise ConflictError("somebody else is setting this budget: try again")

    def _account_budget(self, budget: Budget, used: Counts, month: date) -> AccountBudget:
        stands = standing(budget.limit(self._default), used, priced=self._prices.known)
        return AccountBudget(budget, self._default, stands, month)


def _numbers(limit: Limit) -> dict[str, int]:
    named = {"cents": limit.cents, "tokens": limit.tokens}
    return {name: number for name, number in named.items() if number is not None}
