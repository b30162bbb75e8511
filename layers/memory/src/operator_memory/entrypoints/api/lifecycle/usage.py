"""``/v1/usage`` and ``/v1/budget``: what an account has stored and used, and what it may spend."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from operator_memory.domain.management.identity import Action
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.api.memories import READING, AccountQuery
from operator_memory.entrypoints.api.problems import documented
from operator_memory.entrypoints.api.routes import Routes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.memories import Id
from operator_memory.entrypoints.contracts.usage import (
    BudgetBody,
    BudgetView,
    DaysView,
    Place,
    UsageView,
    budget_view,
    days_view,
    usage_view,
)

MOST_ROWS = 1_000

BUDGETS = documented("settings", 401, 403, 409, 415, 422, 429, 503)


class UsageRoutes(Routes):
    """Numbers only. They work while memory is switched off."""

    def __init__(self, services: Services, api: APIGatewayHttpResolver) -> None:
        super().__init__(services, api)
        api.get("/v1/usage", summary="How much is stored, and was used this month", **READING)(self.get_usage)
        api.get("/v1/usage/days", summary="What was used, by day and agent", **READING)(self.get_days)
        api.get("/v1/budget", summary="What may be spent on the model", **BUDGETS)(self.get_budget)
        api.put("/v1/budget", summary="Set it", **BUDGETS)(self.set_budget)

    def get_usage(self, account_id: AccountQuery = None) -> UsageView:
        """Counts and bytes of memories, this month's use, the budget and the quota."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        return usage_view(self._services.usage.usage(account))

    def get_days(
        self,
        account_id: AccountQuery = None,
        first: Annotated[date | None, Query(alias="from", description="The first day (UTC).")] = None,
        last: Annotated[date | None, Query(alias="to", description="The last day (UTC). Default: today.")] = None,
        agent_id: Annotated[Id | None, Query(description="Only what this agent used.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 500,
        cursor: Annotated[Place | None, Query()] = None,
    ) -> DaysView:
        """Without ``from``, the thirty days to ``to``. Numbers are kept for 400 days."""
        _, account = self._admit(account_id, Action.READ, Bucket.READS)
        found = self._services.usage.days(account, first=first, last=last, agent_id=agent_id, after=cursor, limit=limit)
        return days_view(*found)

    def get_budget(self, account_id: AccountQuery = None) -> BudgetView:
        """What is granted, what the owner wants at most, and how the account stands this month."""
        _, account = self._admit(account_id, Action.READ_SETTINGS, Bucket.READS)
        usage = self._services.usage
        return budget_view(usage.budget(account), priced=usage.priced)

    def set_budget(self, body: Annotated[BudgetBody, Body()], account_id: AccountQuery = None) -> BudgetView:
        """A service sets what the account is granted, in place of the deployment's default. An owner sets a limit of
        their own below that. Takes effect with the next job."""
        caller, account = self._admit(account_id, Action.WRITE_SETTINGS, Bucket.WRITES)
        usage, own = self._services.usage, caller.user_id is not None
        return budget_view(usage.set_budget(caller.actor, account, body.to_limit(), own=own), priced=usage.priced)
