"""Contracts of the management API about usage: what is stored, what was used, budgets and quotas."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from operator_memory.application.usage.manage_usage import AccountBudget, AccountUsage
from operator_memory.domain.usage.budget import BudgetState, Limit, Standing
from operator_memory.domain.usage.counts import MICRO_CENTS, Counts, DayUsage
from operator_memory.domain.usage.quota import QuotaState, WhenFull
from operator_memory.entrypoints.contracts.memories import Closed

MOST_CENTS, MOST_TOKENS = 1_000_000_000, 10**12

Place = Annotated[str, StringConstraints(max_length=200, pattern=r"^\d{4}-\d{2}-\d{2}#[A-Za-z0-9._:@+-]+$")]
"""Where a list of days goes on."""


class SizesView(BaseModel):
    """Bytes as they are stored, without indexes and copies."""

    payload: int
    vectors: int
    error_percent: float = Field(
        description="0: every memory was measured. Else a sample was, and the true sum is at most so far off, 19 times"
        " out of 20."
    )


class ArchivedView(BaseModel):
    """What is in the archive. ``bytes``: of payloads and vectors, before compression."""

    memories: int
    bytes: int


class QuotaView(BaseModel):
    """How full the account is."""

    facts: int = Field(description="Facts in force, in all scopes.")
    most_facts: int
    when_full: WhenFull = Field(
        description="`refuse`: one more fact is not stored. `archive`: the least important one goes to the archive."
    )
    state: QuotaState


class UsedView(BaseModel):
    """What was used."""

    jobs: int = Field(description="Runs whose extraction ended.")
    jobs_by_rules: int = Field(description="Of these: without the model, since the budget was used up.")
    llm_calls: int = Field(description="Calls of the model, those that failed included.")
    prompt_tokens: int
    completion_tokens: int
    estimated_usd: float | None = Field(
        description="By the prices in the settings when the calls were made; null where there were none."
    )
    memories_added: int
    memories_superseded: int
    facts_rejected: int
    contexts: int = Field(description="Contexts that runs asked for.")
    memories_injected: int
    searches: int


class MonthView(UsedView):
    """What was used in a calendar month (UTC)."""

    month: str = Field(description="Such as `2026-12`.")


class DayView(UsedView):
    """What was used on a day (UTC) by an agent; null: without one."""

    day: date
    agent_id: str | None


class DaysView(BaseModel):
    """By day and agent, oldest first. Days without use have no row."""

    days: list[DayView]
    next_cursor: str | None


class LimitView(BaseModel):
    """Most US cents, and most tokens, a calendar month (UTC); null: no limit."""

    cents: int | None
    tokens: int | None


class SpentView(BaseModel):
    """What was used of a limit."""

    cents: float | None = Field(description="Null where prices are not known.")
    tokens: int


class StandingView(BaseModel):
    """How the account stands this month. Once it is `used_up` the rules extract instead of the model."""

    limit: LimitView
    used: SpentView
    state: BudgetState


class UsageView(BaseModel):
    """How much is stored, and what was used this month. The first six are counts of memories."""

    total: int
    active: int
    pinned: int
    by_scope: dict[str, int]
    by_kind: dict[str, int]
    by_agent: dict[str, int]
    bytes: SizesView
    archived: ArchivedView | None = Field(description="Null where there is no archive that is counted.")
    quota: QuotaView
    month: MonthView
    budget: StandingView


class BudgetBody(Closed):
    """What may be spent in a calendar month (UTC). Left out or null: no limit of this kind."""

    cents: int | None = Field(default=None, ge=0, le=MOST_CENTS, description="US cents. Needs configured prices.")
    tokens: int | None = Field(default=None, ge=0, le=MOST_TOKENS, description="Of prompts and answers together.")

    def to_limit(self) -> Limit:
        """As the use case wants it."""
        return Limit(self.cents, self.tokens)


class BudgetView(StandingView):
    """The account's budget. ``limit`` is what holds: the lower of what is granted and what the owner wants."""

    month: str
    granted: LimitView = Field(description="By a service. Where it says nothing, `default` holds.")
    own: LimitView = Field(description="By an owner.")
    default: LimitView = Field(description="Of the deployment.")


def usage_view(usage: AccountUsage) -> UsageView:
    """``usage`` for an answer."""
    archived = usage.archived
    return UsageView(
        **asdict(usage.stored),
        bytes=SizesView(**asdict(usage.sizes)),
        archived=None if archived is None else ArchivedView(memories=archived.memories, bytes=archived.bytes),
        quota=QuotaView(
            facts=usage.facts,
            most_facts=usage.quota.most,
            when_full=usage.quota.when_full,
            state=usage.quota_state,
        ),
        month=MonthView(month=_month(usage.month), **_used(usage.used, priced=usage.priced)),
        budget=standing_view(usage.budget, priced=usage.priced),
    )


def days_view(rows: list[DayUsage], following: str | None) -> DaysView:
    """A page of rows for an answer."""
    days = [DayView(day=row.day, agent_id=row.agent_id, **_used(row.counts, priced=False)) for row in rows]
    return DaysView(days=days, next_cursor=following)


def standing_view(found: Standing, *, priced: bool) -> StandingView:
    """``found`` for an answer."""
    return StandingView(limit=_limit(found.limit), used=_spent(found.used, priced=priced), state=found.state)


def budget_view(found: AccountBudget, *, priced: bool) -> BudgetView:
    """``found`` for an answer."""
    return BudgetView(
        month=_month(found.month),
        limit=_limit(found.standing.limit),
        used=_spent(found.standing.used, priced=priced),
        state=found.standing.state,
        granted=_limit(found.budget.granted),
        own=_limit(found.budget.own),
        default=_limit(found.default),
    )


def _used(counts: Counts, *, priced: bool) -> dict[str, Any]:
    numbers = asdict(counts)
    cost = numbers.pop("cost_micro_cents")
    known = cost > 0 or priced or counts.llm_calls == 0
    return {**numbers, "estimated_usd": round(cost / MICRO_CENTS / 100, 6) if known else None}


def _spent(counts: Counts, *, priced: bool) -> SpentView:
    cents = round(counts.cost_micro_cents / MICRO_CENTS, 4) if priced else None
    return SpentView(cents=cents, tokens=counts.tokens)


def _limit(limit: Limit) -> LimitView:
    return LimitView(cents=limit.cents, tokens=limit.tokens)


def _month(month: date) -> str:
    return month.isoformat()[:7]
