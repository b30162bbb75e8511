"""A part of an account's memory that a person may erase, and the tombstone that keeps it from coming back.

A tombstone says: what was said up to this moment, in this part of the account's memory, is gone. Every writer looks
for one before and after it writes, so a run that was queued earlier and arrives later brings nothing back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Scope


class TargetKind(StrEnum):
    """Which part of an account's memory."""

    ACCOUNT = "account"
    """Everything, with history, job records and archive."""
    USER = "user"
    """The user memory: facts about the account's person or team."""
    AGENT = "agent"
    """What one agent learned."""
    SESSION = "session"
    """A session, by its own id or its thread's: its turns, and every fact learned in it."""
    AUTHOR = "author"
    """What one member of a team said, and what was learned from it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part of one account's memory. ``id`` is the agent's, session's or author's; ``None`` for the others."""

    kind: TargetKind
    id: str | None = None

    def __post_init__(self) -> None:
        if (self.id is None) != (self.kind in (TargetKind.ACCOUNT, TargetKind.USER)):
            raise ValueError(f"the target {self.kind} " + ("needs an id" if self.id is None else "has no id"))

    @property
    def name(self) -> str:
        """``account``, ``agent#<id>`` ...; unique within an account."""
        return self.kind.value if self.id is None else f"{self.kind.value}#{self.id}"

    def holds(self, memory: Memory) -> bool:
        """Whether ``memory`` belongs to this part."""
        match self.kind:
            case TargetKind.ACCOUNT:
                return True
            case TargetKind.USER:
                return memory.scope is Scope.USER
            case TargetKind.AGENT:
                return memory.scope is Scope.AGENT and memory.agent_id == self.id
            case TargetKind.SESSION:
                return self.id in (memory.session_id, memory.thread_id)
            case TargetKind.AUTHOR:
                return memory.author_id == self.id


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was said at or before ``erased_at`` in ``target`` is erased."""

    target: Target
    erased_at: datetime

    def silences(self, memory: Memory) -> bool:
        """Whether other sessions must not recall ``memory``, a turn: what was said before a person emptied the user's
        memory is no longer known of the user, though it stays in its session."""
        of_session = memory.scope is Scope.SESSION
        return self.target.kind is TargetKind.USER and of_session and _since(memory) <= self.erased_at

    def covers(self, memory: Memory) -> bool:
        """Whether ``memory`` must not be stored. What a person imported later was brought back on purpose."""
        return self.target.holds(memory) and _since(memory) <= self.erased_at


def _since(memory: Memory) -> datetime:
    return memory.imported_at or memory.created_at


def targets_of(memories: Iterable[Memory]) -> list[Target]:
    """Every target that could hold one of ``memories``."""
    found = {Target(TargetKind.ACCOUNT): None}
    for memory in memories:
        if memory.scope is not Scope.AGENT:  # who empties the user's memory silences sessions, too
            found[Target(TargetKind.USER)] = None
        if memory.scope is Scope.AGENT and memory.agent_id:
            found[Target(TargetKind.AGENT, memory.agent_id)] = None
        for session in (memory.session_id, memory.thread_id):
            if session:
                found[Target(TargetKind.SESSION, session)] = None
        if memory.author_id:
            found[Target(TargetKind.AUTHOR, memory.author_id)] = None
    return list(found)
