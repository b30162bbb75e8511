"""How many bytes memories take in Qdrant, measured on a sample of them."""

import json
from typing import Any

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import QdrantCollection
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.sizes import BYTES_OF_A_NUMBER, BYTES_OF_A_WORD, PointSize, Sizes, estimated_sizes

SAMPLE = 500
"""Memories that are measured; an account with no more is measured whole."""


class QdrantSizes:
    """Port ``MemorySizes``, in one request.

    The sample is the first memories by id. Ids are hashes of what was said, or random: they have nothing to do with
    how long a memory is, so these are as good as drawn, and asking again gives the same answer.
    """

    def __init__(self, client: HttpClient, *, collection: str, timeout: float, dimensions: int) -> None:
        """``dimensions``: the length of every dense vector."""
        self._collection = QdrantCollection(client, collection, timeout=timeout)
        self._dimensions = dimensions

    def sizes(self, account_id: AccountId, *, count: int) -> Sizes:
        """Bytes of the account's ``count`` memories."""
        body = {
            "filter": requests.tenant_filter(account_id),
            "limit": SAMPLE,
            "with_payload": True,
            "with_vector": [requests.KEYWORD_VECTOR],
        }
        return estimated_sizes([self._size(point) for point in self._collection.scroll(body)], count)

    def _size(self, point: Any) -> PointSize:  # noqa: ANN401  (JSON)
        try:
            payload = json.dumps(point["payload"], ensure_ascii=False, separators=(",", ":"))
            words = len(((point.get("vector") or {}).get(requests.KEYWORD_VECTOR) or {}).get("indices", ()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(requests.SYSTEM, "a point cannot be measured") from error
        vectors = self._dimensions * BYTES_OF_A_NUMBER + words * BYTES_OF_A_WORD
        return PointSize(len(payload.encode("utf-8", "surrogatepass")), vectors)
