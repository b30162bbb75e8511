"""The consumer's hands on the queues, against real SQS semantics (moto's server)."""

import re
from datetime import UTC, datetime

import pytest
from botocore.config import Config
from operator_memory.adapters.aws.sqs_queue import SqsJobQueue
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import DeadLetter

from tests.support.aws.clients import Queues, aws_client
from tests.support.loopback import unused_port
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.aws.fixtures"]


@pytest.fixture
def queue(queues: Queues) -> SqsJobQueue:
    return SqsJobQueue(queues.client, queue_url=queues.url, dead_letter_queue_url=queues.dead_letter_url)


def a_letter(**fields: str) -> DeadLetter:
    known = {
        "body": "not json",
        "message_id": "message-1",
        "group_id": "account-1",
        "reason": "invalid_input",
        "detail": "body: is not valid JSON",
        "first_error": "upstream_timeout",
        **fields,
    }
    return DeadLetter(**known, receive_count=10, sent_at=datetime(2026, 11, 24, 9, tzinfo=UTC))


def test_a_message_comes_back_after_its_delay_not_after_the_queues(queues: Queues, queue: SqsJobQueue) -> None:
    queues.client.send_message(
        QueueUrl=queues.url, MessageBody="job", MessageGroupId="account-1", MessageDeduplicationId="1"
    )
    [message] = queues.receive(queues.url)
    assert queues.receive(queues.url) == []
    queue.retry_later(message["ReceiptHandle"], delay_seconds=0)
    [again] = queues.receive(queues.url)
    assert (again["Body"], again["Attributes"]["ApproximateReceiveCount"]) == ("job", "2")


def test_a_dead_letter_says_why_and_is_sent_once(queues: Queues, queue: SqsJobQueue) -> None:
    for _ in range(2):
        queue.dead_letter(a_letter(detail="x" * 9_999))
    [letter] = queues.receive(queues.dead_letter_url)
    assert letter["Body"] == "not json"
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {
        "reason": "invalid_input",
        "detail": "x" * 500,
        "first_error": "upstream_timeout",
        "group_id": "account-1",
        "receive_count": "10",
        "sent_at": "1795510800000",
    }


def test_every_letter_of_an_account_can_be_seen_not_only_the_first(queues: Queues, queue: SqsJobQueue) -> None:
    for number in range(3):
        queue.dead_letter(a_letter(message_id=f"message-{number}"))
        assert len(queues.receive(queues.dead_letter_url)) == 1


def test_a_dead_letter_without_a_detail_repeats_the_reason(queues: Queues, queue: SqsJobQueue) -> None:
    queue.dead_letter(a_letter(reason="job_conflict", detail=""))
    [letter] = queues.receive(queues.dead_letter_url)
    assert letter["MessageAttributes"]["detail"]["StringValue"] == "job_conflict"


@pytest.mark.parametrize("detail", ["a\x00b\x1b[31m\ud800\ufffe", "\x00" * 9, "\n", "\u05d0\U0001f375"])
def test_a_dead_letters_detail_holds_only_what_the_queue_allows(
    queues: Queues, queue: SqsJobQueue, detail: str
) -> None:
    queue.dead_letter(a_letter(detail=detail))
    [letter] = queues.receive(queues.dead_letter_url)
    sent = letter["MessageAttributes"]["detail"]["StringValue"]
    assert sent
    assert sent.encode()
    assert not re.search(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", sent)


def test_a_queue_that_is_not_there_refuses_and_a_server_that_is_not_there_is_worth_another_try(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = SqsJobQueue(queues.client, queue_url=queues.url + "x", dead_letter_queue_url=queues.url + "x")
    with pytest.raises(UpstreamRejectedError):
        missing.dead_letter(a_letter())
    once = Config(connect_timeout=AMPLE, read_timeout=AMPLE, retries={"total_max_attempts": 1})
    monkeypatch.setattr("tests.support.aws.clients.CLIENT_CONFIG", once)
    nowhere = f"http://127.0.0.1:{unused_port()}"
    client = aws_client("sqs", nowhere)
    down = SqsJobQueue(client, queue_url=f"{nowhere}/1/q", dead_letter_queue_url=f"{nowhere}/1/d")
    with pytest.raises(UpstreamUnavailableError):
        down.retry_later("receipt", delay_seconds=5)
    client.close()
