"""Budgets, prices and sizes as numbers."""

import pytest
from operator_memory.domain.usage.budget import Budget, BudgetState, Limit, standing
from operator_memory.domain.usage.counts import COUNTED, MICRO_CENTS, Counts, Prices
from operator_memory.domain.usage.sizes import PointSize, Sizes, estimated_sizes

CENT = MICRO_CENTS


@pytest.mark.parametrize(
    ("budget", "default", "limit"),
    [
        (Budget(), Limit(), Limit()),
        (Budget(), Limit(5, 50), Limit(5, 50)),
        (Budget(Limit(9, 90)), Limit(5, 50), Limit(9, 90)),
        (Budget(Limit(9)), Limit(5, 50), Limit(9, 50)),
        (Budget(own=Limit(9, 9)), Limit(5, 50), Limit(5, 9)),
        (Budget(Limit(2), Limit(9, 9)), Limit(5), Limit(2, 9)),
        (Budget(Limit(0), Limit(9)), Limit(5), Limit(0)),
    ],
)
def test_the_lower_of_what_is_granted_and_wanted_holds(budget: Budget, default: Limit, limit: Limit) -> None:
    assert budget.limit(default) == limit


@pytest.mark.parametrize(
    ("limit", "cost", "tokens", "state"),
    [
        (Limit(), 10**15, 10**15, BudgetState.OK),
        (Limit(10), 8 * CENT - 1, 10**9, BudgetState.OK),
        (Limit(10), 8 * CENT, 0, BudgetState.NEAR),
        (Limit(10), 10 * CENT - 1, 0, BudgetState.NEAR),
        (Limit(10), 10 * CENT, 0, BudgetState.USED_UP),
        (Limit(10, 100), 0, 80, BudgetState.NEAR),
        (Limit(10, 100), 0, 100, BudgetState.USED_UP),
        (Limit(0), 0, 0, BudgetState.USED_UP),
        (Limit(None, 0), 0, 0, BudgetState.USED_UP),
    ],
)
def test_how_far_a_budget_is_used_up(limit: Limit, cost: int, tokens: int, state: BudgetState) -> None:
    used = Counts(cost_micro_cents=cost, prompt_tokens=tokens)
    assert standing(limit, used, priced=True).state is state


def test_without_prices_only_tokens_count() -> None:
    assert standing(Limit(0), Counts(), priced=False).state is BudgetState.OK
    assert standing(Limit(0, 5), Counts(completion_tokens=5), priced=False).state is BudgetState.USED_UP


def test_a_price_of_a_million_tokens_is_exact_for_one() -> None:
    prices = Prices(15, 60)
    assert prices.micro_cents(1_000_000, 0) == 15 * CENT
    assert prices.micro_cents(1, 1) == 75
    assert (prices.known, Prices(0, 1).known, Prices().known) == (True, True, False)


def test_counts_add_up_name_by_name() -> None:
    one = Counts(*range(1, len(COUNTED) + 1))
    assert one + one == Counts(*(2 * number for number in range(1, len(COUNTED) + 1)))
    assert Counts(jobs=2).positive() == {"jobs": 2}
    assert one.tokens == one.prompt_tokens + one.completion_tokens


def test_a_whole_account_is_measured_exactly() -> None:
    assert estimated_sizes([PointSize(100, 10), PointSize(300, 30)], 2) == Sizes(400, 40, 0.0)
    assert estimated_sizes([], 0) == Sizes()


def test_a_sample_tells_how_far_off_it_may_be() -> None:
    sample = [PointSize(100 + n % 7, 50) for n in range(500)]
    found = estimated_sizes(sample, 20_000)
    assert found.payload == pytest.approx(20_000 * 103, rel=0.01)
    assert found.vectors == 1_000_000
    assert 0 < found.error_percent < 1
    assert estimated_sizes(sample[:1], 20_000).error_percent == 100.0
