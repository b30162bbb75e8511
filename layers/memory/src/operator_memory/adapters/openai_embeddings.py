"""Embeddings from an OpenAI-compatible API (``POST {base}/embeddings``), over the kept-alive client.

Standard library only: the context function imports this. Wire format:
https://platform.openai.com/docs/api-reference/embeddings
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from operator_memory.adapters.http import HttpClient, json_object
from operator_memory.domain.errors import MalformedResponseError

_SYSTEM = "embeddings"
_MAX_BATCH = 100
_MAX_BATCH_BYTES = 250_000
"""Of UTF-8 in one request: the API takes 300,000 tokens, and a token is at least a byte."""
_EMPTY = " "  # the API refuses an empty string


class OpenAIEmbeddings:
    """Port ``Embedder``. More than 100 texts, or than 250,000 bytes, are sent in several requests."""

    def __init__(self, client: HttpClient, *, model: str, dimensions: int, send_dimensions: bool = False) -> None:
        """``send_dimensions`` asks the server to shorten its vectors to ``dimensions``."""
        self._client = client
        self._model = model
        self._dimensions = dimensions
        self._extra = {"dimensions": dimensions} if send_dimensions else {}

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self._dimensions

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        """One vector of ``dimensions`` floats per text, in order; ``timeout`` covers all requests together.

        Raises:
            UpstreamTimeoutError, UpstreamUnavailableError, UpstreamRejectedError: as their names say.
            MalformedResponseError: another number of vectors, another length, or a number that is not finite.
        """
        vectors: list[list[float]] = []
        deadline = time.monotonic() + timeout
        for batch in _batches(texts):
            vectors += self._embed_batch(batch, max(0.0, deadline - time.monotonic()))
        return vectors

    def _embed_batch(self, texts: Sequence[str], timeout: float) -> list[list[float]]:
        body = {
            "model": self._model,
            "input": [text or _EMPTY for text in texts],
            "encoding_format": "float",
            **self._extra,
        }
        response = self._client.request("POST", "/embeddings", json.dumps(body).encode(), timeout=timeout)
        data = json_object(_SYSTEM, response).get("data")
        if not isinstance(data, list) or len(data) != len(texts):
            raise MalformedResponseError(_SYSTEM, f"expected {len(texts)} embeddings")
        try:
            by_index = {item["index"]: item["embedding"] for item in data}
            return [self._checked_vector(by_index[n]) for n in range(len(texts))]
        except (KeyError, TypeError) as error:
            raise MalformedResponseError(_SYSTEM, "a text has no embedding with its index") from error

    def _checked_vector(self, vector: Any) -> list[float]:  # noqa: ANN401  (decoded JSON)
        if not isinstance(vector, list) or len(vector) != self._dimensions:
            length = len(vector) if isinstance(vector, list) else "no"
            raise MalformedResponseError(
                _SYSTEM,
                f"an embedding has {length} numbers, not {self._dimensions}: "
                "EMBEDDING_DIMENSIONS does not fit EMBEDDING_MODEL",
            )
        try:
            numbers = [float(x) for x in vector if type(x) is float or type(x) is int]
        except OverflowError:  # an integer beyond any float
            numbers = []
        if len(numbers) != len(vector) or not all(map(math.isfinite, numbers)):
            raise MalformedResponseError(_SYSTEM, "an embedding holds a value that is not a finite number")
        return numbers


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """``texts`` in order, cut so that each request is within the API's limits; a single text is never cut."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "replace"))
        if batch and (len(batch) == _MAX_BATCH or size + length > _MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch
