"""Memories in Qdrant, over its REST API. Standard library only (hot path).

What is sent is built in ``qdrant_requests`` and ``qdrant_searches``; here it is sent and its failures are named.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from operator_memory.adapters.net.http import HttpClient, Response, json_object
from operator_memory.adapters.qdrant import requests, searches
from operator_memory.adapters.qdrant.neighbour_words import take_words_back
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.search_plan import Hit, SearchPlan

BATCH = 100
"""How many points one request is about at most."""


class QdrantCollection:
    """Sends requests about one collection, and reads the answers."""

    def __init__(self, client: HttpClient, name: str, *, timeout: float) -> None:
        """``timeout``: seconds for one request, where a call does not say otherwise."""
        self._client = client
        self._path = f"/collections/{name}"
        self._timeout = timeout

    def send(self, method: str, path: str, body: requests.Json | bytes, *, timeout: float | None = None) -> Response:
        """The answer as it came; ``path`` is below the collection's."""
        payload = body if isinstance(body, bytes) else searches.compact(body)
        seconds = self._timeout if timeout is None else timeout
        return self._client.request(method, self._path + path, payload, timeout=seconds)

    def call(self, method: str, path: str, body: requests.Json | bytes, *, timeout: float | None = None) -> Any:  # noqa: ANN401
        """The JSON value that a successful answer has as its ``result``."""
        return result_of(self.send(method, path, body, timeout=timeout))

    def scroll(self, body: requests.Json) -> list[Any]:
        """The points of a page."""
        return requests.points_of(self.call("POST", "/points/scroll", body))

    def memories(self, account_id: AccountId, body: requests.Json) -> list[Memory]:
        """The memories of a page, whole."""
        return [requests.memory_of(account_id, point) for point in self.scroll(body)]

    def scroll_ids(self, body: requests.Json) -> list[str]:
        """The ids of a page."""
        try:
            return [requests.point_id(point) for point in self.scroll(body)]
        except (KeyError, TypeError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no id") from error

    def count(self, body: requests.Json) -> int:
        """How many points there are."""
        return count_of(self.call("POST", "/points/count", body))


class QdrantMemories:
    """Ports ``MemorySearch``, ``MemoryWriter`` and ``ExpiredMemories`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, write_timeout: float) -> None:
        """``write_timeout``: seconds for one request that is not a search."""
        self._collection = QdrantCollection(client, collection, timeout=write_timeout)

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """Run all searches of ``plan`` in one request; one list of hits per search, best first."""
        body = searches.encoded(account_id, plan, now=now)
        answers = self._collection.call("POST", "/points/query/batch", body, timeout=timeout)
        return searches.hits_of(account_id, answers, len(plan.searches))

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        """Which of ``ids`` the account already has."""
        found: set[str] = set()
        for start in range(0, len(ids), BATCH):
            body = requests.with_ids(account_id, ids[start : start + BATCH])
            found.update(self._collection.scroll_ids(body))
        return found

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        """What the account has under ``ids``, in whatever state, whole."""
        found: dict[str, Memory] = {}
        for start in range(0, len(ids), BATCH):
            body = {**requests.with_ids(account_id, ids[start : start + BATCH]), "with_payload": True}
            found.update((memory.id, memory) for memory in self._collection.memories(account_id, body))
        return found

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        """Mark them as replaced by the memory ``by``. What a person has pinned stays as it is."""
        for start in range(0, len(ids), BATCH):
            body = requests.supersede(account_id, ids[start : start + BATCH], by=by, at=at)
            self._collection.call("POST", "/points/payload?wait=true", body)

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        """The memories that are marked as replaced by one of ``ids``: of 100 of them at most 1,000."""
        found: list[Memory] = []
        for start in range(0, len(ids), BATCH):
            body = requests.replaced_by(account_id, ids[start : start + BATCH])
            found += self._collection.memories(account_id, body)
        return found

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        """How many facts hold at ``now``."""
        return self._collection.count(requests.facts(account_id, now=now))

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        """Store ``memories``, in requests of at most 100 points, each applied before it returns.

        Raises:
            ValueError: if one of them belongs to another account; then nothing has been sent.
        """
        starts = range(0, len(memories), BATCH)
        bodies = [requests.upsert(account_id, memories[start : start + BATCH]) for start in starts]
        for body in bodies:
            self._collection.call("PUT", "/points?wait=true", body)

    def delete_expired(self, account_id: AccountId, *, now: datetime, limit: int) -> int:
        """Delete up to ``limit`` of the account's memories that have expired at ``now``; returns how many."""
        ids = self._collection.scroll_ids(requests.expired(account_id, now=now, limit=limit))
        if ids:
            # A person may have made the earlier one of two turns end before the later one.
            take_words_back(self._collection, account_id, ids, leaving=[requests.in_range("expires_at", lte=now)])
            body = requests.delete_expired(account_id, ids, now=now)
            self._collection.call("POST", "/points/delete?wait=true", body)
        return len(ids)

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """The account's earliest ``expires_at`` later than ``after``, or ``None``."""
        points = self._collection.scroll(requests.next_expiry(account_id, after=after))
        try:
            return requests.aware(points[0]["payload"]["expires_at"]) if points else None
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no readable expires_at") from error


def result_of(response: Response) -> Any:  # noqa: ANN401  (JSON)
    """What a successful answer has as its ``result``."""
    answer = json_object(requests.SYSTEM, response)
    if "result" not in answer:
        raise MalformedResponseError(requests.SYSTEM, "the answer has no result")
    return answer["result"]


def count_of(result: object) -> int:
    """The number of a result that counts."""
    count = result.get("count") if isinstance(result, dict) else None
    if not isinstance(count, int):
        raise MalformedResponseError(requests.SYSTEM, "the answer holds no count")
    return count
