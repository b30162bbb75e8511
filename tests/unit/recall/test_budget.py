"""Of the lines that do not all fit, the best ranked ones are taken."""

from collections.abc import Set as AbstractSet

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.budget import Line, fitting_lines

HEADINGS = ("User", "Agent", "Session")
lines_of = st.lists(
    st.builds(Line, st.integers(1, 60), st.sampled_from(HEADINGS).map(lambda heading: frozenset({heading}))), max_size=9
)


def around(headings: AbstractSet[str]) -> int:
    """A fence and three or four tokens a heading."""
    return 10 + sum(3 + (heading == "Agent") for heading in headings)


def tokens(lines: list[Line[str]], taken: list[int]) -> int:
    return around({h for i in taken for h in lines[i].headings}) + sum(lines[i].tokens for i in taken)


@given(lines_of, st.integers(0, 300))
def test_a_line_is_left_out_only_if_it_does_not_fit_behind_the_better_ones(lines: list[Line[str]], budget: int) -> None:
    taken = fitting_lines(lines, budget, around)
    assert not taken or tokens(lines, taken) <= budget
    for left_out in set(range(len(lines))) - set(taken):
        better = [i for i in taken if i < left_out]
        assert tokens(lines, [*better, left_out]) > budget


@given(lines_of)
def test_with_room_for_all_all_are_taken(lines: list[Line[str]]) -> None:
    everything = list(range(len(lines)))
    assert fitting_lines(lines, tokens(lines, everything), around) == everything


def test_many_weak_lines_do_not_drive_out_the_strong_ones() -> None:
    """Two lines of 60 tokens, forty of 12: the sum of the scores would take the weak ones."""
    user = frozenset({"User"})
    lines = [Line(60, user), Line(60, user), *(Line(12, user) for _ in range(40))]
    assert fitting_lines(lines, 130 + around({"User"}), around) == [0, 1]


@pytest.mark.parametrize(("budget", "taken"), [(22, []), (23, [0]), (33, [0, 1]), (36, [0, 2]), (46, [0, 1, 2])])
def test_a_heading_costs_its_tokens_once(budget: int, taken: list[int]) -> None:
    user, session = frozenset({"User"}), frozenset({"Session"})
    lines = [Line(10, user), Line(10, user), Line(10, session)]
    assert fitting_lines(lines, budget, around) == (taken if budget != 36 else [0, 1])
