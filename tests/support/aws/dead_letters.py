"""Dead letters for tests: how they come about, and what ``python -m infra.dead_letters`` says."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory.adapters.aws.sqs_queue import SqsJobQueue
from operator_memory.domain.learning.jobs import DeadLetter

from tests.support.aws.clients import Queues

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECRET = "I hide the key under the mat"


@dataclass(frozen=True)
class Run:
    """How the command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Run]


@dataclass(frozen=True)
class EventQueues:
    """The standard queues of events."""

    client: Any
    dead_letter_url: str
    url: str

    def give_up(self, **fields: object) -> str:
        """An event as the queue moves it; returns its body."""
        event = {
            "id": "event-1",
            "account_id": "acc-1",
            "actor": "user:ada",
            "type": "search",
            "occurred_at": NINE.isoformat(),
            "query": SECRET,
            **fields,
        }
        self.client.send_message(QueueUrl=self.dead_letter_url, MessageBody=json.dumps(event))
        return json.dumps(event)


def a_body(job: str, account: str = "acc-1", **fields: object) -> str:
    return json.dumps(
        {
            "job_id": job,
            "account_id": account,
            "thread_id": "thread-1",
            "status": "completed",
            "finished_at": NINE.isoformat(),
            "messages": [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "Noted."}],
            **fields,
        }
    )


def give_up(
    queues: Queues, job: str, account: str = "acc-1", *, body: str | None = None, minute: int = 0, **known: Any
) -> None:
    """What the extraction function does with a job that it gives up."""
    letter = {
        "body": a_body(job, account) if body is None else body,
        "message_id": f"message-of-{job}",
        "group_id": account,
        "reason": "upstream_timeout",
        "detail": "llm: no answer in time",
        "first_error": "upstream_unavailable",
        "receive_count": 10,
        "sent_at": NINE + timedelta(minutes=minute),
        **known,
    }
    queue = SqsJobQueue(queues.client, queue_url=queues.url, dead_letter_queue_url=queues.dead_letter_url)
    queue.dead_letter(DeadLetter(**letter))


def give_up_by_queue(queues: Queues, *jobs: str, account: str = "acc-1", **fields: object) -> None:
    """What SQS does itself with jobs whose workers die every time."""
    arn = queues.client.get_queue_attributes(QueueUrl=queues.dead_letter_url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 1}
    queues.client.set_queue_attributes(QueueUrl=queues.url, Attributes={"RedrivePolicy": json.dumps(policy)})
    for job in jobs:
        queues.client.send_message(
            QueueUrl=queues.url,
            MessageBody=a_body(job, account, **fields),
            MessageGroupId=account,
            MessageDeduplicationId=job,
        )
        [message] = queues.receive(queues.url)
        queues.client.change_message_visibility(
            QueueUrl=queues.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
        assert queues.receive(queues.url) == []


def waiting(queues: Queues, url: str) -> list[dict[str, Any]]:
    """All messages that can be received, taken out of the queue."""
    found: list[dict[str, Any]] = []
    while messages := queues.receive(url):
        found += messages
        for message in messages:
            queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def jobs_in(messages: list[dict[str, Any]]) -> list[str]:
    return [json.loads(message["Body"])["job_id"] for message in messages]


def ids(command: Command) -> dict[str, str]:
    """The letters' ids, by job."""
    return {letter["job_id"]: letter["id"] for letter in json.loads(command("list", "--json").out)}


def facts(text: str) -> dict[str, str]:
    """The lines of a section, by name."""
    pairs = (line.strip().split("  ", 1) for line in text.splitlines()[1:])
    return {name: value.strip() for name, value in pairs}
