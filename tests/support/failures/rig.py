"""The real extraction function between real outside systems, each behind a proxy that a test can make fail.

A test module asks for ``rig`` with ``pytest_plugins = ["tests.support.failures.fixtures"]``. Every test has accounts of
its own: its subject's, whose message meets the failure, and a bystander's, whose message is behind it in the same
batch. A failure lasts until the function has given the subject's message back or given it up, so only that meets it.
"""

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.domain.learning.jobs import JobRecord, JobState
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.lease import HOLD_SECONDS

from devstack.supabase import SupabaseFront
from infra.dead_letters.actions import Tally, act
from infra.dead_letters.failed_message import Kind
from infra.dead_letters.queue import DeadLetterQueue
from tests.support.aws.clients import Queues
from tests.support.failures.faulty_proxy import FaultyProxy, When
from tests.support.loopback import Request
from tests.support.qdrant.front import Rest
from tests.support.supabase.tenants import StoredMessage, add_messages, new_thread

COLLECTION = "failures"
DEAD, EVENTS = "dead", "events"
"""How the names of these queues begin."""

PATIENCE = 30.0
"""Seconds that the function waits for any of the systems: long, as the proxies say when its time is up."""

SAID = (("user", "My name is Ana and I live in Porto."), ("assistant", "Noted, Ana."))
SUBJECT, BYSTANDER = "subject", "bystander"
_CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000, function_name="extraction")


def path(ending: str) -> When:
    """Requests whose path ends so, whatever their query."""
    return lambda request: request.path.partition("?")[0].endswith(ending)


def target(name: str, *, holding: str = "") -> When:
    """Requests for an operation of AWS, in whose body ``holding`` stands."""
    return lambda request: request.headers.get("x-amz-target", "").endswith(f".{name}") and holding in str(request.body)


def gives_back(request: Request) -> bool:
    """Whether it is the message's return to the queue, not the start of its handling."""
    given = target("ChangeMessageVisibility")(request)
    return given and request.json()["VisibilityTimeout"] != HOLD_SECONDS


GIVES_BACK: When = gives_back
BURIES = target("SendMessage", holding=f"/{DEAD}-")
NOTES_EVENT = target("SendMessage", holding=f"/{EVENTS}-")
CHAT, EMBEDDINGS = path("/chat/completions"), path("/embeddings")
SEARCH, WRITE = path("/points/query/batch"), path("/points")


class LaterClock(SystemClock):
    """The machine's clock, put forward by a test."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass(frozen=True)
class Systems:
    """The proxies in front of the outside systems."""

    models: FaultyProxy
    qdrant: FaultyProxy
    supabase: FaultyProxy
    dynamodb: FaultyProxy
    sqs: FaultyProxy

    @property
    def all(self) -> tuple[FaultyProxy, ...]:
        """All of them."""
        return self.models, self.qdrant, self.supabase, self.dynamodb, self.sqs


@dataclass(frozen=True)
class World:
    """What all tests share: the systems behind their proxies, and the function, imported once."""

    systems: Systems
    front: SupabaseFront
    store: Rest
    queues: Queues
    events_url: str
    jobs: DynamoDBJobs
    clock: LaterClock
    function: Any
    """The function's module."""


@dataclass(frozen=True)
class Stored:
    """What the store holds for an account: the text of every point, sorted."""

    facts: list[str]
    turns: list[str]


TURNS = Stored([], sorted(text for _, text in SAID))
"""What is stored when a failure comes after the turns and before the facts."""

NOTHING = Stored([], [])


@dataclass(frozen=True)
class Outcome:
    """What became of the subject's job, as an operator sees it."""

    record: JobRecord | None
    stored: Stored
    queued: int
    letters: list[dict[str, str]]


@dataclass(frozen=True)
class Delivery:
    """One call of the function: the jobs that it was given and those that it gave back, and what it logged."""

    tried: list[str]
    failed: list[str]
    delays: list[int]
    logged: list[logging.LogRecord]

    @property
    def reasons(self) -> list[str]:
        """Why jobs failed, in its own words."""
        of_jobs = [vars(line) for line in self.logged if line.name == "operator_memory.extraction"]
        return [line["reason"] for line in of_jobs if "reason" in line]


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record)


@dataclass
class Rig:
    """One test's view: the systems, the accounts, and the queue."""

    world: World
    systems: Systems
    subject: AccountId
    bystander: AccountId
    log: Kept = field(default_factory=Kept)

    def send(self, account: AccountId, job: str, *, thread: str = "", **fields: object) -> None:
        """A finished run into the queue, with its messages unless ``fields`` say otherwise."""
        body: dict[str, object] = {
            "job_id": job,
            "account_id": account,
            "thread_id": thread or "thread-1",
            "agent_id": "agent-1",
            "status": "completed",
            "finished_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
            "messages": [{"type": kind, "content": text} for kind, text in SAID],
            **fields,
        }
        self.world.queues.client.send_message(
            QueueUrl=self.world.queues.url,
            MessageBody=json.dumps({name: value for name, value in body.items() if value is not None}),
            MessageGroupId=account,
            MessageDeduplicationId=f"{account}-{job}",
        )

    def new_thread(self) -> str:
        """A thread of the subject's on the platform, in which the usual was said."""
        thread, since = new_thread(self.world.front, self.subject), datetime.now(UTC) - timedelta(minutes=2)
        said = [StoredMessage(kind, text, since + timedelta(seconds=n), str(uuid.uuid4()))
                for n, (kind, text) in enumerate(SAID)]  # fmt: skip
        add_messages(self.world.front, thread, said)
        return thread

    def deliver(self) -> Delivery:
        """Hand the function what the queue shows, as Lambda's trigger does. What failed is visible again at once."""
        queues = self.world.queues
        messages = queues.receive(queues.url)
        seen = len(self.systems.sqs.requests)
        self.log.lines.clear()
        answer = self.world.function.handler({"Records": [_sqs_record(message) for message in messages]}, _CONTEXT)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            receipt = {"QueueUrl": queues.url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] in failed:
                queues.client.change_message_visibility(**receipt, VisibilityTimeout=0)
            else:
                queues.client.delete_message(**receipt)
        return Delivery(
            [_job(message) for message in messages],
            [_job(message) for message in messages if message["MessageId"] in failed],
            [r.json()["VisibilityTimeout"] for r in self.systems.sqs.requests[seen:] if GIVES_BACK(r)],
            list(self.log.lines),
        )

    def outcome(self, account: AccountId | None = None, job: str = SUBJECT) -> Outcome:
        """How things stand for the account (the subject's) and in the queues."""
        account = account or self.subject
        return Outcome(
            self.world.jobs.get(account, job), self.stored(account), _count(self.world.queues), self._letters()
        )

    def _letters(self) -> list[dict[str, str]]:
        queues = self.world.queues
        found = queues.receive(queues.dead_letter_url)
        for message in found:
            queues.client.change_message_visibility(
                QueueUrl=queues.dead_letter_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [{n: a["StringValue"] for n, a in m["MessageAttributes"].items()} | {"body": m["Body"]} for m in found]

    def stored(self, account: AccountId) -> Stored:
        """Everything that the store has of the account."""
        texts: dict[str, list[str]] = {"fact": [], "turn": []}
        for payload in self._payloads(account):
            texts[payload["kind"]].append(payload["data"])
        return Stored(sorted(texts["fact"]), sorted(texts["turn"]))

    def holding(self, account: AccountId) -> list[str]:
        """The facts among them that no later one has replaced."""
        payloads = self._payloads(account)
        return sorted(p["data"] for p in payloads if p["kind"] == "fact" and p.get("superseded_by") is None)

    def _payloads(self, account: AccountId) -> list[dict[str, Any]]:
        only = {"must": [{"key": "user_id", "match": {"value": account}}]}
        body = {"filter": only, "limit": 1000, "with_payload": True}
        status, page = self.world.store("POST", f"/collections/{COLLECTION}/points/scroll", body)
        assert status == 200, page
        return [point["payload"] for point in page["points"]]

    def redrive(self) -> None:
        """Put all dead letters back, as an operator does."""
        queues, tally = self.world.queues, Tally()
        queue = DeadLetterQueue(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=queues.url)
        act(queue, lambda found: found.letters, queue.put_back, behind=True, tally=tally, seen=lambda _: None)
        assert tally.done == 1

    def later(self, *, seconds: float) -> None:
        """The function's clock is put forward."""
        self.world.clock.ahead += timedelta(seconds=seconds)

    def heal(self) -> None:
        """All systems are well from now on."""
        self.heal_all_but_queues()
        self.systems.sqs.heal()

    def heal_all_but_queues(self) -> None:
        """All others are well from now on."""
        for proxy in self.systems.all:
            if proxy is not self.systems.sqs:
                proxy.heal()

    # ---- what every failure must come to ----------------------------------------------------------------------

    def both_sent(self, thread: str = "", **fields: object) -> None:
        """The subject's message, and behind it the bystander's, in which the same was said."""
        self.send(self.subject, SUBJECT, thread=thread, **fields)
        self.send(self.bystander, BYSTANDER)

    def fails(self, reason: str) -> Delivery:
        """Deliver both: the subject's is given back for ``reason``, and no other; the bystander's is worked off."""
        delivery = self.deliver()
        assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [SUBJECT])
        assert delivery.reasons == [reason]
        assert (_count(self.world.queues), self._letters()) == (1, [])
        self._bystander_is_done()
        return delivery

    def is_recorded(self, reason: str, *, stored: Stored = NOTHING) -> JobRecord:
        """The subject's record names ``reason``; of what was said at most ``stored`` is stored (nothing)."""
        found = self.outcome()
        assert found.record is not None
        assert (found.record.state, found.record.error) == (JobState.FAILED, reason)
        assert (found.record.facts, found.record.turns) == ((), ())
        assert found.stored == stored, found.stored
        return found.record

    def succeeds(self, *, attempts: int = 2, first_error: str | None) -> JobRecord:
        """Deliver again with all systems well: done, and everything is stored once, as for the bystander."""
        self.heal()
        delivery = self.deliver()
        assert (delivery.tried, delivery.failed) == ([SUBJECT], [])
        found = self.outcome()
        assert found.record is not None
        assert (found.record.state, found.record.error) == (JobState.DONE, None)
        assert (found.record.attempts, found.record.first_error) == (attempts, first_error)
        assert found.stored == self.stored(self.bystander)
        assert len(found.record.facts) == len(found.stored.facts) > 1
        assert len(found.record.turns) == len(found.stored.turns) > 1
        assert (found.queued, found.letters) == (0, [])
        return found.record

    def is_tried_again(self, reason: str, *, stored: Stored = NOTHING) -> Delivery:
        """All three in a row. ``stored``: what is there after the failure."""
        self.both_sent()
        delivery = self.fails(reason)
        self.is_recorded(reason, stored=stored)
        self.succeeds(first_error=reason)
        return delivery

    def is_given_up(self, reason: str, *, stored: Stored = NOTHING) -> None:
        """It can never succeed as things are: a dead letter, which a person puts back when they are mended."""
        self.both_sent()
        delivery = self.deliver()
        assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [])
        self.is_recorded(reason, stored=stored)
        [letter] = self._letters()
        assert (letter["reason"], letter["first_error"], letter["group_id"]) == (reason, reason, self.subject)
        assert json.loads(letter["body"])["job_id"] == SUBJECT
        assert _count(self.world.queues) == 0
        self._bystander_is_done()
        self.redrive()
        self.succeeds(first_error=reason)

    def stores_nothing_more(self, thread: str) -> None:
        """The next run of the subject's thread, in which nothing was said, adds nothing to what is stored."""
        before = self.outcome().stored
        self.send(self.subject, "next", thread=thread, messages=None)
        assert self.deliver().failed == []
        found = self.outcome(job="next")
        assert found.record is not None
        assert found.record.state is JobState.DONE
        assert found.stored == before != NOTHING

    def _bystander_is_done(self) -> None:
        found = self.world.jobs.get(self.bystander, BYSTANDER)
        assert found is not None
        assert (found.state, found.attempts) == (JobState.DONE, 1)
        stored = self.stored(self.bystander)
        assert (len(found.facts), len(found.turns)) == (len(stored.facts), len(stored.turns))


def _job(message: Mapping[str, Any]) -> str:
    return str(json.loads(message["Body"])["job_id"])


def _count(queues: Queues) -> int:
    """Messages in the jobs queue, those in somebody's hands too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = queues.client.get_queue_attributes(QueueUrl=queues.url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def _sqs_record(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as Lambda's trigger writes it: with small initials."""
    given = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]} for name, value in given.items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs.fifo",
        "awsRegion": "us-east-1",
    }
