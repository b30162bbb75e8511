"""Use case: exports everything that is held about an account, as JSON Lines, one part at a time.

A part ends where an answer of the API would become too large; its cursor says where the next one begins. The cursor is
a position, not a snapshot: a part holds what is stored when it is made.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from operator_memory.application.ports.archive import ArchivedMemories
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.management import (
    ErasureStore,
    EventStore,
    JobHistory,
    MemoryLibrary,
    PlatformSettings,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.export_line import Line, memory_line
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.listing import Position, Sort
from operator_memory.domain.memory.scopes import AccountId, checked_id
from operator_memory.domain.shared.archive_views import SeenInArchive
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.time_left import SecondsLeft, no_limit

PART_BYTES = 3_500_000
"""Bytes at which a part is closed: a function may answer with 6 MB, its JSON escapes included."""

STOP_SECONDS = 12.0
"""Seconds left at which a part is closed: the next page may take as long as its store is given."""

PAGE = 100
FORMAT = 1

_SECTIONS = ("account", "memories", "archive", "jobs", "erasures", "events", "end")


@dataclass(frozen=True, slots=True)
class ExportPart:
    """JSON texts, one a line, and the cursor of the next part (``None``: this was the last)."""

    lines: tuple[str, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ExportSources:
    """All places that hold something. Those that are not configured are ``None``."""

    library: MemoryLibrary
    jobs: JobHistory
    erasures: ErasureStore
    archive: ArchivedMemories | None
    events: EventStore | None
    settings: PlatformSettings | None


Page = tuple[list[Line], str | None]
Cursor = tuple[str, str | None]
"""A section, and where in it an export goes on (``None``: at its beginning)."""


class ExportAccount:
    """Makes one part at a time."""

    def __init__(self, sources: ExportSources, *, trail: AuditTrail, clock: Clock) -> None:
        self._sources = sources
        self._trail = trail
        self._clock = clock
        self._readers: dict[str, Callable[[AccountId, str | None], Page]] = {
            "account": self._account,
            "memories": self._memories,
            "archive": self._archive,
            "jobs": self._jobs,
            "erasures": self._erasures,
            "events": self._events,
            "end": lambda _account, _after: ([{"type": "end"}], None),
        }

    def export_part(
        self, caller: Caller, account_id: AccountId, cursor: str | None, seconds_left: SecondsLeft = no_limit
    ) -> ExportPart:
        """Return the part that begins at ``cursor`` (``None``: the first). It ends early where time is short.

        Every part goes on record: anybody can write a cursor, so an export may begin at one.

        Raises:
            InvalidInputError: the cursor is none of ours.
        """
        if cursor is None:
            self._trail.note(account_id, caller.actor, EventType.EXPORT, Touched(count=self._count(account_id)))
            return self._part(account_id, (_SECTIONS[0], None), seconds_left)
        section, after = _decoded(cursor)
        part = self._part(account_id, (section, after), seconds_left)
        about: dict[str, str | int | bool] = {"lines": len(part.lines), "from": section}
        self._trail.note(account_id, caller.actor, EventType.EXPORT, metadata=about)
        return part

    def _part(self, account_id: AccountId, start: Cursor, seconds_left: SecondsLeft) -> ExportPart:
        lines: list[str] = []
        size = 0
        for line, cursor in self._lines(account_id, *start):
            text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
            lines.append(text)
            # The answer is JSON itself, and every quote in it is escaped once more.
            size += len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))
            is_full = size >= PART_BYTES or seconds_left() < STOP_SECONDS
            if is_full and cursor is not None:
                return ExportPart(tuple(lines), _encoded(*cursor))
        return ExportPart(tuple(lines), None)

    def _count(self, account_id: AccountId) -> int:
        return self._sources.library.count(account_id, MemoryFilter(inactive=True), now=self._clock.now())

    def _lines(self, account_id: AccountId, section: str, after: str | None) -> Iterator[tuple[Line, Cursor | None]]:
        """Yield line after line, each with the cursor after it (``None``: an export cannot go on there)."""
        for number in range(_SECTIONS.index(section), len(_SECTIONS)):
            name = _SECTIONS[number]
            while True:
                began = after
                lines, after = self._readers[name](account_id, after)
                following = _SECTIONS[number + 1] if number + 1 < len(_SECTIONS) else None
                end = (name, after) if after is not None else (following, None) if following else None
                for line in lines[:-1]:
                    yield line, _cursor_after(name, line, began)
                for line in lines[-1:]:
                    yield line, end
                if after is None:
                    break

    def _account(self, account_id: AccountId, _after: str | None) -> Page:
        settings = self._sources.settings
        head: Line = {
            "type": "account",
            "format": FORMAT,
            "account_id": account_id,
            "exported_at": self._clock.now().isoformat(),
        }
        if settings is not None:
            head["settings"] = settings.account(account_id)
        return [head], None

    def _memories(self, account_id: AccountId, after: str | None) -> Page:
        start = None
        if after is not None:
            value, _, identity = after.partition(" ")
            start = Position(value, identity)
        everything, sort = MemoryFilter(inactive=True), Sort(descending=False)
        page = self._sources.library.page(account_id, everything, sort, after=start, limit=PAGE, now=self._clock.now())
        position = None if page.next is None else f"{page.next.value} {page.next.id}"
        return [memory_line(memory) for memory in page.memories], position

    def _archive(self, account_id: AccountId, after: str | None) -> Page:
        if self._sources.archive is None:
            return [], None
        place, _, last = (after or "").partition(" ")
        seen, position = self._sources.archive.group(account_id, after=place or None)
        ids = [one.memory.id for one in seen]
        rest = seen[ids.index(last) + 1 :] if last in ids else seen
        return [_archived_line(one) for one in rest], position

    def _jobs(self, account_id: AccountId, after: str | None) -> Page:
        if after is not None:
            checked_id("cursor", after)
        records, position = self._sources.jobs.page(account_id, after=after, limit=20)
        return [{"type": "job", **asdict(record)} for record in records], position

    def _erasures(self, account_id: AccountId, _after: str | None) -> Page:
        return [{"type": "erasure", **asdict(erasure)} for erasure in self._sources.erasures.all(account_id)], None

    def _events(self, account_id: AccountId, after: str | None) -> Page:
        if self._sources.events is None:
            return [], None
        rows, position = self._sources.events.events(account_id, after=after, limit=PAGE)
        return [{"type": "event", **row} for row in rows], position


def _archived_line(seen: SeenInArchive) -> Line:
    about = {"archived": True, "archived_at": seen.archived_at.isoformat(), "archive_reason": seen.reason}
    return {**memory_line(seen.memory), **about}


def _cursor_after(section: str, line: Line, began: str | None) -> Cursor | None:
    """Return the cursor after a line within a page that began at ``began``, if its lines may be long: a history holds
    texts, a job thousands of outcomes."""
    if section == "archive":
        return section, f"{(began or '').partition(' ')[0]} {line['id']}"
    if section == "memories":
        return section, f"{line['created_at']} {line['id']}"
    return (section, line["job_id"]) if section == "jobs" else None


def _encoded(section: str, after: str | None) -> str:
    text = json.dumps([section, after], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[str, str | None]:
    try:
        section, after = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if section in _SECTIONS and (after is None or isinstance(after, str)):
            return section, after
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidInputError("cursor", "is not one that an export has given")
