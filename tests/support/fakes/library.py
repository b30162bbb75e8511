"""The store as people see it, in memory: ports ``MemoryLibrary`` and ``ErasableMemories`` on `InMemoryMemories`."""

import math
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.listing import Page, Position, Sort, SortKey, Usage
from operator_memory.domain.memory.memory import CLEARED, EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.scripts import spelled
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.fakes.core import InMemoryMemories

MAX_PAGE = 500


def tokens(text: str) -> set[str]:
    """The words of a text, without case and accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return set(re.findall(r"[^\W_]+", plain.lower()))


def says(text: str, sought: str) -> bool:
    """Whether every word of ``sought`` stands in ``text``: as a word, or anywhere if its script allows that."""
    letters = spelled(text) or ""
    inside = [spelled_word for word in sought.split() if (spelled_word := spelled(word))]
    others = tokens(" ".join(word for word in sought.split() if not spelled(word)))
    if not (inside or others) or not all(f" {_letters(word)} " in f" {_letters(letters)} " for word in inside):
        return False
    return others <= tokens(text) or others <= tokens(letters)


def _letters(apart: str) -> str:
    return " ".join(letter for letter in apart.split() if letter.isalnum())


def lets_through(where: MemoryFilter, memory: Memory, now: datetime) -> bool:
    """Whether ``memory`` is one of those that ``where`` names at ``now``."""
    owners = ("scope", "kind", "agent_id", "session_id", "thread_id", "author_id")
    exact = (*owners, "source_run_id", "import_id", "pinned")
    if any(getattr(where, name) not in (None, getattr(memory, name)) for name in exact):
        return False
    if where.created_after is not None and memory.created_at < where.created_after:
        return False
    if where.created_before is not None and memory.created_at >= where.created_before:
        return False
    if where.text is not None and not says(memory.text, where.text):
        return False
    if where.quarantined is not None and where.quarantined != (memory.rejected is not None):
        return False
    ends = (memory.expires_at, memory.valid_until)
    return where.inactive or not any(end is not None and end <= now for end in ends)


@dataclass
class InMemoryLibrary:
    """Both ports on the points of ``memories``. ``entities``: Mem0's own points, as payloads, by account."""

    memories: InMemoryMemories = field(default_factory=InMemoryMemories)
    entities: dict[AccountId, list[dict[str, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _points(self, account_id: AccountId) -> dict[str, EmbeddedMemory]:
        return self.memories.points.setdefault(account_id, {})

    def _matching(self, account_id: AccountId, where: MemoryFilter, now: datetime) -> list[Memory]:
        return [memory for memory in self.memories.of(account_id) if lets_through(where, memory, now)]

    def page(
        self,
        account_id: AccountId,
        where: MemoryFilter,
        sort: Sort,
        *,
        after: Position | None,
        limit: int,
        now: datetime,
    ) -> Page:
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(limit)
        found = self._matching(account_id, where, now)  # by id; sorting keeps that order among equals
        found.sort(key=lambda memory: _value(memory, sort.key), reverse=sort.descending)
        if after is not None:
            edge = _edge(after, sort.key)
            found = [memory for memory in found if _follows(memory, edge, after.id, sort)]
        if len(found) <= limit:
            return Page(tuple(found), None)
        last = found[limit - 1]
        return Page(tuple(found[:limit]), Position(_text(_value(last, sort.key)), last.id))

    def find(
        self,
        account_id: AccountId,
        where: MemoryFilter,
        *,
        vector: Vector | None,
        text: str,
        limit: int,
        now: datetime,
    ) -> tuple[list[Hit], list[Hit]]:
        plan = SearchPlan((), vector=vector, text=text)
        points = [self._points(account_id)[memory.id] for memory in self._matching(account_id, where, now)]

        def best(mode: SearchMode) -> list[Hit]:
            search = Search(AnyScope(()), mode, limit)
            hits = [self.memories._hit(search, plan, point) for point in points]
            return sorted((h for h in hits if h.score > 0 or not h.comparable), key=lambda hit: -hit.score)[:limit]

        return [] if vector is None else best(SearchMode.DENSE), best(SearchMode.KEYWORD)

    def oldest(
        self, account_id: AccountId, where: MemoryFilter, *, after: str | None, limit: int, now: datetime
    ) -> tuple[list[Memory], str | None]:
        place = None if after is None else Position(*after.split(" ", 1))
        page = self.page(account_id, where, Sort(descending=False), after=place, limit=limit, now=now)
        return list(page.memories), None if page.next is None else f"{page.next.value} {page.next.id}"

    def get(self, account_id: AccountId, memory_id: str) -> Memory | None:
        found = self._points(account_id).get(memory_id)
        return found.memory if found else None

    def count(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> int:
        return len(self._matching(account_id, where, now))

    def usage(self, account_id: AccountId, *, now: datetime) -> Usage:
        every = self.memories.of(account_id)
        return Usage(
            total=len(every),
            active=self.count(account_id, MemoryFilter(), now=now),
            pinned=sum(memory.pinned for memory in every),
            by_scope=dict(Counter(memory.scope.value for memory in every)),
            by_kind=dict(Counter(memory.kind.value for memory in every)),
            by_agent=dict(Counter(memory.agent_id for memory in every if memory.agent_id).most_common(100)),
        )

    def replace(self, memory: Memory, vector: Vector | None, *, expected_version: int) -> bool:
        if memory.version != expected_version + 1:
            raise ValueError(memory.version)
        with self._lock:
            points = self._points(memory.account_id)
            stored = points.get(memory.id)
            if stored is None or stored.memory.version != expected_version:
                return False
            if not set(stored.memory.withheld_by) <= set(memory.withheld_by):  # since it was read
                return False
            if vector is None:
                points[memory.id] = replace(stored, memory=memory)
            else:
                self._take_words_back(memory.account_id, {memory.id})
                points[memory.id] = EmbeddedMemory(memory, vector)
            return True

    def delete(self, account_id: AccountId, ids: Sequence[str]) -> None:
        self._take_words_back(account_id, set(ids))
        for memory_id in ids:
            self._points(account_id).pop(memory_id, None)

    def _take_words_back(self, account_id: AccountId, ids: set[str]) -> None:
        points = self._points(account_id)
        for embedded in list(points.values()):
            if embedded.memory.follows in ids:
                own = replace(embedded.memory, follows=None)
                points[own.id] = EmbeddedMemory(own, embedded.vector)

    def delete_matching(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> None:
        self.delete(account_id, [memory.id for memory in self._matching(account_id, where, now)])

    def record_access(self, account_id: AccountId, accesses: Sequence[tuple[str, datetime]]) -> int:
        points = self._points(account_id)
        before = {i: e.memory.last_accessed_at for i, e in points.items()}
        counted = 0
        for memory_id, moment in sorted(set(accesses)):
            last = before.get(memory_id)
            if memory_id in points and (last is None or moment > last):
                known = points[memory_id]
                total = known.memory.access_count + 1
                accessed = replace(known.memory, last_accessed_at=moment, access_count=total)
                points[memory_id] = replace(known, memory=accessed)
                counted += 1
        return counted

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> dict[str, int]:
        doomed = self._erasable(account_id, target, until)
        entities = sum(_of_target(entity, target) for entity in self.entities.get(account_id, []))
        return {"memories": len(doomed), "entities": entities}

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        points = self._points(account_id)
        for embedded in list(points.values()):
            if Tombstone(target, until).silences(embedded.memory):
                silenced = replace(embedded.memory, withheld_by=(CLEARED,))
                points[silenced.id] = replace(embedded, memory=silenced)
        self.delete(account_id, self._erasable(account_id, target, until))
        mine = self.entities.get(account_id, [])
        self.entities[account_id] = [entity for entity in mine if not _of_target(entity, target)]

    def _erasable(self, account_id: AccountId, target: Target, until: datetime) -> list[str]:
        tombstone = Tombstone(target, until)
        return [memory.id for memory in self.memories.of(account_id) if tombstone.covers(memory)]


def _value(memory: Memory, key: SortKey) -> Any:
    return getattr(memory, key.value)


def _text(value: datetime | float) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _edge(after: Position, key: SortKey) -> Any:
    try:
        UUID(after.id)
        if key is not SortKey.IMPORTANCE:
            moment = datetime.fromisoformat(after.value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        number = float(after.value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInputError("cursor", "is not a place in this list")
    return number


def _follows(memory: Memory, edge: Any, after_id: str, sort: Sort) -> bool:
    value = _value(memory, sort.key)
    if value == edge:
        return memory.id > after_id
    return bool(value < edge if sort.descending else value > edge)


def _of_target(entity: dict[str, str], target: Target) -> bool:
    match target.kind:
        case TargetKind.AGENT:
            return entity.get("agent_id") == target.id
        case TargetKind.SESSION:
            return entity.get("run_id") == target.id
        case TargetKind.AUTHOR:
            return False
        case _:
            return True
