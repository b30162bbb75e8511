"""Connecting ahead of the first request: the first event of a cold function must not wait for a handshake."""

import json
import time

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.errors import UpstreamTimeoutError, UpstreamUnavailableError

from tests.support.loopback import HttpServer, reply, unused_port


def test_the_first_request_uses_the_connection_made_ahead() -> None:
    with HttpServer() as server:
        server.answer = lambda _: reply({})
        client = HttpClient(server.url, system="sqs")
        client.open(timeout=5)
        assert client.request("POST", "/", b"{}", timeout=5).status == 200
        assert server.connections == 1
        client.close()


def test_a_connection_made_ahead_that_has_died_is_replaced() -> None:
    with HttpServer() as server:
        server.answer = lambda _: reply({})
        client = HttpClient(server.url, system="sqs")
        client.open(timeout=5)
        kept = client._idle[0][1]
        assert kept.sock is not None
        kept.sock.shutdown(2)
        answer = client.request("POST", "/", b"{}", timeout=5)
        assert json.loads(answer.body) == {}
        client.close()


def test_nobody_there_is_named_as_for_a_request() -> None:
    client = HttpClient(f"http://127.0.0.1:{unused_port()}", system="sqs")
    with pytest.raises(UpstreamUnavailableError, match="sqs: connection failed"):
        client.open(timeout=5)


def test_it_takes_no_longer_than_it_may() -> None:
    client = HttpClient("http://127.0.0.1:9", system="sqs", auth=lambda: time.sleep(0.5) or {})  # type: ignore[func-returns-value]
    with pytest.raises(UpstreamTimeoutError):
        client.open(timeout=0.05)
