"""Preview and round on the embedded engine: what the one says the other does, with a number of requests that does not
grow with the account."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.fates import Fate
from operator_memory.domain.lifecycle.policies import Policy, StoredPolicy
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.lifecycle.rounds import RoundReport, Task
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.lifecycle import FakeTaskQueue, FixedAgentPolicies, InMemoryPolicies
from tests.support.fakes.limits import FakeEvents
from tests.support.lifecycle.world import ENOUGH, a_policy
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import COLLECTION, put
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

HOLD = Hold("lawsuit", NOW, "user:owner")
POLICY = a_policy(
    {"scope": "session", "time_to_live_days": 3},
    {"scope": "user", "most_memories": 6},
    idle_days_before_archive=5,
)


class Engine:
    """The life cycle on the real store. What is archived is noted and leaves the store."""

    def __init__(self, client: ObservedClient, store: QdrantMemories) -> None:
        self.client, self.store, self.clock = client, store, FakeClock(NOW)
        self.library = QdrantLibrary(client, collection=COLLECTION, timeout=AMPLE)
        self.selected = QdrantPolicyMemories(client, collection=COLLECTION, timeout=AMPLE)
        self.policies, self.queue, self.archived = InMemoryPolicies(), FakeTaskQueue(), dict[str, str]()
        self.agents = FixedAgentPolicies({ACCOUNT: {"agent-1": a_policy(time_to_live_days=2)}})
        self.holds = FixedHolds({ACCOUNT: Holds(threads={"held": HOLD})})
        self.plan = PlanPolicies(
            memories=self.selected,
            policies=self.policies,
            agents=self.agents,
            holds=self.holds,
            archiving=True,
        )

    def to_archive(self, account_id: AccountId, reasons: Mapping[str, str]) -> int:
        there = self.store.existing_ids(account_id, list(reasons))
        self.archived.update({i: reason for i, reason in reasons.items() if i in there})
        self.library.delete(account_id, sorted(there))
        return len(there)

    def preview(self, policy: Policy, samples: int = 500) -> Preview:
        previews = PreviewPolicies(plan=self.plan, memories=self.selected, archive=None, clock=self.clock)
        return previews.preview(ACCOUNT, policy, samples=samples, start=None, seconds_left=lambda: ENOUGH)

    def round(self, policy: Policy) -> RoundReport:
        self.policies.set_policy(ACCOUNT, StoredPolicy(policy, NOW, "user:owner"))
        ports = TendingPorts(
            expired=self.store,
            memories=self.selected,
            index=InMemoryExpiryIndex(),
            policies=self.policies,
            queue=self.queue,
            archive=None,
            to_archive=self.to_archive,
        )
        trail = AuditTrail(FakeEvents(), self.clock)
        total, tasks = RoundReport(), [Task(ACCOUNT)]
        while tasks:
            report = TendAccount(ports, plan=self.plan, trail=trail, clock=self.clock).tend(tasks.pop(), lambda: ENOUGH)
            for name, count in report.counts().items():
                setattr(total, name, getattr(total, name) + count)
            tasks += [self.queue.tasks.pop() for _ in list(self.queue.tasks)]
        return total

    def left(self) -> int:
        return self.library.count(ACCOUNT, MemoryFilter(inactive=True), now=NOW)


@pytest.fixture
def engine_world(engine: ObservedClient, real_store: QdrantMemories) -> Engine:
    return Engine(engine, real_store)


def an_account() -> list[Memory]:
    """Sixty memories in all states; turns follow each other."""
    made: list[Memory] = []
    for n in range(60):
        key, kind = (SESSION_KEY, Kind.TURN) if n % 3 == 0 else (AGENT_KEY if n % 3 == 1 else a_memory().key, Kind.FACT)
        used = None if n % 4 else NOW - timedelta(days=n % 9)
        memory = a_memory(
            f"memory {n}",
            key=key,
            kind=kind,
            days_old=n % 8,
            importance=(n % 10) / 10,
            pinned=n % 13 == 0,
            thread_id="held" if n % 11 == 0 else "free",
            last_accessed_at=used,
            expires_at=NOW if n % 17 == 0 else None,
            seq=n,
        )
        turns = [earlier for earlier in made if earlier.kind is Kind.TURN]
        made.append(replace(memory, follows=turns[-1].id) if kind is Kind.TURN and turns else memory)
    return made


def test_the_round_does_what_the_preview_says(engine_world: Engine) -> None:
    stored = an_account()
    put(engine_world.store, *stored, before="what was said before")
    preview = engine_world.preview(POLICY)
    said = {fate: {s.memory.id for s in preview.samples if s.decision.fate is fate} for fate in Fate}
    assert all(said.values()), "something of each"
    assert sum(preview.counts.values()) == engine_world.left() == len(stored)
    report = engine_world.round(POLICY)
    assert set(engine_world.archived) == said[Fate.ARCHIVE]
    left = engine_world.store.existing_ids(ACCOUNT, [memory.id for memory in stored])
    assert {memory.id for memory in stored} - left - set(engine_world.archived) == said[Fate.DELETE]
    assert (report.archived, report.expired + report.deleted) == (len(said[Fate.ARCHIVE]), len(said[Fate.DELETE]))
    assert set(engine_world.archived.values()) == {"idle", "over_limit"}
    assert engine_world.round(POLICY) == RoundReport()


def test_a_deleted_turns_words_leave_the_index_of_the_turn_that_follows(engine_world: Engine) -> None:
    first = a_memory("first", key=SESSION_KEY, kind=Kind.TURN, days_old=9)
    second = a_memory("second", key=SESSION_KEY, kind=Kind.TURN, days_old=1, follows=first.id)
    put(engine_world.store, first)
    put(engine_world.store, second, before="first")
    assert engine_world.round(a_policy(time_to_live_days=3)).deleted == 1
    [left] = engine_world.store.stored(ACCOUNT, [first.id, second.id]).values()
    assert (left.text, left.follows) == ("second", None)


@pytest.mark.parametrize("count", [20, 400])
def test_a_preview_takes_as_many_requests_whatever_the_account_holds(engine_world: Engine, count: int) -> None:
    put(engine_world.store, *(a_memory(f"{n}", days_old=9 if n % 2 else 1) for n in range(count)))
    engine_world.client.reset()
    made = engine_world.preview(a_policy(time_to_live_days=3, idle_days_before_archive=2, most_memories=5), samples=5)
    assert sum(made.counts.values()) == count
    assert engine_world.client.sent <= 40


def test_a_round_in_which_nothing_is_due_takes_as_many_requests_whatever_the_account_holds(
    engine_world: Engine,
) -> None:
    put(engine_world.store, *(a_memory(f"{n}", days_old=1) for n in range(400)))
    engine_world.client.reset()
    assert engine_world.round(a_policy(time_to_live_days=3, idle_days_before_archive=2)) == RoundReport()
    assert engine_world.client.sent <= 20
