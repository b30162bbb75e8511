"""Routes, batches of standard queues, and buckets on the local host, as in AWS.

What API Gateway makes of percent escapes is recorded from a real HTTP API: a path is decoded twice, once before
and once after the route is chosen.
"""

import json
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.aws.host import AwsStack
from devstack.aws.resources import aws_client
from tests.support.raw_http import Answer, ask, until

TEMPLATE = """
Globals:
  Function: {Handler: app.handler, Timeout: 5}
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  People:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo
      Environment: {Variables: {BUCKET: !Ref ArchiveBucket}}
      Events:
        One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/memory/user/{user_id}"}}
        Gone: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: DELETE, Path: "/memory/user/{user_id}"}}
        Two: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/memory/{kind}/{id}"}}
        Me: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /memory/user/me}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/v1/{proxy+}"}}
        Deep: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: any, Path: "/v1/jobs/{proxy+}"}}
        Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: /v1/context}}
        Post: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /v1/context}}
  Events: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 2}}
  Audit:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: audit
      Environment: {Variables: {JOURNAL: /tmp/journal}}
      Events:
        Events:
          Type: SQS
          Properties:
            Queue: !GetAtt Events.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 20
            FunctionResponseTypes: [ReportBatchItemFailures]
  ArchiveBucket: {Type: AWS::S3::Bucket}
  ArchiveBucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !Ref ArchiveBucket, PolicyDocument: {}}
"""

ECHO = """
    import os

    def handler(event, context):
        return {"route": event["routeKey"], "path": event["rawPath"], "parameters": event.get("pathParameters"),
                "query": event["rawQueryString"], "queries": event.get("queryStringParameters"),
                "method": event["requestContext"]["http"]["method"], "bucket": os.environ["BUCKET"]}
"""

# Journals the bodies of each batch; "again" is not done the first time.
AUDIT = """
    import json, os

    def handler(event, context):
        records = event["Records"]
        with open(os.environ["JOURNAL"], "a") as journal:
            journal.write(json.dumps([record["body"] for record in records]) + "\\n")
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records
                if record["body"] == "again" and record["attributes"]["ApproximateReceiveCount"] == "1"]}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "template.yaml").write_text(TEMPLATE)
    for name, code in (("echo", ECHO), ("audit", AUDIT)):
        (root / name).mkdir()
        (root / name / "app.py").write_text(textwrap.dedent(code))
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def stack(project: Path, data: Path) -> Iterator[AwsStack]:
    with AwsStack(data, template=project / "template.yaml") as running:
        yield running


def get(stack: AwsStack, path: str, method: str = "GET") -> Answer:
    return ask(stack.api_url, method, path)


# ---- routes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "route", "parameters"),
    [
        ("GET", "/memory/user/u-1", "GET /memory/user/{user_id}", {"user_id": "u-1"}),
        ("DELETE", "/memory/user/u-1", "DELETE /memory/user/{user_id}", {"user_id": "u-1"}),
        ("GET", "/memory/user/me", "GET /memory/user/me", None),
        ("GET", "/memory/agent/a", "GET /memory/{kind}/{id}", {"kind": "agent", "id": "a"}),
        ("GET", "/v1/memories/m/history", "ANY /v1/{proxy+}", {"proxy": "memories/m/history"}),
        ("PATCH", "/v1/memories/m", "ANY /v1/{proxy+}", {"proxy": "memories/m"}),
        ("OPTIONS", "/v1/memories", "ANY /v1/{proxy+}", {"proxy": "memories"}),
        ("GET", "/v1/jobs/j", "ANY /v1/jobs/{proxy+}", {"proxy": "j"}),
        ("POST", "/v1/context", "POST /v1/context", None),
        ("GET", "/v1/context", "ANY /v1/context", None),
    ],
)
def test_the_most_specific_route_is_chosen(
    stack: AwsStack, method: str, path: str, route: str, parameters: dict[str, str] | None
) -> None:
    answer = get(stack, path, method).json
    assert (answer["route"], answer["parameters"], answer["method"]) == (route, parameters, method)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/memory/user/u-1"),
        ("OPTIONS", "/memory/user/u-1"),  # no CORS is configured: nothing answers for the function
        ("HEAD", "/memory/user/u-1"),  # GET does not stand for HEAD
        ("GET", "/memory/user/"),
        ("GET", "/memory/user/u-1/"),
        ("GET", "/v1/"),
        ("GET", "//v1/context"),
    ],
)
def test_what_no_route_takes_is_not_found(stack: AwsStack, method: str, path: str) -> None:
    assert get(stack, path, method).status == 404


def test_head_reaches_a_route_of_any_method_and_its_answer_has_no_body(stack: AwsStack) -> None:
    answer = get(stack, "/v1/memories", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("plain", "plain"),
        ("space%20value", "space value"),
        ("plus+value", "plus+value"),
        ("hash%23value", "hash#value"),
        ("unicode-%CE%BB-%E4%B8%96", "unicode-λ-世"),
        ("line%0Afeed", "line\nfeed"),
        ("slash%2Fvalue", "slash/value"),
        ("question%3Fvalue", "question"),
        ("literal%252Fvalue", "literal/value"),
        ("literal%253Fvalue", "literal?value"),
        ("literal%2525value", "literal%value"),
        ("bytes%FF", "bytes\ufffd"),
    ],
)
def test_a_path_is_decoded_as_the_gateway_decodes_it(stack: AwsStack, sent: str, seen: str) -> None:
    answer = get(stack, f"/v1/capture/{sent}").json
    assert answer["path"] == f"/v1/capture/{seen}"
    assert answer["parameters"] == {"proxy": f"capture/{seen}"}


@pytest.mark.parametrize("sent", ["percent%25done", "percent%", "percent%zz"])
def test_a_percent_sign_that_escapes_nothing_is_refused(stack: AwsStack, sent: str) -> None:
    answer = get(stack, f"/v1/capture/{sent}")
    assert (answer.status, answer.json) == (400, {"message": "Bad Request"})


def test_an_escaped_slash_parts_segments(stack: AwsStack) -> None:
    assert get(stack, "/memory/user/a%2Fb").status == 404
    assert get(stack, "/memory/user/a%252Fb").json["parameters"] == {"user_id": "a/b"}


def test_the_query_is_given_as_sent_and_decoded(stack: AwsStack) -> None:
    answer = get(stack, "/v1/memories?q=a+b%2Bc&q=%C3%A9&empty=").json
    assert answer["query"] == "q=a+b%2Bc&q=%C3%A9&empty="
    assert answer["queries"] == {"q": "a b+c,é", "empty": ""}


# ---- batches ---------------------------------------------------------------------------------------------------


def batches(data: Path, marked: str) -> list[list[str]]:
    path = data / "tmp" / "Audit" / "journal"
    read = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [batch for batch in read if any(body.startswith(marked) for body in batch)]


def send(stack: AwsStack, bodies: list[str]) -> None:
    sqs = aws_client("sqs", stack.aws_endpoint_url)
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
        sqs.send_message_batch(QueueUrl=stack.queue_url("Events"), Entries=entries)


def test_a_standard_queue_gives_batches_of_more_than_ten(stack: AwsStack, data: Path) -> None:
    bodies = [f"many-{number}" for number in range(130)]
    send(stack, bodies)
    stack.wait_idle(30)
    got = batches(data, "many-")
    assert sorted(body for batch in got for body in batch) == sorted(bodies)
    assert 10 < max(len(batch) for batch in got) <= 100


def test_a_batch_that_does_not_fill_is_given_when_its_window_is_over(stack: AwsStack, data: Path) -> None:
    started = time.monotonic()
    send(stack, ["few-1"])
    send(stack, ["few-2"])
    until(lambda: batches(data, "few-"))
    assert time.monotonic() - started > 0.9, "the window is cut to a second here, not left out"
    [batch] = batches(data, "few-")
    assert sorted(batch) == ["few-1", "few-2"]
    stack.wait_idle(15)


def test_only_what_failed_comes_again(stack: AwsStack, data: Path) -> None:
    send(stack, ["again", "again-not"])
    stack.wait_idle(20)
    assert sorted(body for batch in batches(data, "again") for body in batch) == ["again", "again", "again-not"]


# ---- buckets ---------------------------------------------------------------------------------------------------


def test_a_bucket_is_there_under_the_name_that_functions_are_told(stack: AwsStack) -> None:
    assert get(stack, "/v1/x").json["bucket"] == "archivebucket"
    s3 = aws_client("s3", stack.aws_endpoint_url)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["archivebucket"]


def test_objects_are_there_after_a_restart_and_deleted_ones_are_not(project: Path, tmp_path: Path) -> None:
    with AwsStack(tmp_path, template=project / "template.yaml") as first:
        s3 = aws_client("s3", first.aws_endpoint_url)
        for key in ("accounts/a/é 1.jsonl", "accounts/a/2.jsonl"):
            s3.put_object(Bucket="archivebucket", Key=key, Body=b"\xff\n", ContentType="application/x-ndjson")
        etag = s3.head_object(Bucket="archivebucket", Key="accounts/a/é 1.jsonl")["ETag"]
        s3.delete_object(Bucket="archivebucket", Key="accounts/a/2.jsonl")
    with AwsStack(tmp_path, template=project / "template.yaml") as second:
        s3 = aws_client("s3", second.aws_endpoint_url)
        [listed] = s3.list_objects_v2(Bucket="archivebucket")["Contents"]
        assert listed["Key"] == "accounts/a/é 1.jsonl"
        stored = s3.get_object(Bucket="archivebucket", Key=listed["Key"])
        assert (stored["Body"].read(), stored["ETag"]) == (b"\xff\n", etag)
        assert stored["ContentType"] == "application/x-ndjson"
