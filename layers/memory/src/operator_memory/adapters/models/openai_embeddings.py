"""Embeddings from an OpenAI-compatible API (``POST {base}/embeddings``), over the kept-alive client.

Standard library only: the context function imports this. Wire format:
https://platform.openai.com/docs/api-reference/embeddings
"""

import base64
import json
import logging
import math
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operator_memory.adapters.models.refusals import STATUSES, Parameters, Refusal, RefusedRequestError, read_refusal
from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.adapters.net.retries import Retries
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.embedding_text import beginning

_SYSTEM = "embeddings"
_MAX_BATCH = 100
_MAX_BATCH_BYTES = 250_000
"""Of UTF-8 in one request: the API takes 300,000 tokens, and a token is at least a byte."""
_EMPTY = " "  # the API refuses an empty string
_SMALLEST_WINDOW = 128
"""Bytes: an embedder that refuses so short a text does not refuse it for its length."""
_LOG = logging.getLogger("operator_memory.models")
_NOT_FINITE = "an embedding holds a value that is not a finite number"


class OpenAIEmbeddings:
    """Port ``Embedder``. More than 100 texts, or than 250,000 bytes, are sent in several requests.

    Vectors are asked for in base64: 1536 numbers are 8 kB instead of 20 to 34 and are read in 0.05 ms instead of
    0.13 to 0.25. A server that answers with lists of numbers all the same is understood.

    A server that takes less at once gets less: fewer texts a request, then the beginnings of long texts. What it takes
    is found by halving, and remembered as long as this object lives.
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
        shorter = {"dimensions": dimensions} if send_dimensions else {}
        self._parameters = Parameters(_SYSTEM, {"encoding_format": "base64", **shorter})
        self._most_texts = _MAX_BATCH
        self._window: int | None = None

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
        for batch in _batches(texts, self._most_texts):
            vectors += self._embed_batch(batch, deadline)
        return vectors

    def _embed_batch(self, texts: Sequence[str], deadline: float) -> list[list[float]]:
        texts = self._fitting(texts)
        try:
            answer = self._parameters.negotiate(
                lambda parameters: self._retries.run(
                    lambda timeout: self._ask(texts, parameters, timeout), deadline=deadline
                )
            )
        except RefusedRequestError as error:
            if error.refusal.names(("input",)) or not error.refusal.parameter:
                return self._embed_less(texts, deadline, error)
            raise
        data = answer.get("data")
        if not isinstance(data, list) or len(data) != len(texts):
            raise MalformedResponseError(_SYSTEM, f"expected {len(texts)} embeddings")
        try:
            by_index = {item["index"]: item["embedding"] for item in data}
            return [self._checked_vector(by_index[n]) for n in range(len(texts))]
        except (KeyError, TypeError) as error:
            raise MalformedResponseError(_SYSTEM, "a text has no embedding with its index") from error

    def _ask(self, texts: Sequence[str], parameters: Mapping[str, object], timeout: float) -> dict[str, Any] | Refusal:
        body = {"model": self._model, "input": [text or _EMPTY for text in texts], **parameters}
        response = self._client.request("POST", "/embeddings", json.dumps(body).encode(), timeout=timeout)
        if response.status in STATUSES:
            return read_refusal(response.status, response.body, texts)
        return json_object(_SYSTEM, response)

    def _embed_less(self, texts: Sequence[str], deadline: float, refused: RefusedRequestError) -> list[list[float]]:
        """The vectors of ``texts``, which are too many or too long for one request."""
        window = self._window
        if len(texts) > 1:
            middle = len(texts) // 2
            halves = [*self._embed_batch(texts[:middle], deadline), *self._embed_batch(texts[middle:], deadline)]
            if self._window == window:  # none was too long: they were too many
                self._most_texts = min(self._most_texts, len(texts) - middle)
            return halves
        shorter = _size(texts[0]) // 2
        if shorter < _SMALLEST_WINDOW:
            raise refused
        vectors = self._embed_batch([beginning(texts[0], shorter)], deadline)
        if self._window is None or shorter < self._window:
            self._window = shorter
            _LOG.warning("the embedder takes only short texts", extra={"window_bytes": shorter, "reason": str(refused)})
        return vectors

    def _fitting(self, texts: Sequence[str]) -> Sequence[str]:
        """``texts``, of each as much as the server is known to take."""
        if (window := self._window) is None:
            return texts
        fitting = [beginning(text, window) if _size(text) > window else text for text in texts]
        if shortened := sum(short is not text for short, text in zip(fitting, texts, strict=True)):
            _LOG.info("texts are longer than the embedder takes", extra={"texts": shortened, "window_bytes": window})
        return fitting

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


def _batches(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """``texts`` in order, at most ``most`` in each, cut so that each request is within the API's limits; a single text
    is never cut."""
    batch: list[str] = []
    total = 0
    for text in texts:
        size = _size(text)
        if batch and (len(batch) == most or total + size > _MAX_BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(text)
        total += size
    if batch:
        yield batch


def _size(text: str) -> int:
    """Its bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))
