"""What a receipt says that the erasure does not reach."""

from datetime import timedelta

import pytest
from operator_memory.domain.management.erasure import (
    BACKUPS,
    DEAD_EVENTS,
    DEAD_JOBS,
    USAGE_TOTALS,
    Erasure,
    ErasureState,
    NotCovered,
    not_covered,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import NOW

DAY = timedelta(days=1)
ACCOUNT = AccountId("acc-1")


def erasure(target: Target, **fields: object) -> Erasure:
    return Erasure("e-1", ACCOUNT, target, "user:ada", NOW, **fields)  # type: ignore[arg-type]


COMPLETE = {"state": ErasureState.COMPLETE, "completed_at": NOW + timedelta(minutes=5)}


def test_dead_letters_and_backups_with_their_ends() -> None:
    receipt = erasure(Target(TargetKind.ACCOUNT), **COMPLETE)
    assert not_covered(receipt, backup_days=35) == [
        NotCovered(DEAD_JOBS, NOW + 28 * DAY),
        NotCovered(DEAD_EVENTS, NOW + 14 * DAY),
        NotCovered(USAGE_TOTALS, NOW + 431 * DAY),
        NotCovered(BACKUPS, NOW + timedelta(minutes=5) + 35 * DAY),
    ]


def test_while_it_goes_on_nobody_knows_the_last_backup_that_holds_it() -> None:
    assert not_covered(erasure(Target(TargetKind.ACCOUNT)), backup_days=35)[-1] == NotCovered(BACKUPS, None)


def test_what_was_dropped_and_backups_that_are_not_made_are_left_out() -> None:
    receipt = erasure(Target(TargetKind.AUTHOR, "ben"), dropped={DEAD_JOBS: NOW, DEAD_EVENTS: NOW}, **COMPLETE)
    assert not_covered(receipt, backup_days=0) == []


@pytest.mark.parametrize(
    ("target", "has_searches"),
    [
        (Target(TargetKind.AUTHOR, "ben"), True),
        (Target(TargetKind.USER), False),
        (Target(TargetKind.SESSION, "s"), False),
    ],
)
def test_searches_are_named_where_they_are_erased(target: Target, has_searches: bool) -> None:
    where = {copy.where for copy in not_covered(erasure(target, **COMPLETE), backup_days=1)}
    assert (DEAD_EVENTS in where) is has_searches
    assert {DEAD_JOBS, BACKUPS} <= where
