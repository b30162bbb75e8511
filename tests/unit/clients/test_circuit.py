"""The circuit breaker, as a table of states."""

from operator_memory_client.transport.circuit import CLOSED, FAILURES_TO_OPEN, FIRST_PAUSE, LONGEST_PAUSE, Circuit


def failed_times(times: int, now: float = 0.0) -> Circuit:
    circuit = CLOSED
    for _ in range(times):
        circuit = circuit.entered(now, 1).failed(now)
    return circuit


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    assert failed_times(FAILURES_TO_OPEN - 1).wait(0) == 0
    assert failed_times(FAILURES_TO_OPEN).wait(0) == FIRST_PAUSE


def test_a_success_between_them_begins_the_count_anew() -> None:
    circuit = failed_times(FAILURES_TO_OPEN - 1).succeeded()
    assert circuit == CLOSED
    assert circuit.failed(0).wait(0) == 0


def test_after_the_pause_one_call_probes_and_the_others_wait_for_it() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(FIRST_PAUSE, 5)
    assert probing.wait(FIRST_PAUSE) == 5
    assert probing.succeeded() == CLOSED


def test_a_failed_probe_doubles_the_pause_up_to_a_minute() -> None:
    circuit, now, pauses = failed_times(FAILURES_TO_OPEN), FIRST_PAUSE, []
    for _ in range(8):
        circuit = circuit.entered(now, 1).failed(now)
        pauses.append(circuit.wait(now))
        now += circuit.wait(now)
    assert pauses[:3] == [4.0, 8.0, 16.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_probe_that_nobody_waits_for_lets_the_next_one_probe() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(FIRST_PAUSE, 5)
    assert probing.abandoned().wait(FIRST_PAUSE) == 0


def test_a_probe_that_is_lost_without_a_word_does_not_keep_it_open() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(FIRST_PAUSE, 5)
    assert probing.wait(FIRST_PAUSE + 5) == 0


def test_late_failures_of_calls_that_went_before_do_not_prolong_the_pause() -> None:
    circuit = failed_times(FAILURES_TO_OPEN)
    assert circuit.failed(1.0) == circuit
