"""Embedders that take less at once than the API does: they get less, and the job is not lost."""

import logging
from collections.abc import Callable

import pytest
from operator_memory.domain.errors import UpstreamRejectedError

from tests.support.embeddings_api import AMPLE, embedder, honest, vector_of
from tests.support.loopback import Request, reply

REFUSED = reply({"error": {"message": "input is too long", "type": "invalid_request_error", "param": "input"}}, 400)


def with_window(most: int, refused: bytes = REFUSED) -> Callable[[Request], bytes]:
    """A server that takes texts of up to ``most`` characters."""

    def answer(request: Request) -> bytes:
        return refused if max(map(len, request.json()["input"])) > most else honest(request)

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("body", [{"error": {"message": "too long", "param": "input"}}, {}, b"<html>", {"error": "no"}])
def test_a_long_text_is_shortened_until_it_is_taken(status: int, body: object) -> None:
    with embedder(with_window(1_500, reply(body, status))) as (embeddings, server):
        assert embeddings.embed(["x" * 4_000], timeout=AMPLE) == [vector_of("x" * 1_000)]
        assert [len(request.json()["input"][0]) for request in server.requests] == [4_000, 2_000, 1_000]


def test_the_window_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "operator_memory.models")
    with embedder(with_window(1_500)) as (embeddings, server):
        embeddings.embed(["x" * 4_000], timeout=AMPLE)
        server.requests.clear()
        caplog.clear()
        found = embeddings.embed(["short", "x" * 4_000, "y" * 1_400], timeout=AMPLE)
        assert found == [vector_of("short"), vector_of("x" * 1_000), vector_of("y" * 1_000)]
        assert len(server.requests) == 1
    [line] = caplog.records
    assert (vars(line)["texts"], vars(line)["window_bytes"]) == (2, 1_000), "what is shortened is counted"


def test_only_the_texts_that_are_too_long_are_shortened() -> None:
    texts = [*("a" * n for n in range(1, 40)), "x" * 4_000, "y" * 1_000, *("b" * n for n in range(1, 40))]
    with embedder(with_window(1_500)) as (embeddings, server):
        expected = [vector_of(text[:1_000]) for text in texts]
        assert embeddings.embed(texts, timeout=AMPLE) == expected
        server.requests.clear()
        assert embeddings.embed(texts, timeout=AMPLE) == expected
        assert [len(request.json()["input"]) for request in server.requests] == [80], "and not for good in small pieces"


def test_a_shortened_text_ends_with_a_whole_character() -> None:
    with embedder(with_window(400)) as (embeddings, server):
        embeddings.embed(["\u6771\u4eac" * 500, "\ud800" + "\u6771" * 999], timeout=AMPLE)
        sent = [text for request in server.requests for text in request.json()["input"]]
    assert set("".join(sent)) <= {"\u6771", "\u4eac", "\ud800", "?"}


def test_a_server_that_takes_few_texts_at_once_gets_few_whole_ones() -> None:
    def answer(request: Request) -> bytes:
        too_many = len(request.json()["input"]) > 32
        return reply({"error": "batch size 100 > maximum allowed batch size 32"}, 413) if too_many else honest(request)

    texts = ["x" * (500 + n) for n in range(100)]
    with embedder(answer) as (embeddings, server):
        assert embeddings.embed(texts, timeout=AMPLE) == [vector_of(text) for text in texts]
        server.requests.clear()
        assert embeddings.embed(texts, timeout=AMPLE) == [vector_of(text) for text in texts]
        assert [len(request.json()["input"]) for request in server.requests] == [25, 25, 25, 25]


def test_what_is_refused_however_short_is_an_error_with_the_servers_reason() -> None:
    with embedder(lambda _request: REFUSED) as (embeddings, server):
        with pytest.raises(UpstreamRejectedError, match="input is too long") as raised:
            embeddings.embed(["x" * 8_000, "y"], timeout=AMPLE)
        assert len(server.requests) < 12
    assert (raised.value.retryable, raised.value.reason) == (False, "upstream_rejected")


def test_a_refusal_that_is_about_something_else_is_an_error_at_once() -> None:
    unknown = reply({"error": {"message": "no such model", "param": "model", "code": "invalid_value"}}, 400)
    with embedder(lambda _request: unknown) as (embeddings, server):
        with pytest.raises(UpstreamRejectedError, match=r"400 \(invalid_value; model; no such model\)"):
            embeddings.embed(["x" * 8_000], timeout=AMPLE)
        assert len(server.requests) == 1


def test_a_server_that_knows_no_base64_or_cannot_shorten_vectors_is_asked_without() -> None:
    def answer(request: Request) -> bytes:
        for name in ("encoding_format", "dimensions"):
            if name in request.json():
                return reply({"detail": [{"loc": ["body", name], "msg": "Extra inputs are not permitted"}]}, 422)
        return honest(request)

    with embedder(answer, send_dimensions=True) as (embeddings, server):
        assert embeddings.embed(["a"], timeout=AMPLE) == embeddings.embed(["b"], timeout=AMPLE) == [vector_of("a")]
        assert len(server.requests) == 4
        assert server.requests[-1].json() == {"model": "m", "input": ["b"]}


def test_an_unpaid_bill_is_waited_for() -> None:
    with (
        embedder(lambda _request: reply({"error": {}}, 402)) as (embeddings, _),
        pytest.raises(UpstreamRejectedError, match="402") as raised,
    ):
        embeddings.embed(["a"], timeout=AMPLE)
    assert raised.value.retryable
