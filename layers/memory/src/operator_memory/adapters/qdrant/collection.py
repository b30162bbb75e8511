"""One collection in Qdrant, over its REST API: sends requests, reads the answers, names the failures.

Standard library only (hot path).
"""

from typing import Any

from operator_memory.adapters.net.http import HttpClient, Response, json_object
from operator_memory.adapters.qdrant import requests, searches
from operator_memory.domain.errors import EmbeddingModelChangedError, MalformedResponseError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

_OTHER_LENGTH = b"ector dimension error"
"""In Qdrant's answer to a vector of another length than the collection's."""

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


def result_of(response: Response) -> Any:  # noqa: ANN401  (JSON)
    """What a successful answer has as its ``result``."""
    if response.status == 400 and _OTHER_LENGTH in response.body:
        raise EmbeddingModelChangedError(requests.SYSTEM, "it holds vectors of another length")
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
