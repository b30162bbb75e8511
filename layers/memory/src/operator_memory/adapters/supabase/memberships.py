"""Who belongs to which account, from the platform's own tables. Standard library only."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from operator_memory.adapters.supabase.rest import SYSTEM, Row, SupabaseRest, equal, is_platform_id, only_row
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.management.identity import Role
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.recent_values import MAX_ENTRIES, RecentValues

MAX_AGE_SECONDS = 60.0
"""How long a right that was found is used; it is the longest that somebody keeps one that was taken away."""

MAX_AGE_OF_NOTHING_SECONDS = 30.0
"""How long it is used that there was none: a new member should not have to wait."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_ROLES = {role.value: role for role in Role}


class SupabaseMemberships:
    """Port ``Memberships`` on ``basejump.account_user`` and ``agents``.

    While Supabase cannot be reached nothing older than a minute is used: rights do not outlive their source.
    """

    def __init__(
        self,
        supabase: SupabaseRest,
        *,
        clock: Clock,
        timeout: float = 3.0,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        """``timeout`` of each request, in seconds. ``max_entries``: how many answers of a kind are kept."""
        self._supabase = supabase
        self._clock = clock
        self._timeout = timeout
        self._roles: RecentValues[tuple[str, AccountId], Role | None] = RecentValues(max_entries)
        self._agents: RecentValues[str, AccountId | None] = RecentValues(max_entries)

    def role(self, user_id: str, account_id: AccountId) -> Role | None:
        """The person's role in the account, or ``None``; so for ids that are no UUID."""
        if not (is_platform_id(user_id) and is_platform_id(account_id)):
            return None
        return self._recent(self._roles, (user_id, account_id), lambda: self._read_role(user_id, account_id))

    def account_of_agent(self, agent_id: str) -> AccountId | None:
        """The account that owns the agent, or ``None``; so for an id that is no UUID."""
        if not is_platform_id(agent_id):
            return None
        return self._recent(self._agents, agent_id, lambda: self._read_agent(agent_id))

    def _recent(
        self, known: RecentValues[Key, Value | None], key: Key, read: Callable[[], Value | None]
    ) -> Value | None:
        now = self._clock.monotonic()
        entry = known.get(key)
        if entry is not None:
            value, moment = entry
            if now - moment < (MAX_AGE_OF_NOTHING_SECONDS if value is None else MAX_AGE_SECONDS):
                return value
        value = read()
        known.put(key, value, now)
        return value

    def _read_role(self, user_id: str, account_id: AccountId) -> Role | None:
        ids = {"user_id": user_id, "account_id": account_id}
        row = self._row("account_user", ids, "account_role", schema="basejump")
        if row is None:
            return None
        role = row.get("account_role")
        if not isinstance(role, str) or role not in _ROLES:
            raise MalformedResponseError(SYSTEM, "an unknown role")
        return _ROLES[role]

    def _read_agent(self, agent_id: str) -> AccountId | None:
        row = self._row("agents", {"agent_id": agent_id}, "account_id")
        if row is None:
            return None
        account_id = row.get("account_id")
        if not isinstance(account_id, str) or not is_platform_id(account_id):
            raise MalformedResponseError(SYSTEM, "an agent without an account")
        return AccountId(account_id)

    def _row(self, table: str, ids: dict[str, str], wanted: str, *, schema: str = "public") -> Row | None:
        params = {"select": ",".join([*ids, wanted]), **equal(ids)}
        return only_row(self._supabase.get(table, params, timeout=self._timeout, schema=schema), ids)
