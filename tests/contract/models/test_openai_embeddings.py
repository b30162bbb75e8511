"""The embedder against a scripted OpenAI-compatible server: what is asked, and what is not accepted as an answer."""

import base64
import json
import struct

import pytest
from operator_memory.adapters.net.retries import USEFUL_SECONDS
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.support import time_outs
from tests.support.embeddings_api import Pauses, embedder, honest, items_of, vector_of
from tests.support.loopback import Request, reply
from tests.support.time_outs import AMPLE, TIMES_OUT


def test_texts_are_sent_as_the_api_asks_and_come_back_as_vectors() -> None:
    with embedder() as (embeddings, server):
        assert embeddings.embed(["a", "bbb"], timeout=AMPLE) == [vector_of("a"), vector_of("bbb")]
        assert embeddings.dimensions == 2
        [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/embeddings")
    assert request.json() == {"model": "m", "input": ["a", "bbb"], "encoding_format": "base64"}


def packed(*numbers: float) -> str:
    """A vector as the API sends it when it is asked for base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_vectors_in_base64_are_read_as_the_32_bit_numbers_that_they_are() -> None:
    third = struct.unpack("<f", struct.pack("<f", 1 / 3))[0]
    data = [{"index": 1, "embedding": packed(-2.5, 0.0)}, {"index": 0, "embedding": packed(1 / 3, 1e-30)}]
    with embedder(lambda _request: reply({"data": data})) as (embeddings, _):
        [first, second] = embeddings.embed(["a", "b"], timeout=AMPLE)
    assert first == [third, pytest.approx(1e-30)]
    assert second == [-2.5, 0.0]


def test_the_length_is_only_asked_for_when_the_server_is_known_to_shorten() -> None:
    with embedder(send_dimensions=True) as (embeddings, server):
        embeddings.embed(["a"], timeout=AMPLE)
        assert server.requests[0].json()["dimensions"] == 2


def test_long_texts_are_sent_in_requests_that_the_api_accepts() -> None:
    texts = ["\u6771" * 2_600 + str(n) for n in range(70)]
    with embedder() as (embeddings, server):
        assert embeddings.embed(texts, timeout=AMPLE) == [vector_of(text) for text in texts]
        sizes = [sum(len(text.encode()) for text in request.json()["input"]) for request in server.requests]
    assert len(sizes) == 3
    assert max(sizes) <= 250_000


def test_vectors_are_put_in_order_by_their_index() -> None:
    def shuffled(request: Request) -> bytes:
        return reply({"data": items_of(request.json()["input"])[::-1]})

    with embedder(shuffled) as (embeddings, _):
        assert embeddings.embed(["a", "bb", "ccc"], timeout=AMPLE) == [vector_of(t) for t in ("a", "bb", "ccc")]


def test_more_than_a_hundred_texts_take_several_requests_over_one_connection() -> None:
    texts = ["x" * n for n in range(1, 251)]
    with embedder() as (embeddings, server):
        assert embeddings.embed(texts, timeout=AMPLE) == [vector_of(t) for t in texts]
        assert [len(request.json()["input"]) for request in server.requests] == [100, 100, 50]
        assert server.connections == 1


def test_no_texts_need_no_request() -> None:
    with embedder() as (embeddings, server):
        assert embeddings.embed([], timeout=AMPLE) == []
        assert server.requests == []


def test_an_empty_text_is_sent_as_a_space_because_the_api_refuses_it() -> None:
    with embedder() as (embeddings, server):
        assert len(embeddings.embed(["", "a"], timeout=AMPLE)) == 2
        assert server.requests[0].json()["input"] == [" ", "a"]


def test_any_text_arrives_as_it_is() -> None:
    texts = ["שלום 👩‍👩‍👧", "a\x00b", "\u202e", '"quoted"', "x" * 100_000]
    with embedder() as (embeddings, server):
        embeddings.embed(texts, timeout=AMPLE)
        assert server.requests[0].json()["input"] == texts


def answer_with(data: object) -> bytes:
    return reply(json.dumps({"data": data}).encode())


OK = {"index": 0, "embedding": [1.0, 2.0]}
MALFORMED: dict[str, bytes] = {
    "no data": reply({"error": {"message": "x"}}),
    "data is not a list": answer_with({"0": OK}),
    "too few": answer_with([OK]),
    "too many": answer_with([OK, {**OK, "index": 1}, {**OK, "index": 2}]),
    "an index twice": answer_with([OK, OK]),
    "indexes from one": answer_with([{**OK, "index": 1}, {**OK, "index": 2}]),
    "an index as text": answer_with([OK, {**OK, "index": "1"}]),
    "an index as list": answer_with([OK, {**OK, "index": [1]}]),
    "no index": answer_with([OK, {"embedding": [1.0, 2.0]}]),
    "no embedding": answer_with([OK, {"index": 1}]),
    "items that are not objects": answer_with([1, "x"]),
    "another dimension": answer_with([OK, {"index": 1, "embedding": [1.0, 2.0, 3.0]}]),
    "an empty vector": answer_with([OK, {"index": 1, "embedding": []}]),
    "base64 of another dimension": answer_with([OK, {"index": 1, "embedding": packed(1.0, 2.0, 3.0)}]),
    "base64 cut off": answer_with([OK, {"index": 1, "embedding": packed(1.0, 2.0)[:-4]}]),
    "base64 of half a number": answer_with([OK, {"index": 1, "embedding": base64.b64encode(b"12345678ab").decode()}]),
    "text that is no base64": answer_with([OK, {"index": 1, "embedding": "zwei Zahlen ä"}]),
    "base64 of NaN": answer_with([OK, {"index": 1, "embedding": packed(float("nan"), 1.0)}]),
    "base64 of infinity": answer_with([OK, {"index": 1, "embedding": packed(float("inf"), float("-inf"))}]),
    "an empty text": answer_with([OK, {"index": 1, "embedding": ""}]),
    "NaN": answer_with([OK, {"index": 1, "embedding": [float("nan"), 1.0]}]),
    "infinity": answer_with([OK, {"index": 1, "embedding": [1.0, float("inf")]}]),
    "a number beyond floats": answer_with([OK, {"index": 1, "embedding": [1.0, 10**400]}]),
    "strings": answer_with([OK, {"index": 1, "embedding": ["1.0", "2.0"]}]),
    "null": answer_with([OK, {"index": 1, "embedding": [None, 1.0]}]),
    "booleans": answer_with([OK, {"index": 1, "embedding": [True, 1.0]}]),
    "nested lists": answer_with([OK, {"index": 1, "embedding": [[1.0], 1.0]}]),
    "HTML": reply(b"<html>Bad gateway</html>"),
    "a list": reply([OK, OK]),
    "nothing": reply(b""),
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_that_is_not_two_good_vectors_is_an_error_that_may_be_retried(answer: bytes) -> None:
    with embedder(lambda _request: answer) as (embeddings, _):
        with pytest.raises(MalformedResponseError) as raised:
            embeddings.embed(["a", "b"], timeout=AMPLE)
        assert raised.value.retryable
        assert raised.value.system == "embeddings"


def test_a_wrong_length_says_which_settings_do_not_fit() -> None:
    with (
        embedder(lambda _request: answer_with([{"index": 0, "embedding": [1.0] * 384}])) as (embeddings, _),
        pytest.raises(MalformedResponseError, match=r"384 numbers, not 2: EMBEDDING_DIMENSIONS .* EMBEDDING_MODEL"),
    ):
        embeddings.embed(["a"], timeout=AMPLE)


def test_whole_numbers_are_numbers() -> None:
    with embedder(lambda _request: answer_with([{"index": 0, "embedding": [1, 0]}])) as (embeddings, _):
        [vector] = embeddings.embed(["a"], timeout=AMPLE)
        assert [type(x) for x in vector] == [float, float]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UpstreamRejectedError),
        (401, UpstreamRejectedError),
        (404, UpstreamRejectedError),
        (429, UpstreamUnavailableError),
        (500, UpstreamUnavailableError),
        (503, UpstreamUnavailableError),
    ],
)
def test_a_refusal_becomes_the_error_it_stands_for_without_its_text(status: int, error: type[UpstreamError]) -> None:
    secret = {"error": {"message": "Incorrect API key provided: sk-1234"}}
    with (
        embedder(lambda _request: reply(secret, status)) as (embeddings, _),
        pytest.raises(error) as raised,
    ):
        embeddings.embed(["a"], timeout=AMPLE)
    assert "sk-1234" not in str(raised.value)


def test_the_deadline_covers_all_requests_together() -> None:
    seen: list[int] = []

    def second_hangs(request: Request) -> bytes:
        seen.append(1)
        return honest(request) if len(seen) == 1 else TIMES_OUT

    with time_outs.at_once() as waits, embedder(second_hangs) as (embeddings, server):
        with pytest.raises(UpstreamTimeoutError):
            embeddings.embed(["a"] * 1000, timeout=AMPLE)
        assert sum(waits) < AMPLE
        assert len(server.requests) == 4  # and the second request was tried again within the same time


class Failing:
    """A server that gives ``failures`` before it answers."""

    def __init__(self, *failures: bytes) -> None:
        self._failures = list(failures)

    def __call__(self, request: Request) -> bytes:
        return self._failures.pop(0) if self._failures else honest(request)


BUSY = reply({"error": {}}, 429)
BROKEN_OFF = reply(b"{", length=100, headers={"Connection": "close"})


@pytest.mark.parametrize(
    "failure",
    [BUSY, reply({"error": {}}, 500), reply(b"<html>", 502), reply({"error": {}}, 408), BROKEN_OFF],
    ids=["429", "500", "502", "408", "an answer that breaks off"],
)
def test_what_may_pass_is_tried_again(failure: bytes) -> None:
    with embedder(Failing(failure, failure)) as (embeddings, server):
        assert embeddings.embed(["a"], timeout=AMPLE) == [vector_of("a")]
        assert len({request.body for request in server.requests}) == 1
        assert len(server.requests) == 3


def test_an_attempt_that_is_not_answered_leaves_time_for_another() -> None:
    with time_outs.at_once(), embedder(Failing(TIMES_OUT)) as (embeddings, server):
        assert embeddings.embed(["a"], timeout=AMPLE) == [vector_of("a")]
        assert len(server.requests) == 2


@pytest.fixture
def useful(monkeypatch: pytest.MonkeyPatch) -> float:
    """An attempt with less time than so many seconds is not begun: a hundred times `USEFUL_SECONDS`."""
    seconds = USEFUL_SECONDS * 100
    monkeypatch.setattr("operator_memory.adapters.net.retries.USEFUL_SECONDS", seconds)
    return seconds


def test_where_there_is_no_time_for_two_the_one_attempt_has_it_all(useful: float) -> None:
    assert useful == 20.0
    with time_outs.at_once(), embedder(Failing(TIMES_OUT, TIMES_OUT)) as (embeddings, server):
        with pytest.raises(UpstreamTimeoutError, match=r"within 4\d\."):
            embeddings.embed(["a"], timeout=45.0)
        assert len(server.requests) == 1


def test_there_are_three_attempts_and_no_more() -> None:
    pauses = Pauses()
    with embedder(lambda _request: BUSY, retries=pauses.retries()) as (embeddings, server):
        with pytest.raises(UpstreamUnavailableError, match="429"):
            embeddings.embed(["a"], timeout=AMPLE)
        assert len(server.requests) == 3
    assert pauses == [0.025, 0.05]


def test_pauses_are_scattered_so_that_many_do_not_return_together() -> None:
    pauses = Pauses()
    with embedder(Failing(BUSY, BUSY), retries=pauses.retries(jitter=1.0)) as (embeddings, _):
        embeddings.embed(["a"], timeout=AMPLE)
    assert pauses == [0.05, 0.1]


def test_the_pause_that_the_server_asks_for_is_made_if_there_is_time_for_it() -> None:
    pauses = Pauses()
    asking = reply({"error": {}}, 429, headers={"Retry-After": "3"})
    with embedder(Failing(asking), retries=pauses.retries()) as (embeddings, _):
        assert embeddings.embed(["a"], timeout=AMPLE) == [vector_of("a")]
    assert pauses == [3.0]


def test_a_pause_that_goes_beyond_the_deadline_is_the_callers_to_make() -> None:
    pauses = Pauses()
    asking = reply({"error": {}}, 429, headers={"Retry-After": "47"})
    with embedder(Failing(asking), retries=pauses.retries()) as (embeddings, server):
        with pytest.raises(UpstreamUnavailableError) as raised:
            embeddings.embed(["a"], timeout=40.0)
        assert raised.value.retry_after == 47
        assert len(server.requests) == 1
    assert pauses == []


def test_nothing_is_tried_again_when_too_little_time_is_left_for_an_answer(useful: float) -> None:
    with embedder(Failing(BUSY)) as (embeddings, server):
        with pytest.raises(UpstreamUnavailableError):
            embeddings.embed(["a"], timeout=useful)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with embedder(Failing(reply({"error": {}}, status))) as (embeddings, server):
        with pytest.raises(UpstreamRejectedError):
            embeddings.embed(["a"], timeout=AMPLE)
        assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_asked_three_times() -> None:
    pauses = Pauses()
    with embedder(retries=pauses.retries()) as (embeddings, server):
        server.close()
        with pytest.raises(UpstreamUnavailableError):
            embeddings.embed(["a"], timeout=AMPLE)
    assert len(pauses) == 2
