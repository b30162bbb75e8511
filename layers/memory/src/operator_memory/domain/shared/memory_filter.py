"""Which memories of an account a person lists, searches, exports or deletes."""

from dataclasses import dataclass
from datetime import datetime

from operator_memory.domain.memory.scopes import Kind, Scope


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
