"""Connecting ahead of the first request: the first event of a cold function must not wait for a handshake."""

import json
import threading

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.errors import UpstreamTimeoutError, UpstreamUnavailableError

from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.time_outs import AMPLE


def test_the_first_request_uses_the_connection_made_ahead() -> None:
    with HttpServer() as server:
        server.answer = lambda _: reply({})
        client = HttpClient(server.url, system="sqs")
        client.open(timeout=AMPLE)
        assert client.request("POST", "/", b"{}", timeout=AMPLE).status == 200
        assert server.connections == 1
        client.close()


def test_a_connection_made_ahead_that_has_died_is_replaced() -> None:
    with HttpServer() as server:
        server.answer = lambda _: reply({})
        client = HttpClient(server.url, system="sqs")
        client.open(timeout=AMPLE)
        kept = client._idle[0][1]
        assert kept.sock is not None
        kept.sock.shutdown(2)
        answer = client.request("POST", "/", b"{}", timeout=AMPLE)
        assert json.loads(answer.body) == {}
        client.close()


def test_nobody_there_is_named_as_for_a_request() -> None:
    client = HttpClient(f"http://127.0.0.1:{unused_port()}", system="sqs")
    with pytest.raises(UpstreamUnavailableError, match="sqs: connection failed"):
        client.open(timeout=AMPLE)


def test_it_takes_no_longer_than_it_may() -> None:
    release = threading.Event()

    def auth() -> dict[str, str]:
        release.wait(AMPLE)
        return {}

    client = HttpClient(f"http://127.0.0.1:{unused_port()}", system="sqs", auth=auth)
    with pytest.raises(UpstreamTimeoutError):
        client.open(timeout=0.05)
    release.set()
