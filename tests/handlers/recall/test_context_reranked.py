"""The context function with a reranker, as Lambda runs it, on real sockets: whatever that does, the run goes on."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support.loopback import HttpServer, Request, reply
from tests.support.recall.context_function import World, point
from tests.support.time_outs import TIMES_OUT

pytest_plugins = ["tests.support.recall.context_fixtures"]

AMPLE_TIME = {"EMBEDDING_TIMEOUT_MS": "5000", "QDRANT_TIMEOUT_MS": "4000", "CONTEXT_TIMEOUT_MS": "10000"}
SAID = [point("My bike is green.", 0.8), point("Rain is coming.", 0.79), point("Drinks white tea.", 0.78)]
ASKED = {"account_id": "acct-1", "query": "What do I drink?", "limit": 2}
RANKED, RERANKED = {"My bike is green.", "Rain is coming."}, {"My bike is green.", "Drinks white tea."}
KEY = "sk-of-the-reranker"


def prefers_tea(request: Request) -> bytes:
    documents = request.json()["documents"]
    return reply({"results": [{"index": n, "relevance_score": float("tea" in d)} for n, d in enumerate(documents)]})


@dataclass
class Reranked:
    """The function, and the server that judges."""

    world: World
    server: HttpServer

    def __call__(self) -> tuple[set[str], list[str]]:
        """The memories and what was degraded."""
        status, answer = self.world(ASKED)
        assert status == 200
        return {memory["memory"] for memory in answer["memories"]}, answer["degraded"]


@pytest.fixture
def reranked(make_context_function: Callable[..., World]) -> Iterator[Reranked]:
    with HttpServer(prefers_tea) as server:
        settings = {"RERANKER_BASE_URL": f"{server.url}/v1", "RERANKER_MODEL": "m", "RERANKER_API_KEY": KEY}
        world = make_context_function(**AMPLE_TIME, **settings)
        world.store.points = SAID
        yield Reranked(world, server)
        world.app._APP.context._rerank._reranker._client.close()


def test_what_the_reranker_prefers_is_injected(reranked: Reranked) -> None:
    assert reranked() == (RERANKED, [])
    [request] = reranked.server.requests
    assert (request.path, request.headers["authorization"]) == ("/v1/rerank", f"Bearer {KEY}")
    assert (request.json()["model"], request.json()["query"]) == ("m", "What do I drink?")
    assert len(request.json()["documents"]) == 3
    assert "acct-1" not in request.body.decode()


def test_off_by_default(make_context_function: Callable[..., World]) -> None:
    world = make_context_function(**AMPLE_TIME)
    world.store.points = SAID
    assert world.app._APP.context._rerank is None
    assert {memory["memory"] for memory in world(ASKED)[1]["memories"]} == RANKED


TROUBLES = {
    "hangs": (TIMES_OUT, "reranker_timeout"),
    "is busy": (reply({}, 429), "reranker_unavailable"),
    "is broken": (reply({}, 500), "reranker_unavailable"),
    "refuses the key": (reply({}, 401), "reranker_failed"),
    "speaks another dialect": (reply({}, 422), "reranker_failed"),
    "answers HTML": (reply(b"<html>"), "reranker_failed"),
    "judges half": (reply({"results": [{"index": 2, "relevance_score": 1.0}]}), "reranker_failed"),
}


@pytest.mark.parametrize(("answer", "code"), TROUBLES.values(), ids=TROUBLES.keys())
def test_whatever_it_does_the_ranked_order_answers_and_says_so(answer: bytes, code: str, reranked: Reranked) -> None:
    reranked.server.answer = lambda _request: answer
    assert reranked() == (RANKED, [code])
    assert sum(reranked.world.waits) <= 0.3, "its own deadline"
    reranked.server.answer = prefers_tea
    assert reranked() == (RERANKED, []), "and the next answer is whole"


def test_the_judgement_is_explained(reranked: Reranked) -> None:
    _, answer = reranked.world(ASKED, queryStringParameters={"explain": "true"})
    added = {memory["memory"]: memory["explain"]["parts"]["reranked"] for memory in answer["memories"]}
    assert added["Drinks white tea."] > 0 > added["My bike is green."]


@pytest.mark.parametrize("answer", [prefers_tea, lambda _request: reply({"echo": "white tea"}, 400)])
def test_neither_the_texts_nor_the_key_are_logged(
    answer: Callable[[Request], bytes],
    reranked: Reranked,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    reranked.server.answer = answer
    reranked()
    metrics = capsys.readouterr().out
    assert json.loads(metrics.splitlines()[-1])["RerankingLatency"] > 0
    logged = metrics + caplog.text + str([vars(record) for record in caplog.records])
    assert not any(secret in logged for secret in ("tea", "drink?", KEY))
