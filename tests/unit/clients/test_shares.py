"""Calls are shared out among small pools of connections."""

from contextlib import ExitStack

from operator_memory_client.transport.shares import CONNECTIONS, POOLS, Shares


def test_calls_one_after_the_other_share_one_pool() -> None:
    shares = Shares()
    used = []
    for _ in range(5):
        with shares.one() as number:
            used.append(number)
    assert used == [0] * 5


def test_many_at_once_are_spread_evenly() -> None:
    shares, at_once = Shares(), 10 * POOLS
    with ExitStack() as calls:
        used = [calls.enter_context(shares.one()) for _ in range(at_once)]
    assert {used.count(number) for number in range(POOLS)} == {10}
    assert used[:CONNECTIONS] == [0, 0, 1, 1]


def test_a_call_that_fails_makes_room() -> None:
    shares = Shares()
    for _ in range(3):
        try:
            with shares.one() as number:
                raise OSError
        except OSError:
            assert number == 0
