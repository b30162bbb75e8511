"""Accounts with memories, policies and holds, and what tends them: all in memory."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from operator_memory.application.lifecycle.dispatch_due import DispatchDue
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts
from operator_memory.application.ports.lifecycle import ExpiredMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.policies import Policy, StoredPolicy, policy_of
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.lifecycle.rounds import DispatchReport, RoundReport, Task
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.builders import ACCOUNT
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex, InMemoryMemories
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.lifecycle import (
    ArchivingFake,
    FakeTaskQueue,
    FixedAgentPolicies,
    InMemoryPolicies,
    InMemoryPolicyMemories,
)
from tests.support.fakes.limits import FakeEvents

ENOUGH = 300.0


def a_policy(*rules: dict[str, Any], **default: Any) -> Policy:
    """A policy as it is sent: rules, and the default rule by name."""
    return policy_of({"default": default, "rules": list(rules)}, "policy")


class LifecycleWorld:
    """``archiving``: whether there is an archive. ``index`` is what tells which accounts are due."""

    def __init__(self, *, archiving: bool = True, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.memories = InMemoryMemories()
        self.selected = InMemoryPolicyMemories(self.memories)
        self.index, self.policies = InMemoryExpiryIndex(), InMemoryPolicies()
        self.agents, self.holds = FixedAgentPolicies(), FixedHolds()
        self.queue, self.events = FakeTaskQueue(), FakeEvents()
        self.archive = ArchivingFake(self.memories, self.clock)
        self.archiving = archiving
        self.expired: ExpiredMemories | None = None

    def put(self, *memories: Memory) -> AccountId:
        """Store memories, all of one account, as the writer does: the index learns when they expire."""
        account = memories[0].account_id
        for memory in memories:
            if memory.expires_at is not None:
                self.index.register(account, memory.expires_at)
        self.memories.upsert(account, [EmbeddedMemory(memory, []) for memory in memories])
        return account

    def set_policy(self, policy: Policy, account: AccountId = ACCOUNT) -> None:
        self.policies.set_policy(account, StoredPolicy(policy, self.clock.now(), "user:owner"))
        self.index.register(account, self.clock.now())

    def ids(self, account: AccountId = ACCOUNT) -> set[str]:
        """What is in the store."""
        return {memory.id for memory in self.memories.of(account)}

    def archived(self, account: AccountId = ACCOUNT) -> set[str]:
        """What is in the archive."""
        return set(self.archive.kept.get(account, {}))

    def texts(self, account: AccountId = ACCOUNT) -> set[str]:
        return {memory.text for memory in self.memories.of(account)}

    def dispatch(self, *seconds: float) -> DispatchReport:
        """The schedule. ``seconds``: what is left at each look at the clock, then enough."""
        dispatch = DispatchDue(index=self.index, queue=self.queue, clock=self.clock)
        return dispatch.dispatch(_looks(seconds))

    def tend(self, task: Task, *seconds: float) -> RoundReport:
        """One message."""
        return self.tending().tend(task, _looks(seconds))

    def tending(self) -> TendAccount:
        ports = TendingPorts(
            expired=self.expired or self.memories,
            memories=self.selected,
            index=self.index,
            policies=self.policies,
            queue=self.queue,
            archive=self.archive if self.archiving else None,
            to_archive=self.archive.to_archive if self.archiving else None,
        )
        return TendAccount(ports, plan=self._plan(), trail=AuditTrail(self.events, self.clock), clock=self.clock)

    def _plan(self) -> PlanPolicies:
        return PlanPolicies(
            memories=self.selected,
            policies=self.policies,
            agents=self.agents,
            holds=self.holds,
            archiving=self.archiving,
        )

    def drain(self, *seconds: float) -> RoundReport:
        """Work off the queue until it is empty; what was done in all."""
        total = RoundReport()
        while self.queue.tasks:
            report = self.tend(self.queue.tasks.pop(0), *seconds)
            for name in ("expired", "deleted", "archived", "purged"):
                setattr(total, name, getattr(total, name) + getattr(report, name))
        return total

    def run(self) -> RoundReport:
        """The schedule, and all that follows from it."""
        self.dispatch()
        return self.drain()

    def preview(
        self, policy: Policy | None = None, *, samples: int = 10_000, start: str | None = None, left: float = ENOUGH
    ) -> Preview:
        archive = self.archive if self.archiving else None
        previews = PreviewPolicies(plan=self._plan(), memories=self.selected, archive=archive, clock=self.clock)
        return previews.preview(ACCOUNT, policy, samples=samples, start=start, seconds_left=lambda: left)


def _looks(seconds: Iterable[float]) -> Callable[[], float]:
    looks = iter(seconds)
    return lambda: next(looks, ENOUGH)


def of(account: str, memory: Memory) -> Memory:
    """The same of another account."""
    return replace(memory, account_id=AccountId(account))


def sweep(
    memories: InMemoryMemories,
    index: InMemoryExpiryIndex,
    clock: FakeClock,
    *,
    holds: FixedHolds | None = None,
    expired: ExpiredMemories | None = None,
) -> RoundReport:
    """The schedule, and all that follows from it, over these. ``expired``: another store of what expires."""
    world = LifecycleWorld(clock=clock)
    world.memories, world.index = memories, index
    world.selected, world.expired = InMemoryPolicyMemories(memories), expired or memories
    world.holds = holds or world.holds
    return world.run()
