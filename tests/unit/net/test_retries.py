"""An attempt is cut short only where another one follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.net import retries
from operator_memory.adapters.net.retries import ATTEMPTS, USEFUL_SECONDS, Retries
from operator_memory.domain.errors import UpstreamTimeoutError


class Clock:
    """A time that passes only when something waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def patience_of_a_server_that_never_answers(deadline: float, jitter: float) -> list[float]:
    """The seconds that each attempt was given; all of them were waited for."""
    clock = Clock()
    given: list[float] = []

    def attempt(seconds: float) -> None:
        given.append(seconds)
        clock.wait(seconds)
        raise UpstreamTimeoutError("embeddings", "no answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "time", clock)
        with pytest.raises(UpstreamTimeoutError):
            Retries(sleep=clock.wait, jitter=lambda: jitter).run(attempt, deadline=clock.now + deadline)
    assert clock.now <= 100.0 + deadline + 1e-9
    return given


@given(st.floats(0.0, 20.0), st.floats(0.0, 1.0))
def test_no_time_is_given_up_unless_another_attempt_has_it(deadline: float, jitter: float) -> None:
    given_up = patience_of_a_server_that_never_answers(deadline, jitter)
    assert 1 <= len(given_up) <= ATTEMPTS
    assert all(seconds >= USEFUL_SECONDS - 1e-9 for seconds in given_up[1:])
    pauses = sum((0.05, 0.1)[: len(given_up) - 1])
    assert sum(given_up) >= deadline - pauses - 1e-9, "all of the time is used, but for the pauses"


@pytest.mark.parametrize(("deadline", "attempts"), [(0.45, 1), (0.61, 1), (0.74, 1), (0.76, 2), (2.9, 3)])
def test_how_many_attempts_a_deadline_has_room_for(deadline: float, attempts: int) -> None:
    assert len(patience_of_a_server_that_never_answers(deadline, 1.0)) == attempts
