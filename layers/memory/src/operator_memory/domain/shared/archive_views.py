"""Archived memories as people see them."""

from dataclasses import dataclass
from datetime import datetime

from operator_memory.domain.memory.memory import Memory


@dataclass(frozen=True, slots=True)
class SeenInArchive:
    """An archived memory, since when it is archived, and why."""

    memory: Memory
    archived_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ArchiveUsage:
    """How much an account has in the archive: memories, and the bytes of their payloads and vectors as the store held
    them."""

    memories: int = 0
    bytes: int = 0
