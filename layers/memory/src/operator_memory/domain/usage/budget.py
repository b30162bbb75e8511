"""An account's budget for the model: how much a calendar month may cost, and whether that is used up."""

from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.usage.counts import MICRO_CENTS, Counts

BUDGET_USED_UP = "budget_used_up"
"""Notice of a job: the rules have extracted instead of the model."""

NEAR_PERCENT = 80
"""Part of a limit from which it counts as nearly used up."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Most US cents, and most tokens, a UTC month; ``None``: as many as there are."""

    cents: int | None = None
    tokens: int | None = None


NO_LIMIT = Limit()


@dataclass(frozen=True, slots=True)
class Budget:
    """``granted``: what a service allows the account, in place of the deployment's default. ``own``: what an owner
    sets below that. So nobody spends more than whoever pays has said."""

    granted: Limit = NO_LIMIT
    own: Limit = NO_LIMIT

    def limit(self, default: Limit) -> Limit:
        """Return what holds: the lower of both."""
        return Limit(
            _lower(_first(self.granted.cents, default.cents), self.own.cents),
            _lower(_first(self.granted.tokens, default.tokens), self.own.tokens),
        )


class BudgetState(StrEnum):
    """How far a budget is used up."""

    OK = "ok"
    NEAR = "near"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands this month."""

    limit: Limit
    used: Counts
    state: BudgetState


def standing(limit: Limit, used: Counts, *, priced: bool) -> Standing:
    """Return how an account stands that has ``used`` so much of its ``limit``. Where prices are not known (``priced``)
    no cost is: then only tokens count."""
    pairs = [(limit.tokens, used.tokens, 1)]
    if priced:
        pairs.append((limit.cents, used.cost_micro_cents, MICRO_CENTS))
    limited = [(most * unit, number) for most, number, unit in pairs if most is not None]
    if any(number >= most for most, number in limited):
        state = BudgetState.USED_UP
    elif any(number * 100 >= most * NEAR_PERCENT for most, number in limited):
        state = BudgetState.NEAR
    else:
        state = BudgetState.OK
    return Standing(limit, used, state)


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _lower(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
