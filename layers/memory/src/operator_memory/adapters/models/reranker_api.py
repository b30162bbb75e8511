"""A reranker over HTTP (``POST {base}/rerank``), over the kept-alive client. Loaded only where one is configured.

Hosted and self-hosted rerankers share one wire format, with small differences in what surrounds it:

- Cohere, Jina, vLLM and others take ``documents`` and answer ``{"results": [{"index", "relevance_score"}]}``.
- Voyage answers the same list under ``data``.
- Text Embeddings Inference takes ``texts``, and answers the bare list, of ``{"index", "score"}``.

How many to return is not said: the parameter is ``top_n`` here and ``top_k`` there, and all of them return all
documents without it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from operator_memory.adapters.net.http import HttpClient, checked
from operator_memory.domain.errors import MalformedResponseError

_SYSTEM = "reranker"


class RerankerApi:
    """Port ``Reranker``. Asks once: there is no time to ask again."""

    def __init__(self, client: HttpClient, *, model: str = "", texts_as: str = "documents") -> None:
        """``model``: as the server calls it, if it has several. ``texts_as``: what the field with the texts is called,
        ``documents`` or ``texts``."""
        self._client = client
        self._named: Mapping[str, str] = {"model": model} if model else {}
        self._texts_as = texts_as

    def judge(self, query: str, documents: Sequence[str], *, timeout: float) -> list[float]:
        """Return a score for each of ``documents``, in order.

        Raises:
            UpstreamTimeoutError, UpstreamUnavailableError, UpstreamRejectedError: as their names say.
            MalformedResponseError: a document without its score or with two, or a score that is not a finite number.
        """
        body = {**self._named, "query": query, self._texts_as: list(documents)}
        response = self._client.request("POST", "/rerank", json.dumps(body).encode(), timeout=timeout)
        try:
            decoded = json.loads(checked(_SYSTEM, response).body)
        except (ValueError, RecursionError) as error:
            raise MalformedResponseError(_SYSTEM, "the answer is not JSON") from error
        return _scores(_results(decoded), len(documents))


def _results(decoded: Any) -> list[Any]:  # noqa: ANN401  (decoded JSON)
    """The list of judgements, wherever it stands."""
    found = decoded
    if isinstance(decoded, dict):
        found = decoded.get("results", decoded.get("data"))
    if not isinstance(found, list):
        raise MalformedResponseError(_SYSTEM, "the answer holds no list of results")
    return found


def _scores(results: Sequence[Any], count: int) -> list[float]:
    scores: dict[int, float] = {}
    for result in results:
        if not isinstance(result, dict):
            raise MalformedResponseError(_SYSTEM, "a result is not a JSON object")
        scores[_index(result, scores, count)] = _score(result)
    if len(scores) != count:
        raise MalformedResponseError(_SYSTEM, f"{count - len(scores)} of {count} documents have no score")
    return [scores[place] for place in range(count)]


def _index(result: Mapping[str, Any], known: Mapping[int, float], count: int) -> int:
    index = result.get("index")
    if type(index) is not int or not 0 <= index < count or index in known:
        raise MalformedResponseError(_SYSTEM, "an index is none of a document, or comes twice")
    return index


def _score(result: Mapping[str, Any]) -> float:
    score = result.get("relevance_score", result.get("score"))
    try:
        number = float(score) if type(score) is float or type(score) is int else math.nan
    except OverflowError:  # an integer beyond any float
        number = math.nan
    if not math.isfinite(number):
        raise MalformedResponseError(_SYSTEM, "a score is not a finite number")
    return number
