"""Memories and hits for tests: every field has an ordinary value, a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.search_plan import Hit

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ACCOUNT = AccountId("acct-1")
USER_KEY = ScopeKey(Scope.USER)
AGENT_KEY = ScopeKey(Scope.AGENT, "agent-1")
SESSION_KEY = ScopeKey(Scope.SESSION, "session-1")


def a_memory(
    text: str = "Likes tea.",
    *,
    key: ScopeKey = USER_KEY,
    kind: Kind = Kind.FACT,
    days_old: float = 1.0,
    **fields: Any,
) -> Memory:
    """A memory that says ``text``, created ``days_old`` days before `NOW`."""
    created = NOW - timedelta(days=days_old)
    fields.setdefault("id", str(uuid5(NAMESPACE_OID, f"{key}{text!r}")))
    fields.setdefault("agent_id", key.owner_id if key.scope is Scope.AGENT else None)
    fields.setdefault("session_id", key.owner_id if key.scope is Scope.SESSION else None)
    return Memory(
        account_id=ACCOUNT, scope=key.scope, kind=kind, text=text, created_at=created, updated_at=created, **fields
    )


def a_hit(text: str = "Likes tea.", score: float = 0.0, **fields: Any) -> Hit:
    """A hit with ``score`` on `a_memory`."""
    return Hit(a_memory(text, **fields), score)
