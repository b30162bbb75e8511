"""The hour that the caches are measured with, and how their hits are counted; no server is asked."""

from collections import defaultdict
from itertools import pairwise

import pytest
from operator_memory.domain.memory.scopes import AccountId

from bench.caches.run import SIZE
from bench.caches.workload import AGAIN, HOUR, MOST_STEPS, RUN_SECONDS, Ask, hit_rates, workload
from bench.context.corpus import layout

ACCOUNTS = [AccountId(f"0000000{n}-0000-4000-8000-000000000000") for n in range(5)]
QUESTIONS = {account: [f"Question {n}?" for n in range(40)] for account in ACCOUNTS}
ASKS = workload(QUESTIONS)


def runs() -> dict[tuple[AccountId, str], list[Ask]]:
    found = defaultdict(list)
    for ask in ASKS:
        found[ask.account, ask.run].append(ask)
    return found


def test_the_measured_hour_is_of_fifty_accounts() -> None:
    assert len(layout(SIZE)) == 50


def test_a_run_is_one_to_eight_steps_that_ask_the_same_within_a_minute() -> None:
    lengths = set()
    for steps in runs().values():
        lengths.add(len(steps))
        assert steps[-1].at - steps[0].at <= RUN_SECONDS
        assert len({step.question for step in steps}) == 1
    assert lengths == set(range(1, MOST_STEPS + 1))


def test_questions_come_in_the_order_of_time_and_every_account_asks_all_of_its_own() -> None:
    assert all(one.at <= other.at for one, other in pairwise(ASKS))
    assert {(ask.account, ask.question) for ask in ASKS} == {(a, q) for a, asked in QUESTIONS.items() for q in asked}


def test_some_questions_come_again_later_in_a_run_of_their_own() -> None:
    begun = defaultdict(list)
    for (account, _), steps in runs().items():
        begun[account, steps[0].question].append(steps[0].at)
    twice = [sorted(times) for times in begun.values() if len(times) == 2]
    assert all(len(times) <= 2 for times in begun.values())
    assert len(twice) / len(begun) == pytest.approx(AGAIN, abs=0.1)
    assert all(RUN_SECONDS < again - first <= HOUR for first, again in twice)


def test_the_hour_is_the_same_each_time() -> None:
    assert workload(QUESTIONS) == ASKS != workload(QUESTIONS, seed=2)


def steps(*times: float, account: AccountId = ACCOUNTS[0], run: str = "run-0") -> list[Ask]:
    return [Ask(at, account, run, "Question?") for at in times]


@pytest.mark.parametrize(
    ("asks", "vectors", "switches"),
    [
        (steps(0.0), 0, 0),
        (steps(0.0, 1.0, 2.0, 29.0), 3, 3),
        (steps(0.0, 29.0, 31.0, 60.0), 3, 2),  # switches are read again after 30 seconds
        (steps(0.0, 599.0, 601.0, 602.0), 2, 2),  # a vector is made again after ten minutes
        ([*steps(0.0, 1.0), *steps(2.0, 3.0, run="run-1")], 3, 2),  # another run has switches of its own
        ([*steps(0.0, 1.0), *steps(2.0, 3.0, account=ACCOUNTS[1])], 2, 2),  # another account has both
    ],
)
def test_a_hit_is_a_question_whose_vector_or_switches_are_known(asks: list[Ask], vectors: int, switches: int) -> None:
    rates = hit_rates(asks, instances=1)
    assert (rates.vectors * len(asks), rates.switches * len(asks)) == pytest.approx((vectors, switches))


def test_of_several_instances_each_has_caches_of_its_own() -> None:
    one, two, many = (hit_rates(ASKS, instances=instances) for instances in (1, 2, 50))
    assert 1 > one.vectors > two.vectors > many.vectors >= 0
    assert 1 > one.switches > two.switches > many.switches >= 0
    assert one.vectors >= 1 - len(runs()) / len(ASKS), "all steps of a run but the first"
