"""What has expired goes, account by account and page by page, and an interrupted round is always gone on with."""

from datetime import timedelta

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.retention import PAGE, STOP_MARGIN_SECONDS
from operator_memory.domain.lifecycle.rounds import LEASE, STEPS_AT_ONCE, DispatchReport, RoundReport, Task
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import Hold, Holds

from tests.support.builders import SESSION_KEY, a_memory
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex, InMemoryMemories
from tests.support.lifecycle.world import ENOUGH, LifecycleWorld, of

NOW = FakeClock().now()
SOON = NOW + timedelta(hours=1)
SHORT = STOP_MARGIN_SECONDS - 1


def put(world: LifecycleWorld, account: str, expired: int, lasting: int = 0) -> AccountId:
    """An account with memories that expired an hour ago, and some that expire in an hour."""
    for count, end in ((expired, NOW - timedelta(hours=1)), (lasting, SOON)):
        if count:
            world.put(*(of(account, a_memory(f"{end} {n}", expires_at=end)) for n in range(count)))
    return AccountId(account)


def test_what_has_expired_goes_and_what_lasts_stays_with_its_next_date() -> None:
    world = LifecycleWorld()
    one, two = put(world, "one", 3, lasting=2), put(world, "two", 1)
    assert world.dispatch() == DispatchReport(accounts=2)
    assert world.drain() == RoundReport(expired=4)
    assert (len(world.ids(one)), len(world.ids(two))) == (2, 0)
    assert {account: entry.due_at for account, entry in world.index.entries.items()} == {one: SOON}


def test_nothing_due_is_nothing_done() -> None:
    world = LifecycleWorld()
    put(world, "one", 0, lasting=1)
    assert world.dispatch() == DispatchReport()
    assert world.queue.tasks == []


def test_more_than_a_page_is_deleted_in_pages() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 2 * PAGE + 1)
    assert world.run() == RoundReport(expired=2 * PAGE + 1)
    assert world.ids(account) == set()


def test_it_stops_between_two_pages_when_time_runs_out_and_goes_on_in_a_new_message() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 2 * PAGE)
    report = world.tend(Task(account), ENOUGH, SHORT)
    assert report == RoundReport(expired=PAGE, continued=True)
    assert [task.account_id for task in world.queue.tasks] == [account]
    assert world.drain() == RoundReport(expired=PAGE)
    assert world.ids(account) == set()


def test_it_starts_nothing_when_there_is_no_time() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 3)
    assert world.tend(Task(account), 1.0) == RoundReport(continued=True)
    assert len(world.ids(account)) == 3


def test_a_large_account_gives_way_to_others_after_some_pages() -> None:
    world = LifecycleWorld()
    account = put(world, "one", STEPS_AT_ONCE * PAGE + 1)
    other = put(world, "two", 1)
    world.dispatch()
    first = world.tend(world.queue.tasks.pop(0))
    assert first == RoundReport(expired=STEPS_AT_ONCE * PAGE, continued=True)
    assert [task.account_id for task in world.queue.tasks] == [other, account], "the other one has its turn first"
    assert world.drain() == RoundReport(expired=2)


def test_a_message_that_is_delivered_twice_does_nothing_more() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 2, lasting=1)
    world.tend(Task(account))
    entry = world.index.entries[account]
    assert world.tend(Task(account)) == RoundReport()
    assert world.index.entries[account].due_at == entry.due_at


def test_a_dispatched_account_is_not_sent_again_each_hour_and_comes_back_if_its_message_is_lost() -> None:
    world = LifecycleWorld()
    put(world, "one", 1)
    assert world.dispatch() == DispatchReport(accounts=1)
    world.queue.tasks.clear()  # lost
    world.clock.advance(hours=1)
    assert world.dispatch() == DispatchReport()
    world.clock.advance(seconds=LEASE.total_seconds())
    assert world.dispatch() == DispatchReport(accounts=1)


def test_a_run_that_goes_on_for_long_is_not_sent_a_second_time() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 2 * PAGE)
    world.dispatch()
    world.clock.advance(hours=5)
    world.tend(world.queue.tasks.pop(0), ENOUGH, SHORT)
    world.clock.advance(hours=5)
    assert world.dispatch() == DispatchReport()
    assert world.index.entries[account].due_at > world.clock.now()


def test_the_schedule_sends_all_of_many_accounts_and_stops_in_time() -> None:
    world = LifecycleWorld()
    for n in range(250):
        put(world, f"account-{n}", 1)
    assert world.dispatch(ENOUGH, SHORT) == DispatchReport(accounts=100, stopped_early=True)
    assert world.dispatch() == DispatchReport(accounts=150)
    assert world.drain() == RoundReport(expired=250)


def test_a_queue_that_takes_nothing_leaves_the_accounts_due() -> None:
    world = LifecycleWorld()
    put(world, "one", 1)
    world.queue.error = UpstreamUnavailableError("sqs", "503")
    assert world.dispatch() == DispatchReport(failed=1)
    world.queue.error = None
    assert world.dispatch() == DispatchReport(accounts=1)


def test_an_account_that_is_registered_while_it_is_sent_is_sent_once() -> None:
    world = LifecycleWorld()
    put(world, "one", 1)

    class Racing(InMemoryExpiryIndex):
        def settle(self, entry: object, next_due_at: object) -> bool:
            self.register(AccountId("one"), NOW)
            return super().settle(entry, next_due_at)  # type: ignore[arg-type]

    world.index = Racing(world.index.entries, world.index.versions)
    assert world.dispatch() == DispatchReport(accounts=1)
    assert len(world.queue.tasks) == 1
    assert AccountId("one") in world.index.entries, "and stays due"


def test_what_was_deleted_before_a_failure_is_on_the_trail_and_the_account_stays_due() -> None:
    world = LifecycleWorld()
    account = put(world, "one", PAGE + 3)
    delete = world.memories.delete_expired

    class FailingAtSecond(InMemoryMemories):
        pages = 0

        def delete_expired(self, account_id: AccountId, **how: object) -> int:
            self.pages += 1
            if self.pages == 2:
                raise UpstreamUnavailableError("qdrant", "503")
            return delete(account_id, **how)  # type: ignore[arg-type]

    world.memories = FailingAtSecond(world.memories.points)
    with pytest.raises(UpstreamUnavailableError):
        world.tend(Task(account))
    assert [event.metadata["expired"] for event in world.events.events] == [PAGE]
    assert account in world.index.entries


def test_what_is_registered_during_the_run_is_not_lost() -> None:
    world = LifecycleWorld()
    account = put(world, "one", 1)
    settle = world.index.settle

    class Racing(InMemoryExpiryIndex):
        raced = False

        def settle(self, entry: object, next_due_at: object) -> bool:
            if not self.raced:
                self.raced = True
                put(world, "one", 0, lasting=1)
            return settle(entry, next_due_at)  # type: ignore[arg-type]

    world.index = Racing(world.index.entries, world.index.versions)
    assert world.tend(Task(account)).expired == 1
    assert account in world.index.entries
    assert world.run() == RoundReport()
    assert world.index.entries[account].due_at == SOON


def test_what_is_held_stays_although_it_has_expired_and_goes_when_the_hold_is_lifted() -> None:
    world = LifecycleWorld()
    ended = NOW - timedelta(hours=1)
    account = world.put(
        of("one", a_memory("held", key=SESSION_KEY, thread_id="t1", expires_at=ended)),
        of("one", a_memory("held by session", key=SESSION_KEY, expires_at=ended)),
        of("one", a_memory("free", expires_at=ended)),
    )
    hold = Hold("lawsuit", NOW, "user:owner")
    world.holds.held[account] = Holds(threads={"t1": hold, "session-1": hold})
    assert world.run() == RoundReport(expired=1)
    assert world.texts(account) == {"held", "held by session"}
    world.holds.held[account] = Holds(account=hold)
    world.clock.advance(days=2)
    assert world.run() == RoundReport()
    world.holds.held.clear()
    world.clock.advance(days=2)
    assert world.run() == RoundReport(expired=2)
    assert account not in world.index.entries
