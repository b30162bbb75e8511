"""The switches as people set them, in the platform's own tables. Standard library only."""

from collections.abc import Callable, Mapping

from operator_memory.adapters.supabase.rest import (
    SYSTEM,
    RefusedByDatabaseError,
    SupabaseRest,
    equal,
    is_platform_id,
    only_row,
)
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError, NotFoundError
from operator_memory.domain.lifecycle.policies import agent_policy_of
from operator_memory.domain.memory.scopes import AccountId, checked_id

Check = Callable[[str, object], None]
Values = dict[str, object]

_FOREIGN_KEY_VIOLATION = "23503"
_UNUSABLE_VALUE = ("22", "PGRST102")
"""Codes for a value that Postgres cannot hold: a null character or half a surrogate pair in JSON text, a number
beyond all bounds."""


def _switch(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInputError(name, "must be true or false")


def _configuration(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise InvalidInputError(name, "must be an object")
    agent_policy_of(value, name)


def _session(name: str, value: object) -> None:
    if value is not None:
        checked_id(name, value)


ACCOUNT_SETTINGS: Mapping[str, Check] = {"memory_enabled": _switch, "record_queries": _switch}
AGENT_SETTINGS: Mapping[str, Check] = {"memory_enabled": _switch, "memory_config": _configuration}
THREAD_SETTINGS: Mapping[str, Check] = {"memory_enabled": _switch, "memory_session_id": _session}


def check_settings(settings: Mapping[str, Check], changes: Values) -> None:
    """Let ``changes`` pass: no other column of the table can be set, and no value of another type.

    Raises:
        InvalidInputError: naming the setting.
    """
    for name, value in changes.items():
        check = settings.get(name)
        if check is None:
            raise InvalidInputError(name, "is not a setting")
        check(name, value)


class SupabasePlatformSettings:
    """Port ``PlatformSettings`` on ``memory_settings``, ``agents`` and ``threads``.

    Whose an agent or thread is, is part of every request: another account's is not there.
    """

    def __init__(self, supabase: SupabaseRest, *, timeout: float = 3.0) -> None:
        """``timeout`` of each request, in seconds."""
        self._supabase = supabase
        self._timeout = timeout

    def account(self, account_id: AccountId) -> Values:
        """``memory_enabled``, ``record_queries``, ``updated_at`` (``None``: never set, all is as by default)."""
        names = (*ACCOUNT_SETTINGS, "updated_at")
        found = self._read("memory_settings", names, {"account_id": account_id}) if is_platform_id(account_id) else None
        return found or {"memory_enabled": True, "record_queries": False, "updated_at": None}

    def set_account(self, account_id: AccountId, changes: Values, *, user_id: str | None) -> None:
        """Set what ``changes`` names and who did it (``None``: no person).

        Raises:
            InvalidInputError: a name that is no setting, or a value that is none of it.
            NotFoundError: the platform has no such account.
        """
        check_settings(ACCOUNT_SETTINGS, changes)
        if not is_platform_id(account_id):
            raise _no_account()
        person = user_id if user_id is not None and is_platform_id(user_id) else None
        row = {"account_id": account_id, **changes, "updated_by": person}
        try:
            self._supabase.upsert("memory_settings", row, on_conflict="account_id", timeout=self._timeout)
        except RefusedByDatabaseError as error:
            if error.code == _FOREIGN_KEY_VIOLATION:
                raise _no_account() from error
            raise

    def agent(self, account_id: AccountId, agent_id: str) -> Values | None:
        """``memory_enabled``, ``memory_config`` of the account's agent; ``None`` if it has no such agent."""
        return self._read_own("agents", AGENT_SETTINGS, account_id, {"agent_id": agent_id})

    def set_agent(self, account_id: AccountId, agent_id: str, changes: Values) -> bool:
        """Set what ``changes`` names; ``False`` if the account has no such agent.

        Raises:
            InvalidInputError: a name that is no setting, or a value that is none of it.
        """
        return self._set_own("agents", AGENT_SETTINGS, account_id, {"agent_id": agent_id}, changes)

    def thread(self, account_id: AccountId, thread_id: str) -> Values | None:
        """``memory_enabled``, ``memory_session_id`` of the account's thread; ``None`` if it has no such thread."""
        return self._read_own("threads", THREAD_SETTINGS, account_id, {"thread_id": thread_id})

    def set_thread(self, account_id: AccountId, thread_id: str, changes: Values) -> bool:
        """As `set_agent`, of a thread."""
        return self._set_own("threads", THREAD_SETTINGS, account_id, {"thread_id": thread_id}, changes)

    def _read_own(
        self, table: str, settings: Mapping[str, Check], account_id: AccountId, key: Mapping[str, str]
    ) -> Values | None:
        ids = {"account_id": account_id, **key}
        return self._read(table, tuple(settings), ids) if all(map(is_platform_id, ids.values())) else None

    def _read(self, table: str, names: tuple[str, ...], ids: Mapping[str, str]) -> Values | None:
        params = {"select": ",".join([*ids, *names]), **equal(ids)}
        row = only_row(self._supabase.get(table, params, timeout=self._timeout), ids)
        if row is None:
            return None
        if not row.keys() >= set(names):
            raise MalformedResponseError(SYSTEM, "a row without its settings")
        return {name: row[name] for name in names}

    def _set_own(
        self,
        table: str,
        settings: Mapping[str, Check],
        account_id: AccountId,
        key: Mapping[str, str],
        changes: Values,
    ) -> bool:
        check_settings(settings, changes)
        ids = {"account_id": account_id, **key}
        if not all(map(is_platform_id, ids.values())):
            return False
        if not changes:
            return self._read(table, tuple(settings), ids) is not None
        params = {"select": ",".join(ids), **equal(ids)}
        try:
            rows = self._supabase.update(table, params, changes, timeout=self._timeout)
        except RefusedByDatabaseError as error:
            if error.code.startswith(_UNUSABLE_VALUE):
                raise InvalidInputError(" ".join(sorted(changes)), "holds a value that cannot be stored") from error
            raise
        return only_row(rows, ids) is not None


def _no_account() -> NotFoundError:
    return NotFoundError("the platform has no such account")
