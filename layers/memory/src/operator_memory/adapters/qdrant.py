"""Memories in Qdrant, over its REST API. Standard library only (hot path).

What is sent is built in ``qdrant_requests``; here it is sent and its failures are named.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from operator_memory.adapters import qdrant_requests as requests
from operator_memory.adapters.http import HttpClient, json_object
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.models import EmbeddedMemory, Memory
from operator_memory.domain.retrieval import Hit, SearchPlan
from operator_memory.domain.scopes import AccountId

_BATCH = 100


class QdrantMemories:
    """Ports ``MemorySearch``, ``MemoryWriter`` and ``ExpiredMemories`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, write_timeout: float) -> None:
        """``write_timeout``: seconds for one request that is not a search."""
        self._client = client
        self._points = f"/collections/{collection}/points"
        self._write_timeout = write_timeout

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """Run all searches of ``plan`` in one request; one list of hits per search, best first."""
        body = requests.batch_query(account_id, plan, now=now)
        answers = self._call("POST", "/query/batch", body, timeout=timeout)
        if not isinstance(answers, list) or len(answers) != len(plan.searches):
            raise MalformedResponseError(requests.SYSTEM, f"expected {len(plan.searches)} lists of points")
        known: dict[str, Memory] = {}  # most memories are found by more than one search, and read once
        return [[_hit(account_id, point, known) for point in _points_of(answer)] for answer in answers]

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        """Which of ``ids`` the account already has."""
        found: set[str] = set()
        for start in range(0, len(ids), _BATCH):
            body = requests.with_ids(account_id, ids[start : start + _BATCH])
            found.update(self._scrolled_ids(body))
        return found

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        """Store ``memories``, in requests of at most 100 points, each applied before it returns.

        Raises:
            ValueError: if one of them belongs to another account; then nothing has been sent.
        """
        starts = range(0, len(memories), _BATCH)
        bodies = [requests.upsert(account_id, memories[start : start + _BATCH]) for start in starts]
        for body in bodies:
            self._call("PUT", "?wait=true", body, timeout=self._write_timeout)

    def delete_expired(self, account_id: AccountId, *, now: datetime, limit: int) -> int:
        """Delete up to ``limit`` of the account's memories that have expired at ``now``; returns how many."""
        ids = self._scrolled_ids(requests.expired(account_id, now=now, limit=limit))
        if ids:
            body = requests.delete_expired(account_id, ids, now=now)
            self._call("POST", "/delete?wait=true", body, timeout=self._write_timeout)
        return len(ids)

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """The account's earliest ``expires_at`` later than ``after``, or ``None``."""
        points = self._scroll(requests.next_expiry(account_id, after=after))
        try:
            return requests.aware(points[0]["payload"]["expires_at"]) if points else None
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no readable expires_at") from error

    def _scrolled_ids(self, body: requests.Json) -> list[str]:
        try:
            return [requests.point_id(point) for point in self._scroll(body)]
        except (KeyError, TypeError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no id") from error

    def _scroll(self, body: requests.Json) -> list[Any]:
        return _points_of(self._call("POST", "/scroll", body, timeout=self._write_timeout))

    def _call(self, method: str, path: str, body: requests.Json, *, timeout: float) -> Any:  # noqa: ANN401  (JSON)
        payload = json.dumps(body, separators=(",", ":")).encode()
        response = self._client.request(method, self._points + path, payload, timeout=timeout)
        answer = json_object(requests.SYSTEM, response)
        if "result" not in answer:
            raise MalformedResponseError(requests.SYSTEM, "the answer has no result")
        return answer["result"]


def _points_of(result: object) -> list[Any]:
    points = result.get("points") if isinstance(result, dict) else None
    if not isinstance(points, list):
        raise MalformedResponseError(requests.SYSTEM, "the answer holds no list of points")
    return points


def _hit(account_id: AccountId, point: object, known: dict[str, Memory]) -> Hit:
    if not isinstance(point, dict):
        raise MalformedResponseError(requests.SYSTEM, "a point is not an object")
    score = point.get("score", 0.0)
    if not isinstance(score, int | float) or not math.isfinite(score):
        raise MalformedResponseError(requests.SYSTEM, "a score is not a number")
    identity = str(point.get("id"))
    memory = known.get(identity)
    if memory is None:
        memory = known[identity] = requests.memory_of(account_id, point)
    return Hit(memory, float(score))
