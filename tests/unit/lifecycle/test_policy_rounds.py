"""A round applies a policy: deletes, archives, makes room and purges, and spares what is exempt."""

from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.policies import IMPORTANT
from operator_memory.domain.lifecycle.retention import PAGE, STOP_MARGIN_SECONDS
from operator_memory.domain.lifecycle.rounds import RoundReport, Stage, Task
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.holds import Hold, Holds

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import FakeClock
from tests.support.lifecycle.world import ENOUGH, LifecycleWorld, a_policy

SHORT = STOP_MARGIN_SECONDS - 1
HOLD = Hold("lawsuit", NOW, "user:owner")


@pytest.fixture
def world() -> LifecycleWorld:
    """Its clock stands at the time from which builders count days."""
    return LifecycleWorld(clock=FakeClock(NOW))


def test_without_a_policy_nothing_goes(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=9_000))
    world.index.register(ACCOUNT, NOW)
    assert world.run() == RoundReport()
    assert ACCOUNT not in world.index.entries
    assert world.events.events == []


def test_time_to_live_deletes_by_age_to_the_day(world: LifecycleWorld) -> None:
    world.put(a_memory("older", days_old=30), a_memory("younger", days_old=29.99))
    world.set_policy(a_policy(time_to_live_days=30))
    assert world.run() == RoundReport(deleted=1)
    assert world.texts() == {"younger"}
    assert world.archived() == set()


def test_use_renews_what_would_go_to_the_archive(world: LifecycleWorld) -> None:
    used = NOW - timedelta(days=3)
    idle = a_memory("idle", days_old=50)
    world.put(idle, a_memory("used", days_old=50, last_accessed_at=used), a_memory("young", days_old=5))
    world.set_policy(a_policy(idle_days_before_archive=10))
    assert world.run() == RoundReport(archived=1)
    assert world.archived() == {idle.id}
    assert world.archive.find(ACCOUNT, [idle.id])[0].reason == "idle"
    world.clock.advance(days=7)
    assert world.run() == RoundReport(archived=2), "seven days later both have been idle for ten"


def test_what_is_due_for_both_is_deleted(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=50))
    world.set_policy(a_policy(idle_days_before_archive=10, time_to_live_days=20))
    assert world.run() == RoundReport(deleted=1)


def test_pinned_important_and_held_memories_stay(world: LifecycleWorld) -> None:
    world.put(
        a_memory("pinned", days_old=50, pinned=True),
        a_memory("important", days_old=50, importance=IMPORTANT),
        a_memory("held", days_old=50, thread_id="t1"),
        a_memory("ordinary", days_old=50, importance=IMPORTANT - 0.01),
    )
    world.holds.held[ACCOUNT] = Holds(threads={"t1": HOLD})
    world.set_policy(a_policy(time_to_live_days=1, idle_days_before_archive=1, most_memories=1))
    assert world.run() == RoundReport(deleted=1)
    assert world.texts() == {"pinned", "important", "held"}


def test_of_an_account_that_is_held_nothing_goes_until_the_hold_is_lifted(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=50))
    world.holds.held[ACCOUNT] = Holds(account=HOLD)
    world.set_policy(a_policy(time_to_live_days=1))
    assert world.run() == RoundReport()
    world.holds.held.clear()
    world.clock.advance(days=1)
    assert world.run() == RoundReport(deleted=1)


def test_a_hold_that_is_placed_between_two_pages_holds(world: LifecycleWorld) -> None:
    world.put(*(a_memory(f"{n}", days_old=50) for n in range(PAGE + 5)))
    world.set_policy(a_policy(time_to_live_days=1))
    world.selected.before_removing = lambda: world.holds.held.update({ACCOUNT: Holds(account=HOLD)})
    assert world.run() == RoundReport(deleted=PAGE)
    assert len(world.ids()) == 5


def test_what_is_pinned_while_it_is_about_to_go_stays(world: LifecycleWorld) -> None:
    memory = a_memory("old", days_old=50)
    world.put(memory)
    world.set_policy(a_policy(time_to_live_days=1))

    def pin() -> None:
        world.put(a_memory("old", days_old=50, pinned=True))

    world.selected.before_removing = pin
    assert world.run() == RoundReport()
    assert world.ids() == {memory.id}


def test_a_full_group_gives_way_by_importance_then_use_then_age(world: LifecycleWorld) -> None:
    used: dict[str, Any] = {"last_accessed_at": NOW - timedelta(days=1), "access_count": 1}
    world.put(
        a_memory("important", importance=0.9, days_old=90),
        a_memory("middling", importance=0.5, days_old=90),
        a_memory("little, used, old", importance=0.1, days_old=30, **used),
        a_memory("little, unused, young", importance=0.1, days_old=1),
        a_memory("little, unused, old", importance=0.1, days_old=20),
        a_memory("another group", kind=Kind.TURN, key=SESSION_KEY, importance=0.0),
    )
    policy = a_policy({"scope": "user", "most_memories": 4})
    for most, gone in ((4, "little, unused, old"), (3, "little, unused, young"), (2, "little, used, old")):
        policy = a_policy({"scope": "user", "most_memories": most})
        world.set_policy(policy)
        before = world.texts()
        assert world.run() == RoundReport(archived=1)
        assert before - world.texts() == {gone}
    world.set_policy(a_policy({"scope": "user", "most_memories": 1}))
    assert world.run() == RoundReport(archived=1)
    assert world.texts() == {"important", "another group"}


def test_more_than_a_page_over_the_limit_goes_in_pages_across_messages(world: LifecycleWorld) -> None:
    world.put(*(a_memory(f"{n}", importance=n / 10_000) for n in range(2 * PAGE + 50)))
    world.set_policy(a_policy(most_memories=20))
    world.dispatch()
    total = world.drain(ENOUGH, ENOUGH, ENOUGH, SHORT)
    assert total == RoundReport(archived=2 * PAGE + 30)
    assert world.texts() == {f"{n}" for n in range(2 * PAGE + 30, 2 * PAGE + 50)}


def test_a_full_group_that_refuses_is_left_to_those_who_learn(world: LifecycleWorld) -> None:
    world.put(a_memory("one"), a_memory("two"))
    world.set_policy(a_policy(most_memories=1, when_full="refuse"))
    assert world.run() == RoundReport()


def test_without_an_archive_nothing_is_archived_and_nothing_is_deleted_instead() -> None:
    world = LifecycleWorld(archiving=False, clock=FakeClock(NOW))
    world.put(a_memory("idle", days_old=50), a_memory("other", days_old=50))
    world.set_policy(a_policy(idle_days_before_archive=1, most_memories=1, archive_days=1))
    assert world.run() == RoundReport()
    assert len(world.ids()) == 2


def test_the_archive_is_purged_by_its_own_retention_but_not_of_what_is_held(world: LifecycleWorld) -> None:
    world.put(a_memory("idle", days_old=50), a_memory("held", days_old=50, thread_id="t1"))
    world.set_policy(a_policy(idle_days_before_archive=10, archive_days=30))
    assert world.run() == RoundReport(archived=2)
    world.holds.held[ACCOUNT] = Holds(threads={"t1": HOLD})
    world.clock.advance(days=29)
    assert world.run() == RoundReport()
    world.clock.advance(days=1)
    assert world.run() == RoundReport(purged=1)
    world.holds.held.clear()
    world.clock.advance(days=1)
    assert world.run() == RoundReport(purged=1)
    assert world.archived() == set()


def test_an_agents_own_policy_is_about_its_memory_alone(world: LifecycleWorld) -> None:
    world.put(
        a_memory("of agent 1", key=AGENT_KEY, days_old=50),
        a_memory("of agent 2", key=AGENT_KEY, days_old=50, agent_id="agent-2"),
        a_memory("the person's", days_old=50),
    )
    world.agents.by_account[ACCOUNT] = {"agent-1": a_policy(time_to_live_days=10)}
    world.index.register(ACCOUNT, NOW)
    assert world.run() == RoundReport(deleted=1)
    assert world.texts() == {"of agent 2", "the person's"}


def test_it_is_applied_once_a_day_and_at_once_when_it_has_changed(world: LifecycleWorld) -> None:
    world.put(a_memory("one", days_old=29.5), a_memory("two", days_old=20))
    world.set_policy(a_policy(time_to_live_days=30))
    assert world.run() == RoundReport()
    assert world.index.entries[ACCOUNT].due_at == NOW + timedelta(days=1)
    world.clock.advance(hours=20)
    world.index.register(ACCOUNT, world.clock.now())  # something else expires
    assert world.run() == RoundReport(), "not yet"
    assert world.index.entries[ACCOUNT].due_at == NOW + timedelta(days=1)
    world.clock.advance(hours=4)
    assert world.run() == RoundReport(deleted=1)
    world.set_policy(a_policy(time_to_live_days=5))
    assert world.run() == RoundReport(deleted=1)


def test_a_run_that_is_interrupted_goes_on_where_it_was_and_repeats_nothing(world: LifecycleWorld) -> None:
    world.put(*(a_memory(f"{n}", days_old=50) for n in range(2 * PAGE + 3)))
    world.set_policy(a_policy({"scope": "user", "kind": "fact", "time_to_live_days": 1}))
    world.dispatch()
    first = world.tend(world.queue.tasks.pop(), ENOUGH, ENOUGH, SHORT)
    assert first == RoundReport(deleted=PAGE, continued=True)
    [task] = world.queue.tasks
    assert (task.stage, task.step) == (Stage.RULES, "user/fact:time_to_live")
    assert world.drain() == RoundReport(deleted=PAGE + 3)
    assert world.tend(task) == RoundReport(), "the same message once more"


def test_a_run_that_fails_is_repeated_and_each_memory_is_in_one_place(world: LifecycleWorld) -> None:
    made = [a_memory(f"{n}", days_old=50) for n in range(5)]
    world.put(*made)
    world.set_policy(a_policy(idle_days_before_archive=1))
    world.dispatch()
    [task] = world.queue.tasks
    world.archive.staying = {made[0].id}
    assert world.tend(task) == RoundReport(archived=4)
    world.archive.staying = set()
    world.selected.error = UpstreamUnavailableError("qdrant", "503")
    world.clock.advance(days=1)
    with pytest.raises(UpstreamUnavailableError):
        world.tend(Task(ACCOUNT))
    world.selected.error = None
    assert world.tend(Task(ACCOUNT)) == RoundReport(archived=1)
    assert world.archived() == {memory.id for memory in made}
    assert world.ids() == set()


def test_a_step_that_a_changed_policy_has_no_more_begins_the_stage_again(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=50))
    world.set_policy(a_policy(time_to_live_days=1))
    gone = Task(ACCOUNT, Stage.RULES, "user/fact:idle", "an id", NOW)
    assert world.tend(gone) == RoundReport(deleted=1)


def test_each_run_notes_its_counts_on_the_trail_without_text(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=50), a_memory("idle", days_old=5), a_memory("ended", expires_at=NOW))
    world.set_policy(a_policy(time_to_live_days=30, idle_days_before_archive=2))
    world.run()
    [event] = world.events.events
    assert (event.type, event.actor, event.result_count) == (EventType.LIFECYCLE, "system:lifecycle", 3)
    assert event.metadata == {"expired": 1, "deleted": 1, "archived": 1, "round": NOW.isoformat()}
    assert event.memory_ids == ()


def test_an_account_in_which_little_is_due_ends_with_one_message(world: LifecycleWorld) -> None:
    world.put(a_memory("old", days_old=50), a_memory("idle", days_old=20))
    world.agents.by_account[ACCOUNT] = {f"agent-{n}": a_policy({"kind": "turn", "archive_days": 9}) for n in range(2)}
    world.set_policy(a_policy(time_to_live_days=30, idle_days_before_archive=10, most_memories=10))
    world.dispatch()
    assert world.tend(world.queue.tasks.pop(0)) == RoundReport(deleted=1, archived=1)
    assert world.queue.tasks == []


@pytest.mark.parametrize("policy", [{}, {"when_full": "archive"}], ids=["archived before", "archives when full"])
def test_without_a_rule_at_work_what_is_or_may_be_archived_is_looked_at_each_day(
    world: LifecycleWorld, policy: dict[str, Any]
) -> None:
    memory = a_memory("idle", days_old=20)
    world.put(memory)
    if not policy:
        world.archive.to_archive(ACCOUNT, {memory.id: "over_quota"})
    world.set_policy(a_policy(**policy))
    assert world.run() == RoundReport()
    assert world.index.entries[ACCOUNT].due_at == NOW + timedelta(days=1)
    world.archiving = False
    world.clock.advance(days=1)
    world.run()
    assert ACCOUNT not in world.index.entries, "there is no archive any more"
