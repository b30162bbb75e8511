"""The archive: objects in S3, found by an index in DynamoDB.

An object is changed first, the index after it. So a line that the index does not name stands only in an object that is
noted as being written (see ``index``), and an entry of the index may for a moment name a line that is gone.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from operator_memory.adapters.archive.index import ArchiveIndex, Writing
from operator_memory.adapters.archive.lines import Line, line_of, packed, unpacked
from operator_memory.adapters.archive.objects import SYSTEM, ArchiveObjects
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

OBJECT = 100
"""Memories in one object at most."""
_ATTEMPTS = 5
_LOG = logging.getLogger("operator_memory.archive")

Goes = Callable[[Line], bool]


class StoredArchive:
    """Ports ``MemoryArchive`` and ``ErasableArchive``."""

    def __init__(self, objects: ArchiveObjects, index: ArchiveIndex) -> None:
        self._objects = objects
        self._index = index

    # ---- keeping ----------------------------------------------------------------------------------------------

    def keep(self, account_id: AccountId, memories: Sequence[ArchivedMemory]) -> list[ArchivedEntry]:
        """Write them, a hundred in an object; see the port.

        Raises:
            UpstreamUnavailableError: what was written is not what is read back: an erasure came in between, or the
                write went wrong. Nothing of it is entered then.
        """
        kept: list[ArchivedEntry] = []
        for start in range(0, len(memories), OBJECT):
            kept += self._keep(account_id, memories[start : start + OBJECT])
        return kept

    def _keep(self, account_id: AccountId, memories: Sequence[ArchivedMemory]) -> list[ArchivedEntry]:
        at = max(memory.entry.archived_at for memory in memories)
        key = self._objects.new_key(account_id, at)
        placed = [replace(memory, entry=replace(memory.entry, place=key)) for memory in memories]
        writing = Writing(key, (key,), at)
        self._index.begin(account_id, writing)
        self._write(account_id, key, placed)
        entries = [memory.entry for memory in placed]
        entered = self._enter(account_id, writing, entries)
        self._clear(account_id, [entry for entry in entries if entry.id not in entered])
        self._index.end(account_id, key)
        return [entry for entry in entries if entry.id in entered]

    def _enter(self, account_id: AccountId, writing: Writing, entries: Sequence[ArchivedEntry]) -> set[str]:
        """Enter what nobody has archived later, and take away what it takes the place of; return the ids.

        The objects of what is replaced are noted before it is: a worker that is killed in between leaves lines there.
        """
        entered: set[str] = set()
        missing = list(entries)
        for _ in range(_ATTEMPTS):
            former = {known.id: known for known in self._index.find(account_id, [entry.id for entry in missing])}
            missing = [e for e in missing if e.id not in former or former[e.id].archived_at <= e.archived_at]
            places = dict.fromkeys((*writing.places, *(former[e.id].place for e in missing if e.id in former)))
            if len(places) > len(writing.places):
                writing = replace(writing, places=tuple(places))
                self._index.begin(account_id, writing)
            refused = {entry.id for entry in self._index.enter(account_id, missing, former)}
            done = [entry for entry in missing if entry.id not in refused]
            self._clear(account_id, [former[entry.id] for entry in done if entry.id in former])
            entered |= {entry.id for entry in done}
            missing = [entry for entry in missing if entry.id in refused]
            if not missing:
                break
        return entered

    def _write(self, account_id: AccountId, key: str, memories: Sequence[ArchivedMemory]) -> None:
        body = packed([line_of(account_id, memory) for memory in memories])
        self._objects.write_new(key, body)
        stored = self._objects.read(key)
        read = [] if stored is None or stored.body != body else unpacked(stored.body, account_id)
        if [line.archived for line in read] != list(memories):
            raise UpstreamUnavailableError(SYSTEM, "what was written is not what is read back")

    # ---- reading ----------------------------------------------------------------------------------------------

    def entries(
        self, account_id: AccountId, *, after: str | None, limit: int
    ) -> tuple[list[ArchivedEntry], str | None]:
        """See the port. In one query."""
        return self._index.page(account_id, after=after, limit=limit)

    def find(self, account_id: AccountId, ids: Sequence[str]) -> list[ArchivedEntry]:
        """See the port. Reads no object."""
        return self._index.find(account_id, ids)

    def kept_with(self, account_id: AccountId, entry: ArchivedEntry) -> list[ArchivedEntry]:
        """The entries of all memories in the same object."""
        ids = [line.archived.entry.id for line in self._lines(account_id, entry.place) if line.archived]
        found = self._index.find(account_id, dict.fromkeys([entry.id, *ids]))
        return [other for other in found if other.place == entry.place]

    def read(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedMemory]:
        """See the port. Reads each object once."""
        found: dict[str, ArchivedMemory] = {}
        for place, ids in _by_place(entries).items():
            for line in self._lines(account_id, place):
                if line.archived is not None and line.archived.entry.id in ids:
                    found[line.archived.entry.id] = line.archived
        return [found[entry.id] for entry in entries if entry.id in found]

    def group(self, account_id: AccountId, *, after: str | None) -> tuple[list[ArchivedMemory], str | None]:
        """See the port: what the index names of one object."""
        key = self._objects.key_after(account_id, after)
        if key is None:
            return [], None
        found = {line.archived.entry.id: line.archived for line in self._lines(account_id, key) if line.archived}
        named = [entry.id for entry in self._index.find(account_id, list(found)) if entry.place == key]
        return [found[identity] for identity in named], self._objects.name_of(account_id, key)

    def usage(self, account_id: AccountId) -> ArchiveUsage:
        """See the port. Reads the index only."""
        return self._index.usage(account_id)

    def _lines(self, account_id: AccountId, place: str) -> list[Line]:
        stored = self._objects.read(place) if self._objects.is_of(account_id, place) else None
        return [] if stored is None else unpacked(stored.body, account_id)

    # ---- deleting ---------------------------------------------------------------------------------------------

    def forget(self, account_id: AccountId, ids: Sequence[str]) -> int:
        """See the port."""
        return self.take_back(account_id, self._index.find(account_id, ids))

    def take_back(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> int:
        """See the port. Writes each object once."""
        unreadable = self._clear(account_id, entries)
        if unreadable:
            extra = {"account_id": account_id, "lines": unreadable}
            _LOG.warning("memories were deleted beside lines that cannot be read", extra=extra)
        return len(entries) - len(self._index.drop(account_id, entries))

    def sweep(self, account_id: AccountId, *, before: datetime) -> int:
        """See the port. Reads only what is noted as being written."""
        swept = 0
        for writing in self._index.writing(account_id):
            if writing.begun_at < before:
                swept += sum(self._clear_unnamed(account_id, place) for place in writing.places)
                self._index.end(account_id, writing.key)
        return swept

    def _clear(self, account_id: AccountId, entries: Iterable[ArchivedEntry], *, unreadable_too: bool = False) -> int:
        """Take the lines of ``entries`` out of their objects; return how many lines stay there that cannot be read."""
        unreadable = 0
        for place, ids in _by_place(entries).items():
            _, left = self._take_out(account_id, place, _is_one_of(ids, unreadable_too=unreadable_too))
            unreadable += left
        return unreadable

    def _clear_unnamed(self, account_id: AccountId, place: str) -> int:
        ids = [line.archived.entry.id for line in self._lines(account_id, place) if line.archived]
        named = {entry.id for entry in self._index.find(account_id, ids) if entry.place == place}
        taken, _ = self._take_out(account_id, place, _is_one_of(set(ids) - named))
        return taken

    def _take_out(self, account_id: AccountId, place: str, goes: Goes) -> tuple[int, int]:
        """Rewrite an object without the lines that go; return how many went, and how many cannot be read and stay.

        Raises:
            UpstreamUnavailableError: it was changed by others again and again.
        """
        for _ in range(_ATTEMPTS):
            stored = self._objects.read(place) if self._objects.is_of(account_id, place) else None
            if stored is None:
                return 0, 0
            lines = unpacked(stored.body, account_id)
            kept = [line for line in lines if not goes(line)]
            unreadable = sum(line.archived is None for line in kept)
            body = packed([line.raw for line in kept]) if kept else None
            if len(kept) == len(lines) or self._objects.replace(stored, body):
                return len(lines) - len(kept), unreadable
        raise UpstreamUnavailableError(SYSTEM, "an object is changed faster than it can be rewritten")

    # ---- erasing ----------------------------------------------------------------------------------------------

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """See the port: entries, and lines that are not entered yet. Of a whole account also each other object."""
        tombstone = Tombstone(target, until)
        entries = list(self._index.all(account_id))
        doomed = sum(tombstone.covers(entry.outline(account_id)) for entry in entries)
        unnamed = self._unnamed(account_id, entries)
        doomed += sum(len(self._doomed_lines(account_id, place, tombstone, named)) for place, named in unnamed.items())
        if target.kind is TargetKind.ACCOUNT:
            known = {entry.place for entry in entries} | unnamed.keys()
            doomed += sum(key not in known for key in self._objects.keys(account_id))
        return doomed

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        """See the port. Reads the index, and then only the objects concerned."""
        tombstone, whole = Tombstone(target, until), target.kind is TargetKind.ACCOUNT
        entries = list(self._index.all(account_id))
        doomed = [entry for entry in entries if tombstone.covers(entry.outline(account_id))]
        unnamed = self._unnamed(account_id, entries)
        if whole:
            gone = {entry.id for entry in doomed}
            shared = {entry.place for entry in entries if entry.id not in gone} | unnamed.keys()
            self._objects.delete(key for key in self._objects.keys(account_id) if key not in shared)
        unreadable = self._clear(account_id, doomed, unreadable_too=whole)
        for place, named in unnamed.items():
            lines = self._doomed_lines(account_id, place, tombstone, named)
            _, left = self._take_out(account_id, place, _is_raw(lines))
            unreadable += left
        self._index.drop(account_id, doomed)
        if whole:
            self._forget_writing(account_id, until)
        return unreadable

    def _forget_writing(self, account_id: AccountId, until: datetime) -> None:
        for writing in self._index.writing(account_id):
            if writing.begun_at <= until:
                self._index.end(account_id, writing.key)

    def _unnamed(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> dict[str, Collection[str]]:
        """The objects that may hold lines which the index does not name, and the ids that it names there."""
        by_place = _by_place(entries)
        return {p: by_place.get(p, set()) for writing in self._index.writing(account_id) for p in writing.places}

    def _doomed_lines(
        self, account_id: AccountId, place: str, tombstone: Tombstone, named: Collection[str]
    ) -> set[bytes]:
        """The lines in an object that go beside those that the index names."""
        whole = tombstone.target.kind is TargetKind.ACCOUNT
        doomed: set[bytes] = set()
        for line in self._lines(account_id, place):
            entry = None if line.archived is None else line.archived.entry
            if whole if entry is None else entry.id not in named and tombstone.covers(entry.outline(account_id)):
                doomed.add(line.raw)
        return doomed


def _is_one_of(ids: Collection[str], *, unreadable_too: bool = False) -> Goes:
    return lambda line: unreadable_too if line.archived is None else line.archived.entry.id in ids


def _is_raw(lines: Collection[bytes]) -> Goes:
    return lambda line: line.raw in lines


def _by_place(entries: Iterable[ArchivedEntry]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        found[entry.place].add(entry.id)
    return dict(found)
