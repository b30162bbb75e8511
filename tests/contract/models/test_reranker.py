"""The reranker against scripted servers of every dialect, and what it does not accept as an answer."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from operator_memory.adapters.models.reranker_api import RerankerApi
from operator_memory.adapters.net.http import HttpClient
from operator_memory.application.ports.core import Reranker
from operator_memory.domain.errors import (
    MalformedResponseError,
    RefusedKeyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.support import time_outs
from tests.support.fakes.core import FakeReranker
from tests.support.loopback import HttpServer, Request, reply, unused_port
from tests.support.time_outs import AMPLE, TIMES_OUT

DOCUMENTS = ["tea", "What do I drink", "drink"]
QUERY = "What do I drink?"
Answers = Callable[[Request], bytes]


def judged(documents: Sequence[str], score: str = "relevance_score") -> list[dict[str, Any]]:
    """The fake's judgement as servers write it: the best first."""
    scores = FakeReranker().judge(QUERY, documents, timeout=AMPLE)
    results = [{"index": place, score: value} for place, value in enumerate(scores)]
    return sorted(results, key=lambda result: -result[score])


def cohere(request: Request) -> bytes:
    return reply({"id": "x", "results": judged(request.json()["documents"]), "meta": {}})


def with_documents(request: Request) -> bytes:
    """Jina and vLLM repeat the texts."""
    texts = request.json()["documents"]
    results = [{**result, "document": {"text": texts[result["index"]]}} for result in judged(texts)]
    return reply({"model": "m", "results": results, "usage": {"total_tokens": 7}})


def voyage(request: Request) -> bytes:
    data = judged(request.json()["documents"])
    return reply({"object": "list", "data": data, "model": "m", "usage": {"total_tokens": 7}})


def text_embeddings_inference(request: Request) -> bytes:
    return reply(judged(request.json()["texts"], "score"))


DIALECTS: dict[str, tuple[Answers, str]] = {
    "Cohere": (cohere, "documents"),
    "Jina, vLLM": (with_documents, "documents"),
    "Voyage": (voyage, "documents"),
    "Text Embeddings Inference": (text_embeddings_inference, "texts"),
}


@contextmanager
def reranker(
    answer: Answers,
    *,
    texts_as: str = "documents",
    model: str = "m",
    auth: Callable[[], Mapping[str, str]] | None = None,
) -> Iterator[tuple[RerankerApi, HttpServer]]:
    """The adapter in front of a server that answers so."""
    with HttpServer(answer) as server, time_outs.at_once():
        client = HttpClient(f"{server.url}/v1/", system="reranker", auth=auth)
        try:
            yield RerankerApi(client, model=model, texts_as=texts_as), server
        finally:
            client.close()


@pytest.fixture(params=["the fake", *DIALECTS])
def port(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    """All that implements the port."""
    if request.param == "the fake":
        yield FakeReranker()
        return
    answer, texts_as = DIALECTS[request.param]
    with reranker(answer, texts_as=texts_as) as (made, _):
        yield made


# ---- the port's contract


def test_each_document_gets_its_score_in_the_order_of_the_documents(port: Reranker) -> None:
    scores = port.judge(QUERY, DOCUMENTS, timeout=AMPLE)
    assert list(scores) == [0.0, 1.0, 0.25]


def test_one_document_is_judged_too_and_so_is_one_that_comes_twice(port: Reranker) -> None:
    assert list(port.judge(QUERY, ["drink"], timeout=AMPLE)) == [0.25]
    assert list(port.judge(QUERY, ["drink", "tea", "drink"], timeout=AMPLE)) == [0.25, 0.0, 0.25]


@pytest.mark.parametrize("document", ["", "\x00", "\ud800", "東京 ☕ drink", '"}], "results": ['])
def test_any_text_can_be_judged(document: str, port: Reranker) -> None:
    assert len(port.judge(QUERY, [document, "tea"], timeout=AMPLE)) == 2


# ---- what is asked


def test_the_texts_are_sent_as_the_format_has_them() -> None:
    with reranker(cohere, auth=lambda: {"Authorization": "Bearer key"}) as (made, server):
        made.judge(QUERY, DOCUMENTS, timeout=AMPLE)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/rerank")
    assert request.json() == {"model": "m", "query": QUERY, "documents": DOCUMENTS}
    assert request.headers["authorization"] == "Bearer key"


def test_a_server_of_one_model_is_not_told_which_and_may_call_the_texts_texts() -> None:
    with reranker(text_embeddings_inference, texts_as="texts", model="") as (made, server):
        made.judge(QUERY, DOCUMENTS, timeout=AMPLE)
    assert server.requests[0].json() == {"query": QUERY, "texts": DOCUMENTS}
    assert "authorization" not in server.requests[0].headers


def test_a_kept_connection_is_used_again() -> None:
    with reranker(cohere) as (made, server):
        for _ in range(3):
            made.judge(QUERY, DOCUMENTS, timeout=AMPLE)
        assert server.connections == 1


# ---- what is not an answer

GOOD = judged(DOCUMENTS)
GARBAGE: dict[str, object] = {
    "HTML": b"<html>",
    "nothing": b"",
    "nested beyond reason": b"[" * 100_000,
    "a number": 7,
    "no list": {"results": {}},
    "null": {"results": None, "data": GOOD},
    "an error that says 200": {"error": {"message": "overloaded"}},
    "the best only": {"results": GOOD[:1]},
    "nothing judged": {"results": []},
    "one too many": {"results": [*GOOD, {"index": 3, "relevance_score": 0.1}]},
    "one twice": {"results": [*GOOD[:2], GOOD[0]]},
    "a negative place": {"results": [*GOOD[:2], {"index": -1, "relevance_score": 0.1}]},
    "a place that is true": {"results": [GOOD[0], {"index": True, "relevance_score": 0.1}, GOOD[2]]},
    "no place": {"results": [*GOOD[:2], {"relevance_score": 0.1}]},
    "no score": {"results": [*GOOD[:2], {"index": 0}]},
    "a score in words": {"results": [*GOOD[:2], {"index": 0, "relevance_score": "0.5"}]},
    "a score that is true": {"results": [*GOOD[:2], {"index": 0, "relevance_score": True}]},
    "not a number": b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}, {"index": 2, "score": 0}]',
    "infinite": b'[{"index": 0, "score": 1e999}, {"index": 1, "score": 1}, {"index": 2, "score": 0}]',
    "beyond any number": {"results": [*GOOD[:2], {"index": 0, "relevance_score": 10**400}]},
    "a list of numbers": [0.1, 0.2, 0.3],
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_as_such(body: object) -> None:
    with reranker(lambda _request: reply(body)) as (made, _), pytest.raises(MalformedResponseError) as refused:
        made.judge(QUERY, DOCUMENTS, timeout=AMPLE)
    assert refused.value.system == "reranker"


FAILURES: dict[str, tuple[bytes, type[UpstreamError]]] = {
    "hangs": (TIMES_OUT, UpstreamTimeoutError),
    "busy": (reply({}, 429), UpstreamUnavailableError),
    "broken": (reply({}, 503), UpstreamUnavailableError),
    "ends early": (reply(b'{"results"', length=900, headers={"Connection": "close"}), UpstreamUnavailableError),
    "a wrong key": (reply({}, 401), RefusedKeyError),
    "wants texts": (reply({"error": "missing field `texts`"}, 422), UpstreamRejectedError),
    "too many": (reply({}, 413), UpstreamRejectedError),
}


@pytest.mark.parametrize(("answer", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_has_its_name_and_is_not_tried_again(answer: bytes, error: type[UpstreamError]) -> None:
    with reranker(lambda _request: answer) as (made, server), pytest.raises(error) as raised:
        made.judge(QUERY, DOCUMENTS, timeout=AMPLE)
    assert type(raised.value) is error
    assert len(server.requests) == 1


def test_one_that_is_not_there_is_unavailable() -> None:
    made = RerankerApi(HttpClient(f"http://127.0.0.1:{unused_port()}", system="reranker"))
    with pytest.raises(UpstreamUnavailableError):
        made.judge(QUERY, DOCUMENTS, timeout=AMPLE)


@pytest.mark.parametrize("answer", [reply({"echo": "my doctor said"}, 400), reply(b"my doctor said")])
def test_neither_the_texts_nor_the_key_are_in_what_it_says_about_a_failure(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = {"Authorization": "Bearer sk-secret"}
    with reranker(lambda _request: answer, auth=lambda: auth) as (made, _), pytest.raises(UpstreamError) as raised:
        made.judge("my doctor", ["my doctor said"], timeout=AMPLE)
    said = str(raised.value) + repr(raised.value) + caplog.text + repr(vars(made))
    assert "doctor" not in said
    assert "sk-secret" not in said
