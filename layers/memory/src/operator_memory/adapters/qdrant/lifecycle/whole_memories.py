"""Moves points of Qdrant out and back with all that they hold: payload and vectors as they are stored."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import BATCH, QdrantCollection
from operator_memory.adapters.qdrant.index_fields import keyword
from operator_memory.adapters.qdrant.library_requests import is_memory_id
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.archived import ArchivedMemory, WholeMemory
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

_UNNAMED = ""
_IN_ORDER = "?wait=true&ordering=strong"


class QdrantWholeMemories:
    """Port ``WholeMemories`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, timeout: float) -> None:
        """``timeout``: seconds for one request."""
        self._collection = QdrantCollection(client, collection, timeout=timeout)

    def read(self, account_id: AccountId, ids: Sequence[str]) -> list[WholeMemory]:
        """See the port. A hundred in a request."""
        return [_whole(account_id, point) for point in self._points(account_id, ids, with_vector=True)]

    def _points(self, account_id: AccountId, ids: Sequence[str], *, with_vector: bool = False) -> list[Any]:
        known = [identity for identity in dict.fromkeys(ids) if is_memory_id(identity)]
        found: list[Any] = []
        for start in range(0, len(known), BATCH):
            body = whole(account_id, known[start : start + BATCH], with_vector=with_vector)
            found += self._collection.scroll(body)
        return found

    def delete_unchanged(self, account_id: AccountId, memories: Sequence[WholeMemory]) -> set[str]:
        """See the port. Compares the whole payload, and deletes on the condition that what most often changes is still
        the same: in the moment between, only a repetition of what was learned could be missed."""
        ids = [whole.memory.id for whole in memories]
        now = {str(point["id"]): point["payload"] for point in self._points(account_id, ids)}
        same = [whole for whole in memories if now.get(whole.memory.id) == whole.payload]
        for start in range(0, len(same), BATCH):
            body = deletion(same[start : start + BATCH])
            self._collection.call("POST", f"/points/batch{_IN_ORDER}", body)
        return {str(point["id"]) for point in self._points(account_id, ids)}

    def touch(self, account_id: AccountId, ids: Sequence[str], *, at: datetime) -> set[str]:
        """See the port."""
        points = [_whole(account_id, point, with_vector=False) for point in self._points(account_id, ids)]
        for start in range(0, len(points), BATCH):
            operations = [_use(account_id, each.memory, at) for each in points[start : start + BATCH]]
            self._collection.call("POST", f"/points/batch{_IN_ORDER}", {"operations": operations})
        return {str(point["id"]) for point in self._points(account_id, ids)} if points else set()

    def put_back(
        self, account_id: AccountId, memories: Sequence[WholeMemory], *, used_at: datetime, own_words: Collection[str]
    ) -> None:
        """See the port. A hundred in a request.

        Raises:
            ValueError: one of them belongs to another account; nothing is sent then.
        """
        if any(whole.memory.account_id != account_id for whole in memories):
            raise ValueError("a memory of another account")
        for start in range(0, len(memories), BATCH):
            points = [
                returned(whole, used_at=used_at, own_words=whole.memory.id in own_words)
                for whole in memories[start : start + BATCH]
            ]
            body = {
                "points": points,
                "update_mode": "insert_only",
                "update_filter": requests.tenant_filter(account_id),
            }
            self._collection.call("PUT", f"/points{_IN_ORDER}", body)

    def understood(self, account_id: AccountId, archived: ArchivedMemory) -> WholeMemory:
        """See the port."""
        point = {"id": archived.entry.id, "payload": archived.payload}
        memory = requests.memory_of(account_id, point)
        return WholeMemory(memory, archived.payload, archived.vectors)


def whole(account_id: AccountId, ids: Sequence[str], *, with_vector: bool) -> Json:
    """Body of ``points/scroll``: the account's points of these ids with everything."""
    return {**requests.with_ids(account_id, ids), "with_payload": True, "with_vector": with_vector}


def deletion(memories: Sequence[WholeMemory]) -> Json:
    """Body of ``points/batch``: delete each of ``memories`` that is the one that was read."""
    return {"operations": [{"delete": {"filter": as_read(each)}} for each in memories]}


def as_read(each: WholeMemory) -> Json:
    """The filter for a point that a person has not changed since, nor a newer fact replaced, nor anybody used."""
    memory = each.memory
    condition = requests.unchanged(memory, memory.version)
    condition["must"] += [
        _is_still(each.payload, "superseded_by"),
        _is_still(each.payload, requests.FOLLOWS),
        _is_still(each.payload, "access_count"),
    ]
    return condition


def _is_still(payload: Mapping[str, object], name: str) -> Json:
    value = payload.get(name)
    return {"is_empty": {"key": name}} if value is None else requests.equals(name, value)


def returned(each: WholeMemory, *, used_at: datetime, own_words: bool) -> Json:
    """The point of a memory that comes back."""
    payload = {**each.payload, "last_accessed_at": requests.timestamp(used_at)}
    vectors = dict(each.vectors)
    if own_words:
        payload.pop(requests.FOLLOWS, None)
        vectors[requests.KEYWORD_VECTOR] = keyword(keyword_text(each.memory))
    return {"id": each.memory.id, "vector": vectors, "payload": payload}


def _use(account_id: AccountId, memory: Memory, at: datetime) -> Json:
    last = at if memory.last_accessed_at is None else max(at, memory.last_accessed_at)
    used = {"last_accessed_at": requests.timestamp(last), "access_count": memory.access_count + 1}
    return {"set_payload": {"payload": used, "filter": requests.tenant_filter(account_id, {"has_id": [memory.id]})}}


def _whole(account_id: AccountId, point: object, *, with_vector: bool = True) -> WholeMemory:
    if not isinstance(point, dict):
        raise MalformedResponseError(requests.SYSTEM, "a point is not an object")
    memory = requests.memory_of(account_id, point)
    if not with_vector:
        return WholeMemory(memory, point["payload"], {})
    vectors = point.get("vector")
    if isinstance(vectors, list):
        vectors = {_UNNAMED: vectors}
    if not isinstance(vectors, dict) or not vectors:
        raise MalformedResponseError(requests.SYSTEM, "a point came without its vectors")
    return WholeMemory(memory, point["payload"], vectors)
