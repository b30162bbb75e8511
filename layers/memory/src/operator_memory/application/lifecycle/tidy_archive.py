"""Use case: ends what is in two places: left by workers that were killed, or learned anew while it was archived.

The one in the store stays. Lines without an entry, and memories past their end, go when they are older than a day: no
worker is still at them.
"""

from dataclasses import dataclass
from datetime import timedelta

from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.core import Clock, HoldReader
from operator_memory.application.ports.lifecycle import MemoryArchive
from operator_memory.domain.lifecycle.archived import ArchivedEntry
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step, no_limit

SETTLED = timedelta(days=1)
"""After so long no worker is still moving a memory."""

PAGE = 500


@dataclass(frozen=True, slots=True)
class TidyReport:
    """What was ended."""

    swept: int = 0
    """Memories that were written and never entered."""
    in_both: int = 0
    """Entries whose memories are in the store."""
    expired: int = 0
    """Memories past their own end."""
    next: str | None = None
    """Where the next call goes on; ``None``: all was looked at."""


class TidyArchive:
    """Leaves each memory in one place."""

    def __init__(
        self, *, archive: MemoryArchive, memories: WholeMemories, clock: Clock, holds: HoldReader | None = None
    ) -> None:
        self._archive = archive
        self._memories = memories
        self._holds = holds
        self._clock = clock

    def go_on(self, account_id: AccountId, *, after: str | None, seconds_left: SecondsLeft) -> str | None:
        """As `tidy`; return where the next call goes on. A ``TidyUp``."""
        return self.tidy(account_id, after=after, seconds_left=seconds_left).next

    def tidy(
        self, account_id: AccountId, *, after: str | None = None, seconds_left: SecondsLeft = no_limit
    ) -> TidyReport:
        """Go through the archive from ``after`` on, for as long as there is time."""
        now = self._clock.now()
        swept = self._archive.sweep(account_id, before=now - SETTLED) if after is None else 0
        in_both = expired = 0
        slowest = 0.0
        while has_time_for_a_step(left := seconds_left(), slowest):
            page, following = self._archive.entries(account_id, after=after, limit=PAGE)
            ended, known = self._ended(account_id, page)
            self._archive.take_back(account_id, [*known, *ended])
            in_both, expired, after = in_both + len(known), expired + len(ended), following
            slowest = max(slowest, left - seconds_left())
            if after is None:
                break
        return TidyReport(swept, in_both, expired, after)

    def _ended(
        self, account_id: AccountId, page: list[ArchivedEntry]
    ) -> tuple[list[ArchivedEntry], list[ArchivedEntry]]:
        """Return what is past its end, and what the store has too.

        Somebody may be moving that out at this moment: it is touched, so it stays in the store.
        """
        now = self._clock.now()
        free = self._removable(account_id, page)
        there = self._memories.touch(account_id, [entry.id for entry in free], at=now) if free else set()
        only = [entry for entry in free if entry.id not in there and entry.archived_at < now - SETTLED]
        ended = [entry for entry in only if entry.expires_at is not None and entry.expires_at <= now]
        return ended, [entry for entry in free if entry.id in there]

    def _removable(self, account_id: AccountId, entries: list[ArchivedEntry]) -> list[ArchivedEntry]:
        if self._holds is None or not entries:
            return entries
        holds = self._holds.holds(account_id)
        return [entry for entry in entries if holds.on(entry.outline(account_id)) is None]
