"""Whatever the service does, `context` gives an empty context that says why, in time; the others raise one error."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from operator_memory_client import errors
from operator_memory_client.context import Context

from tests.support.clients.sides import CONTEXT, Connect
from tests.support.loopback import HttpServer, LoopbackServer, Request, read_request, reply, unused_port
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.clients.fixtures"]

SHORT = 0.15
"""Seconds of a deadline that has to pass."""


def is_empty(context: Context, reason: str) -> bool:
    assert context.detail, "it says why"
    return (context.text, context.memories, context.reason) == ("", (), reason) and not context


class TestDeadlines:
    """The servers here go on for as long as the test lasts: what comes back has not waited for them."""

    def test_a_service_that_says_nothing(self, connect: Connect) -> None:
        with HttpServer(lambda _: None) as server:
            client = connect(server.url, call_seconds=SHORT)
            assert is_empty(client.context("acct-1", deadline=SHORT), "deadline")
            with pytest.raises(errors.DeadlineError):
                client.call("get_usage", account_id="acct-1")
            assert not server.closing.is_set()

    @pytest.mark.parametrize(
        "begun", [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"]
    )
    def test_a_service_that_sends_a_byte_now_and_then(self, connect: Connect, begun: bytes) -> None:
        def trickle(connection: socket.socket) -> None:
            with connection.makefile("rb") as stream:
                read_request(stream)
            connection.sendall(begun)
            while not server.closing.wait(0.01):
                connection.sendall(b"H")

        with LoopbackServer(trickle) as server:
            assert is_empty(connect(server.url).context("acct-1", deadline=SHORT), "deadline")
            assert not server.closing.is_set()

    def test_a_service_that_does_not_take_what_is_sent(self, connect: Connect) -> None:
        def take_nothing(_: socket.socket) -> None:
            server.closing.wait(AMPLE)

        with LoopbackServer(take_nothing) as server:
            client = connect(server.url, call_seconds=SHORT)
            with pytest.raises(errors.DeadlineError):
                client.call("import_memories", "x" * 20_000_000, account_id="acct-1")
            assert not server.closing.is_set()

    def test_retries_stay_within_it(self, connect: Connect) -> None:
        with HttpServer(lambda _: reply(b"", 503)) as server:
            assert is_empty(connect(server.url).context("acct-1", deadline=0.02), "service_failed")
            assert len(server.requests) == 1, "there is no time for another"


GARBAGE: dict[str, bytes] = {
    "no HTTP": b"220 mail.test ESMTP\r\n\r\n",
    "a page": reply(b"<html>It works!</html>"),
    "no JSON": reply(b"{"),
    "JSON of another shape": reply([1, 2]),
    "without a context": reply({"memories": []}),
    "a context that is no text": reply({**CONTEXT, "context": 7}),
    "memories that are none": reply({**CONTEXT, "memories": [7]}),
    "a memory without an id": reply({**CONTEXT, "memories": [{"memory": "x"}]}),
    "degraded that is no list": reply({**CONTEXT, "degraded": "much"}),
    "nested without end": reply(b"[" * 200_000),
    "no UTF-8": reply(b'{"context": "\xff"}'),
    "cut off": reply(b'{"context":', length=999) + b"",
    "broken gzip": reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage(connect: Connect, answer: bytes) -> None:
    def send(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(answer)

    with LoopbackServer(send) as server:
        assert is_empty(connect(server.url).context("acct-1"), "malformed_answer")


def test_an_endless_answer_is_not_read_to_the_end(connect: Connect) -> None:
    def flood(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not server.closing.is_set():
            connection.sendall(b" " * 1_000_000)

    with LoopbackServer(flood) as server:
        assert is_empty(connect(server.url).context("acct-1"), "malformed_answer")


def test_nobody_listens(connect: Connect) -> None:
    client = connect(f"http://127.0.0.1:{unused_port()}")
    assert is_empty(client.context("acct-1"), "unreachable")
    with pytest.raises(errors.UnavailableError) as raised:
        client.call("get_usage", account_id="acct-1")
    assert raised.value.retryable


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_connection_that_is_closed_half_way(connect: Connect, before: bytes) -> None:
    def half_close(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
            connection.sendall(before)
            connection.shutdown(socket.SHUT_WR)
            stream.read()

    with LoopbackServer(half_close) as server:
        assert is_empty(connect(server.url).context("acct-1"), "unreachable")


def test_a_kept_connection_that_the_service_has_closed_meanwhile_costs_nothing(connect: Connect) -> None:
    def once(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(reply(CONTEXT))

    with LoopbackServer(once) as server:
        client = connect(server.url)
        for _ in range(3):
            assert client.context("acct-1")
        assert server.connections == 3


def problem(status: int, detail: str, **headers: str) -> bytes:
    body = json.dumps({"type": "about:blank", "title": "X", "status": status, "detail": detail}).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply(body, status, headers={"Content-Type": "application/problem+json", **names})


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "invalid_request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (422, "invalid_request"),
        (500, "service_failed"),
        (302, "refused"),
    ],
)
def test_refusals(connect: Connect, status: int, reason: str) -> None:
    with HttpServer(lambda _: problem(status, "so it is")) as server:
        context = connect(server.url).context("acct-1", deadline=5)
        assert is_empty(context, reason)
        assert context.detail == "so it is"


class TestTooManyCalls:
    def test_a_long_limit_is_told_at_once(self, connect: Connect) -> None:
        with HttpServer(lambda _: problem(429, "too many calls", Retry_After="30")) as server:
            assert is_empty(connect(server.url).context("acct-1", deadline=20), "rate_limited")
            assert len(server.requests) == 1

    def test_a_short_one_is_waited_for(self, connect: Connect) -> None:
        answers = iter([problem(429, "too many calls", Retry_After="0"), reply(CONTEXT)])
        with HttpServer(lambda _: next(answers)) as server:
            assert connect(server.url).context("acct-1").memories[0].id == "id-1"


def test_a_service_that_fails_again_and_again_is_not_asked_for_a_while(connect: Connect) -> None:
    with HttpServer(lambda _: problem(500, "broken")) as server:
        client = connect(server.url)
        reasons = [client.context("acct-1", deadline=5).reason for _ in range(4)]
        asked = len(server.requests)
        assert reasons[-1] == "circuit_open"
        assert is_empty(client.context("acct-1"), "circuit_open")
        assert len(server.requests) == asked
        with pytest.raises(errors.ServiceError):
            client.call("set_account_settings", account_id="acct-1", memory_enabled=True)  # a circuit of its own


WRONG: dict[str, Callable[[Any], Context]] = {
    "no account": lambda client: client.context(),
    "an account that is none": lambda client: client.context(None),
    "an object": lambda client: client.context("acct-1", query=object()),
    "a lone surrogate": lambda client: client.context("acct-1", query="\ud800"),
    "a number that is none": lambda client: client.context("acct-1", limit=float("nan")),
    "a deadline that is none": lambda client: client.context("acct-1", deadline="soon"),
    "a deadline that has passed": lambda client: client.context("acct-1", deadline=-1),
    "an unknown option": lambda client: client.context("acct-1", mood="good"),
}


@pytest.mark.parametrize("mistake", WRONG.values(), ids=WRONG)
def test_a_mistake_of_the_caller_costs_the_run_nothing(connect: Connect, mistake: Callable[[Any], Context]) -> None:
    def answer(request: Request) -> bytes:
        asked = request.json()
        good = asked.get("account_id") and "mood" not in asked
        return reply(CONTEXT) if good else problem(422, "account_id: is required")

    with HttpServer(answer) as server:
        context = mistake(connect(server.url))
        assert is_empty(context, context.reason)
        assert context.reason in ("invalid_request", "failed", "deadline")


def test_memory_that_is_off_is_not_asked_for(connect: Connect) -> None:
    with HttpServer() as server:
        client = connect(server.url, enabled=False)
        assert is_empty(client.context("acct-1"), "disabled")
        assert client.call("submit_run", "acct-1", "run-1", "t-1", []).by == ""
        assert server.requests == []


def test_a_client_that_knows_no_address_says_so(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_MEMORY_URL", raising=False)
    client = connect("")
    assert is_empty(client.context("acct-1"), "not_configured")
    with pytest.raises(errors.NotConfiguredError, match="OPERATOR_MEMORY_URL"):
        client.call("get_usage")


def test_a_good_answer_arrives_whole(connect: Connect) -> None:
    with HttpServer(lambda _: reply(CONTEXT)) as server:
        context = connect(server.url).context("acct-1", query="tea?" * 50_000, agent_id=None, model="gpt-4o")
        assert (context.text, context.token_count, context.tokenizer) == (CONTEXT["context"], 12, "estimate")
        assert context.degraded == ()
        assert context.cited("m335") == context.memories[0]
        asked = server.requests[0].json()
        assert asked == {"account_id": "acct-1", "query": ("tea?" * 50_000)[:100_000], "model": "gpt-4o"}
