"""The audit trail: one event for every touch of an account's memory."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

MAX_IDS = 1_000
"""Memory ids that one event lists; of more, the others are only counted."""

_EVENT_NAMESPACE = uuid.UUID("0b1f1df9-40a1-5b2e-8a3a-3a0f5e0f7d5c")


class EventType(StrEnum):
    """What was done."""

    ADD = "add"
    SEARCH = "search"
    INJECT = "inject"
    USE = "use"
    """An answer cited it."""
    UPDATE = "update"
    DELETE = "delete"
    CLEAR = "clear"
    EXPORT = "export"
    ERASE = "erase"
    SETTINGS_CHANGE = "settings_change"
    ARCHIVE = "archive"
    RESTORE = "restore"
    DENIED = "denied"
    HOLD = "hold"
    """A legal hold was placed or lifted."""
    LIFECYCLE = "lifecycle"


@dataclass(frozen=True, slots=True)
class MemoryEvent:
    """Who did what to which memory, for which account. Never carries memory text.

    ``id`` is made where the event happens: writing it twice is writing it once. ``actor`` is ``user:<id>``,
    ``service:<subject>`` or ``system:<what>``. ``query`` is set only where the account has switched that on.
    """

    id: str
    account_id: AccountId
    actor: str
    type: EventType
    occurred_at: datetime
    agent_id: str | None = None
    thread_id: str | None = None
    memory_ids: tuple[str, ...] = ()
    query: str | None = field(default=None, repr=False)
    result_count: int | None = None
    metadata: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Touched:
    """What an event touched: memories, and the agent or thread that they belong to.

    ``count``: how many memories; left out, as many as ``memory_ids``.
    """

    memory_ids: tuple[str, ...] = ()
    agent_id: str | None = None
    thread_id: str | None = None
    count: int | None = None

    @classmethod
    def memory(cls, memory: Memory) -> "Touched":
        """One memory, with its agent and thread."""
        return cls((memory.id,), memory.agent_id, memory.thread_id)


def new_event_id() -> str:
    """Return an id for something that happens once."""
    return str(uuid.uuid4())


def repeatable_event_id(account_id: AccountId, what: str, identity: str) -> str:
    """Return the id of an event whose cause may be handled again: the same cause, the same id."""
    return str(uuid.uuid5(_EVENT_NAMESPACE, f"{account_id}\x1f{what}\x1f{identity}"))
