"""The archive in memory. It passes the same contract tests as the real one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

_PLACE = re.compile(r"object-[0-9]{4}")
SPOILED = None
"""A line that cannot be read."""


@dataclass
class InMemoryArchive:
    """Ports ``MemoryArchive`` and ``ErasableArchive``. ``objects``: the lines of each object, by account and place."""

    objects: dict[tuple[AccountId, str], list[ArchivedMemory | None]] = field(default_factory=dict)
    index: dict[tuple[AccountId, str], ArchivedEntry] = field(default_factory=dict)
    written: int = 0

    def put(self, account_id: AccountId, *memories: ArchivedMemory | None) -> None:
        """Archive memories, and lines that cannot be read, together in one object."""
        place = f"object-{self.written:04}"
        self.written += 1
        placed = [m and replace(m, entry=replace(m.entry, place=place)) for m in memories]
        self.objects[account_id, place] = placed
        self.index |= {(account_id, m.entry.id): m.entry for m in placed if m is not None}

    def keep(self, account_id: AccountId, memories: Sequence[ArchivedMemory]) -> list[ArchivedEntry]:
        wanted = [m for m in memories if not self._is_later(account_id, m.entry)]
        self.forget(account_id, [m.entry.id for m in wanted])
        if not wanted:
            return []
        self.put(account_id, *wanted)
        return [self.index[account_id, m.entry.id] for m in wanted]

    def _is_later(self, account_id: AccountId, entry: ArchivedEntry) -> bool:
        known = self.index.get((account_id, entry.id))
        return known is not None and known.archived_at > entry.archived_at

    def entries(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[ArchivedEntry], str | None]:
        if after is not None and not 0 < len(after) <= 128:
            raise InvalidInputError("cursor", "is not a place in this list")
        found = [entry for entry in self._of(account_id) if after is None or entry.id > after]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def _of(self, account_id: AccountId) -> list[ArchivedEntry]:
        return [self.index[key] for key in sorted(self.index) if key[0] == account_id]

    def find(self, account_id: AccountId, ids: Sequence[str]) -> list[ArchivedEntry]:
        return [self.index[account_id, i] for i in dict.fromkeys(ids) if (account_id, i) in self.index]

    def kept_with(self, account_id: AccountId, entry: ArchivedEntry) -> list[ArchivedEntry]:
        return [other for other in self._of(account_id) if other.place == entry.place]

    def read(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedMemory]:
        found: list[ArchivedMemory] = []
        for entry in entries:
            lines = self.objects.get((account_id, entry.place), [])
            found += [line for line in lines if line is not None and line.entry.id == entry.id]
        return found

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        return self.take_back(account_id, self.find(account_id, ids))

    def take_back(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> int:
        self._clear(account_id, entries)
        still = [e for e in entries if self.index.get((account_id, e.id)) == e]
        for entry in still:
            del self.index[account_id, entry.id]
        return len(still)

    def _clear(self, account_id: AccountId, entries: Iterable[ArchivedEntry], *, unreadable_too: bool = False) -> int:
        unreadable = 0
        gone = {(entry.place, entry.id) for entry in entries}
        for place in {place for place, _ in gone}:
            lines = self.objects.pop((account_id, place), [])
            kept = [m for m in lines if (not unreadable_too if m is None else (place, m.entry.id) not in gone)]
            unreadable += kept.count(None)
            if kept:
                self.objects[account_id, place] = kept
        return unreadable

    def group(self, account_id: AccountId, *, after: str | None) -> tuple[list[ArchivedMemory], str | None]:
        if after is not None and not _PLACE.fullmatch(after):
            raise InvalidInputError("cursor", "is not a place in this account's archive")
        places = sorted(place for account, place in self.objects if account == account_id and place > (after or ""))
        if not places:
            return [], None
        lines = self.objects[account_id, places[0]]
        named = [m for m in lines if m is not None and self.index.get((account_id, m.entry.id)) == m.entry]
        return named, places[0]

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        entries = self._of(account_id)
        return ArchiveUsage(len(entries), sum(entry.size for entry in entries))

    def sweep(self, account_id: AccountId, *, before: datetime) -> int:
        """Nothing is ever half written here."""
        return 0

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        doomed = len(self._doomed(account_id, target, until))
        if target.kind is not TargetKind.ACCOUNT:
            return doomed
        known = {entry.place for entry in self._of(account_id)}
        return doomed + sum(place not in known for account, place in self.objects if account == account_id)

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        whole = target.kind is TargetKind.ACCOUNT
        doomed = self._doomed(account_id, target, until)
        unreadable = self._clear(account_id, doomed, unreadable_too=whole)
        for entry in doomed:
            del self.index[account_id, entry.id]
        if whole:
            known = {entry.place for entry in self._of(account_id)}
            for key in [key for key in self.objects if key[0] == account_id and key[1] not in known]:
                del self.objects[key]
        return unreadable

    def _doomed(self, account_id: AccountId, target: Target, until: datetime) -> list[ArchivedEntry]:
        tombstone = Tombstone(target, until)
        return [entry for entry in self._of(account_id) if tombstone.covers(entry.outline(account_id))]
