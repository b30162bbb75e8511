"""The extraction function with all that it calls, where a test sees every request and may end the function at it.

The queue and the table are moto's, as the template defines them, in a process of their own; Qdrant, the models and
the platform's Supabase are the devstack's. The function runs in a process of its own (`killable_worker`), which is
killed as Lambda kills one: nothing after it runs.
"""

import http.client
import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.adapters.qdrant.index_fields import agent_number
from operator_memory.adapters.qdrant.requests import tenant_number
from operator_memory.domain.memory.scopes import AccountId

from devstack.aws.events import sqs_event
from devstack.aws.pollers import failed_items
from devstack.supabase import SupabaseFront
from tests.support.loopback import HttpServer, Request, reply
from tests.support.supabase.tenants import StoredMessage, add_messages, new_tenant, new_thread

NOW = datetime.now(UTC).replace(microsecond=0)
PATIENCE = 60.0
"""Seconds after which a test that waits for a process or a request fails."""

_PASSED_ON = ("content-type", "content-encoding", "content-range", "x-amzn-requestid", "x-amz-crc32")


@dataclass(frozen=True, slots=True)
class Crossing:
    """A request of the function, on its way out or (``answered``) with its answer on the way back.

    ``what``: ``Qdrant.PUT points``, ``DynamoDB.PutItem``, ``Model.chat``... ``number`` counts from 1.
    """

    number: int
    what: str
    body: str
    answered: bool


Watch = Callable[["Function", Crossing], None]


class Function:
    """One invocation: its process, and what it asks of others."""

    def __init__(self, upstreams: Mapping[str, str], watch: Watch) -> None:
        self._watch = watch
        self._count = 0
        self._lock = threading.Lock()
        self._known = threading.Event()
        self._pid = 0
        self.asked: list[str] = []
        self.proxies = {name: HttpServer(self._forwarder(name, url)) for name, url in upstreams.items()}

    def invoke(self, path: str, environment: Mapping[str, str], event: Mapping[str, Any]) -> dict[str, Any] | None:
        """The function's answer to ``event``, ``None`` if it was killed before it gave one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(path)
            with connection.makefile("rw", encoding="utf-8") as stream:
                self._pid = json.loads(stream.readline())["pid"]
                self._known.set()
                stream.write(json.dumps({"environment": dict(environment), "event": event}) + "\n")
                stream.flush()
                try:
                    answer = stream.readline()
                except ConnectionResetError:
                    return None
        return json.loads(answer) if answer else None

    def kill(self) -> None:
        """End the process at once. Called by the watch, it also drops the request."""
        self._signal(signal.SIGKILL)
        raise ConnectionAbortedError

    def terminate(self) -> None:
        """Tell the process to end."""
        self._signal(signal.SIGTERM)

    def has_ended(self) -> None:
        """Wait until the process is gone."""
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{self._pid}").exists():
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.02)

    def _signal(self, number: signal.Signals) -> None:
        assert self._known.wait(PATIENCE)
        os.kill(self._pid, number)

    def close(self) -> None:
        """Hang up."""
        for proxy in self.proxies.values():
            proxy.close()

    def _forwarder(self, system: str, url: str) -> Callable[[Request], bytes]:
        def answer(request: Request) -> bytes:
            what = _named(system, request)
            with self._lock:
                self._count += 1
                number = self._count
                self.asked.append(what)
            body = request.body.decode("utf-8", "replace")
            self._watch(self, Crossing(number, what, body, answered=False))
            answered = forwarded(request, url)
            self._watch(self, Crossing(number, what, body, answered=True))
            return answered

        return answer


def forwarded(request: Request, url: str) -> bytes:
    """What the server at ``url`` answers to a request."""
    address = urlsplit(url)
    upstream = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
    try:
        headers = {name: value for name, value in request.headers.items() if name != "connection"}
        upstream.request(request.method, request.path, request.body, headers)
        response = upstream.getresponse()
        content = response.read()
    finally:
        upstream.close()
    kept = {name: value for name in _PASSED_ON if (value := response.headers.get(name))}
    return reply(content, response.status, headers=kept)


def _named(system: str, request: Request) -> str:
    target = request.headers.get("x-amz-target", "")
    if target:
        return f"{target.partition('_')[0].removeprefix('Amazon').partition('.')[0]}.{target.rpartition('.')[2]}"
    path = urlsplit(request.path).path
    if system == "Model":
        return f"Model.{path.removeprefix('/v1/').partition('/')[0]}"
    if system == "Qdrant":
        return f"Qdrant.{request.method} {path.split('/', 3)[-1]}"
    return f"{system}.{path.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class Person:
    """An account with one thread, of which nothing has been read yet."""

    account_id: str
    thread_id: str


@dataclass
class World:
    """Everything but the function. Time-outs and leases end when a test says so."""

    upstreams: dict[str, str]
    worker: str
    environment: dict[str, str]
    qdrant: HttpClient
    platform: SupabaseFront
    sqs: Any
    dynamodb: Any
    template: Any
    urls: dict[str, str]
    noted: list[dict[str, Any]] = field(default_factory=list)

    # ---- what is asked --------------------------------------------------------------------------------------------

    def person(self, *said: tuple[str, str]) -> Person:
        """A new account whose thread holds ``said``: type and text, a second after one another, an hour ago."""
        account_id = new_tenant(self.platform).account_id
        person = Person(account_id, new_thread(self.platform, account_id))
        self.say(person, *said)
        return person

    def say(self, person: Person, *said: tuple[str, str], minutes_ago: float = 60) -> None:
        """More messages in the thread."""
        start = NOW - timedelta(minutes=minutes_ago)
        rows = [
            StoredMessage(kind, {"role": kind, "content": text}, start + timedelta(seconds=n), str(uuid.uuid4()))
            for n, (kind, text) in enumerate(said)
        ]
        add_messages(self.platform, person.thread_id, rows)

    def send(self, person: Person, *job_ids: str, minutes_ago: float = 30, group: str = "", **fields: object) -> None:
        """Queue runs of the person's agent (``job-1``); in the account's group, unless told otherwise."""
        about = {
            "account_id": person.account_id,
            "thread_id": person.thread_id,
            "agent_id": "agent-1",
            "status": "completed",
            "finished_at": (NOW - timedelta(minutes=minutes_ago)).isoformat(),
            **fields,
        }
        entries = [
            {
                "Id": job_id,
                "MessageBody": json.dumps({"job_id": job_id, **about}),
                "MessageGroupId": group or person.account_id,
                "MessageDeduplicationId": f"{person.account_id}-{job_id}",
            }
            for job_id in job_ids or ("job-1",)
        ]
        for start in range(0, len(entries), 10):
            answer = self.sqs.send_message_batch(QueueUrl=self.urls["jobs"], Entries=entries[start : start + 10])
            assert not answer.get("Failed"), answer["Failed"]

    # ---- the queue, as Lambda polls it ----------------------------------------------------------------------------

    def receive(self, most: int = 1) -> list[dict[str, Any]]:
        """The next batch."""
        answer = self.sqs.receive_message(
            QueueUrl=self.urls["jobs"],
            MaxNumberOfMessages=most,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def invoke(
        self, batch: list[dict[str, Any]], watch: Watch = lambda _function, _crossing: None
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """The function's answer to a batch (``None``: it was killed), and what it asked of others, in order."""
        assert batch, "nothing was received"
        function = Function(self.upstreams, watch)
        try:
            addresses = {
                "AWS_ENDPOINT_URL": function.proxies["AWS"].url,
                "QDRANT_URL": function.proxies["Qdrant"].url,
                "OPENAI_BASE_URL": f"{function.proxies['Model'].url}/v1",
                "SUPABASE_URL": function.proxies["Supabase"].url,
            }
            event = sqs_event(batch, self.template.queues["MemoryJobsQueue"])
            answer = function.invoke(self.worker, {**self.environment, **addresses}, event)
        finally:
            function.close()
        return answer, function.asked

    def acknowledge(self, batch: list[dict[str, Any]], answer: Mapping[str, Any] | None) -> None:
        """Delete what is done; of a function that was killed that is nothing."""
        kept = {m["MessageId"] for m in batch} if answer is None else failed_items(answer, batch)
        for message in batch:
            if message["MessageId"] not in kept:
                self.sqs.delete_message(QueueUrl=self.urls["jobs"], ReceiptHandle=message["ReceiptHandle"])

    def work_off(self, batch: list[dict[str, Any]] | None = None) -> None:
        """Receive, handle and acknowledge a batch."""
        batch = self.receive() if batch is None else batch
        answer, _ = self.invoke(batch)
        self.acknowledge(batch, answer)
        assert answer == {"batchItemFailures": []}

    def seen_again(self, *batch: Mapping[str, Any]) -> None:
        """The messages' time-out is over."""
        for message in batch:
            self.sqs.change_message_visibility(
                QueueUrl=self.urls["jobs"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def time_out(self, person: Person, *batch: Mapping[str, Any]) -> None:
        """The hold of the messages ends: they are seen again, and the leases of the account's jobs are over."""
        self.seen_again(*batch)
        for item in self.items(person, "JOB#"):
            if "lease_until" in item:
                self.dynamodb.update_item(
                    TableName=self.environment["MEMORY_TABLE"],
                    Key={name: item[name] for name in ("account_id", "item")},
                    UpdateExpression="SET lease_until = :now",
                    ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
                )

    def waiting(self, queue: str = "jobs") -> int:
        """Messages of a queue, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    # ---- what became of it ----------------------------------------------------------------------------------------

    def items(self, person: Person, prefix: str) -> list[dict[str, Any]]:
        """The account's items in the table, as DynamoDB writes them."""
        answer = self.dynamodb.query(
            TableName=self.environment["MEMORY_TABLE"],
            KeyConditionExpression="account_id = :account AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":account": {"S": person.account_id}, ":prefix": {"S": prefix}},
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items

    def memories(self, person: Person) -> dict[str, dict[str, Any]]:
        """The payloads of all that is stored of the account, by id."""
        owner = {"must": [{"key": "user_id", "match": {"value": person.account_id}}]}
        body = json.dumps({"filter": owner, "limit": 1000, "with_payload": True, "with_vector": False})
        path = f"/collections/{self.environment['QDRANT_COLLECTION']}/points/scroll"
        answer = json_object("qdrant", self.qdrant.request("POST", path, body.encode(), timeout=PATIENCE))
        return {point["id"]: point["payload"] for point in answer["result"]["points"]}

    def facts(self, person: Person) -> list[tuple[str, str | None]]:
        """Each stored fact, and the text of the one that took its place."""
        memories = self.memories(person)
        facts = [memory for memory in memories.values() if memory["kind"] == "fact"]
        return sorted((m["data"], memories.get(m.get("superseded_by") or "", {}).get("data")) for m in facts)

    def turns(self, person: Person) -> list[str]:
        """Each stored turn, in the order in which they were said."""
        turns = [memory for memory in self.memories(person).values() if memory["kind"] == "turn"]
        return [turn["data"] for turn in sorted(turns, key=lambda turn: str(turn["created_at"]))]

    def outcomes(self, person: Person, job_id: str = "job-1") -> dict[str, list[str]]:
        """What the job's record says: its state, each fact with what became of it, each turn."""
        memories = self.memories(person)
        [item] = [i for i in self.items(person, f"JOB#{job_id}") if i["item"]["S"] == f"JOB#{job_id}"]

        def told(name: str, words: int) -> list[str]:
            lines = [line.partition("\t") for line in item[name]["S"].split("\n") if line]
            return [" ".join([*text.split(" ")[2 : 2 + words], said(text, more)]) for text, _, more in lines]

        def said(text: str, more: str) -> str:  # of a duplicate: what the memory that was there before says
            identities = [text.split(" ")[0], *(json.loads(more)[1:] if more else ())]
            return next(str(memories[identity]["data"]) for identity in identities if identity in memories)

        # A turn that is stored before the function dies is a duplicate when it is repeated.
        return {"state": [item["state"]["S"]], "facts": told("facts", 1), "turns": told("turns", 0)}

    def attempts(self, person: Person, job_id: str = "job-1") -> int:
        """How often the job was begun."""
        [item] = [i for i in self.items(person, f"JOB#{job_id}") if i["item"]["S"] == f"JOB#{job_id}"]
        return int(item["attempts"]["N"])

    def events(self, person: Person) -> list[str]:
        """The account's events in the trail's queue: type, and the texts of the memories that it names.

        One that was sent twice is listed once: the trail keeps one of each id.
        """
        request = {"QueueUrl": self.urls["events"], "MaxNumberOfMessages": 10}
        while messages := self.sqs.receive_message(**request).get("Messages", []):
            self.noted += [json.loads(message["Body"]) for message in messages]
        memories = self.memories(person)
        mine = [event for event in self.noted if event["account_id"] == person.account_id]
        distinct = {(e["id"], e["type"], *sorted(str(memories[i]["data"]) for i in e["memory_ids"])) for e in mine}
        return sorted(" | ".join(event[1:]) for event in distinct)

    def state(self, person: Person) -> list[str]:
        """All that is stored of the account, in a form that is equal for equal runs of two accounts."""
        memories = self.memories(person)
        account = AccountId(person.account_id)
        for memory in memories.values():  # numbers follow from the account, and the order of reasons from their ids
            assert memory.pop("tenant") == tenant_number(account)
            of_agent = [agent_number(account, str(memory["agent_id"]))] if memory["scope"] == "agent" else []
            assert memory.pop("standing", []) == of_agent
            memory.get("withheld_by", []).sort(key=lambda i: memories[i]["data"])
        watermarks = [{k: v for k, v in i.items() if k == "created_at"} for i in self.items(person, "WATERMARK#")]
        text = json.dumps(
            [sorted(memories.values(), key=lambda m: (m["kind"], m["data"], m.get("seq"))), watermarks], sort_keys=True
        )
        known = {person.account_id: "account", person.thread_id: "thread"}
        turns = [m for m in memories.values() if m["kind"] == "turn" and "message_id" in m]
        known |= {turn["message_id"]: f"message: {turn['data']}" for turn in turns}
        for identity, said in {**known, **{i: m["data"] for i, m in memories.items()}}.items():
            text = text.replace(identity, said)
        return [line for part in json.loads(text) for line in map(json.dumps, part)]
