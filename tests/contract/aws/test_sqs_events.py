"""Events on their way to the queue: against real SQS semantics (moto's server), and servers that are slow or broken."""

import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from operator_memory.adapters.aws import sqs_events
from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient
from operator_memory.adapters.aws.sqs_events import MAX_BATCH, MAX_BATCH_CHARACTERS, MAX_WAITING, SqsEvents
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.application.ports.management import EventSink
from operator_memory.domain.management.audit_events import EventType, MemoryEvent
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.contracts.event import event_body, parse_event

from tests.support.aws.clients import Queues, aws_client
from tests.support.fakes.limits import FakeEvents
from tests.support.loopback import HttpServer, LoopbackServer, Request, read_request, reply, unused_port

pytest_plugins = ["tests.support.aws.fixtures"]

PATIENCE = 30.0
A_FEW_MS = 0.5
"""What `emit` may take in a test: a hundred times its wait, since this machine may be busy."""


def an_event(name: str = "e-1", **fields: Any) -> MemoryEvent:
    happened = datetime(2026, 11, 24, 9, tzinfo=UTC)
    return MemoryEvent(
        name, AccountId("acct-1"), "service:runtime", EventType.INJECT, happened, memory_ids=("m-1",), **fields
    )


Connect = Callable[..., SqsEvents]


@pytest.fixture
def connect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Makes a sink that sends to an address."""
    monkeypatch.setattr(sqs_events, "_BACKOFF", 0.001)

    def make(url: str, queue_url: str = "http://sqs/1/events", **options: Any) -> SqsEvents:
        client = AwsJsonClient(
            service="sqs",
            region="us-east-1",
            endpoint_url=url,
            credentials=AwsCredentials("AKIA", "s"),
            clock=SystemClock(),
        )
        request.addfinalizer(client.close)
        return SqsEvents(client, queue_url, **{"encode": event_body, **options})

    return make


@pytest.fixture
def queue(aws_url: str) -> Iterator[Queues]:
    """A fresh standard queue."""
    client = aws_client("sqs", aws_url)
    url = client.create_queue(QueueName=f"events-{uuid.uuid4()}")["QueueUrl"]
    yield Queues(client, url, url)
    client.close()


def received(queue: Queues) -> list[MemoryEvent]:
    events = []
    while messages := queue.receive(queue.url):
        events += [parse_event(message["Body"]) for message in messages]
    return events


def sent(request: Request) -> list[str]:
    """Ids of the events in a request."""
    body = request.json()
    bodies = [entry["MessageBody"] for entry in body["Entries"]] if "Entries" in body else [body["MessageBody"]]
    return [parse_event(each).id for each in bodies]


def taken(request: Request) -> bytes:
    """SQS's answer if it takes everything."""
    entries = request.json().get("Entries")
    if entries is None:
        return reply({"MessageId": "m"})
    return reply({"Successful": [{"Id": e["Id"], "MessageId": "m"} for e in entries], "Failed": []})


def lost(caplog: pytest.LogCaptureFixture) -> list[MemoryEvent]:
    """What the log says was not sent."""
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    return [parse_event(record.__dict__["event"]) for record in records]


def test_the_fake_and_the_real_one_are_sinks(connect: Connect) -> None:
    sinks: list[EventSink] = [FakeEvents(), connect("http://127.0.0.1:1")]
    assert len(sinks) == 2
    fake = FakeEvents()
    fake.emit(an_event())
    assert fake.events == [an_event()]
    assert fake.flush(0)


def test_an_event_is_in_the_queue_as_it_was(connect: Connect, aws_url: str, queue: Queues) -> None:
    sink = connect(aws_url, queue.url)
    event = an_event(query="Which tea? \u2615 \x00", metadata={"tokens": 7})
    sink.emit(event)
    assert sink.flush(PATIENCE)
    assert received(queue) == [replace(event, query="Which tea? \u2615 \ufffd")]


def test_an_emit_that_has_time_returns_when_the_event_is_sent(connect: Connect, aws_url: str, queue: Queues) -> None:
    connect(aws_url, queue.url, wait=PATIENCE).emit(an_event())
    assert received(queue) == [an_event()]


def test_events_arrive_in_order_and_once(connect: Connect) -> None:
    with HttpServer(taken) as server:
        sink = connect(server.url)
        for number in range(100):
            sink.emit(an_event(f"e-{number}"))
        assert sink.flush(PATIENCE)
        assert [name for request in server.requests for name in sent(request)] == [f"e-{n}" for n in range(100)]
        assert server.connections == 1


def burst(sink: SqsEvents, count: int) -> list[str]:
    """Emit so many events from eight threads at once; returns their names in the order of the alphabet."""
    names = [f"e-{number}" for number in range(count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: sink.emit(an_event(name)), names))
    assert sink.flush(PATIENCE)
    return sorted(names)


def test_a_burst_of_a_thousand_arrives_completely_and_once(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with HttpServer(taken) as server:
        names = burst(connect(server.url), 1_000)
        assert sorted(name for request in server.requests for name in sent(request)) == names
        assert len(server.requests) < 1_000, "what comes together goes together"
    assert lost(caplog) == []


def test_what_goes_together_is_in_the_queue_as_single_messages(connect: Connect, aws_url: str, queue: Queues) -> None:
    names = burst(connect(aws_url, queue.url), 60)
    assert sorted(event.id for event in received(queue)) == names


@contextmanager
def held_up() -> Iterator[tuple[HttpServer, threading.Event]]:
    """A queue that takes messages only once the event is set."""
    go_on = threading.Event()

    def answer(request: Request) -> bytes:
        go_on.wait(PATIENCE)
        return taken(request)

    with HttpServer(answer) as server:
        yield server, go_on


def test_a_slow_queue_holds_up_nobody_and_gets_its_events_later(connect: Connect) -> None:
    with held_up() as (server, go_on):
        sink = connect(server.url, timeout=PATIENCE)
        for number in range(26):
            started = time.monotonic()
            sink.emit(an_event(f"e-{number}"))
            assert time.monotonic() - started < A_FEW_MS
        assert not sink.flush(0)
        assert not sink.flush(0.01)
        go_on.set()
        assert sink.flush(PATIENCE)
        batches = [sent(request) for request in server.requests]
    assert [name for batch in batches for name in batch] == [f"e-{n}" for n in range(26)]
    assert max(map(len, batches)) == MAX_BATCH, "what has piled up goes together"


def test_large_events_are_not_put_together_into_a_request_that_is_too_large(connect: Connect) -> None:
    with held_up() as (server, go_on):
        sink = connect(server.url, timeout=PATIENCE, wait=0)
        for number in range(8):
            sink.emit(an_event(f"e-{number}", query="\U0001f375" * 9_000))
        go_on.set()
        assert sink.flush(PATIENCE)
        assert [name for request in server.requests for name in sent(request)] == [f"e-{n}" for n in range(8)]
        assert all(len(request.body) < MAX_BATCH_CHARACTERS * 1.5 for request in server.requests)
        assert len(server.requests) >= 4, "two of them fit"


def test_a_queue_that_is_not_there_is_logged_and_nothing_is_raised(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    sink = connect(f"http://127.0.0.1:{unused_port()}")
    event = an_event(query="my illness")
    sink.emit(event)
    assert sink.flush(PATIENCE)
    assert lost(caplog) == [replace(event, query=None)]
    [record] = caplog.records
    assert record.__dict__["reason"] == "upstream_unavailable"
    shown = json.dumps({name: str(value) for name, value in record.__dict__.items()})
    assert "my illness" not in shown


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (reply({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}, 400), 1),
        (reply({"__type": "com.amazonaws.sqs#RequestThrottled"}, 400), 3),
        (reply({}, 503), 3),
        (reply(b"<html>"), 3),
    ],
)
def test_what_may_pass_is_tried_three_times_and_what_cannot_once(
    connect: Connect, caplog: pytest.LogCaptureFixture, answer: bytes, requests: int
) -> None:
    with HttpServer(lambda _request: answer) as server:
        sink = connect(server.url)
        sink.emit(an_event())
        assert sink.flush(PATIENCE)
        assert len(server.requests) == requests
    assert lost(caplog) == [an_event()]


def test_an_event_that_was_not_taken_at_first_is_sent_again_before_those_behind_it(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: Request) -> bytes:
        return reply({}, 503) if len(server.requests) < 3 else taken(request)

    with HttpServer(answer) as server:
        sink = connect(server.url)
        for number in range(5):
            sink.emit(an_event(f"e-{number}"))
        assert sink.flush(PATIENCE)
        arrived = [name for request in server.requests[2:] for name in sent(request)]
    assert arrived == [f"e-{n}" for n in range(5)]
    assert lost(caplog) == []


def a_full_batch(connect: Connect, answer: Callable[[int, Request], bytes]) -> list[list[str]]:
    """Send one event and then three in a batch, which ``answer`` judges by its attempt (0, 1, 2)."""
    go_on = threading.Event()
    batches: list[list[str]] = []

    def serve(request: Request) -> bytes:
        if len(server.requests) == 1:
            go_on.wait(PATIENCE)
            return taken(request)
        batches.append(sent(request))
        return answer(len(batches) - 1, request)

    with HttpServer(serve) as server:
        sink = connect(server.url, timeout=PATIENCE, wait=0)
        sink.emit(an_event("first"))
        deadline = time.monotonic() + PATIENCE
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.001)
        for name in ("a", "b", "c"):
            sink.emit(an_event(name))
        go_on.set()
        assert sink.flush(PATIENCE)
    return batches


def test_of_a_batch_only_what_was_not_taken_is_sent_again(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    def answer(attempt: int, request: Request) -> bytes:
        if attempt:
            return taken(request)
        failed = [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]
        return reply({"Successful": [{"Id": "0"}], "Failed": failed})

    assert a_full_batch(connect, answer) == [["a", "b", "c"], ["b", "c"]], "c was not mentioned at all"
    assert lost(caplog) == []


def test_what_the_queue_refuses_in_a_batch_is_logged_at_once(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(_attempt: int, _request: Request) -> bytes:
        failed = [{"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents"}]
        return reply({"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": failed})

    assert a_full_batch(connect, answer) == [["a", "b", "c"]]
    assert [event.id for event in lost(caplog)] == ["b"]


@pytest.mark.parametrize("body", [{}, {"Successful": [7]}, {"Successful": [{}]}, {"Failed": 3}, {"Successful": None}])
def test_an_answer_to_a_batch_that_says_nothing_is_no_success(
    connect: Connect, caplog: pytest.LogCaptureFixture, body: object
) -> None:
    assert a_full_batch(connect, lambda _attempt, _request: reply(body)) == [["a", "b", "c"]] * 3
    assert [event.id for event in lost(caplog)] == ["a", "b", "c"]


@pytest.mark.parametrize("dies", ["while it is idle", "when it is used"])
def test_a_kept_connection_that_is_dead_is_replaced(
    connect: Connect, caplog: pytest.LogCaptureFixture, dies: str
) -> None:
    arrived: list[str] = []

    def talk(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            request = read_request(stream)
            assert request is not None
            arrived.extend(sent(request))
            connection.sendall(taken(request))
            if dies == "when it is used":
                read_request(stream)

    with LoopbackServer(talk) as server:
        sink = connect(server.url, wait=PATIENCE)
        for name in ("a", "b", "c"):
            sink.emit(an_event(name))
        assert arrived == ["a", "b", "c"]
        assert server.connections == 3
    assert lost(caplog) == []


def test_beyond_a_thousand_that_wait_events_go_to_the_log(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with held_up() as (server, go_on):
        sink = connect(server.url, timeout=PATIENCE, wait=0)
        for number in range(MAX_WAITING + 3):
            sink.emit(an_event(f"e-{number}"))
        assert [event.id for event in lost(caplog)] == [f"e-{MAX_WAITING + n}" for n in range(3)]
        assert caplog.records[0].__dict__["reason"] == "upstream_unavailable"
        go_on.set()
        assert sink.flush(PATIENCE)
        assert len({name for request in server.requests for name in sent(request)}) == MAX_WAITING


def test_an_event_that_cannot_be_encoded_breaks_nothing(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    def encode(event: MemoryEvent) -> str:
        raise OverflowError("a date")

    connect("http://127.0.0.1:1", encode=encode).emit(an_event("e-9"))
    [record] = caplog.records
    known = {"id": "e-9", "account_id": "acct-1", "type": "inject"}
    assert (json.loads(record.__dict__["event"]), record.__dict__["reason"]) == (known, "OverflowError")


def test_where_no_thread_can_be_started_the_event_goes_to_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with HttpServer(taken) as server:
        sink = connect(server.url)
        with monkeypatch.context() as broken:
            broken.setattr(threading.Thread, "start", start)
            sink.emit(an_event("a"))
        sink.emit(an_event("b"))
        assert sink.flush(PATIENCE)
        assert [sent(request) for request in server.requests] == [["b"]]
    assert [event.id for event in lost(caplog)] == ["a"]


def test_an_unforeseen_failure_costs_its_own_events_and_not_those_behind(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpServer(taken) as server:
        sink = connect(server.url, wait=PATIENCE)
        with monkeypatch.context() as broken:
            broken.setattr(AwsJsonClient, "call", lambda *_, **__: 1 / 0)
            sink.emit(an_event("a"))
        sink.emit(an_event("b"))
        assert [sent(request) for request in server.requests] == [["b"]]
    assert [event.id for event in lost(caplog)] == ["a"]
