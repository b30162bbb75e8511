"""Of the lines that do not all fit, those with the highest sum of scores are taken."""

import random
from collections.abc import Set as AbstractSet
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.budget import Line, best_lines

HEADINGS = ("User", "Agent", "Session")
scores_of = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.3]) | st.floats(0, 2)
lines_of = st.lists(st.builds(Line, scores_of, st.integers(1, 60), st.sampled_from(HEADINGS)), max_size=9)


def around(headings: AbstractSet[str]) -> int:
    """A fence and three or four tokens a heading."""
    return 10 + sum(3 + (heading == "Agent") for heading in headings)


def tokens(lines: list[Line], taken: list[int]) -> int:
    return around({lines[i].heading for i in taken}) + sum(lines[i].tokens for i in taken)


def worth(lines: list[Line], taken: list[int]) -> int:
    return sum(lines[i].worth for i in taken)


def fits(lines: list[Line], taken: list[int], budget: int) -> bool:
    return not taken or tokens(lines, taken) <= budget


def greedy(lines: list[Line], budget: int) -> list[int]:
    taken: list[int] = []
    for i in range(len(lines)):
        if fits(lines, [*taken, i], budget):
            taken.append(i)
    return taken


@given(lines_of, st.integers(0, 300))
def test_it_is_the_best_set_that_has_the_first_line_if_that_fits(lines: list[Line], budget: int) -> None:
    taken = best_lines(lines, budget, around)
    assert fits(lines, taken, budget)
    must = [0] if lines and fits(lines, [0], budget) else []
    sets = [list(some) for size in range(len(lines) + 1) for some in combinations(range(len(lines)), size)]
    best = max(worth(lines, some) for some in sets if set(must) <= set(some) and fits(lines, some, budget))
    assert worth(lines, taken) == best
    assert set(must) <= set(taken)
    assert worth(lines, taken) >= worth(lines, greedy(lines, budget))


@given(lines_of)
def test_with_room_for_all_all_are_taken(lines: list[Line]) -> None:
    everything = list(range(len(lines)))
    assert best_lines(lines, tokens(lines, everything), around) == everything


def test_two_short_lines_may_be_worth_more_than_one_long_one() -> None:
    lines = [Line(0.9, 20, "User"), Line(0.8, 50, "User"), Line(0.5, 25, "User"), Line(0.5, 25, "User")]
    assert best_lines(lines, 13 + 70, around) == [0, 2, 3]


def test_a_heading_must_pay_for_itself() -> None:
    lines = [Line(0.9, 20, "User"), Line(0.8, 20, "Session"), Line(0.7, 20, "User")]
    assert best_lines(lines, 13 + 40, around) == [0, 2]
    assert best_lines(lines, 16 + 40, around) == [0, 1]


def test_the_best_ranked_stays_though_two_others_would_be_worth_more() -> None:
    lines = [Line(0.9, 60, "User"), Line(0.8, 30, "User"), Line(0.8, 30, "User")]
    assert best_lines(lines, 13 + 60, around) == [0]
    assert best_lines(lines, 13 + 59, around) == [1], "too long even alone"


@pytest.mark.parametrize("kind", ["free", "as long as good", "all equal", "nearly equal"])
def test_fifty_lines_are_decided_for_any_budget(kind: str) -> None:
    """Exact search of what is hard for it: a search that tries all sets would not come back."""
    rng = random.Random(kind)
    for _ in range(20):
        sizes = [rng.randint(12, 300) for _ in range(50)]
        scores = {
            "free": [rng.random() for _ in sizes],
            "as long as good": [size / 300 + 0.1 for size in sizes],
            "all equal": [0.5 for _ in sizes],
            "nearly equal": [0.5 + rng.randint(0, 9) / 1000 for _ in sizes],
        }[kind]
        lines = [Line(score, size, rng.choice(HEADINGS)) for score, size in zip(scores, sizes, strict=True)]
        lines.sort(key=lambda line: -line.score)
        budget = rng.choice([150, 400, 1000, 3000])
        taken = best_lines(lines, budget, around)
        assert tokens(lines, taken) <= budget
        assert worth(lines, taken) >= worth(lines, greedy(lines, budget))
        assert taken == best_lines(lines, budget, around)
