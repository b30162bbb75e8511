"""Which memories of an account a person lists, searches, exports or deletes."""

from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind


@dataclass(frozen=True, slots=True)
class MemoryFilter:
    """Which memories of an account. Conditions that are ``None`` do not narrow; all others must hold.

    ``text``: every word must occur. ``created_after`` is inclusive, ``created_before`` exclusive. Without
    ``inactive`` what has expired or been superseded is left out.
    """

    scope: Scope | None = None
    kind: Kind | None = None
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    pinned: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str | None = None
    inactive: bool = False
    quarantined: bool | None = None
    """Only what waits in quarantine, or nothing of it; ``None``: as ``inactive`` says."""
    source_run_id: str | None = None
    import_id: str | None = None


def of_target(target: Target) -> list[MemoryFilter]:
    """Return the filters that together name what ``target`` holds, in any state."""
    match target.kind:
        case TargetKind.ACCOUNT:
            return [MemoryFilter(inactive=True)]
        case TargetKind.USER:
            return [MemoryFilter(scope=Scope.USER, inactive=True)]
        case TargetKind.AGENT:
            return [MemoryFilter(scope=Scope.AGENT, agent_id=target.id, inactive=True)]
        case TargetKind.SESSION:
            return [MemoryFilter(session_id=target.id, inactive=True), MemoryFilter(thread_id=target.id, inactive=True)]
        case TargetKind.AUTHOR:
            return [MemoryFilter(author_id=target.id, inactive=True)]


def within_thread(where: MemoryFilter, thread_id: str) -> list[MemoryFilter]:
    """Return the filters for what ``where`` names and a hold on the thread keeps: by its thread, or by its session."""
    parts = []
    if where.thread_id in (None, thread_id):
        parts.append(replace(where, thread_id=thread_id))
    if where.session_id in (None, thread_id):
        parts.append(replace(where, session_id=thread_id))
    return parts
