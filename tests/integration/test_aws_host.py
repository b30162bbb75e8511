"""The host that runs a template on one machine, with small functions and a small template of its own."""

import base64
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.host import AwsStack
from devstack.aws.intrinsics import TemplateError
from devstack.aws.resources import aws_client, make_resources
from devstack.aws.runtime import FunctionError
from devstack.aws.template import read_template
from devstack.processes import child_environment
from tests.support.processes import is_running
from tests.support.raw_http import ask
from tests.support.time_outs import AMPLE, eventually

ROOT = Path(__file__).resolve().parents[2]

TEMPLATE = """
Globals:
  Function: {Handler: app.handler, Timeout: 30}
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo
      Environment: {Variables: {TABLE: !Ref Records, SCRATCH: /tmp/x, KEY_PARAMETER: /secret/key}}
      Events:
        All: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/things/{id}"}}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
  Hurried:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo
      Timeout: 3
      Events:
        All: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/hurried/{id}"}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      ContentBasedDeduplication: true
      VisibilityTimeout: 5
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead:
    Type: AWS::SQS::Queue
    Properties: {FifoQueue: true}
  Consume:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: consume
      Environment: {Variables: {JOURNAL: /tmp/journal}}
      Events:
        Jobs:
          Type: SQS
          Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]}
  Records:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""

ECHO = """
    import os, time

    def handler(event, context):
        asked = event.get("rawQueryString", "")
        if asked == "raise":
            raise ValueError("no")
        if asked == "exit":
            os._exit(3)
        if asked == "sleep":
            time.sleep(600)
        if asked == "binary":
            return {"statusCode": 201, "isBase64Encoded": True, "body": "AP8=", "cookies": ["a=1", "b=2"],
                    "headers": {"Content-Type": "application/octet-stream", "X-Count": 7}}
        return {"event": event, "environment": dict(os.environ), "pid": os.getpid(),
                "arn": context.invoked_function_arn}
"""

# Journals every record; fails those whose body starts with "bad", and in order: all that follow in the group.
CONSUME = """
    import json, os, time

    def handler(event, context):
        failed, blocked = [], set()
        for record in event["Records"]:
            group = record["attributes"]["MessageGroupId"]
            with open(os.environ["JOURNAL"], "a") as journal:
                journal.write(json.dumps(record) + "\\n")
            if record["body"] == "crash" and record["attributes"]["ApproximateReceiveCount"] == "1":
                os._exit(1)
            if record["body"] == "hang":
                time.sleep(8)
            if record["body"].startswith("bad") or group in blocked:
                blocked.add(group)
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "template.yaml").write_text(TEMPLATE)
    for name, code in (("echo", ECHO), ("consume", CONSUME)):
        (root / name).mkdir()
        (root / name / "app.py").write_text(textwrap.dedent(code))
    return root


def stack_in(project: Path, data: Path) -> AwsStack:
    return AwsStack(
        data, template=project / "template.yaml", environment={"GIVEN": "yes"}, secrets={"KEY_PARAMETER": "s3cret"}
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def stack(project: Path, data: Path) -> Iterator[AwsStack]:
    with stack_in(project, data) as running:
        yield running


def send(stack: AwsStack, body: str, group: str) -> None:
    sqs = aws_client("sqs", stack.aws_endpoint_url)
    sqs.send_message(QueueUrl=stack.queue_url("Jobs"), MessageBody=body, MessageGroupId=group)


def journal(data: Path, group: str) -> list[dict[str, Any]]:
    path = data / "tmp" / "Consume" / "journal"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [record for record in records if record["attributes"]["MessageGroupId"] == group]


# ---- HTTP ------------------------------------------------------------------------------------------------------


def test_a_request_becomes_an_api_gateway_event(stack: AwsStack) -> None:
    headers = [("X-Tag", "a"), ("x-tag", "b"), ("Cookie", "s=1; t=2"), ("User-Agent", "test")]
    event = ask(stack.api_url, "POST", "/things/a%20b?x=1&x=2&y=", b'{"q": 1}', headers).json["event"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "ANY /things/{id}"
    assert (event["rawPath"], event["rawQueryString"]) == ("/things/a b", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["headers"]["x-tag"] == "a,b"
    assert "cookie" not in event["headers"]
    assert event["cookies"] == ["s=1", "t=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"q": 1}', False)
    http_part = event["requestContext"]["http"]
    assert http_part["method"] == "POST"
    assert http_part["sourceIp"] == "127.0.0.1"
    assert http_part["userAgent"] == "test"


def test_a_body_that_is_not_text_arrives_as_base64(stack: AwsStack) -> None:
    event = ask(stack.api_url, "PUT", "/things/1", b"\xff\x00").json["event"]
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == b"\xff\x00"


def test_no_body_means_no_body(stack: AwsStack) -> None:
    assert "body" not in ask(stack.api_url, "GET", "/things/1").json["event"]


def test_a_functions_answer_becomes_a_response(stack: AwsStack) -> None:
    answer = ask(stack.api_url, "GET", "/things/1?binary")
    assert (answer.status, answer.body) == (201, b"\x00\xff")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-count"] == "7"
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("path", ["/", "/things", "/things/1/2"])
def test_what_is_not_routed_is_not_found(stack: AwsStack, path: str) -> None:
    answer = ask(stack.api_url, "GET", path)
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


def test_too_long_a_body_never_reaches_the_function(stack: AwsStack) -> None:
    answer = ask(stack.api_url, "POST", "/things/1", b"x" * (10 * 1024 * 1024 + 1))
    assert answer.status == 413


@pytest.mark.parametrize("failure", ["raise", "exit"])
def test_a_function_that_fails_answers_500_and_works_again(stack: AwsStack, failure: str) -> None:
    answer = ask(stack.api_url, "GET", f"/things/1?{failure}")
    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})
    assert ask(stack.api_url, "GET", "/things/1").status == 200


def test_a_function_that_takes_too_long_is_stopped(stack: AwsStack) -> None:
    before = stack.invoke("Hurried", {})["pid"]
    started = time.monotonic()
    assert ask(stack.api_url, "GET", "/hurried/1?sleep").status == 500
    assert 2.9 < time.monotonic() - started < AMPLE
    assert stack.invoke("Hurried", {})["pid"] != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


# ---- what a function finds -------------------------------------------------------------------------------------


def test_the_environment_is_lambdas_and_the_templates(stack: AwsStack, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = stack.invoke("Echo", {})
    environment = answer["environment"]
    assert environment["TABLE"] == "Records"
    assert environment["GIVEN"] == "yes"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "Echo"
    assert environment["AWS_ENDPOINT_URL"] == stack.aws_endpoint_url
    assert environment["SCRATCH"] != "/tmp/x"  # a /tmp of its own, as in Lambda
    assert not any(name.startswith("PYTEST") for name in environment)
    assert answer["arn"].endswith(":function:Echo")


def test_secrets_stand_where_the_template_says(stack: AwsStack) -> None:
    ssm = aws_client("ssm", stack.aws_endpoint_url)
    answer = ssm.get_parameters(Names=["/secret/key"], WithDecryption=True)
    assert answer["Parameters"][0]["Value"] == "s3cret"
    assert answer["Parameters"][0]["Type"] == "SecureString"


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [("NOBODYS_PARAMETER", "no function of the template has the variable"), ("EMPTY_PARAMETER", "is empty")],
)
def test_a_secret_without_a_place_is_an_error(stack: AwsStack, project: Path, variable: str, complaint: str) -> None:
    template = read_template(
        project / "template.yaml", endpoint_url=stack.aws_endpoint_url, environment={"EMPTY_PARAMETER": ""}
    )
    with pytest.raises(TemplateError, match=f"{variable}.*{complaint}|{complaint} {variable}"):
        make_resources(template, stack.aws_endpoint_url, {variable: "s3cret"})


# ---- queues ----------------------------------------------------------------------------------------------------


def test_a_message_becomes_an_sqs_event(stack: AwsStack, data: Path) -> None:
    send(stack, "hello", "shape")
    stack.wait_idle(AMPLE)
    (record,) = journal(data, "shape")
    assert record["body"] == "hello"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:Jobs.fifo"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert {"messageId", "receiptHandle", "messageAttributes"} <= set(record)


def test_a_group_stays_in_order_after_a_crash(stack: AwsStack, data: Path) -> None:
    for body in ("crash", "second", "third"):
        send(stack, body, "order")
    stack.wait_idle(AMPLE)
    bodies = [record["body"] for record in journal(data, "order")]
    assert bodies[0] == "crash"
    assert bodies[-3:] == ["crash", "second", "third"]


def test_messages_that_become_visible_together_keep_their_order(stack: AwsStack) -> None:
    sqs = aws_client("sqs", stack.aws_endpoint_url)
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "600"}
    url = sqs.create_queue(QueueName="direct.fifo", Attributes=attributes)["QueueUrl"]
    bodies = ["1", "2", "3"]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")

    def received() -> list[Any]:
        messages: list[Any] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        assert [message["Body"] for message in messages] in ([], bodies)
        return messages

    first = received()
    assert first
    assert received() == []  # the group is being worked on
    for message in first:
        handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        sqs.change_message_visibility(**handle, VisibilityTimeout=1)
    time.sleep(1.2)  # past the visibility timeout of all three, so that they come back together
    assert received()


def test_what_fails_again_and_again_becomes_a_dead_letter_and_holds_up_nobody_else(stack: AwsStack, data: Path) -> None:
    send(stack, "bad", "poison")
    send(stack, "good", "healthy")
    eventually(lambda: journal(data, "healthy"))
    stack.wait_idle(AMPLE)
    assert [record["attributes"]["ApproximateReceiveCount"] for record in journal(data, "poison")] == ["1", "2", "3"]
    sqs = aws_client("sqs", stack.aws_endpoint_url)
    (dead,) = sqs.receive_message(QueueUrl=stack.queue_url("Dead"))["Messages"]
    assert dead["Body"] == "bad"
    assert len(journal(data, "healthy")) == 1


# ---- schedules -------------------------------------------------------------------------------------------------


def test_a_schedule_can_be_run_by_hand(stack: AwsStack) -> None:
    event = stack.run_schedule("Echo")["event"]
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/EchoTick"]
    assert ask(stack.control_url, "POST", "/schedules/Echo").json["event"]["source"] == "aws.events"
    assert ask(stack.control_url, "POST", "/schedules/Consume").status == 404


# ---- start, stop, start ----------------------------------------------------------------------------------------


def test_queued_messages_and_items_are_there_after_a_restart(project: Path, tmp_path: Path) -> None:
    with stack_in(project, tmp_path) as first:
        send(first, "hang", "kept")
        send(first, "after", "kept")
        item = {"id": {"S": "1"}, "n": {"N": "7"}, "deep": {"M": {"l": {"L": [{"S": "x"}, {"BOOL": True}]}}}}
        aws_client("dynamodb", first.aws_endpoint_url).put_item(TableName=first.table_name("Records"), Item=item)
        eventually(lambda: journal(tmp_path, "kept"))
    shown = len(journal(tmp_path, "kept"))
    with stack_in(project, tmp_path) as second:
        eventually(lambda: len(journal(tmp_path, "kept")) > shown)
        assert journal(tmp_path, "kept")[shown]["body"] == "hang"
        assert journal(tmp_path, "kept")[shown]["attributes"]["ApproximateReceiveCount"] == "2"
        found = aws_client("dynamodb", second.aws_endpoint_url).get_item(TableName="Records", Key={"id": {"S": "1"}})
        assert found["Item"] == item
        pid = second.invoke("Echo", {})["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    for url in (second.api_url, second.control_url, second.aws_endpoint_url):
        host, _, port = url.removeprefix("http://").partition(":")
        assert not listens(host, int(port))
    with pytest.raises(FunctionError):
        second.invoke("Echo", {})


def test_nothing_outlives_a_host_that_is_killed(project: Path, tmp_path: Path) -> None:
    program = """
        import sys, time
        from pathlib import Path
        from devstack.aws.host import AwsStack
        from devstack.aws.resources import aws_client

        with AwsStack(Path(sys.argv[1]), template=Path(sys.argv[2])) as stack:
            table = stack.table_name("Records")
            aws_client("dynamodb", stack.aws_endpoint_url).put_item(TableName=table, Item={"id": {"S": "kept"}})
            print(stack.invoke("Echo", {})["pid"], stack.aws_endpoint_url, flush=True)
            time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), str(project / "template.yaml")]
    environment = child_environment()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as host:
        assert host.stdout is not None
        pid, url = host.stdout.readline().split()
        host.kill()
    eventually(lambda: not is_running(int(pid)))
    address = url.removeprefix("http://").split(":")
    eventually(lambda: not listens(address[0], int(address[1])))
    with stack_in(project, tmp_path) as again:
        dynamodb = aws_client("dynamodb", again.aws_endpoint_url)
        assert "Item" in dynamodb.get_item(TableName="Records", Key={"id": {"S": "kept"}})


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
