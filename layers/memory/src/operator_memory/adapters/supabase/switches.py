"""The switches of a run, from the platform's database in one call. Standard library only (hot path)."""

from dataclasses import fields

from operator_memory.adapters.supabase.rest import SYSTEM, SupabaseRest, is_platform_id
from operator_memory.application.ports.core import Clock
from operator_memory.domain.errors import MalformedResponseError, UpstreamError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.recent_values import MAX_ENTRIES, RecentValues
from operator_memory.domain.shared.switches import Switches

MAX_AGE_SECONDS = 30.0
"""How long switches are used before they are read again."""

MAX_STALE_SECONDS = 600.0
"""How long they are used when they cannot be read again."""

RETRY_SECONDS = 5.0
"""How long after a failed reading the known switches are used before the next attempt."""

_NAMES = tuple(field.name for field in fields(Switches))
_Key = tuple[AccountId, str | None, str | None, str | None]
"""Account, agent, thread, session."""


class SupabaseSwitches:
    """Port ``SwitchReader`` on the function ``memory_switches``."""

    def __init__(
        self,
        supabase: SupabaseRest,
        *,
        clock: Clock,
        max_age: float = MAX_AGE_SECONDS,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        """``max_age`` in seconds. ``max_entries``: how many runs' switches are kept, the oldest goes first."""
        self._supabase = supabase
        self._clock = clock
        self._max_age = max_age
        self._known: RecentValues[_Key, Switches] = RecentValues(max_entries)
        self._failures: RecentValues[_Key, None] = RecentValues(max_entries)

    def read(
        self,
        account_id: AccountId,
        *,
        agent_id: str | None,
        thread_id: str | None,
        session_id: str | None,
        timeout: float,
    ) -> Switches:
        """The switches, at most ``max_age`` old, or ten minutes while they cannot be read.

        What the platform cannot have an id of counts as on: an account or agent that is no UUID.

        Raises:
            UpstreamError: they cannot be read and are not known.
        """
        if not is_platform_id(account_id):
            return Switches()
        agent = agent_id if agent_id is not None and is_platform_id(agent_id) else None
        key = (account_id, agent, thread_id, session_id)
        known, now = self._known.get(key), self._clock.monotonic()
        if known is not None and (now - known[1] < self._max_age or self._failed_lately(key, known[1], now)):
            return known[0]
        try:
            switches = self._asked(key, timeout)
        except UpstreamError:
            self._failures.put(key, None, now)
            if known is None or now - known[1] >= MAX_STALE_SECONDS:
                raise
            return known[0]
        self._known.put(key, switches, now)
        return switches

    def _failed_lately(self, key: _Key, since: float, now: float) -> bool:
        """Whether a reading has just failed that would be waited for again; known values must not be too old."""
        failure = self._failures.get(key)
        return failure is not None and now - failure[1] < RETRY_SECONDS and now - since < MAX_STALE_SECONDS

    def _asked(self, key: _Key, timeout: float) -> Switches:
        account, agent, thread, session = key
        arguments = {"p_account": account, "p_agent": agent, "p_thread": thread, "p_session": session}
        answer = self._supabase.rpc("memory_switches", arguments, timeout=timeout)
        values = answer if isinstance(answer, dict) else {}
        if any(not isinstance(values.get(name), bool) for name in _NAMES):
            raise MalformedResponseError(SYSTEM, "the answer is not the switches of a run")
        return Switches(**{name: values[name] for name in _NAMES})
