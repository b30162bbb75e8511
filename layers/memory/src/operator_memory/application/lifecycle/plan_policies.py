"""Plans what a policy does to an account: shared by the preview, which counts it, and the round, which does it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from operator_memory.application.ports.core import HoldReader
from operator_memory.application.ports.lifecycle import AgentPolicies, PolicyMemories, PolicyStore
from operator_memory.domain.lifecycle.fates import (
    Circumstances,
    Group,
    Reason,
    Selection,
    all_of,
    beyond,
    crowd,
    due_memories,
    fate_for,
    groups_of,
)
from operator_memory.domain.lifecycle.policies import Limits, Policies, Policy
from operator_memory.domain.memory.scopes import AccountId


@dataclass(frozen=True, slots=True)
class DueStep:
    """Memories of one group that are due for one reason, exempt or not."""

    group: Group
    reason: Reason
    selection: Selection

    @property
    def name(self) -> str:
        """What tells it from the other steps of the account."""
        return f"{self.group.name}:{self.reason}"


@dataclass(frozen=True, slots=True)
class CrowdStep:
    """A group that may hold too many. ``movable``: those that may go to the archive."""

    group: Group
    limits: Limits
    movable: Selection


class PlanPolicies:
    """Reads what decides about an account, and makes the steps of its round."""

    def __init__(
        self,
        *,
        memories: PolicyMemories,
        policies: PolicyStore,
        agents: AgentPolicies | None,
        holds: HoldReader,
        archiving: bool,
    ) -> None:
        """``agents``: ``None`` where there is no platform that could hold their configurations."""
        self._memories = memories
        self._policies = policies
        self._agents = agents
        self._holds = holds
        self._archiving = archiving

    def policies_of(self, account_id: AccountId, *, instead: Policy | None = None) -> Policies:
        """Return all policies of the account; ``instead`` in the place of its own."""
        own = self._policies.policy(account_id).policy if instead is None else instead
        agents: Mapping[str, Policy] = {} if self._agents is None else self._agents.policies(account_id)
        return Policies(own, agents)

    def circumstances(self, account_id: AccountId, policies: Policies, now: datetime) -> Circumstances:
        """Return what decides at ``now``, with the holds as they are."""
        return Circumstances(policies, self._holds.holds(account_id), now, self._archiving)

    def due_steps(self, under: Circumstances) -> Iterator[DueStep]:
        """Yield what is due, in the order of a round. What would be archived is left out where there is no archive."""
        for group, limits in groups_of(under.policies):
            for reason, selection in due_memories(group, limits, under):
                if under.archiving or reason is not Reason.IDLE:
                    yield DueStep(group, reason, selection)

    def crowd_steps(self, under: Circumstances) -> Iterator[CrowdStep]:
        """Yield the groups that may hold too many."""
        for group, limits in groups_of(under.policies):
            movable = crowd(group, limits, under)
            if movable is not None:
                yield CrowdStep(group, limits, movable)

    def too_many(self, account_id: AccountId, step: CrowdStep, under: Circumstances) -> int:
        """Count how many of a group are too many once what is due in it is gone."""
        staying = self._memories.count(account_id, all_of(step.group, under))
        if step.limits.most_memories is None or staying <= step.limits.most_memories:
            return 0
        for reason, selection in due_memories(step.group, step.limits, under):
            if under.archiving or fate_for(reason) is not fate_for(Reason.IDLE):
                staying -= self._memories.count(account_id, selection.not_exempt())
        return beyond(step.limits, staying, self._memories.count(account_id, step.movable))
