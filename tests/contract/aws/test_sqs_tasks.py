"""The queue of the life cycle, against real SQS semantics (moto's server)."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from operator_memory.adapters.aws.sqs_tasks import SqsTaskQueue
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamUnavailableError
from operator_memory.domain.lifecycle.rounds import Stage, Task
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.contracts.lifecycle import parse_task, task_body

from tests.support.aws.clients import Queues, aws_client

pytest_plugins = ["tests.support.aws.fixtures"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def queues(aws_url: str) -> Iterator[Queues]:
    """Fresh standard queues."""
    client = aws_client("sqs", aws_url)
    urls = [client.create_queue(QueueName=f"{name}-{uuid.uuid4()}")["QueueUrl"] for name in ("accounts", "dead")]
    yield Queues(client, *urls)
    client.close()


@pytest.fixture
def queue(queues: Queues) -> SqsTaskQueue:
    return SqsTaskQueue(
        queues.client, queue_url=queues.url, dead_letter_queue_url=queues.dead_letter_url, encode=task_body
    )


def received(queues: Queues) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while messages := queues.receive(queues.url):
        found += messages
    return found


def test_tasks_arrive_as_they_were_sent_more_than_a_batch_of_them_too(queues: Queues, queue: SqsTaskQueue) -> None:
    tasks = [Task(AccountId(f"account-{n}")) for n in range(23)]
    tasks.append(Task(AccountId("large"), Stage.LIMITS, "user/fact", '[0.5, true, "t", "id"]', NOW))
    queue.send(tasks)
    found = [parse_task(message["Body"]) for message in received(queues)]
    assert sorted(found, key=lambda task: task.account_id) == sorted(tasks, key=lambda task: task.account_id)
    queue.send([])


def test_a_message_comes_back_after_its_delay(queues: Queues, queue: SqsTaskQueue) -> None:
    queue.send([Task(AccountId("account-1"))])
    [message] = queues.receive(queues.url)
    assert queues.receive(queues.url) == []
    queue.retry_later(message["ReceiptHandle"], delay_seconds=0)
    [again] = queues.receive(queues.url)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_dead_letter_says_why_in_what_the_queue_allows(queues: Queues, queue: SqsTaskQueue) -> None:
    queue.bury("body", reason="invalid_input", detail="a\x00b" + "x" * 999, receive_count=5)
    queue.bury("body", reason="unexpected", detail="", receive_count=1)
    letters = [*queues.receive(queues.dead_letter_url), *queues.receive(queues.dead_letter_url)]
    told = [{name: v["StringValue"] for name, v in letter["MessageAttributes"].items()} for letter in letters]
    assert sorted(told, key=lambda one: one["reason"]) == [
        {"reason": "invalid_input", "detail": "a?b" + "x" * 497, "receive_count": "5"},
        {"reason": "unexpected", "detail": "unexpected", "receive_count": "1"},
    ]


def test_a_queue_that_is_not_there_refuses(queues: Queues) -> None:
    gone = queues.url + "x"
    missing = SqsTaskQueue(queues.client, queue_url=gone, dead_letter_queue_url=gone, encode=task_body)
    with pytest.raises(UpstreamRejectedError):
        missing.send([Task(AccountId("account-1"))])


def test_a_batch_that_is_taken_in_part_has_failed() -> None:
    class Partial:
        def send_message_batch(self, **_request: Any) -> dict[str, Any]:
            return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    client: Any = Partial()
    queue = SqsTaskQueue(client, queue_url="q", dead_letter_queue_url="d", encode=task_body)
    with pytest.raises(UpstreamUnavailableError):
        queue.send([Task(AccountId("account-1")), Task(AccountId("account-2"))])
