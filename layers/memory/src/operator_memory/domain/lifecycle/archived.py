"""A memory that was moved out of the store into the archive: what its index knows, and all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from operator_memory.domain.memory.scopes import Kind, Scope


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """What is known of an archived memory without reading it. Holds no text. ``place`` is the archive's own."""

    id: str
    scope: Scope
    kind: Kind
    created_at: datetime
    archived_at: datetime
    reason: str
    """Why it was archived: the rule of the policy, or who asked for it."""
    size: int
    """Bytes of its payload and vectors as they are stored, before compression."""
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class ArchivedMemory:
    """An archived memory, whole: payload (with its history) and vectors, as the store held them."""

    entry: ArchivedEntry
    payload: Mapping[str, object] = field(repr=False)
    vectors: Mapping[str, object] = field(repr=False)
