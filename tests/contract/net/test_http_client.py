"""The HTTP client against real sockets that keep alive, hang, drip, break and lie.

Whatever the other side does, a call ends at its deadline, and afterwards no thread and no socket is left.
"""

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from operator_memory.adapters.net import http as http_module
from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.errors import (
    ConfigurationError,
    MalformedResponseError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.support.loopback import HttpServer, LoopbackServer, Request, read_request, reply, unused_port
from tests.support.time_outs import AMPLE

SHORT = 0.2
"""A deadline for calls that are meant to reach it, in seconds."""

MARGIN = AMPLE / 2
"""How much later than its deadline a call may end on a busy machine; far less than any hang."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every thread and file descriptor that a test started is gone soon after it."""
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    yield
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        gc.collect()  # an unclosed socket warns here, and a warning is an error
        if set(threading.enumerate()) <= threads and open_descriptors() <= descriptors:
            return
        time.sleep(0.01)
    pytest.fail(f"left behind: {set(threading.enumerate()) - threads} {open_descriptors() - descriptors}")


def open_descriptors() -> set[str]:
    """The sockets of this process."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except OSError:
            continue  # the descriptor of this listing
    return {link for link in links if link.startswith("socket:")}


def workers() -> list[threading.Thread]:
    """The threads in which the client's calls run."""
    return [thread for thread in threading.enumerate() if "(work)" in thread.name]


@pytest.fixture
def client_of(request: pytest.FixtureRequest) -> Callable[..., HttpClient]:
    """Makes clients that are closed at the end of the test."""

    def make(url: str, **options: object) -> HttpClient:
        client = HttpClient(url, system="store", **options)  # type: ignore[arg-type]
        request.addfinalizer(client.close)
        return client

    return make


Make = Callable[..., HttpClient]


def ends_at_its_deadline(call: Callable[[], object], error: type[UpstreamError] = UpstreamTimeoutError) -> None:
    """What hangs ends. And no wait for the socket was to go beyond the deadline, however late it ended in fact."""
    waits: list[float | None] = []
    settimeout = socket.socket.settimeout

    def noting(self: socket.socket, seconds: float | None) -> None:
        waits.append(seconds)
        settimeout(self, seconds)

    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "settimeout", noting)
        with pytest.raises(error):
            call()
    assert all(seconds is not None and seconds <= SHORT for seconds in waits)
    assert time.monotonic() - started < SHORT + MARGIN


# --- the ordinary case


def test_many_requests_share_one_connection(client_of: Make) -> None:
    with HttpServer(lambda request: reply(request.body, headers={"X-Path": request.path})) as server:
        client = client_of(f"{server.url}/base/")
        for n in range(20):
            response = client.request("POST", f"/p{n}", str(n).encode(), timeout=AMPLE)
            assert (response.status, response.body) == (200, str(n).encode())
            assert response.headers["x-path"] == f"/base/p{n}"
        assert server.connections == 1


def test_headers_are_the_clients_then_the_secrets_then_the_calls(client_of: Make) -> None:
    secrets = iter(["key-1", "key-2"])
    with HttpServer() as server:
        client = client_of(
            server.url, headers={"X-A": "client", "X-B": "client"}, auth=lambda: {"api-key": next(secrets)}
        )
        client.request("GET", "/", timeout=AMPLE, headers={"X-B": "call"})
        client.request("GET", "/", timeout=AMPLE)
    sent = [request.headers for request in server.requests]
    assert [h["api-key"] for h in sent] == ["key-1", "key-2"], "asked each time: a rotated secret is picked up"
    assert (sent[0]["x-a"], sent[0]["x-b"], sent[1]["x-b"]) == ("client", "call", "client")
    assert sent[0]["content-type"] == "application/json"


@pytest.mark.parametrize("framing", ["chunked", "until close", "no content"])
def test_every_framing_of_a_body_is_read_whole(framing: str, client_of: Make) -> None:
    answers = {
        "chunked": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "until close": b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nabcde",
        "no content": b"HTTP/1.1 204 X\r\n\r\n",
    }
    with HttpServer(lambda _request: answers[framing]) as server:
        client = client_of(server.url)
        bodies = [client.request("GET", "/", timeout=AMPLE).body for _ in range(3)]
        assert set(bodies) == {b"" if framing == "no content" else b"abcde"}
        assert server.connections == (3 if framing == "until close" else 1)


def test_eight_threads_share_a_client_and_each_gets_its_own_answer(client_of: Make) -> None:
    with HttpServer(lambda request: reply(request.body)) as server:
        client = client_of(server.url)

        def call(n: int) -> bool:
            return client.request("POST", "/", str(n).encode(), timeout=AMPLE).body == str(n).encode()

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(400)))
        assert server.connections <= 8


def test_threads_that_race_for_the_last_idle_connection_all_succeed(client_of: Make) -> None:
    with HttpServer() as server:
        client = client_of(server.url)
        for _ in range(30):
            client.request("GET", "/", timeout=AMPLE)
            start = threading.Barrier(8)

            def call(start: threading.Barrier = start) -> int:
                start.wait()
                return client.request("GET", "/", timeout=AMPLE).status

            with ThreadPoolExecutor(8) as pool:
                assert [f.result() for f in [pool.submit(call) for _ in range(8)]] == [200] * 8
            client.close()


# --- kept connections that die


def test_a_kept_connection_that_the_server_closed_is_replaced_unnoticed(client_of: Make) -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(reply())  # promises to keep the connection, then closes it
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with LoopbackServer(once) as server:
        client = client_of(server.url)
        for _ in range(3):
            closed.clear()
            assert client.request("GET", "/", timeout=AMPLE).status == 200
            assert closed.wait(AMPLE)
        assert server.connections == 3


def break_on_second_request(connection: socket.socket) -> None:
    with connection.makefile("rb") as stream:
        read_request(stream)
        connection.sendall(reply())
        read_request(stream)  # and closes without an answer


def test_a_connection_that_dies_under_a_request_is_replaced_only_if_asking_twice_is_harmless(
    client_of: Make,
) -> None:
    with LoopbackServer(break_on_second_request) as server:
        client = client_of(server.url)
        client.request("GET", "/", timeout=AMPLE)
        assert client.request("PUT", "/", b"x", timeout=AMPLE).status == 200
        assert server.connections == 2
        with pytest.raises(UpstreamUnavailableError):
            client.request("POST", "/", b"x", timeout=AMPLE, idempotent=False)
        assert server.connections == 2


def test_a_fresh_connection_that_dies_is_an_error_not_a_loop(client_of: Make) -> None:
    with LoopbackServer(lambda connection: connection.close()) as server:
        with pytest.raises(UpstreamUnavailableError):
            client_of(server.url).request("GET", "/", timeout=AMPLE)
        assert server.connections == 1


def test_a_connection_idle_for_too_long_is_not_used_again(client_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_IDLE_SECONDS", 0.0)
    with HttpServer() as server:
        client = client_of(server.url)
        for _ in range(3):
            client.request("GET", "/", timeout=AMPLE)
        assert server.connections == 3


# --- sides that do not answer in time


def test_a_server_that_never_answers(client_of: Make) -> None:
    with HttpServer(lambda _request: None) as server:
        ends_at_its_deadline(lambda: client_of(server.url).request("GET", "/", timeout=SHORT))


def test_a_server_that_accepts_and_never_reads(client_of: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        body = b"x" * 30_000_000  # more than the kernel's buffers take
        ends_at_its_deadline(lambda: client_of(url).request("POST", "/", body, timeout=SHORT))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
        b"",
    ],
    ids=["body", "body until close", "HTTP/1.0", "header", "status line"],
)
def test_a_server_that_drips_one_byte_at_a_time_for_ever(head: bytes, client_of: Make) -> None:
    """Each byte comes in time, so no time-out of a single read ever fires."""

    def drip(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(head)
        while not server.closing.wait(0.01):
            connection.sendall(b"1")

    with LoopbackServer(drip) as server:
        ends_at_its_deadline(lambda: client_of(server.url).request("GET", "/", timeout=SHORT))
        for worker in workers():
            worker.join(AMPLE)
        assert workers() == [], "the worker ended although the server still drips"


def test_a_name_that_does_not_resolve_in_time_and_then_does(client_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    release, resolve = threading.Event(), socket.getaddrinfo

    def slow(*args: object, **kwargs: object) -> object:
        assert release.wait(AMPLE)
        return resolve(*args, **kwargs)  # type: ignore[arg-type]

    with HttpServer() as server:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        ends_at_its_deadline(lambda: client_of(server.url).request("DELETE", "/", timeout=SHORT))
        [worker] = workers()
        release.set()
        worker.join(AMPLE)
        assert workers() == []
        assert server.requests == [], "what was given up is not sent afterwards"


def test_a_secret_that_cannot_be_had_in_time(client_of: Make) -> None:
    release = threading.Event()

    def auth() -> dict[str, str]:
        release.wait(AMPLE)
        return {}

    with HttpServer() as server:
        client = client_of(server.url, auth=auth)
        ends_at_its_deadline(lambda: client.request("GET", "/", timeout=SHORT))
        release.set()
        assert client.request("GET", "/", timeout=AMPLE).status == 200


def test_after_a_time_out_the_next_call_works(client_of: Make) -> None:
    hang = threading.Event()
    hang.set()

    def answer(_request: Request) -> bytes | None:
        return None if hang.is_set() else reply(b"late")

    with HttpServer(answer) as server:
        client = client_of(server.url)
        ends_at_its_deadline(lambda: client.request("GET", "/", timeout=SHORT))
        hang.clear()
        assert client.request("GET", "/", timeout=AMPLE).body == b"late"


# --- sides that are not there, or break


def test_a_refused_port_is_said_at_once(client_of: Make) -> None:
    client = client_of(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(UpstreamUnavailableError, match="ConnectionRefusedError"):
        client.request("GET", "/", timeout=AMPLE)


def test_a_name_that_does_not_exist(client_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UpstreamUnavailableError, match="gaierror"):
        client_of("http://store.invalid").request("GET", "/", timeout=AMPLE)


BROKEN = {
    "half a body": reply(b'{"a": 1', length=100, headers={"Connection": "close"}),
    "half a chunk": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nff\r\nabc",
    "half a status line": b"HTTP/1.1 2\r\nConnection: close",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\nConnection: close",
    "an endless header": b"HTTP/1.1 200 X\r\nX: " + b"x" * 100_000 + b"\r\nConnection: close",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_half_an_answer_is_no_answer(answer: bytes, client_of: Make) -> None:
    unavailable = pytest.raises(UpstreamUnavailableError, match="store: connection failed")
    with HttpServer(lambda _request: answer) as server, unavailable:
        client_of(server.url).request("GET", "/", timeout=AMPLE)


def test_a_body_beyond_the_cap_is_refused(client_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_MAX_BODY", 1000)
    with HttpServer(lambda request: reply(b"x" * int(request.path[1:]))) as server:
        client = client_of(server.url)
        assert len(client.request("GET", "/1000", timeout=AMPLE).body) == 1000
        with pytest.raises(MalformedResponseError, match="larger than 1000"):
            client.request("GET", "/1001", timeout=AMPLE)
        assert client.request("GET", "/3", timeout=AMPLE).body == b"xxx"


@pytest.mark.parametrize("url", ["", "store:6333", "ftp://store", "http://", "http://h:99999", "http://[::1"])
def test_an_unusable_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="address of store"):
        HttpClient(url, system="store")
