"""Use case: ends what workers that were killed have left behind in an account's archive.

Looks only at what is older than a day: no worker is still at it.
"""

from dataclasses import dataclass
from datetime import timedelta

from operator_memory.application.ports.core import Clock, HoldReader, MemoryWriter
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
        self, *, archive: MemoryArchive, memories: MemoryWriter, clock: Clock, holds: HoldReader | None = None
    ) -> None:
        self._archive = archive
        self._memories = memories
        self._holds = holds
        self._clock = clock

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
            settled = self._removable(account_id, [e for e in page if e.archived_at < now - SETTLED])
            stored = self._memories.existing_ids(account_id, [entry.id for entry in settled]) if settled else set()
            ended = [e for e in settled if e.expires_at is not None and e.expires_at <= now and e.id not in stored]
            self._archive.take_back(account_id, [*(e for e in settled if e.id in stored), *ended])
            in_both, expired, after = in_both + len(stored), expired + len(ended), following
            slowest = max(slowest, left - seconds_left())
            if after is None:
                break
        return TidyReport(swept, in_both, expired, after)

    def _removable(self, account_id: AccountId, entries: list[ArchivedEntry]) -> list[ArchivedEntry]:
        if self._holds is None or not entries:
            return entries
        holds = self._holds.holds(account_id)
        return [entry for entry in entries if holds.on(entry.outline(account_id)) is None]
