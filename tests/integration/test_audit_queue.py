"""The trail's way from the hot path to Postgres: a queue in between keeps what Postgres cannot take for an hour."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from operator_memory.adapters.aws.signed_json import AwsCredentials, AwsJsonClient
from operator_memory.adapters.aws.sqs_events import SqsEvents
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.supabase.event_store import SupabaseEventStore
from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.application.management.record_events import RecordEvents
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.entrypoints.contracts.event import event_body

from devstack.aws.events import sqs_event
from devstack.aws.template import QueueSpec
from devstack.supabase import SupabaseFront
from tests.support.aws.clients import aws_client
from tests.support.builders import a_memory
from tests.support.fakes.core import FakeEmbedder, InMemoryMemories
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.library import InMemoryLibrary
from tests.support.loopback import unused_port
from tests.support.supabase.tenants import Tenant

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.aws.fixtures"]

APP = Path(__file__).parents[2] / "functions" / "audit" / "app.py"
NOW = datetime.now(UTC)
QUEUE = QueueSpec("MemoryEventsQueue", "events", {})


@dataclass
class Trail:
    """The events queue, and the audit function that empties it."""

    sqs: Any
    url: str
    sink: SqsEvents
    start: Callable[[RecordEvents], ModuleType]

    def receive(self) -> list[dict[str, Any]]:
        """Everything that is visible."""
        found: list[dict[str, Any]] = []
        while messages := self._batch():
            found += messages
        return found

    def _batch(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"])
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def put_back(self, messages: list[dict[str, Any]]) -> None:
        """What SQS does when the time-out of visibility has passed."""
        for message in messages:
            self.sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


@pytest.fixture
def trail(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trail]:
    sqs = aws_client("sqs", aws_url)
    url = sqs.create_queue(QueueName=f"events-{uuid4()}")["QueueUrl"]
    credentials = AwsCredentials("test", "test")
    client = AwsJsonClient(
        service="sqs", region="us-east-1", endpoint_url=aws_url, credentials=credentials, clock=SystemClock()
    )

    def start(record: RecordEvents) -> ModuleType:
        monkeypatch.setattr("operator_memory.entrypoints.wiring.audit.build_audit", lambda: record)
        spec = importlib.util.spec_from_file_location("audit_under_test", APP)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield Trail(sqs, url, SqsEvents(client, url, encode=event_body), start)
    client.close()
    sqs.close()


def to_postgres(front: SupabaseFront, library: InMemoryLibrary) -> tuple[RecordEvents, SupabaseRest]:
    rest = SupabaseRest(front.url, lambda: front.service_role_key)
    trail, tombstones = SupabaseEventStore(rest), InMemoryTombstones()
    return RecordEvents(store=trail, library=library, tombstones=tombstones, holds=FixedHolds()), rest


def rows(front: SupabaseFront, account: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(front.dsn) as database:
        found = database.execute("select id::text, event_type from memory_events where account_id = %s", (account,))
        return found.fetchall()


def events_of(account: str, memories: list[str], count: int) -> list[MemoryEvent]:
    return [
        MemoryEvent(
            id=str(uuid4()),
            account_id=AccountId(account),
            actor="service:agent-runtime",
            type=EventType.INJECT,
            occurred_at=NOW + timedelta(milliseconds=n),
            memory_ids=tuple(memories),
        )
        for n in range(count)
    ]


def test_what_the_platform_cannot_take_for_an_hour_is_there_afterwards_once(
    trail: Trail, supabase_front: SupabaseFront, tenant: Tenant
) -> None:
    store, account = InMemoryMemories(), AccountId(tenant.account_id)
    memory = replace(a_memory("Likes tea.", id=str(uuid4())), account_id=account)
    [vector] = FakeEmbedder().embed(["Likes tea."], timeout=1)
    store.upsert(account, [EmbeddedMemory(memory, vector)])
    library = InMemoryLibrary(store)
    events = events_of(tenant.account_id, [memory.id], 25)
    for event in events:
        trail.sink.emit(event)
    assert trail.sink.flush(30)

    nobody = SupabaseRest(f"http://127.0.0.1:{unused_port()}", lambda: "k")
    unreachable = SupabaseEventStore(nobody)
    down = trail.start(
        RecordEvents(store=unreachable, library=library, tombstones=InMemoryTombstones(), holds=FixedHolds())
    )
    messages = trail.receive()
    for _ in range(3):  # the hour
        with pytest.raises(UpstreamUnavailableError):
            down.handler(sqs_event(messages, QUEUE), None)
        trail.put_back(messages)
        messages = trail.receive()
    assert len(messages) == 25
    assert rows(supabase_front, tenant.account_id) == []

    record, rest = to_postgres(supabase_front, library)
    up = trail.start(record)
    for _ in range(2):  # and SQS delivers a batch twice now and then
        assert up.handler(sqs_event(messages, QUEUE), None) == {"batchItemFailures": []}
    assert {identity for identity, _ in rows(supabase_front, tenant.account_id)} == {event.id for event in events}
    [seen] = store.of(account)
    assert (seen.access_count, seen.last_accessed_at) == (25, events[-1].occurred_at)
    rest.close()


def test_one_event_that_can_never_be_written_takes_no_other_with_it(
    trail: Trail, supabase_front: SupabaseFront, tenant: Tenant
) -> None:
    record, rest = to_postgres(supabase_front, InMemoryLibrary())
    good, other = events_of(tenant.account_id, [], 2)
    bad = replace(other, occurred_at=NOW + timedelta(days=1))  # the trail refuses the future
    for event in (good, bad):
        trail.sink.emit(event)
    assert trail.sink.flush(30)
    trail.sqs.send_message(QueueUrl=trail.url, MessageBody="no event")
    messages = trail.receive()
    answer = trail.start(record).handler(sqs_event(messages, QUEUE), None)
    body_of = {message["MessageId"]: message["Body"] for message in messages}
    failed = {body_of[item["itemIdentifier"]] for item in answer["batchItemFailures"]}
    assert failed == {"no event", event_body(bad)}
    assert [identity for identity, _ in rows(supabase_front, tenant.account_id)] == [good.id]
    rest.close()
