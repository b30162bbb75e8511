"""Use case: keeps accounts within their quotas; a full one refuses, or the least important goes to the archive."""

from collections.abc import Sequence

from operator_memory.application.ports.core import Clock, HoldReader
from operator_memory.application.ports.lifecycle import StoreToArchive
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.ports.usage import QuotaRule
from operator_memory.domain.errors import QuotaFullError
from operator_memory.domain.management.listing import Position, Sort, SortKey
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.holds import NO_HOLDS
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.usage.quota import Quota, WhenFull

ARCHIVED_FOR = "over_quota"
"""The reason of what is archived to make room."""

_FACTS = MemoryFilter(kind=Kind.FACT)
_MAY_GO = MemoryFilter(kind=Kind.FACT, pinned=False)
_LEAST_FIRST = Sort(SortKey.IMPORTANCE, descending=False)
_PAGE = 100
_MOST_PAGES = 10
"""Of held memories that are passed over in search of others."""


class KeepQuota:
    """Ports ``QuotaKeeper`` and ``RoomMaker``. Two writers at once may go over by what both add."""

    def __init__(
        self,
        *,
        rule: QuotaRule,
        library: MemoryLibrary,
        clock: Clock,
        archive: StoreToArchive | None = None,
        holds: HoldReader | None = None,
    ) -> None:
        """Without an ``archive`` every full account refuses. ``holds``: what stays where it is."""
        self._rule = rule
        self._library = library
        self._clock = clock
        self._archive = archive
        self._holds = holds

    @property
    def rule(self) -> QuotaRule:
        """What says how many facts an account may have."""
        return self._rule

    def standing(self, account_id: AccountId) -> tuple[Quota, int]:
        """Return the account's quota, and how many facts it has."""
        return self._quota(account_id), self._library.count(account_id, _FACTS, now=self._clock.now())

    def admit(self, account_id: AccountId, wanted: int) -> int:
        """Return how many of ``wanted`` new facts there is room for; make room for the others where the quota says
        so."""
        if not wanted:
            return 0
        quota, used = self.standing(account_id)
        room = max(0, quota.most - used)
        missing = wanted - room
        if missing > 0 and quota.when_full is WhenFull.ARCHIVE:
            room += self.give_way(account_id, self.who_gives_way(account_id, limit=missing))
        return min(wanted, room)

    def require_room(self, account_id: AccountId) -> None:
        """Return if there is room for one more fact.

        Raises:
            QuotaFullError: there is none.
        """
        if not self.admit(account_id, 1):
            quota, used = self.standing(account_id)
            raise QuotaFullError(used=used, most=quota.most)

    def who_gives_way(self, account_id: AccountId, *, limit: int) -> list[str]:
        """Return up to ``limit`` facts that may go: not pinned, not held, the least important first."""
        if self._archive is None or limit <= 0:
            return []
        holds = NO_HOLDS if self._holds is None else self._holds.holds(account_id)
        found: list[str] = []
        after: Position | None = None
        for _ in range(_MOST_PAGES if holds.account is None else 0):
            size = min(_PAGE, limit - len(found)) if not holds.threads else _PAGE
            page = self._library.page(account_id, _MAY_GO, _LEAST_FIRST, after=after, limit=size, now=self._clock.now())
            found += [memory.id for memory in page.memories if holds.on(memory) is None]
            after = page.next
            if after is None or len(found) >= limit:
                break
        return found[:limit]

    def give_way(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """Move these to the archive; return how many were moved."""
        if self._archive is None or not ids:
            return 0
        return self._archive(account_id, dict.fromkeys(ids, ARCHIVED_FOR))

    def _quota(self, account_id: AccountId) -> Quota:
        quota = self._rule.quota(account_id)
        return quota if self._archive is not None else Quota(quota.most, WhenFull.REFUSE)
