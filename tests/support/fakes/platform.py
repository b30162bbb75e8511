"""In-memory implementations of the ports on the platform's Supabase. They pass the same contract tests."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from operator_memory.adapters.supabase.settings import (
    ACCOUNT_SETTINGS,
    AGENT_SETTINGS,
    THREAD_SETTINGS,
    Check,
    check_settings,
)
from operator_memory.domain.errors import InvalidInputError, MemoryServiceError, NotFoundError
from operator_memory.domain.management.identity import Role
from operator_memory.domain.memory.scopes import AccountId, canonical_id
from operator_memory.domain.shared.audit_events import MemoryEvent
from operator_memory.domain.shared.switches import Switches
from operator_memory.domain.shared.tombstones import Target, TargetKind

Values = dict[str, object]


@dataclass
class OwnedThing:
    """An agent or a thread: whose it is, and its settings."""

    account_id: AccountId
    settings: Values


@dataclass
class GoneRow:
    """A deleted account: which deletion it is, whether its time has come, and what erased it."""

    gone_at: str
    is_due: bool = True
    erasure_id: str | None = None


@dataclass
class FakePlatform:
    """The platform's tables. While ``error`` is set every port raises it."""

    members: dict[AccountId, dict[str, Role]] = field(default_factory=dict)
    agents: dict[str, OwnedThing] = field(default_factory=dict)
    threads: dict[str, OwnedThing] = field(default_factory=dict)
    accounts: dict[AccountId, Values] = field(default_factory=dict)
    """The settings that were set."""
    set_by: dict[AccountId, str | None] = field(default_factory=dict)
    error: MemoryServiceError | None = None
    gone: dict[AccountId, GoneRow] = field(default_factory=dict)
    """Accounts that were deleted."""

    def new_user(self, user_id: str | None = None) -> str:
        """A person with a personal account of the same id."""
        user_id = user_id or str(uuid4())
        self.members[AccountId(user_id)] = {user_id: Role.OWNER}
        return user_id

    def new_team(self, owner: str, *members: str) -> AccountId:
        team = AccountId(str(uuid4()))
        self.members[team] = {owner: Role.OWNER, **dict.fromkeys(members, Role.MEMBER)}
        return team

    def remove_member(self, account_id: AccountId, user_id: str) -> None:
        del self.members[account_id][user_id]

    def new_agent(self, account_id: AccountId) -> str:
        agent_id = str(uuid4())
        self.agents[agent_id] = OwnedThing(account_id, {"memory_enabled": True, "memory_config": {}})
        return agent_id

    def new_thread(self, account_id: AccountId) -> str:
        thread_id = str(uuid4())
        self.threads[thread_id] = OwnedThing(account_id, {"memory_enabled": True, "memory_session_id": None})
        return thread_id

    def delete_account(self, account_id: AccountId) -> None:
        """With all that belongs to it. Its events: `FakeEventStore` forgets them too."""
        if account_id in self.members:
            self.gone[account_id] = GoneRow(str(uuid4()))
        for table in (self.members, self.accounts, self.set_by):
            table.pop(account_id, None)
        for things in (self.agents, self.threads):
            for identity in [i for i, thing in things.items() if thing.account_id == account_id]:
                del things[identity]

    def check(self) -> None:
        if self.error:
            raise self.error


def _session(thread: OwnedThing) -> str | None:
    session = thread.settings["memory_session_id"]
    return canonical_id(session) if isinstance(session, str) else None


@dataclass
class FakeSwitches:
    """Port ``SwitchReader``; notes the time it was given."""

    platform: FakePlatform = field(default_factory=FakePlatform)
    timeouts: list[float] = field(default_factory=list)

    def read(
        self,
        account_id: AccountId,
        *,
        agent_id: str | None,
        thread_id: str | None,
        session_id: str | None,
        timeout: float,
    ) -> Switches:
        self.timeouts.append(timeout)
        self.platform.check()
        mine = self.platform.accounts.get(account_id, {})
        agent = self.platform.agents.get(agent_id or "")
        off = [
            identity
            for identity, thread in self.platform.threads.items()
            if thread.account_id == account_id
            and not thread.settings["memory_enabled"]
            and {identity, _session(thread)} & ({thread_id, session_id} - {None})
        ]
        return Switches(
            account=bool(mine.get("memory_enabled", True)),
            agent=agent is None or bool(agent.settings["memory_enabled"]),
            thread=not off,
            record_queries=bool(mine.get("record_queries", False)),
        )


@dataclass
class FakeMemberships:
    """Port ``Memberships``."""

    platform: FakePlatform = field(default_factory=FakePlatform)

    def role(self, user_id: str, account_id: AccountId) -> Role | None:
        self.platform.check()
        return self.platform.members.get(account_id, {}).get(user_id)

    def account_of_agent(self, agent_id: str) -> AccountId | None:
        self.platform.check()
        agent = self.platform.agents.get(agent_id)
        return None if agent is None else agent.account_id


@dataclass
class FakePlatformSettings:
    """Port ``PlatformSettings``."""

    platform: FakePlatform = field(default_factory=FakePlatform)

    def account(self, account_id: AccountId) -> Values:
        self.platform.check()
        default: Values = {"memory_enabled": True, "record_queries": False, "updated_at": None}
        return {**default, **self.platform.accounts.get(account_id, {})}

    def set_account(self, account_id: AccountId, changes: Values, *, user_id: str | None) -> None:
        check_settings(ACCOUNT_SETTINGS, changes)
        self.platform.check()
        if account_id not in self.platform.members:
            raise NotFoundError("the platform has no such account")
        known = self.platform.accounts.get(account_id, {})
        self.platform.accounts[account_id] = {**known, **changes, "updated_at": datetime.now(UTC).isoformat()}
        self.platform.set_by[account_id] = user_id

    def agent(self, account_id: AccountId, agent_id: str) -> Values | None:
        return self._read(self.platform.agents, account_id, agent_id)

    def set_agent(self, account_id: AccountId, agent_id: str, changes: Values) -> bool:
        return self._set(self.platform.agents, AGENT_SETTINGS, account_id, agent_id, changes)

    def thread(self, account_id: AccountId, thread_id: str) -> Values | None:
        return self._read(self.platform.threads, account_id, thread_id)

    def set_thread(self, account_id: AccountId, thread_id: str, changes: Values) -> bool:
        return self._set(self.platform.threads, THREAD_SETTINGS, account_id, thread_id, changes)

    def _read(self, things: dict[str, OwnedThing], account_id: AccountId, identity: str) -> Values | None:
        self.platform.check()
        thing = things.get(identity)
        return dict(thing.settings) if thing is not None and thing.account_id == account_id else None

    def _set(
        self,
        things: dict[str, OwnedThing],
        settings: Mapping[str, Check],
        account_id: AccountId,
        identity: str,
        changes: Values,
    ) -> bool:
        check_settings(settings, changes)
        self.platform.check()
        thing = things.get(identity)
        if thing is None or thing.account_id != account_id:
            return False
        thing.settings.update(changes)
        return True


@dataclass
class FakeEventStore:
    """Port ``EventStore``; ``rows`` are in the order in which they were written."""

    platform: FakePlatform = field(default_factory=FakePlatform)
    rows: dict[str, Values] = field(default_factory=dict)

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        self.platform.check()
        unknown = {event.id for event in events if event.account_id not in self.platform.members}
        for event in events:
            if event.id not in unknown:
                self.rows.setdefault(event.id, _row(event))
        return unknown

    def events(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[Values], str | None]:
        last = None if after is None else _read_cursor(after)
        self.platform.check()
        mine = self._of(account_id)
        ids = [str(row["id"]) for row in mine]
        start = 0 if last is None or last not in ids else ids.index(last) + 1
        page = mine[start : start + limit]
        more = start + limit < len(mine)
        return [dict(row) for row in page], _cursor(str(page[-1]["id"])) if more else None

    def count_queries(self, account_id: AccountId, target: Target) -> int:
        self.platform.check()
        return len(self._with_queries(account_id, target))

    def forget_queries(self, account_id: AccountId, target: Target) -> None:
        self.platform.check()
        for row in self._with_queries(account_id, target):
            row["query"] = None

    def _of(self, account_id: AccountId) -> list[Values]:
        if account_id not in self.platform.members:
            return []
        return [row for row in self.rows.values() if row["account_id"] == account_id]

    def _with_queries(self, account_id: AccountId, target: Target) -> list[Values]:
        if target.kind not in (TargetKind.ACCOUNT, TargetKind.AUTHOR):
            return []
        held = [row for row in self._of(account_id) if row["query"] is not None]
        return [row for row in held if target.id is None or row["actor"] == f"user:{target.id}"]


def _row(event: MemoryEvent) -> Values:
    metadata: Values = dict(event.metadata)
    for name, identity in (("agent", event.agent_id), ("thread", event.thread_id)):
        if identity is not None and not _is_uuid(identity):
            metadata[name] = identity
    others = [identity for identity in event.memory_ids if not _is_uuid(identity)]
    if others:
        metadata["memory_ids"] = others
    return {
        "id": event.id,
        "account_id": event.account_id,
        "actor": event.actor,
        "event_type": event.type.value,
        "agent_id": event.agent_id if event.agent_id and _is_uuid(event.agent_id) else None,
        "thread_id": event.thread_id if event.thread_id and _is_uuid(event.thread_id) else None,
        "memory_ids": [identity for identity in event.memory_ids if _is_uuid(identity)],
        "query": event.query,
        "result_count": event.result_count,
        "metadata": metadata,
        "occurred_at": event.occurred_at.isoformat(),
        "created_at": datetime.now(UTC).isoformat(),
    }


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _cursor(identity: str) -> str:
    return base64.urlsafe_b64encode(identity.encode()).decode()


def _read_cursor(cursor: str) -> str:
    try:
        return str(UUID(base64.urlsafe_b64decode(cursor).decode()))
    except ValueError:
        raise InvalidInputError("cursor", "is not one that a page of events has given") from None
