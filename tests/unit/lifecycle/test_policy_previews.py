"""What the preview says is what the round does, of any account; and it says why."""

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.domain.lifecycle.fates import Circumstances, Decision, Fate, Reason, fate_of
from operator_memory.domain.lifecycle.policies import IMPORTANT, Policies, Policy
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope, ScopeKey
from operator_memory.domain.shared.holds import Hold, Holds

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.core import FakeClock
from tests.support.lifecycle.world import LifecycleWorld, a_policy

HOLD = Hold("lawsuit", NOW, "user:owner")
DAYS = st.integers(0, 8)
KEYS = (USER_KEY, AGENT_KEY, ScopeKey(Scope.AGENT, "agent-2"), SESSION_KEY, ScopeKey(Scope.SESSION, "session-2"))


@st.composite
def memories(draw: st.DrawFn) -> list[Memory]:
    """Up to thirty memories, whose times fall on the edges of the rules often."""
    made = []
    for number in range(draw(st.integers(0, 30))):
        used, ends = draw(st.none() | DAYS), draw(st.none() | st.integers(-3, 3))
        memory = a_memory(
            f"memory {number}",
            key=draw(st.sampled_from(KEYS)),
            kind=draw(st.sampled_from(Kind)),
            days_old=draw(DAYS),
            importance=draw(st.sampled_from([0.0, 0.2, 0.5, IMPORTANT, 1.0])),
            pinned=draw(st.integers(0, 4)) == 0,
            thread_id=draw(st.sampled_from([None, "t1", "t2"])),
            last_accessed_at=None if used is None else NOW - timedelta(days=used),
            expires_at=None if ends is None else NOW + timedelta(days=ends),
        )
        made.append(memory)
    return made


def limits(most: int = 6) -> st.SearchStrategy[dict[str, Any]]:
    number = st.none() | st.integers(1, most)
    names = ("time_to_live_days", "idle_days_before_archive", "most_memories")
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, number))


RULES = st.lists(
    st.tuples(st.sampled_from([*Scope, None]), st.sampled_from([*Kind, None]), limits()),
    max_size=3,
    unique_by=lambda rule: rule[:2],
)


def policies(*, of_agent: bool = False) -> st.SearchStrategy[Policy]:
    def made(default: dict[str, Any], rules: list[tuple[Any, Any, dict[str, Any]]]) -> Policy:
        fit = [r for r in rules if (r[0] or r[1]) and (not of_agent or r[0] in (None, Scope.AGENT))]
        return a_policy(*({"scope": scope, "kind": kind, **values} for scope, kind, values in fit), **default)

    return st.builds(made, limits(), RULES)


HOLDS = st.sampled_from([Holds(), Holds(threads={"t1": HOLD}), Holds(threads={"session-2": HOLD}), Holds(account=HOLD)])


def world_of(stored: list[Memory], policy: Policy, agent: Policy, holds: Holds, *, archiving: bool) -> LifecycleWorld:
    world = LifecycleWorld(archiving=archiving, clock=FakeClock(NOW))
    if stored:
        world.put(*stored)
    world.set_policy(policy)
    world.agents.by_account[ACCOUNT] = {"agent-1": agent} if agent.rules else {}
    world.holds.held[ACCOUNT] = holds
    return world


@settings(max_examples=150, deadline=None)
@given(memories(), policies(), policies(of_agent=True), HOLDS, st.booleans())
def test_the_run_does_what_the_preview_says_and_nothing_else(
    stored: list[Memory], policy: Policy, agent: Policy, holds: Holds, archiving: bool
) -> None:
    world = world_of(stored, policy, agent, holds, archiving=archiving)
    preview = world.preview()
    said = {fate: {s.memory.id for s in preview.samples if s.decision.fate is fate} for fate in Fate}
    assert world.ids() == {memory.id for memory in stored}, "a preview changes nothing"
    world.run()
    assert world.archived() == said[Fate.ARCHIVE]
    assert {memory.id for memory in stored} - world.ids() - world.archived() == said[Fate.DELETE]
    assert world.ids() & world.archived() == set()
    held = {memory.id for memory in stored if holds.on(memory)}
    assert held <= world.ids(), "what is held stays"
    ended = {memory.id for memory in stored if memory.expires_at is not None and memory.expires_at <= NOW}
    exempt = {memory.id for memory in stored if memory.pinned or memory.importance >= IMPORTANT} - ended
    assert exempt <= world.ids(), "what is pinned or important stays, unless it has an end date of its own"


@settings(max_examples=150, deadline=None)
@given(memories(), policies(), policies(of_agent=True), HOLDS, st.booleans())
def test_the_preview_counts_each_memory_once_with_the_fate_that_the_rule_for_one_gives_it(
    stored: list[Memory], policy: Policy, agent: Policy, holds: Holds, archiving: bool
) -> None:
    world = world_of(stored, policy, agent, holds, archiving=archiving)
    preview = world.preview()
    under = Circumstances(Policies(policy, world.agents.policies(ACCOUNT)), holds, NOW, archiving)
    expected = Counter(fate_of(memory, under) for memory in stored)
    over = preview.counts.pop(Decision(Fate.ARCHIVE, Reason.OVER_LIMIT), 0)
    if over:
        preview.add(Decision(Fate.KEEP, Reason.NOT_DUE), over)
    assert preview.counts == dict(expected)
    for sample in preview.samples:
        if sample.decision.reason is not Reason.OVER_LIMIT:
            assert fate_of(sample.memory, under) == sample.decision


@settings(max_examples=50, deadline=None)
@given(memories(), policies(), HOLDS)
def test_a_second_run_does_nothing_more(stored: list[Memory], policy: Policy, holds: Holds) -> None:
    world = world_of(stored, policy, a_policy(), holds, archiving=True)
    world.run()
    after = world.ids(), world.archived()
    world.policies.rounds.clear()
    world.index.register(ACCOUNT, NOW)
    world.run()
    assert (world.ids(), world.archived()) == after


def preview_of(world: LifecycleWorld, **how: Any) -> dict[tuple[str, str], int]:
    return {(d.fate.value, d.reason.value): count for d, count in world.preview(**how).counts.items()}


def test_each_reason_has_its_count() -> None:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(
        a_memory("old", days_old=50),
        a_memory("old, pinned", days_old=50, pinned=True),
        a_memory("old, important", days_old=50, importance=0.9),
        a_memory("old, held", days_old=50, thread_id="t1"),
        a_memory("idle", days_old=20),
        a_memory("young", days_old=1),
        a_memory("young, little", days_old=1, importance=0.1),
        a_memory("ended", expires_at=NOW),
        a_memory("ended, held", expires_at=NOW, thread_id="t1"),
    )
    world.holds.held[ACCOUNT] = Holds(threads={"t1": HOLD})
    policy = a_policy(time_to_live_days=30, idle_days_before_archive=10, most_memories=4)
    assert preview_of(world, policy=policy) == {
        ("delete", "expired"): 1,
        ("delete", "time_to_live"): 1,
        ("archive", "idle"): 1,
        ("archive", "over_limit"): 1,
        ("keep", "pinned"): 1,
        ("keep", "important"): 1,
        ("keep", "held"): 2,
        ("keep", "not_due"): 1,
    }
    assert preview_of(world) == {("delete", "expired"): 1, ("keep", "held"): 1, ("keep", "not_due"): 7}
    world.archiving = False
    assert preview_of(world, policy=policy)["keep", "no_archive"] == 1


def test_samples_are_few_and_of_each_reason() -> None:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(*(a_memory(f"{n}", days_old=50) for n in range(20)))
    world.put(*(a_memory(f"pinned {n}", days_old=50, pinned=True) for n in range(20)))
    made = world.preview(a_policy(time_to_live_days=1), samples=3)
    assert Counter(sample.decision.reason for sample in made.samples) == {Reason.TIME_TO_LIVE: 3, Reason.PINNED: 3}
    assert world.preview(a_policy(time_to_live_days=1), samples=0).samples == []


def test_a_preview_that_runs_out_of_time_says_where_it_goes_on_and_its_parts_add_up() -> None:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(a_memory("the person's", days_old=50), a_memory("the agent's", key=AGENT_KEY, days_old=50))
    world.put(a_memory("ended", expires_at=NOW))
    policy = a_policy(time_to_live_days=1)
    part = world.preview(policy, left=1.0)
    assert part.continue_at == "agent/fact"
    whole, counts = world.preview(policy), dict(part.counts)
    rest: Preview = world.preview(policy, start=part.continue_at)
    for decision, count in rest.counts.items():
        counts[decision] = counts.get(decision, 0) + count
    assert rest.continue_at is None
    assert counts == whole.counts


def test_what_leaves_the_archive_is_counted() -> None:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(a_memory("idle", days_old=50))
    world.set_policy(a_policy(idle_days_before_archive=1, archive_days=10))
    world.run()
    assert world.preview().leaving_archive == 0
    world.clock.advance(days=10)
    assert world.preview().leaving_archive == 1
    assert world.preview(a_policy()).leaving_archive is None
    part = world.preview(start="~archive", left=1.0)
    assert part.continue_at == "~archive"
    assert world.preview(start=part.continue_at).leaving_archive == 1
