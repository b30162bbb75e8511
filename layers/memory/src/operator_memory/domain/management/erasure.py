"""An erasure: its state, and the receipt that says what was removed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind


class ErasureState(StrEnum):
    """``running`` until nothing is left; ``complete`` when that was counted; ``verified`` after a last look, when
    every worker that could have been writing meanwhile has ended. ``waiting`` while a legal hold is in the way."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Erasure:
    """The account of one erasure, and its receipt once it is complete. Holds no memory text.

    ``removed`` and ``remaining`` are counts by store: ``memories``, ``copies`` (while memories are moved to another
    collection), ``entities``, ``archived``, ``job_records``, ``queries``; in ``remaining`` maybe
    ``archived_unreadable``: lines of the archive that do not say whose they are. An erasure that leaves such lines
    ends as ``complete``, and is never ``verified``. ``dropped``: when an operator has dropped the account's dead
    letters, by kind (`LETTERS`); ``removed`` counts them under the same name.
    """

    id: str
    account_id: AccountId
    target: Target
    requested_by: str
    erased_at: datetime
    state: ErasureState = ErasureState.RUNNING
    removed: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)
    completed_at: datetime | None = None
    verified_at: datetime | None = None
    reason: str = "erase"
    """``erase``, or ``clear`` where a person emptied a scope."""
    dropped: Mapping[str, datetime] = field(default_factory=dict)
    held: str | None = None
    """While it waits: the reason of the hold."""


DEAD_JOBS, DEAD_EVENTS, BACKUPS = "dead_letters", "dead_events", "backups"
"""Where words may be that an erasure does not reach: runs that were given up, searches on their way into the trail that
were given up, and copies of the stores."""

LETTERS = {DEAD_JOBS: timedelta(days=28), DEAD_EVENTS: timedelta(days=14)}
"""How long the queues keep what was in them when the erasure began: jobs for 14 days in their queue and 14 more from
the day they are given up, as FIFO queues count; events for 14 days in all."""


@dataclass(frozen=True, slots=True)
class NotCovered:
    """A copy that an erasure does not reach, and when it is gone (``None``: not known while the erasure goes on)."""

    where: str
    until: datetime | None


def not_covered(erasure: Erasure, *, backup_days: int) -> list[NotCovered]:
    """Return the copies that ``erasure`` does not reach. ``backup_days``: how long backups of the stores are kept."""
    found = [
        NotCovered(where, erasure.erased_at + kept)
        for where, kept in LETTERS.items()
        if where not in erasure.dropped and (where == DEAD_JOBS or _holds_searches(erasure.target))
    ]
    if backup_days:
        end = erasure.completed_at
        found.append(NotCovered(BACKUPS, None if end is None else end + timedelta(days=backup_days)))
    return found


def _holds_searches(target: Target) -> bool:
    """Whether the words of searches are erased with it."""
    return target.kind in (TargetKind.ACCOUNT, TargetKind.AUTHOR)
