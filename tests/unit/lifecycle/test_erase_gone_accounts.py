"""Deleted accounts: what is remembered of them is erased by itself, whatever fails on the way."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from operator_memory.application.lifecycle.erase_gone_accounts import DUE, SEARCH, EraseGoneAccounts
from operator_memory.domain.errors import ErasureIncompleteError, HeldError, MemoryServiceError, UpstreamTimeoutError
from operator_memory.domain.lifecycle.gone_accounts import (
    ACCOUNTS_AT_ONCE,
    GRACE_DAYS,
    PAGES_A_SWEEP,
    GoneReport,
    is_believable,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.time_left import SecondsLeft

from tests.support.fakes.gone import FakeGoneAccounts, InMemoryKnownAccounts
from tests.support.fakes.platform import FakePlatform

ENOUGH, TOO_LITTLE = 300.0, 59.0
DOWN = UpstreamTimeoutError("supabase", "no answer")


def account(number: int) -> AccountId:
    return AccountId(str(UUID(int=number)))


class World:
    """A platform with accounts, and an eraser that notes what it erased and can fail."""

    def __init__(self) -> None:
        self.platform, self.known = FakePlatform(), InMemoryKnownAccounts()
        self.gone = FakeGoneAccounts(self.platform)
        self.erased: list[tuple[AccountId, str]] = []
        self.failing: dict[AccountId, Exception] = {}
        self.before: Callable[[AccountId], None] = lambda _account: None

    def erase(self, account_id: AccountId, erasure_id: str, _seconds_left: SecondsLeft) -> None:
        self.before(account_id)
        if account_id in self.failing:
            raise self.failing[account_id]
        self.erased.append((account_id, erasure_id))

    def sweep(self, *seconds: float) -> GoneReport:
        """Sweep; ``seconds`` are left at each look, then enough."""
        looks: Iterator[float] = iter(seconds)
        use_case = EraseGoneAccounts(platform=self.gone, known=self.known, erase=self.erase)
        return use_case.erase_gone(lambda: next(looks, ENOUGH))

    def users(self, *numbers: int) -> list[AccountId]:
        users = [AccountId(self.platform.new_user(account(number))) for number in numbers]
        self.known.accounts += users
        return users

    def ids(self) -> list[AccountId]:
        return [one for one, _ in self.erased]


@pytest.fixture
def world() -> World:
    return World()


def test_a_deleted_account_is_erased_once_and_the_platform_keeps_that_it_was(world: World) -> None:
    leaving, _ = world.users(1, 2)
    world.platform.delete_account(leaving)
    assert world.sweep() == GoneReport(erased=1)
    [(erased, erasure)] = world.erased
    assert (erased, world.platform.gone[leaving].erasure_id) == (leaving, erasure)
    assert world.sweep() == GoneReport()


def test_one_that_is_held_stays_due_until_the_hold_is_lifted(world: World) -> None:
    [leaving] = world.users(1)
    world.platform.delete_account(leaving)
    world.failing[leaving] = HeldError("Case 7", "e-1")
    assert world.sweep() == GoneReport(held=1)
    assert world.platform.gone[leaving].erasure_id is None
    world.failing.clear()
    assert world.sweep() == GoneReport(erased=1)


def test_an_account_that_exists_again_is_left_alone(world: World) -> None:
    [leaving] = world.users(1)
    world.platform.delete_account(leaving)
    world.platform.new_user(leaving)
    assert world.sweep() == GoneReport()
    world.platform.delete_account(leaving)
    assert world.sweep() == GoneReport(erased=1), "until it is deleted once more"


def test_one_that_fails_keeps_no_other_waiting_and_stays_due(world: World) -> None:
    first, second, third = world.users(1, 2, 3)
    for one in (first, second, third):
        world.platform.delete_account(one)
    world.failing = {first: DOWN, second: ErasureIncompleteError("no time")}
    assert world.sweep() == GoneReport(erased=1, failed=1, unfinished=1)
    world.failing = {}
    assert world.sweep() == GoneReport(erased=2)
    assert world.ids() == [third, first, second]


def test_an_erasure_that_was_interrupted_is_gone_on_with_under_its_id(world: World) -> None:
    [leaving] = world.users(1)
    world.platform.delete_account(leaving)
    seen: list[str] = []

    class Killed(BaseException):
        """The function is stopped."""

    def stopped(_account: AccountId, erasure_id: str, _seconds_left: SecondsLeft) -> None:
        seen.append(erasure_id)
        raise Killed

    with pytest.raises(Killed):
        EraseGoneAccounts(platform=world.gone, known=world.known, erase=stopped).erase_gone(lambda: ENOUGH)
    assert world.sweep() == GoneReport(erased=1)
    assert world.erased == [(leaving, seen[0])]


def test_erased_but_not_noted_it_is_noted_by_the_next_sweep(world: World) -> None:
    [leaving] = world.users(1)
    world.platform.delete_account(leaving)
    world.before = lambda _account: setattr(world.platform, "error", DOWN)
    assert world.sweep().failed == 2, "the account, and the page after it"
    world.platform.error, world.before = None, lambda _account: None
    assert world.sweep() == GoneReport(erased=1)
    assert len(set(world.erased)) == 1, "the same erasure, which is complete and answered as it is"


def test_short_of_time_it_goes_on_where_it_stopped(world: World) -> None:
    users = world.users(*range(1, 6))
    for one in users:
        world.platform.delete_account(one)
    world.failing = {users[0]: DOWN}
    report = world.sweep(ENOUGH, ENOUGH, TOO_LITTLE)
    assert (report.erased, report.failed, report.stopped_early) == (1, 1, True)
    assert world.sweep(ENOUGH, ENOUGH, ENOUGH).erased == 3
    assert world.ids() == users[1:], "not the one that fails again and again first"
    world.failing = {}
    assert world.sweep() == GoneReport(erased=1)
    assert world.known.places[DUE] is None


def test_a_platform_that_cannot_be_reached_is_a_failure_and_nothing_more(world: World) -> None:
    world.platform.error = DOWN
    assert world.sweep() == GoneReport(failed=1)


def test_a_defect_is_a_failure_and_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.known, "place", lambda _name: [][0])
    assert world.sweep() == GoneReport(failed=1)


class TestSearch:
    def test_an_account_that_nobody_told_of_is_noted_and_erased_when_its_time_has_come(self, world: World) -> None:
        users = world.users(*range(1, 10))
        del world.platform.members[users[4]]  # no trigger has seen it
        assert world.sweep() == GoneReport(noted=1)
        assert world.gone.days_asked == [GRACE_DAYS]
        assert world.sweep() == GoneReport()
        world.platform.gone[users[4]].is_due = True
        assert world.sweep() == GoneReport(erased=1)
        assert world.ids() == [users[4]]

    def test_ids_that_the_platform_does_not_have_are_nobodys_that_left(self, world: World) -> None:
        world.known.accounts = [AccountId("demo"), AccountId("account-1")]
        assert world.sweep() == GoneReport()

    def test_it_goes_through_all_in_pages_over_several_sweeps(self, world: World) -> None:
        count = ACCOUNTS_AT_ONCE * PAGES_A_SWEEP + 5
        world.users(*range(count))
        last = account(count - 1)
        del world.platform.members[last]
        assert world.sweep() == GoneReport()
        assert world.known.places[SEARCH] is not None
        assert world.sweep() == GoneReport(noted=1)
        assert world.known.places[SEARCH] is None

    def test_short_of_time_it_goes_on_there(self, world: World) -> None:
        world.users(*range(3 * ACCOUNTS_AT_ONCE))
        del world.platform.members[account(3 * ACCOUNTS_AT_ONCE - 1)]
        assert world.sweep(ENOUGH, TOO_LITTLE) == GoneReport(stopped_early=True)
        assert world.sweep(ENOUGH, ENOUGH) == GoneReport(noted=1)

    def test_an_empty_database_is_not_believed(self, world: World) -> None:
        world.users(*range(10))
        world.platform.members.clear()
        report = world.sweep()
        assert (report.doubted, report.noted, world.platform.gone) == (10, 0, {})

    def test_that_a_page_fails_leaves_its_place(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.users(*range(2 * ACCOUNTS_AT_ONCE))
        calls: list[object] = []
        missing = world.gone.missing

        def fails_the_second_time(accounts: list[AccountId]) -> list[AccountId]:
            calls.append(accounts)
            if len(calls) == 2:
                raise DOWN
            return missing(accounts)

        monkeypatch.setattr(world.gone, "missing", fails_the_second_time)
        assert world.sweep() == GoneReport(failed=1)
        assert world.known.places[SEARCH] == account(ACCOUNTS_AT_ONCE - 1)


@pytest.mark.parametrize(
    ("asked", "missing", "believed"),
    [(1, 1, True), (3, 3, True), (4, 4, False), (10, 5, True), (10, 6, False), (100, 50, True), (100, 51, False)],
)
def test_few_that_are_missing_are_believed_and_most_of_many_not(asked: int, missing: int, believed: bool) -> None:
    assert is_believable(asked=asked, missing=missing) is believed


def test_the_log_names_the_reason_and_no_text(world: World, caplog: pytest.LogCaptureFixture) -> None:
    [leaving] = world.users(1)
    world.platform.delete_account(leaving)
    for error in (DOWN, ValueError("a private word")):
        world.failing = {leaving: error}
        assert world.sweep().failed == 1
        reason = error.reason if isinstance(error, MemoryServiceError) else "ValueError"
        assert vars(caplog.records[-1])["reason"] == reason
    assert "private" not in caplog.text
