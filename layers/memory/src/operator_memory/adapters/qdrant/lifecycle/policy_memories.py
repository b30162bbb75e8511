"""Memories by the selections of a policy, in Qdrant."""

from collections.abc import Sequence

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.adapters.qdrant.lifecycle import policy_requests as bodies
from operator_memory.adapters.qdrant.neighbour_words import take_words_back
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.fates import Place, Selection
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId


class QdrantPolicyMemories:
    """Port ``PolicyMemories`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, timeout: float) -> None:
        """``timeout``: seconds for one request."""
        self._collection = QdrantCollection(client, collection, timeout=timeout)

    def count(self, account_id: AccountId, selection: Selection) -> int:
        """How many there are, exactly."""
        return 0 if selection.is_empty else self._collection.count(bodies.selected_count(account_id, selection))

    def some(self, account_id: AccountId, selection: Selection, *, after: str | None, limit: int) -> list[Memory]:
        """Up to ``limit`` of them by id, behind ``after``."""
        if selection.is_empty or (after is not None and bodies.is_last_id(after)):
            return []
        body = bodies.selected_by_id(account_id, selection, after=after, limit=limit)
        return self._collection.memories(account_id, body)

    def least(self, account_id: AccountId, selection: Selection, *, after: Place | None, limit: int) -> list[Memory]:
        """Up to ``limit`` of them, those that matter least first.

        Qdrant orders by one field. So it is asked for the lowest importance, then for what has it by age: what was
        never used, then the rest.
        """
        found: list[Memory] = []
        importance = None if after is None else after.importance
        while not selection.is_empty and len(found) < limit:
            if importance is None or after is None:
                importance = self._lowest(account_id, selection, above=importance)
                if importance is None:
                    break
            for used in (False, True):
                if after is None or used >= after.used:
                    of_it = _Block(self._collection, account_id, selection, bodies.as_important(importance, used=used))
                    found += of_it.read(after if after is not None and used == after.used else None, limit - len(found))
            after = None
        return found

    def _lowest(self, account_id: AccountId, selection: Selection, *, above: float | None) -> float | None:
        points = self._collection.scroll(bodies.lowest_importance(account_id, selection, above=above))
        try:
            return float(points[0]["payload"]["importance"]) if points else None
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point has no readable importance") from error

    def remove(self, account_id: AccountId, selection: Selection, ids: Sequence[str]) -> int:
        """Delete those of ``ids`` that are still among them; returns how many were."""
        if selection.is_empty or not ids:
            return 0
        condition = bodies.selected_deletion(account_id, selection, ids)
        body = {**condition, "limit": len(ids), "with_payload": False, "with_vector": False}
        there = self._collection.scroll_ids(body)
        if there:
            take_words_back(self._collection, account_id, there, leaving=[{"has_id": there}])
            self._collection.call(
                "POST", "/points/delete?wait=true", bodies.selected_deletion(account_id, selection, there)
            )
        return len(there)


class _Block:
    """Memories of one importance, oldest first and then by id.

    Qdrant cannot go on in a list that is ordered by a field: an offset is an id, and many memories may have been
    created at one moment. So what is of one moment is read by id, and what comes after it by time.
    """

    def __init__(
        self, collection: QdrantCollection, account_id: AccountId, selection: Selection, beside: list[Json]
    ) -> None:
        self._collection = collection
        self._account_id = account_id
        self._selection = selection
        self._beside = beside

    def read(self, after: Place | None, wanted: int) -> list[Memory]:
        """The next ``wanted`` memories, or all there are."""
        if wanted <= 0:
            return []
        edge = None if after is None else after.created_at
        found = [] if after is None else self._of_moment(after, wanted)
        while len(found) < wanted:
            missing = wanted - len(found)
            body = bodies.selected_by_age(
                self._account_id, self._selection, *self._beside, after=edge, limit=missing + 1
            )
            ahead = sorted(self._memories(body), key=lambda memory: (memory.created_at, memory.id))
            if len(ahead) <= missing:  # that is the rest
                return found + ahead
            last = ahead[-1]  # of its moment there may be more than we see
            edge = last.created_at
            found += [memory for memory in ahead if memory.created_at != edge]
            if len(found) < wanted:
                found += self._of_moment(Place(last.importance, False, edge, ""), wanted - len(found))
        return found

    def _of_moment(self, place: Place, limit: int) -> list[Memory]:
        if place.id and bodies.is_last_id(place.id):
            return []
        same = bodies.at_moment(place.created_at)
        body = bodies.selected_by_id(
            self._account_id, self._selection, *self._beside, same, after=place.id or None, limit=limit
        )
        return self._memories(body)

    def _memories(self, body: Json) -> list[Memory]:
        return self._collection.memories(self._account_id, body)
