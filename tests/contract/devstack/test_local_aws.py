"""The local AWS as a process: what it has acknowledged is there after its end, however that came."""

import json
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.domain.learning.jobs import ClaimStatus, JobSubject
from operator_memory.domain.memory.scopes import AccountId

from devstack.aws.resources import AWS_ERRORS, aws_client, make_resources
from devstack.aws.template import Template, read_template
from devstack.processes import Part, PartFailedError
from tests.support.time_outs import AMPLE, eventually

ROOT = Path(__file__).resolve().parents[3]
PARAMETERS = {"QdrantUrl": "http://unused", "SupabaseUrl": "http://unused"}


class LocalAws:
    """A running one, with the queues, tables and buckets of our template."""

    def __init__(self, part: Part, *, callers_gone: bool) -> None:
        self.part = part
        self.template: Template = read_template(ROOT / "template.yaml", endpoint_url=part.url, parameters=PARAMETERS)
        make_resources(self.template, part.url, {}, callers_gone=callers_gone)
        self.sqs, self.dynamodb, self.s3 = (aws_client(name, part.url) for name in ("sqs", "dynamodb", "s3"))
        self.table = self.template.tables["MemoryTable"].name
        self.bucket = self.template.buckets["ArchiveBucket"]

    def queue(self, logical_id: str = "MemoryJobsQueue") -> str:
        url: str = self.sqs.get_queue_url(QueueName=self.template.queues[logical_id].name)["QueueUrl"]
        return url

    def arn(self, logical_id: str) -> str:
        return self.template.queues[logical_id].arn

    def send(self, text: str, group: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue(), MessageBody=text, MessageGroupId=group)

    def receive(self, most: int = 10, queue: str = "MemoryJobsQueue", **options: Any) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue(queue), MaxNumberOfMessages=most, AttributeNames=["All"], **options
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def delete(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue(), ReceiptHandle=message["ReceiptHandle"])

    def item(self, name: str) -> Any:
        return self.dynamodb.get_item(TableName=self.table, Key=key(name)).get("Item")

    def kill(self) -> None:
        self.part._process.kill()
        self.part._process.wait()


def key(name: str) -> dict[str, Any]:
    return {"account_id": {"S": "a"}, "item": {"S": name}}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LocalAws]]:
    """Starts one on the test's folder. ``callers_gone`` unless whoever called the one before is still there."""
    with ExitStack() as cleanup:

        def begin(*, callers_gone: bool = True) -> LocalAws:
            arguments = ["--data", str(tmp_path / "aws"), "--port", "0"]
            part = Part("aws", "devstack.aws.moto_server", arguments, log_dir=tmp_path / "logs")
            cleanup.callback(part.close)
            return LocalAws(part, callers_gone=callers_gone)

        yield begin


def test_every_message_that_was_acknowledged_survives_kill_9(start: Callable[..., LocalAws]) -> None:
    first, acknowledged = start(), set()
    queue = first.queue()

    def send(group: str) -> None:
        sqs = aws_client("sqs", first.part.url)
        for number in range(10_000):
            text = f"{group} {number}"
            try:
                answer = sqs.send_message(QueueUrl=queue, MessageBody=text, MessageGroupId=group)
            except AWS_ERRORS:
                return  # it has been killed
            if "MessageId" not in answer:
                return  # killed amid the headers of its answer, of which the client makes an empty one
            acknowledged.add(text)

    senders = [threading.Thread(target=send, args=(f"group-{number}",)) for number in range(4)]
    for sender in senders:
        sender.start()
    eventually(lambda: len(acknowledged) > 100)
    done = first.receive()
    first.delete(*done)
    deleted = {message["Body"] for message in done}
    first.kill()
    for sender in senders:
        sender.join()

    second, found = start(), []
    while messages := second.receive():
        found += [message["Body"] for message in messages]
        second.delete(*messages)
    assert acknowledged - deleted <= set(found)
    assert len(found) == len(set(found))
    assert not deleted & set(found)
    for number in range(4):
        mine = [text for text in found if text.startswith(f"group-{number} ")]
        assert mine == sorted(mine, key=lambda text: int(text.split()[1])), "in the order in which they were sent"


def test_items_and_objects_survive_as_they_were_acknowledged(start: Callable[..., LocalAws]) -> None:
    first = start()
    dynamodb, table = first.dynamodb, first.table
    for name in ("put", "updated", "deleted", "batch-deleted", "kept"):
        dynamodb.put_item(TableName=table, Item={**key(name), "n": {"N": "1"}, "b": {"B": b"\xff"}})
    for name in ("updated", "new"):
        dynamodb.update_item(
            TableName=table,
            Key=key(name),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    dynamodb.delete_item(TableName=table, Key=key("deleted"))
    batch = [{"PutRequest": {"Item": key("batch-put")}}, {"DeleteRequest": {"Key": key("batch-deleted")}}]
    dynamodb.batch_write_item(RequestItems={table: batch})
    done = [{"Put": {"TableName": table, "Item": key("transaction")}}]
    dynamodb.transact_write_items(TransactItems=done)
    undone = [
        {"Delete": {"TableName": table, "Key": key("kept")}},
        {"Put": {"TableName": table, "Item": key("put"), "ConditionExpression": "attribute_not_exists(account_id)"}},
    ]
    with pytest.raises(ClientError, match="TransactionCanceled"):
        dynamodb.transact_write_items(TransactItems=undone)
    for name in ("a/é 1", "a/2"):
        first.s3.put_object(Bucket=first.bucket, Key=name, Body=b"\xff\n", ContentType="text/x")
    first.s3.delete_objects(Bucket=first.bucket, Delete={"Objects": [{"Key": "a/2"}]})
    first.kill()

    second = start()
    numbers = {name: (second.item(name) or {}).get("n", {}).get("N") for name in ("put", "updated", "new", "kept")}
    assert numbers == {"put": "1", "updated": "2", "new": "1", "kept": "1"}
    assert second.item("put")["b"] == {"B": b"\xff"}
    assert [second.item(name) is None for name in ("deleted", "batch-deleted")] == [True, True]
    assert [second.item(name) is None for name in ("batch-put", "transaction")] == [False, False]
    [listed] = second.s3.list_objects_v2(Bucket=second.bucket)["Contents"]
    stored = second.s3.get_object(Bucket=second.bucket, Key=listed["Key"])
    assert (listed["Key"], stored["Body"].read(), stored["ContentType"]) == ("a/é 1", b"\xff\n", "text/x")


# ---- queues ----------------------------------------------------------------------------------------------------


def test_a_worker_keeps_its_message_while_it_lives_and_holds_up_nobody_afterwards(
    start: Callable[..., LocalAws],
) -> None:
    first = start()
    first.send("one", "g")
    first.send("two", "g")
    [one] = first.receive(most=1)
    first.send("poison", "p")
    [poison] = first.receive(VisibilityTimeout=0)
    assert poison["Body"] == "poison"
    policy = json.dumps({"deadLetterTargetArn": first.arn("MemoryJobsDeadLetterQueue"), "maxReceiveCount": 1})
    assert claim(first) is ClaimStatus.CLAIMED
    first.kill()

    second = start(callers_gone=False)
    second.sqs.set_queue_attributes(QueueUrl=second.queue(), Attributes={"RedrivePolicy": policy})
    assert second.receive() == [], "one is being worked on and its group waits; poison has been received often enough"
    assert claim(second) is ClaimStatus.IN_PROGRESS
    second.delete(one)
    [two] = second.receive()
    assert two["Body"] == "two"
    second.part.close()

    third = start()
    [again] = third.receive()
    assert (again["Body"], again["Attributes"]["ApproximateReceiveCount"]) == ("two", "2")
    assert claim(third) is ClaimStatus.CLAIMED
    assert [message["Body"] for message in third.receive(queue="MemoryJobsDeadLetterQueue")] == ["poison"]


def claim(aws: LocalAws) -> ClaimStatus:
    """Take a job as the product's worker does, for an hour."""
    jobs = DynamoDBJobs(aws.dynamodb, aws.table, record_days=30)
    now = datetime.now(UTC)
    claimed = jobs.claim(
        AccountId("a"), "job", content_hash="h", subject=JobSubject("thread", "session"), now=now, lease_seconds=3600
    )
    return claimed.status


# ---- waiting and ending ----------------------------------------------------------------------------------------


def test_receives_wait_for_what_comes_and_for_nothing_at_the_end(start: Callable[..., LocalAws]) -> None:
    aws, found = start(), []
    waiting = threading.Thread(target=lambda: found.append(aws.receive(WaitTimeSeconds=20)))
    waiting.start()
    aws.send("now", "g")
    waiting.join(AMPLE)
    assert [message["Body"] for message in found[0]] == ["now"]
    events = aws.queue("MemoryEventsQueue")
    aws.sqs.send_message(QueueUrl=events, MessageBody="later", DelaySeconds=1)
    assert [m["Body"] for m in aws.receive(queue="MemoryEventsQueue", WaitTimeSeconds=20)] == ["later"]

    with pytest.raises(PartFailedError, match=r"error: cannot serve .*database is locked"):
        start()

    def wait() -> None:
        with pytest.raises(AWS_ERRORS):
            aws.receive(WaitTimeSeconds=20)

    waiting = threading.Thread(target=wait)
    waiting.start()
    os.kill(aws.part._process.pid, signal.SIGTERM)
    assert aws.part._process.wait(AMPLE) == 0
    waiting.join(AMPLE)


def test_until_all_is_restored_nobody_else_is_let_in(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path / "aws"), "--port", "0", "--closed"]
    part = Part("aws", "devstack.aws.moto_server", arguments, log_dir=tmp_path)
    try:
        with pytest.raises(ClientError, match="503"):
            aws_client("sqs", part.url).list_queues()
        assert LocalAws(part, callers_gone=True).receive() == []
    finally:
        part.close()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="files of other processes cannot be limited here")
def test_what_cannot_be_kept_is_not_acknowledged_and_ends_it_with_a_sentence(start: Callable[..., LocalAws]) -> None:
    aws, acknowledged = start(), []
    process = aws.part._process
    # as on a disk that is full: no file may grow beyond what the database holds by now
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (400_000, 400_000))

    def send() -> None:
        for number in range(200):
            aws.send(f"{number} {'x' * 10_000}", "g")
            acknowledged.append(number)

    with pytest.raises(AWS_ERRORS):
        send()
    assert process.wait(AMPLE) == 1
    said = aws.part.log.read_text().splitlines()[-1]
    assert said.startswith("what was written cannot be kept in ")
    assert "Traceback" not in aws.part.log.read_text()
    second, found = start(), []
    while messages := second.receive():
        found += [int(message["Body"].split()[0]) for message in messages]
        second.delete(*messages)
    assert found[: len(acknowledged)] == acknowledged
