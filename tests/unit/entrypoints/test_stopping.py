"""Work ends in time, and when the process is told to end: what it has not finished is given back."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from operator_memory.domain.errors import TimeIsUpError
from operator_memory.entrypoints import stopping
from operator_memory.entrypoints.stopping import GIVING_BACK_SECONDS, stopped_in_time

AMPLE = 1_000.0
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The test's own timer and handlers are afterwards as they were."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)}
    running = signal.getitimer(signal.ITIMER_REAL)[0] > 0
    yield
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == running


def wait() -> None:
    """As for an answer that does not come."""
    threading.Event().wait(PATIENCE)
    pytest.fail("nothing ended it")


def test_what_ends_by_itself_is_not_disturbed() -> None:
    with stopped_in_time(AMPLE):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > AMPLE - GIVING_BACK_SECONDS - PATIENCE


def test_time_that_ends_in_the_middle_of_waiting_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GIVING_BACK_SECONDS", AMPLE)
    with pytest.raises(TimeIsUpError), stopped_in_time(AMPLE):
        wait()


def test_no_library_that_swallows_errors_swallows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GIVING_BACK_SECONDS", AMPLE)

    def swallowing() -> None:
        with contextlib.suppress(Exception):
            wait()

    with pytest.raises(TimeIsUpError), stopped_in_time(AMPLE):
        swallowing()


def test_a_process_that_is_told_to_end_ends_in_an_orderly_way() -> None:
    def told_to_end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        wait()

    with pytest.raises(SystemExit) as ended, stopped_in_time(AMPLE):
        told_to_end()
    assert ended.value.code == 128 + signal.SIGTERM


def test_errors_are_raised_as_they_are() -> None:
    with pytest.raises(KeyError), stopped_in_time(AMPLE):
        raise KeyError


def test_a_timer_that_ran_before_runs_on() -> None:
    before, _ = signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        with stopped_in_time(AMPLE):
            pass
        assert 500 - PATIENCE < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
    finally:
        signal.setitimer(signal.ITIMER_REAL, before)


def test_in_another_thread_the_work_runs_to_its_end() -> None:
    done: list[float] = []

    def work() -> None:
        with stopped_in_time(0):
            done.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert len(done) == 1
