"""What is known of people's switches, so that memory that is off is not even asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from operator_memory_client.transport.locks import ForkSafeLock

OFF_SECONDS = 30.0
"""Switches apply within so many seconds, here as in the service."""
_MOST = 10_000

_CODES = {
    "memory_disabled": "service",
    "memory_disabled_account": "account",
    "memory_disabled_agent": "agent",
    "memory_disabled_thread": "thread",
}


class KnownSwitches:
    """Remembers for half a minute what the service has answered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, ForkSafeLock()
        self._until: dict[tuple[str, str, str], tuple[str, float]] = {}

    def off(self, account_id: str, agent_id: str | None, thread_id: str | None) -> str:
        """The code of the switch that is off, ``""`` if none is known to be."""
        now = self._clock()
        with self._lock:
            for key in self._keys(account_id, agent_id, thread_id).values():
                code, until = self._until.get(key, ("", 0.0))
                if until > now:
                    return code
        return ""

    def note(self, degraded: Iterable[str], account_id: str, agent_id: str | None, thread_id: str | None) -> None:
        """Read what a context says of switches."""
        keys = self._keys(account_id, agent_id, thread_id)
        with self._lock:
            for code in degraded:
                if _CODES.get(code) in keys:
                    if len(self._until) >= _MOST:
                        self._until.clear()
                    self._until[keys[_CODES[code]]] = (code, self._clock() + OFF_SECONDS)

    @staticmethod
    def _keys(account_id: str, agent_id: str | None, thread_id: str | None) -> dict[str, tuple[str, str, str]]:
        keys = {"service": ("service", "", ""), "account": ("account", account_id, "")}
        if agent_id:
            keys["agent"] = ("agent", account_id, agent_id)
        if thread_id:
            keys["thread"] = ("thread", account_id, thread_id)
        return keys
