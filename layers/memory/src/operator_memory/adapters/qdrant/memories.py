"""Stores and finds memories in Qdrant. Standard library only (hot path).

``requests`` and ``searches`` build the request bodies.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests, searches
from operator_memory.adapters.qdrant.collection import BATCH, QdrantCollection
from operator_memory.adapters.qdrant.neighbour_words import take_words_back
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.search_plan import Hit, SearchPlan


class QdrantMemories:
    """Ports ``MemorySearch``, ``MemoryWriter`` and ``ExpiredMemories`` on one collection."""

    def __init__(
        self, client: HttpClient, *, collection: str, write_timeout: float, embedder: str | None = None
    ) -> None:
        """``write_timeout``: seconds for one request that is not a search. ``embedder``: the model that makes the
        vectors; it is stored with them, and what another one has made is told apart."""
        self._embedder = embedder
        self._collection = QdrantCollection(client, collection, timeout=write_timeout)

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """Run all searches of ``plan`` in one request; one list of hits per search, best first."""
        body = searches.encoded(account_id, plan, now=now)
        answers = self._collection.call("POST", "/points/query/batch", body, timeout=timeout)
        return searches.hits_of(account_id, answers, plan.searches, embedder=self._embedder)

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
        bodies = [
            requests.upsert(account_id, memories[start : start + BATCH], embedder=self._embedder) for start in starts
        ]
        for body in bodies:
            self._collection.call("PUT", "/points?wait=true", body)

    def delete_expired(
        self, account_id: AccountId, *, now: datetime, limit: int, kept_threads: Collection[str] = ()
    ) -> int:
        """Delete up to ``limit`` of the account's memories that have expired at ``now``; returns how many."""
        kept = requests.of_threads(kept_threads)
        ids = self._collection.scroll_ids(requests.expired(account_id, now=now, limit=limit, kept=kept))
        if ids:
            # A person may have made the earlier one of two turns end before the later one.
            take_words_back(self._collection, account_id, ids, leaving=[requests.in_range("expires_at", lte=now)])
            body = requests.delete_expired(account_id, ids, now=now, kept=kept)
            self._collection.call("POST", "/points/delete?wait=true", body)
        return len(ids)

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        """The account's earliest ``expires_at`` later than ``after``, or ``None``."""
        points = self._collection.scroll(requests.next_expiry(account_id, after=after))
        try:
            return requests.aware(points[0]["payload"]["expires_at"]) if points else None
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no readable expires_at") from error
