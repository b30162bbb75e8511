"""Use case: finds out whether an account may still ask the model this month."""

import logging

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.usage import Budgets
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.usage.count_usage import Measure
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, repeatable_event_id
from operator_memory.domain.usage.budget import BUDGET_USED_UP, BudgetState, Limit, standing
from operator_memory.domain.usage.counts import Prices, month_of

USED_UP, UNREAD = "BudgetUsedUp", "BudgetUnread"
"""Metrics: jobs that went on without the model; jobs whose budget could not be read."""

_LOG = logging.getLogger("operator_memory.usage")


class CheckBudget:
    """Reads the budget and what is used of it, in one request."""

    def __init__(
        self, budgets: Budgets, *, default: Limit, prices: Prices, trail: AuditTrail, clock: Clock, measure: Measure
    ) -> None:
        """``default``: the limit of accounts that have none of their own."""
        self._budgets = budgets
        self._default = default
        self._prices = prices
        self._trail = trail
        self._clock = clock
        self._measure = measure

    def allows_model(self, account_id: AccountId) -> bool:
        """Tell whether the month's budget is not used up; note once a month that it is.

        A budget that cannot be read stops nobody: to learn too well for a while is the smaller harm.
        """
        month = month_of(self._clock.now())
        try:
            budget, used = self._budgets.with_month(account_id, month)
        except MemoryServiceError as error:
            _LOG.warning("the budget cannot be read", extra={"account_id": account_id, "reason": error.reason})
            self._measure({UNREAD: 1})
            return True
        found = standing(budget.limit(self._default), used, priced=self._prices.known)
        if found.state is not BudgetState.USED_UP:
            return True
        self._measure({USED_UP: 1})
        name = month.isoformat()[:7]
        self._trail.note(
            account_id,
            "system:extraction",
            EventType.SETTINGS_CHANGE,
            event_id=repeatable_event_id(account_id, BUDGET_USED_UP, name),
            metadata={"of": "extraction", "reason": BUDGET_USED_UP, "month": name},
        )
        return False
