"""Embeddings from an OpenAI-compatible API (``POST {base}/embeddings``), over the kept-alive client.

Standard library only: the context function imports this. Wire format:
https://platform.openai.com/docs/api-reference/embeddings
"""

import base64
import json
import math
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.adapters.net.retries import Retries
from operator_memory.domain.errors import MalformedResponseError

_SYSTEM = "embeddings"
_MAX_BATCH = 100
_MAX_BATCH_BYTES = 250_000
"""Of UTF-8 in one request: the API takes 300,000 tokens, and a token is at least a byte."""
_EMPTY = " "  # the API refuses an empty string
_NOT_FINITE = "an embedding holds a value that is not a finite number"


class OpenAIEmbeddings:
    """Port ``Embedder``. More than 100 texts, or than 250,000 bytes, are sent in several requests.

    Vectors are asked for in base64: 1536 numbers are 8 kB instead of 20 to 34 and are read in 0.05 ms instead of
    0.13 to 0.25. A server that answers with lists of numbers all the same is understood.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        model: str,
        dimensions: int,
        send_dimensions: bool = False,
        retries: Retries | None = None,
    ) -> None:
        """``send_dimensions`` asks the server to shorten its vectors to ``dimensions``."""
        self._client = client
        self._retries = retries or Retries()
        self._model = model
        self._dimensions = dimensions
        self._extra = {"dimensions": dimensions} if send_dimensions else {}

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self._dimensions

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        """One vector of ``dimensions`` floats per text, in order.

        ``timeout`` covers all requests together, with what is tried again after a failure that may pass (`Retries`).

        Raises:
            UpstreamTimeoutError, UpstreamUnavailableError, UpstreamRejectedError: as their names say.
            MalformedResponseError: another number of vectors, another length, or a number that is not finite.
        """
        vectors: list[list[float]] = []
        deadline = time.monotonic() + timeout
        for batch in _batches(texts):
            vectors += self._embed_batch(batch, deadline)
        return vectors

    def _embed_batch(self, texts: Sequence[str], deadline: float) -> list[list[float]]:
        body = {
            "model": self._model,
            "input": [text or _EMPTY for text in texts],
            "encoding_format": "base64",
            **self._extra,
        }
        encoded = json.dumps(body).encode()

        def ask(timeout: float) -> dict[str, Any]:
            return json_object(_SYSTEM, self._client.request("POST", "/embeddings", encoded, timeout=timeout))

        data = self._retries.run(ask, deadline=deadline).get("data")
        if not isinstance(data, list) or len(data) != len(texts):
            raise MalformedResponseError(_SYSTEM, f"expected {len(texts)} embeddings")
        try:
            by_index = {item["index"]: item["embedding"] for item in data}
            return [self._checked_vector(by_index[n]) for n in range(len(texts))]
        except (KeyError, TypeError) as error:
            raise MalformedResponseError(_SYSTEM, "a text has no embedding with its index") from error

    def _checked_vector(self, vector: Any) -> list[float]:  # noqa: ANN401  (decoded JSON)
        numbers = _decoded(vector) if isinstance(vector, str) else _listed(vector)
        if len(numbers) != self._dimensions:
            raise MalformedResponseError(
                _SYSTEM,
                f"an embedding has {len(numbers)} numbers, not {self._dimensions}: "
                "EMBEDDING_DIMENSIONS does not fit EMBEDDING_MODEL",
            )
        return numbers


def _decoded(vector: str) -> list[float]:
    """The 32-bit little-endian numbers in ``vector``, which is base64."""
    try:
        raw = base64.b64decode(vector, validate=True)
        numbers = list(struct.unpack(f"<{len(raw) // 4}f", raw))
    except (ValueError, struct.error) as error:
        raise MalformedResponseError(_SYSTEM, "an embedding is not base64 of 32-bit numbers") from error
    if not math.isfinite(sum(numbers)):  # is not if one of them is not, and no sum of so few is too large
        raise MalformedResponseError(_SYSTEM, _NOT_FINITE)
    return numbers


def _listed(vector: object) -> list[float]:
    if not isinstance(vector, list):
        raise MalformedResponseError(_SYSTEM, "an embedding is neither a list nor base64")
    try:
        numbers = [float(x) for x in vector if type(x) is float or type(x) is int]
    except OverflowError:  # an integer beyond any float
        numbers = []
    if len(numbers) != len(vector) or not all(map(math.isfinite, numbers)):
        raise MalformedResponseError(_SYSTEM, _NOT_FINITE)
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
