"""How much of a long task is begun before the function's time is over."""

import pytest
from operator_memory.domain.shared.time_left import (
    LARGEST_STEP,
    RESERVE_SECONDS,
    SMALLEST_STEP,
    has_time_for_a_step,
    next_step,
    no_limit,
)


@pytest.mark.parametrize(
    ("left", "slowest", "has_time"),
    [(29, 0, True), (RESERVE_SECONDS, 0, False), (RESERVE_SECONDS + 6, 3, False), (RESERVE_SECONDS + 6.1, 3, True)],
)
def test_a_step_is_begun_if_it_may_take_twice_as_long_as_before(left: float, slowest: float, has_time: bool) -> None:
    assert has_time_for_a_step(left, slowest) is has_time


def test_without_a_limit_there_is_always_time() -> None:
    assert has_time_for_a_step(no_limit(), 1e9)


@pytest.mark.parametrize(
    ("size", "seconds", "following"),
    [(16, 0.5, 32), (LARGEST_STEP, 0.5, LARGEST_STEP), (32, 2, 32), (64, 4, 32), (SMALLEST_STEP, 9, SMALLEST_STEP)],
)
def test_steps_grow_while_they_are_quick_and_shrink_when_they_are_slow(
    size: int, seconds: float, following: int
) -> None:
    assert next_step(size, seconds) == following
