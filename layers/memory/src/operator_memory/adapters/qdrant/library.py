"""What people do with their memories in Qdrant: list, find, correct, delete. See ``qdrant_library_requests``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import library_requests as bodies
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import BATCH, QdrantCollection
from operator_memory.adapters.qdrant.neighbour_words import PAGE, take_words_back
from operator_memory.adapters.qdrant.searches import hits_of
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError
from operator_memory.domain.management.listing import Page, Position, Sort, SortKey, Usage
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Hit, Search, SearchMode

MAX_PAGE = 500
_FACET_LIMIT = 100
# A conditional write must be applied in the same order by every replica, or they would disagree about who won.
_IN_ORDER = "?wait=true&ordering=strong"


class QdrantLibrary:
    """Port ``MemoryLibrary`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, timeout: float, embedder: str | None = None) -> None:
        """``timeout``: seconds for one request. ``embedder``: the model that makes the vectors."""
        self._embedder = embedder
        self._collection = QdrantCollection(client, collection, timeout=timeout)

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
        """Up to ``limit`` (1..500) memories in order, in one to three requests.

        Raises:
            InvalidInputError: if ``after`` is no position in a list of this order.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"a page has 1 to {MAX_PAGE} memories, not {limit}")
        found = _Listing(self._collection, account_id, where, sort, now).read(after, limit + 1)
        return Page(tuple(found[:limit]), _position(found[limit - 1], sort.key) if len(found) > limit else None)

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
        """The nearest by meaning, and by words, in one request. Of the memories found only the fields that a
        search brings along are set, and the version. Without a ``vector`` none are found by meaning."""
        body = bodies.find(account_id, where, vector=vector, text=text, limit=limit, now=now)
        modes = (SearchMode.DENSE, SearchMode.KEYWORD) if vector is not None else (SearchMode.KEYWORD,)
        searches = [Search(ScopeKey(Scope.USER), mode, limit) for mode in modes]
        answers = self._collection.call("POST", "/points/query/batch", body)
        *dense, keyword = hits_of(account_id, answers, searches, embedder=self._embedder)
        return dense[0] if dense else [], keyword

    def oldest(
        self, account_id: AccountId, where: MemoryFilter, *, after: str | None, limit: int, now: datetime
    ) -> tuple[list[Memory], str | None]:
        """Port ``MemoriesByAge``: a page of the list that begins with the oldest."""
        place = None if after is None else Position(*json.loads(after))
        page = self.page(account_id, where, Sort(descending=False), after=place, limit=limit, now=now)
        return list(page.memories), None if page.next is None else json.dumps([page.next.value, page.next.id])

    def get(self, account_id: AccountId, memory_id: str) -> Memory | None:
        """The memory in whatever state, or ``None`` if the account has none of this id."""
        if not bodies.is_memory_id(memory_id):
            return None
        points = self._collection.scroll(bodies.those(account_id, [memory_id]))
        return _memory(account_id, points[0]) if points else None

    def count(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> int:
        """How many there are, exactly."""
        return self._collection.count(bodies.count(account_id, where, now=now))

    def usage(self, account_id: AccountId, *, now: datetime) -> Usage:
        """How much the account has stored, in five requests."""
        by_scope = self._facet(account_id, "scope")
        return Usage(
            total=sum(by_scope.values()),
            active=self.count(account_id, MemoryFilter(), now=now),
            pinned=self.count(account_id, MemoryFilter(pinned=True, inactive=True), now=now),
            by_scope=by_scope,
            by_kind=self._facet(account_id, "kind"),
            by_agent=self._facet(account_id, "agent_id"),
        )

    def _facet(self, account_id: AccountId, key: str) -> dict[str, int]:
        answer = self._collection.call("POST", "/facet", bodies.facet(account_id, key, limit=_FACET_LIMIT))
        try:
            return {str(hit["value"]): int(hit["count"]) for hit in answer["hits"]}
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "the answer holds no counts of values") from error

    def replace(self, memory: Memory, vector: Vector | None, *, expected_version: int) -> bool:
        """Store ``memory`` in the place of its version ``expected_version``: payload and vectors in one write.

        Qdrant does not say whether a conditional write changed anything. So each leaves an id of its own in the
        point, beside those of the writes before it: it is still there when the next editor has been as well.
        A time-out leaves open whether it was stored; repeating then gives ``False`` if it was.

        Raises:
            ValueError: if the version of ``memory`` is not one more than the expected.
        """
        if memory.version != expected_version + 1:
            raise ValueError(f"version {memory.version} does not follow {expected_version}")
        stored = self._stored(memory)
        if stored is None or stored.version != expected_version:
            return False
        edit = uuid4().hex
        edits = {bodies.EDITS: [*stored.edits, edit][-bodies.KEPT_EDITS :]}
        if vector is None:
            beside = {**edits, **stored.of_vectors}
            body = bodies.payload_replacement(memory, beside, expected_version=expected_version)
            self._collection.call("PUT", f"/points/payload{_IN_ORDER}", body)
        else:
            take_words_back(self._collection, memory.account_id, [memory.id])
            beside = {**edits, bodies.EMBEDDED_BY: self._embedder}
            body = bodies.replacement(memory, vector, beside, expected_version=expected_version)
            self._collection.call("PUT", f"/points{_IN_ORDER}", body)
        now_stored = self._stored(memory)
        return now_stored is not None and edit in now_stored.edits

    def _stored(self, memory: Memory) -> "_Stored | None":
        """What an edit needs to know of the stored point, or ``None`` if the memory is gone."""
        if not bodies.is_memory_id(memory.id):
            return None
        body = bodies.those(memory.account_id, [memory.id], fields=("version", bodies.EDITS, *bodies.OF_VECTORS))
        points = self._collection.scroll(body)
        if not points:
            return None
        try:
            payload = points[0]["payload"]
            edits = [str(edit) for edit in payload.get(bodies.EDITS, ())]
            of_vectors = {name: payload.get(name) for name in bodies.OF_VECTORS}
            return _Stored(int(payload.get("version", 1)), edits, of_vectors)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no readable version") from error

    def delete(self, account_id: AccountId, ids: Sequence[str]) -> None:
        """Remove these memories, durably. Those that the account does not have are ignored."""
        known = [memory_id for memory_id in ids if bodies.is_memory_id(memory_id)]
        take_words_back(self._collection, account_id, known, leaving=[{"has_id": known}])
        for start in range(0, len(known), BATCH):
            body = bodies.deletion(account_id, known[start : start + BATCH])
            self._collection.call("POST", "/points/delete?wait=true", body)

    def delete_matching(self, account_id: AccountId, where: MemoryFilter, *, now: datetime) -> None:
        """Remove all that ``where`` lets through at ``now``, durably."""
        self._take_words_back(account_id, where, now)
        body = bodies.deletion_matching(account_id, where, now=now)
        self._collection.call("POST", "/points/delete?wait=true", body)

    def _take_words_back(self, account_id: AccountId, where: MemoryFilter, now: datetime) -> None:
        leaving = [bodies.matching(account_id, where, now=now)]
        start = None
        ids: list[str] = []
        while start is None or len(ids) == PAGE:
            body = bodies.turns(account_id, where, start=start, limit=PAGE, now=now)
            ids = self._collection.scroll_ids(body)
            if not ids:
                return
            take_words_back(self._collection, account_id, ids, leaving=leaving)
            start = ids[-1]  # once more: a page begins with its start, which need not be there any more

    def record_access(self, account_id: AccountId, accesses: Sequence[tuple[str, datetime]]) -> int:
        """Count each (memory id, time) that is later than the memory's last access; returns how many counted.

        Memories that the account does not have are ignored. Of two workers that count accesses of one memory at
        the same moment, one may overwrite the other's count; the time of the last access never goes back.
        """
        times: dict[str, set[datetime]] = {}
        for memory_id, moment in accesses:
            if bodies.is_memory_id(memory_id):
                times.setdefault(memory_id, set()).add(moment)
        ids = list(times)
        chunks = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
        return sum(self._record_chunk(account_id, {i: times[i] for i in chunk}) for chunk in chunks)

    def _record_chunk(self, account_id: AccountId, times: Mapping[str, set[datetime]]) -> int:
        operations = []
        counted = 0
        body = bodies.those(account_id, list(times), fields=("last_accessed_at", "access_count"))
        for point in self._collection.scroll(body):
            memory_id, last, total = _accessed(point)
            later = [moment for moment in times.get(memory_id, ()) if last is None or moment > last]
            if later:
                counted += len(later)
                operations.append(bodies.access(account_id, memory_id, last=max(later), total=total + len(later)))
        if operations:
            self._collection.call("POST", "/points/batch?wait=true", {"operations": operations})
        return counted


@dataclass(frozen=True, slots=True)
class _Stored:
    version: int
    edits: list[str]
    of_vectors: requests.Json


class _Listing:
    """Reads a sorted list of an account's memories from some place on.

    Qdrant cannot continue a list that is ordered by a field: an offset is an id, and many memories may have the
    same value. So what has one value is read by id, where it can, and what comes after it by value.
    """

    def __init__(
        self, collection: QdrantCollection, account_id: AccountId, where: MemoryFilter, sort: Sort, now: datetime
    ) -> None:
        self._collection = collection
        self._account_id = account_id
        self._where = where
        self._sort = sort
        self._now = now

    def read(self, after: Position | None, wanted: int) -> list[Memory]:
        """The next ``wanted`` memories, or all there are."""
        found: list[Memory] = []
        edge: bodies.SortValue | None = None
        if after is not None:
            if not bodies.is_memory_id(after.id):
                raise InvalidInputError("cursor", "is not a place in this list")
            edge = bodies.value_of(after.value, self._sort.key)
            found += self._ties(edge, after.id, wanted)
        while len(found) < wanted:
            missing = wanted - len(found)
            ahead = self._beyond(edge, missing + 1)
            if len(ahead) <= missing:  # that is the rest
                return found + ahead
            edge = self._value(ahead[-1])  # of this value there may be more than we see
            found += [memory for memory in ahead if self._value(memory) != edge]
            if len(found) < wanted:
                found += self._ties(edge, None, wanted - len(found))
        return found

    def _beyond(self, edge: bodies.SortValue | None, limit: int) -> list[Memory]:
        body = bodies.ordered(self._account_id, self._where, self._sort, beyond=edge, limit=limit, now=self._now)
        found = sorted(self._memories(body), key=lambda memory: memory.id)
        return sorted(found, key=self._value, reverse=self._sort.descending)

    def _ties(self, value: bodies.SortValue, after_id: str | None, limit: int) -> list[Memory]:
        if after_id is not None and bodies.is_last_id(after_id):
            return []
        body = bodies.ties(
            self._account_id, self._where, self._sort.key, value, after_id=after_id, limit=limit, now=self._now
        )
        return self._memories(body)

    def _memories(self, body: requests.Json) -> list[Memory]:
        return [_memory(self._account_id, point) for point in self._collection.scroll(body)]

    def _value(self, memory: Memory) -> Any:  # noqa: ANN401  (a SortValue that compares with the list's others)
        return bodies.sort_value(memory, self._sort.key)


def _position(memory: Memory, key: SortKey) -> Position:
    return Position(bodies.value_text(bodies.sort_value(memory, key)), memory.id)


def _memory(account_id: AccountId, point: object) -> Memory:
    if not isinstance(point, dict):
        raise MalformedResponseError(requests.SYSTEM, "a point is not an object")
    return requests.memory_of(account_id, point)


def _accessed(point: Mapping[str, Any]) -> tuple[str, datetime | None, int]:
    """A point's id, the time of its last access, and how many there were."""
    try:
        payload = point["payload"]
        last = payload.get("last_accessed_at")
        return requests.point_id(point), last and requests.aware(last), int(payload.get("access_count", 0))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedResponseError(requests.SYSTEM, "a point's accesses cannot be read") from error
