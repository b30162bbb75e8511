"""A memory that was moved out of the store into the archive: what its index knows, and all of it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope


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
    imported_at: datetime | None = None
    expires_at: datetime | None = None

    def outline(self, account_id: AccountId) -> Memory:
        """Return as much of the memory as says to whom it belongs and when it was said."""
        return Memory(
            id=self.id,
            account_id=account_id,
            scope=self.scope,
            kind=self.kind,
            text="",
            created_at=self.created_at,
            updated_at=self.created_at,
            agent_id=self.agent_id,
            session_id=self.session_id,
            thread_id=self.thread_id,
            author_id=self.author_id,
            imported_at=self.imported_at,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True, slots=True)
class ArchivedMemory:
    """An archived memory, whole: payload (with its history) and vectors, as the store held them."""

    entry: ArchivedEntry
    payload: Mapping[str, object] = field(repr=False)
    vectors: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WholeMemory:
    """A memory with all that the store holds of it: payload and vectors."""

    memory: Memory
    payload: Mapping[str, object] = field(repr=False)
    vectors: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ArchiveSelection:
    """Which archived memories. Conditions that are ``None`` do not narrow; all others must hold.

    ``..._after`` is inclusive, ``..._before`` exclusive. ``thread_id`` is the thread or the session.
    """

    scope: Scope | None = None
    kind: Kind | None = None
    agent_id: str | None = None
    thread_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    archived_after: datetime | None = None
    archived_before: datetime | None = None

    def holds(self, entry: ArchivedEntry) -> bool:
        """Whether ``entry`` is one of them."""
        alike = (
            self.scope in (None, entry.scope),
            self.kind in (None, entry.kind),
            self.agent_id in (None, entry.agent_id),
            self.thread_id in (None, entry.thread_id, entry.session_id),
            _within(entry.created_at, self.created_after, self.created_before),
            _within(entry.archived_at, self.archived_after, self.archived_before),
        )
        return all(alike)


def _within(moment: datetime, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or moment >= after) and (before is None or moment < before)


def archived(whole: WholeMemory, *, reason: str, at: datetime) -> ArchivedMemory:
    """Return ``whole`` as it goes into the archive at ``at``. Its place is not known yet."""
    memory = whole.memory
    entry = ArchivedEntry(
        id=memory.id,
        scope=memory.scope,
        kind=memory.kind,
        created_at=memory.created_at,
        archived_at=at,
        reason=reason,
        size=size_of(whole.payload) + size_of(whole.vectors),
        agent_id=memory.agent_id,
        session_id=memory.session_id,
        thread_id=memory.thread_id,
        author_id=memory.author_id,
        imported_at=memory.imported_at,
        expires_at=memory.expires_at,
    )
    return ArchivedMemory(entry, whole.payload, whole.vectors)


def size_of(held: Mapping[str, object]) -> int:
    """Return the bytes of ``held`` as JSON without spaces."""
    return len(json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def keeps_words_of(memory: Memory, followed: Memory | None, *, since: datetime) -> bool:
    """Whether ``memory``, which was archived at ``since``, may still be found by the words of the turn it follows.

    ``followed``: that turn as it is now, in the store or in the archive. Its words go where it went, or changed.
    """
    return memory.follows is None or (followed is not None and followed.updated_at <= since)
