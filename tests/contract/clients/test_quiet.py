"""Nothing that people said, and no secret, is in what a client logs, however much is logged."""

import logging

import pytest

from tests.support.clients.sides import CONTEXT, KEY, Connect
from tests.support.loopback import HttpServer, Request, reply

pytest_plugins = ["tests.support.clients.fixtures"]

WORDS = "my-own-words"


def test_the_logs_of_all_libraries_hold_no_words(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    def answer(request: Request) -> bytes:
        if request.path == "/v1/context":
            return reply({**CONTEXT, "context": WORDS})
        return reply({"detail": WORDS}, 422) if "used" in request.path else reply({"memories": []})

    caplog.set_level(logging.DEBUG)
    with HttpServer(answer) as server:
        client = connect(server.url)
        context = client.context("acct-1", query=WORDS)
        client.call("list_memories", account_id="acct-1", text=WORDS)
        assert client.call("used", "acct-1", context, f"{WORDS} [m335]") == [context.memories[0]]
        sent = server.requests
    assert WORDS in sent[1].path
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "what an answer cited was not noted (invalid_request)" in logged
    assert WORDS not in logged
    assert KEY not in logged
    assert not any(request.headers["authorization"].removeprefix("Bearer ") in logged for request in sent)
