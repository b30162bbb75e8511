"""The sweep removes what has expired, page by page, and always leaves things so that the next one goes on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.application.lifecycle.expire_memories import ExpireMemories
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.retention import PAGE, STOP_MARGIN_SECONDS, ExpiryReport
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import Hold

from tests.support.builders import a_memory
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex, InMemoryMemories
from tests.support.fakes.holds import FixedHolds

CLOCK = FakeClock()
NOW = CLOCK.now()
ENOUGH = 300.0


class World:
    def __init__(self) -> None:
        self.memories, self.index = InMemoryMemories(), InMemoryExpiryIndex()
        self.holds = FixedHolds()

    def put(self, account: str, expired: int, lasting: int = 0) -> AccountId:
        """An account with memories that expired an hour ago, and some that expire in an hour."""
        owner = AccountId(account)
        for count, end in ((expired, NOW - timedelta(hours=1)), (lasting, NOW + timedelta(hours=1))):
            if count:
                self.index.register(owner, end)
                memories = [replace(a_memory(f"{end} {n}", expires_at=end), account_id=owner) for n in range(count)]
                self.memories.upsert(owner, [EmbeddedMemory(memory, []) for memory in memories])
        return owner

    def sweep(self, *remaining: float) -> ExpiryReport:
        """Sweep; ``remaining`` are the seconds left at each look at the clock, then enough."""
        looks: Iterator[float] = iter(remaining)
        sweep = ExpireMemories(memories=self.memories, index=self.index, holds=self.holds, clock=CLOCK)
        return sweep.expire(lambda: next(looks, ENOUGH))

    def left(self, account: AccountId) -> int:
        return len(self.memories.of(account))


def test_what_has_expired_goes_and_what_lasts_stays_with_its_next_date() -> None:
    world = World()
    one, two = world.put("one", 3, lasting=2), world.put("two", 1)
    assert world.sweep() == ExpiryReport(accounts=2, deleted=4)
    assert (world.left(one), world.left(two)) == (2, 0)
    assert {account: entry.due_at for account, entry in world.index.entries.items()} == {one: NOW + timedelta(hours=1)}


def test_nothing_due_is_nothing_done() -> None:
    world = World()
    world.put("one", 0, lasting=1)
    assert world.sweep() == ExpiryReport()


def test_more_than_a_page_is_deleted_in_pages() -> None:
    world = World()
    account = world.put("one", 2 * PAGE + 1)
    assert world.sweep() == ExpiryReport(accounts=1, deleted=2 * PAGE + 1)
    assert world.left(account) == 0


def test_it_stops_between_two_pages_when_time_runs_out_and_the_next_sweep_goes_on() -> None:
    world = World()
    account, other = world.put("one", 2 * PAGE), world.put("two", 5)
    report = world.sweep(ENOUGH, STOP_MARGIN_SECONDS - 1)
    assert report == ExpiryReport(deleted=PAGE, stopped_early=True)
    assert account in world.index.entries
    assert world.sweep() == ExpiryReport(accounts=2, deleted=PAGE + 5)
    assert world.left(account) == world.left(other) == 0


def test_it_starts_nothing_when_there_is_no_time() -> None:
    world = World()
    account = world.put("one", 3)
    assert world.sweep(1.0) == ExpiryReport(stopped_early=True)
    assert world.left(account) == 3


def test_an_account_that_fails_does_not_stop_the_others_and_stays_due() -> None:
    world = World()
    bad, good = world.put("bad", 2), world.put("good", 2)
    delete = world.memories.delete_expired

    class Failing(InMemoryMemories):
        def delete_expired(self, account_id: AccountId, **how: object) -> int:
            if account_id == bad:
                raise UpstreamUnavailableError("qdrant", "503")
            return delete(account_id, **how)  # type: ignore[arg-type]

    healthy, world.memories = world.memories, Failing(world.memories.points)
    assert world.sweep() == ExpiryReport(accounts=1, deleted=2, failed=1)
    assert (world.left(bad), world.left(good)) == (2, 0)
    world.memories = healthy
    assert world.sweep() == ExpiryReport(accounts=1, deleted=2)


def test_a_defect_that_one_account_meets_does_not_keep_the_others_and_is_logged_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    bad, good = world.put("bad", 2), world.put("good", 2)
    delete = world.memories.delete_expired

    class Broken(InMemoryMemories):
        def delete_expired(self, account_id: AccountId, **how: object) -> int:
            if account_id == bad:
                raise TypeError("a memory's own words")
            return delete(account_id, **how)  # type: ignore[arg-type]

    world.memories = Broken(world.memories.points)
    assert world.sweep() == ExpiryReport(accounts=1, deleted=2, failed=1)
    assert (world.left(bad), world.left(good)) == (2, 0)
    [logged] = [record for record in caplog.records if record.levelname == "ERROR"]
    fields = vars(logged)
    assert (fields["account_id"], fields["reason"]) == (bad, "TypeError")
    assert any("delete_expired" in place for place in fields["where"])
    assert "own words" not in repr(fields)


def test_more_failing_accounts_than_are_read_at_once_neither_hide_a_good_one_nor_go_on_for_ever() -> None:
    world = World()
    for n in range(250):
        world.put(f"bad-{n}", 1)
    good = world.put("good", 1)
    delete = world.memories.delete_expired

    class Failing(InMemoryMemories):
        def delete_expired(self, account_id: AccountId, **how: object) -> int:
            if account_id != good:
                raise UpstreamUnavailableError("qdrant", "503")
            return delete(account_id, **how)  # type: ignore[arg-type]

    world.memories = Failing(world.memories.points)
    assert world.sweep() == ExpiryReport(accounts=1, deleted=1, failed=250)
    assert len(world.index.entries) == 250


def test_what_was_deleted_before_a_failure_is_counted() -> None:
    world = World()
    account = world.put("one", PAGE + 3)
    delete = world.memories.delete_expired

    class FailingAtSecond(InMemoryMemories):
        pages = 0

        def delete_expired(self, account_id: AccountId, **how: object) -> int:
            self.pages += 1
            if self.pages == 2:
                raise UpstreamUnavailableError("qdrant", "503")
            return delete(account_id, **how)  # type: ignore[arg-type]

    world.memories = FailingAtSecond(world.memories.points)
    assert world.sweep() == ExpiryReport(deleted=PAGE, failed=1)
    assert account in world.index.entries


def test_what_is_registered_during_the_sweep_is_not_lost() -> None:
    world = World()
    account = world.put("one", 1)
    settle = world.index.settle

    class Racing(InMemoryExpiryIndex):
        raced = False

        def settle(self, entry: object, next_due_at: object) -> bool:
            if not self.raced:
                self.raced = True
                world.put("one", 0, lasting=1)
            return settle(entry, next_due_at)  # type: ignore[arg-type]

    racing = Racing(world.index.entries, world.index.versions)
    world.index = racing
    report = world.sweep()
    assert report.deleted == 1
    assert world.index.entries[account].due_at == NOW + timedelta(hours=1)


def test_the_report_is_plain_data() -> None:
    assert ExpiryReport(1, 2, 3, True).as_dict() == {
        "accounts": 1, "deleted": 2, "failed": 3, "stopped_early": True
    }  # fmt: skip


def test_an_account_that_is_held_is_passed_over_and_looked_at_again_the_next_day() -> None:
    world = World()
    held, other = world.put("one", 3), world.put("two", 1)
    world.holds.place(held, Hold("Case 7", NOW, "service:legal"))
    assert world.sweep().deleted == 1
    assert (world.left(held), world.left(other)) == (3, 0)
    assert world.index.entries[held].due_at == NOW + timedelta(days=1)
    assert world.sweep() == ExpiryReport()
    world.holds.lift(held, None)
    world.index.register(held, NOW)
    assert world.sweep().deleted == 3
