"""The points of a collection as they lie there, page by page, whoever's they are: for copies of whole collections.

With `backfill` the only place that looks across accounts. Nothing here reads what a memory says.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.adapters.net.retries import Retries
from operator_memory.adapters.qdrant import requests, searches
from operator_memory.adapters.qdrant.collection import count_of
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import Scope

Json = dict[str, Any]
Id = str | int

PAGE = 200
"""Points in a request. Of the largest vectors in use (3,072 numbers) a page is some ten megabytes."""

_SECONDS = 120.0
SCOPES = tuple(scope.value for scope in Scope)


class Points:
    """Reads and writes whole points of one collection. Every request may be repeated, and is when Qdrant fails; every
    method raises an ``UpstreamError`` where it goes on failing."""

    def __init__(self, client: HttpClient, collection: str) -> None:
        self.client = client
        self.collection = collection

    def page(
        self, after: Id | None, *, limit: int = PAGE, payload: bool | list[str] = True, vectors: bool | list[str] = True
    ) -> tuple[list[Json], Id | None]:
        """Up to ``limit`` points by id, from ``after`` on, and where the next page begins (``None``: the end)."""
        body: Json = {"limit": limit, "with_payload": payload, "with_vector": vectors}
        result = self._call("POST", "/points/scroll", body if after is None else {**body, "offset": after})
        points = requests.points_of(result)
        following = result.get("next_page_offset")
        if following is not None and not isinstance(following, str | int):
            raise MalformedResponseError(requests.SYSTEM, "the answer does not say where its next page begins")
        return points, following

    def pages(self, *, payload: bool | list[str] = True, vectors: bool | list[str] = True) -> Iterator[list[Json]]:
        """All points, a page at a time."""
        after: Id | None = None
        while True:
            points, after = self.page(after, payload=payload, vectors=vectors)
            if points:
                yield points
            if after is None:
                return

    def of_ids(
        self, ids: Sequence[Id], *, payload: bool | list[str] = True, vectors: bool | list[str] = True
    ) -> dict[Id, Json]:
        """Those of ``ids`` that are there, by id."""
        if not ids:
            return {}
        body = {"ids": list(ids), "with_payload": payload, "with_vector": vectors}
        found = self._call("POST", "/points", body)
        if not isinstance(found, list):
            raise MalformedResponseError(requests.SYSTEM, "the answer holds no list of points")
        return {point["id"]: point for point in found}

    def count(self, scope: str | None = None) -> int:
        """How many there are, exactly; ``scope``: of memories with this scope."""
        condition = {} if scope is None else {"filter": {"must": [requests.equals("scope", scope)]}}
        return count_of(self._call("POST", "/points/count", {"exact": True, **condition}))

    def counts(self) -> dict[str, int]:
        """How many there are in all, and of each scope."""
        return {"all": self.count(), **{scope: self.count(scope) for scope in SCOPES}}

    def put(self, points: Sequence[Json], *, only_new: bool = False) -> None:
        """Write whole points, applied before it returns. ``only_new``: those that are there stay as they are."""
        if points:
            mode = {"update_mode": "insert_only"} if only_new else {}
            self._call("PUT", "/points?wait=true", {"points": list(points), **mode})

    def set_payload(self, payloads: Mapping[Id, Json]) -> None:
        """Put these payloads in the place of the points' own; their vectors stay."""
        operations = [{"overwrite_payload": {"payload": value, "points": [key]}} for key, value in payloads.items()]
        if operations:
            self._call("POST", "/points/batch?wait=true", {"operations": operations})

    def set_vectors(self, vectors: Mapping[Id, Json]) -> None:
        """Put these named vectors in the place of the points' own; the others stay."""
        if vectors:
            points = [{"id": key, "vector": value} for key, value in vectors.items()]
            self._call("PUT", "/points/vectors?wait=true", {"points": points})

    def without_field(self, name: str, ids: Sequence[Id]) -> None:
        """Take this field out of their payloads."""
        if ids:
            self._call("POST", "/points/payload/delete?wait=true", {"keys": [name], "points": list(ids)})

    def delete(self, ids: Sequence[Id]) -> None:
        """Delete them."""
        if ids:
            self._call("POST", "/points/delete?wait=true", {"points": list(ids)})

    def nearest(self, vector: object, account_id: str, *, limit: int) -> list[Id]:
        """The ids of the account's points that are closest to a dense vector, the closest first."""
        condition = {"must": [requests.equals(requests.ACCOUNT, account_id)]}
        body = {"query": vector, "filter": condition, "limit": limit, "with_payload": False}
        return [point["id"] for point in requests.points_of(self._call("POST", "/points/query", body))]

    def exists(self) -> bool:
        """Whether there is such a collection."""
        answer = self.client.request("GET", f"/collections/{self.collection}/exists", timeout=_SECONDS)
        return bool(json_object(requests.SYSTEM, answer)["result"]["exists"])

    def drop(self) -> None:
        """Delete the collection with all that is in it."""
        self._call("DELETE", "", None)

    def _call(self, method: str, path: str, body: Json | None) -> Any:  # noqa: ANN401  (JSON)
        payload, where = None if body is None else searches.compact(body), f"/collections/{self.collection}{path}"

        def attempt(timeout: float) -> Json:
            return json_object(requests.SYSTEM, self.client.request(method, where, payload, timeout=timeout))

        result = Retries().run(attempt, deadline=time.monotonic() + _SECONDS).get("result")
        if result is None:
            raise MalformedResponseError(requests.SYSTEM, "the answer has no result")
        return result
