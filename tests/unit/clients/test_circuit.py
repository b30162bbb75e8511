"""The circuit breaker, as a table of states."""

from operator_memory_client.transport.circuit import FAILURES_TO_OPEN, FIRST_PAUSE, LONGEST_PAUSE, Circuit

CLOSED = Circuit()
NOW = 100.0


def failed_times(times: int) -> Circuit:
    """Calls that failed one after the other, the last at `NOW`."""
    circuit = CLOSED
    for number in range(times, 0, -1):
        circuit = circuit.entered(NOW - number, 1).failed(NOW - number + 1, began=NOW - number + 0.5)
    return circuit


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    assert failed_times(FAILURES_TO_OPEN - 1).wait(NOW) == 0
    assert failed_times(FAILURES_TO_OPEN).wait(NOW) == FIRST_PAUSE
    assert Circuit(1).failed(NOW, began=NOW - 1).wait(NOW) == FIRST_PAUSE


def test_a_success_between_them_begins_the_count_anew() -> None:
    circuit = failed_times(FAILURES_TO_OPEN - 1).succeeded()
    assert circuit == CLOSED
    assert circuit.failed(NOW, began=NOW - 1).wait(NOW) == 0


def test_calls_that_fail_side_by_side_are_one_failure() -> None:
    circuit = CLOSED
    for number in range(200):
        circuit = circuit.failed(NOW + number / 1000, began=NOW - 0.5)
    assert (circuit.failures, circuit.wait(NOW + 1)) == (1, 0)


def test_after_the_pause_one_call_probes_and_the_others_wait_for_it() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(NOW + FIRST_PAUSE, 5)
    assert probing.wait(NOW + FIRST_PAUSE) == 5
    assert probing.succeeded() == CLOSED


def test_a_failed_probe_doubles_the_pause_up_to_a_minute() -> None:
    circuit, now, pauses = failed_times(FAILURES_TO_OPEN), NOW + FIRST_PAUSE, []
    for _ in range(8):
        circuit = circuit.entered(now, 1).failed(now + 1, began=now)
        pauses.append(circuit.wait(now + 1))
        now += 1 + circuit.wait(now + 1)
    assert pauses[:3] == [4.0, 8.0, 16.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_probe_that_nobody_waits_for_lets_the_next_one_probe() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(NOW + FIRST_PAUSE, 5)
    assert probing.abandoned().wait(NOW + FIRST_PAUSE) == 0


def test_a_probe_that_is_lost_without_a_word_does_not_keep_it_open() -> None:
    probing = failed_times(FAILURES_TO_OPEN).entered(NOW + FIRST_PAUSE, 5)
    assert probing.wait(NOW + FIRST_PAUSE + 5) == 0


def test_late_failures_of_calls_that_went_before_do_not_prolong_the_pause() -> None:
    circuit = failed_times(FAILURES_TO_OPEN)
    assert circuit.failed(NOW + 1, began=NOW - 1) == circuit
