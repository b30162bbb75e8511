"""The life cycle's ports in memory. They pass the same contract tests as the real adapters."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from operator_memory.application.ports.lifecycle import PolicyMemories
from operator_memory.domain.errors import InvalidInputError, MemoryServiceError
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory
from operator_memory.domain.lifecycle.fates import Group, Place, Selection, place_of
from operator_memory.domain.lifecycle.policies import IMPORTANT, Policy, StoredPolicy, agent_policy_of
from operator_memory.domain.lifecycle.rounds import PolicyRound, Task
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.fakes.core import FakeClock, InMemoryMemories
from tests.support.fakes.platform import FakePlatform


def is_in(group: Group, memory: Memory) -> bool:
    if (memory.scope, memory.kind) != (group.scope, group.kind) or memory.agent_id in group.but_agents:
        return False
    return group.agent_id is None or memory.agent_id == group.agent_id


def is_selected(selection: Selection, memory: Memory) -> bool:
    """Whether ``memory`` is one of those that ``selection`` describes."""
    expired = memory.expires_at is not None and memory.expires_at <= selection.now
    used = memory.last_accessed_at or memory.created_at
    held = selection.all_held or bool({memory.thread_id, memory.session_id} & set(selection.threads))
    return (
        selection.expired == expired
        and (selection.group is None or is_in(selection.group, memory))
        and (selection.created_by is None or memory.created_at <= selection.created_by)
        and (selection.created_after is None or memory.created_at > selection.created_after)
        and (selection.idle_by is None or used <= selection.idle_by)
        and (selection.idle_after is None or used > selection.idle_after)
        and selection.pinned in (None, memory.pinned)
        and selection.important in (None, memory.importance >= IMPORTANT)
        and selection.held in (None, held)
    )


def _order(place: Place) -> tuple[object, ...]:
    return place.importance, place.used, place.created_at, place.id


@dataclass
class InMemoryPolicyMemories:
    """Port ``PolicyMemories`` on the points of ``memories``."""

    memories: InMemoryMemories = field(default_factory=InMemoryMemories)
    error: MemoryServiceError | None = None
    before_removing: Callable[[], None] = lambda: None

    def _of(self, account_id: AccountId, selection: Selection) -> list[Memory]:
        if self.error is not None:
            raise self.error
        return [memory for memory in self.memories.of(account_id) if is_selected(selection, memory)]

    def count(self, account_id: AccountId, selection: Selection) -> int:
        return len(self._of(account_id, selection))

    def some(self, account_id: AccountId, selection: Selection, *, after: str | None, limit: int) -> list[Memory]:
        return [memory for memory in self._of(account_id, selection) if after is None or memory.id > after][:limit]

    def least(self, account_id: AccountId, selection: Selection, *, after: Place | None, limit: int) -> list[Memory]:
        found = sorted(self._of(account_id, selection), key=lambda memory: _order(place_of(memory)))
        return [memory for memory in found if after is None or _order(place_of(memory)) > _order(after)][:limit]

    def remove(self, account_id: AccountId, selection: Selection, ids: Sequence[str]) -> int:
        self.before_removing()
        gone = [memory.id for memory in self._of(account_id, selection) if memory.id in ids]
        for identity in gone:
            del self.memories.points[account_id][identity]
        return len(gone)


@dataclass
class PolicyMemoriesOf:
    """Port ``PolicyMemories``: another one, which may be exchanged."""

    port: PolicyMemories

    def count(self, account_id: AccountId, selection: Selection) -> int:
        return self.port.count(account_id, selection)

    def some(self, account_id: AccountId, selection: Selection, *, after: str | None, limit: int) -> list[Memory]:
        return self.port.some(account_id, selection, after=after, limit=limit)

    def least(self, account_id: AccountId, selection: Selection, *, after: Place | None, limit: int) -> list[Memory]:
        return self.port.least(account_id, selection, after=after, limit=limit)

    def remove(self, account_id: AccountId, selection: Selection, ids: Sequence[str]) -> int:
        return self.port.remove(account_id, selection, ids)


@dataclass
class InMemoryPolicies:
    """Port ``PolicyStore``."""

    stored: dict[AccountId, StoredPolicy] = field(default_factory=dict)
    rounds: dict[AccountId, PolicyRound] = field(default_factory=dict)

    def policy(self, account_id: AccountId) -> StoredPolicy:
        return self.stored.get(account_id, StoredPolicy())

    def set_policy(self, account_id: AccountId, stored: StoredPolicy) -> None:
        self.stored[account_id] = stored

    def last_round(self, account_id: AccountId) -> PolicyRound | None:
        return self.rounds.get(account_id)

    def note_round(self, account_id: AccountId, done: PolicyRound) -> None:
        self.rounds[account_id] = done


@dataclass
class FixedAgentPolicies:
    """Port ``AgentPolicies``."""

    by_account: dict[AccountId, dict[str, Policy]] = field(default_factory=dict)

    def policies(self, account_id: AccountId) -> dict[str, Policy]:
        return dict(self.by_account.get(account_id, {}))


@dataclass
class FakeAgentPolicies:
    """Port ``AgentPolicies`` on the agents of a platform."""

    platform: FakePlatform

    def policies(self, account_id: AccountId) -> dict[str, Policy]:
        found: dict[str, Policy] = {}
        for agent_id, agent in self.platform.agents.items():
            config = agent.settings.get("memory_config")
            with suppress(InvalidInputError):
                if agent.account_id == account_id and isinstance(config, dict):
                    found[agent_id] = agent_policy_of(config)
        return {agent_id: policy for agent_id, policy in found.items() if policy.rules}


@dataclass
class FakeTaskQueue:
    """Port ``TaskQueue``; notes what it is given. ``error``: what the next ``send`` fails with."""

    tasks: list[Task] = field(default_factory=list)
    later: list[tuple[str, int]] = field(default_factory=list)
    buried: list[tuple[str, str, str, int]] = field(default_factory=list)
    error: MemoryServiceError | None = None

    def send(self, tasks: Sequence[Task]) -> None:
        if self.error is not None:
            raise self.error
        self.tasks += tasks

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        self.later.append((receipt_handle, delay_seconds))

    def bury(self, body: str, *, reason: str, detail: str, receive_count: int) -> None:
        self.buried.append((body, reason, detail, receive_count))


@dataclass
class ArchivingFake:
    """Ports ``MemoryArchive`` and ``StoreToArchive``, as far as a round calls them, on the points of ``memories``."""

    memories: InMemoryMemories
    clock: FakeClock
    kept: dict[AccountId, dict[str, tuple[ArchivedEntry, EmbeddedMemory | None]]] = field(default_factory=dict)
    staying: set[str] = field(default_factory=set)
    """Ids of memories that are being changed: they stay in the store."""

    def to_archive(self, account_id: AccountId, reasons: Mapping[str, str]) -> int:
        points, moved = self.memories.points.get(account_id, {}), 0
        for identity, reason in reasons.items():
            if identity in points and identity not in self.staying:
                point = points.pop(identity)
                entry = _entry(point.memory, reason, self.clock)
                self.kept.setdefault(account_id, {})[identity] = (entry, point)
                moved += 1
        return moved

    def keep(self, account_id: AccountId, memories: Sequence[ArchivedMemory]) -> None:
        self.kept.setdefault(account_id, {}).update({one.entry.id: (one.entry, None) for one in memories})

    def entries(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[ArchivedEntry], str | None]:
        ids = sorted(i for i in self.kept.get(account_id, {}) if after is None or i > after)
        page = [self.kept[account_id][i][0] for i in ids[:limit]]
        return page, page[-1].id if len(ids) > limit else None

    def find(self, account_id: AccountId, ids: Sequence[str]) -> list[ArchivedEntry]:
        return [entry for i, (entry, _) in self.kept.get(account_id, {}).items() if i in ids]

    def read(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedMemory]:
        raise NotImplementedError

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        return sum(self.kept.get(account_id, {}).pop(i, None) is not None for i in ids)


def _entry(memory: Memory, reason: str, clock: FakeClock) -> ArchivedEntry:
    return ArchivedEntry(
        id=memory.id,
        scope=memory.scope,
        kind=memory.kind,
        created_at=memory.created_at,
        archived_at=clock.now(),
        reason=reason,
        size=len(memory.text),
        agent_id=memory.agent_id,
        session_id=memory.session_id,
        thread_id=memory.thread_id,
        author_id=memory.author_id,
    )
