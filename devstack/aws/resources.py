"""Make the template's queues, tables, buckets and secrets in the local AWS; what exists already is left alone."""

import threading
import urllib.request
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from devstack.aws.intrinsics import REGION, TemplateError
from devstack.aws.template import QueueSpec, Template

ACCESS_KEY = SECRET_KEY = "local"
SETUP_KEY = "setup"
"""The access key of who makes the resources: the only one that is let in before they are complete."""
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""What a client raises when AWS refuses, cannot be reached, or ends in the middle of an answer."""
RESTORE_PATH, CALLERS_GONE = "/_devstack/restore", "callers=gone"


_SESSION: Any = boto3.session.Session()  # one, since each reads the descriptions of the services again: 10 MB
_ONE_AT_A_TIME = threading.Lock()


def aws_client(service: str, endpoint_url: str, access_key: str = ACCESS_KEY) -> Any:  # noqa: ANN401  (made at run time)
    """A boto3 client of the local AWS."""
    with _ONE_AT_A_TIME:
        return _SESSION.client(
            service,
            endpoint_url=endpoint_url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=SECRET_KEY,
            config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2}),
        )


def make_resources(
    template: Template, endpoint_url: str, secrets: Mapping[str, str], *, callers_gone: bool = True
) -> None:
    """Make everything, then restore what an earlier run left; ``callers_gone``: whoever called that one has ended.

    ``secrets`` gives a value for each variable that names an SSM parameter, e.g. ``QDRANT_API_KEY_PARAMETER``.

    Raises:
        TemplateError: no function declares such a variable, or it is empty.
    """
    sqs = aws_client("sqs", endpoint_url, SETUP_KEY)
    for queue in _dead_letter_queues_first(list(template.queues.values())):
        sqs.create_queue(QueueName=queue.name, Attributes=queue.attributes)
    dynamodb = aws_client("dynamodb", endpoint_url, SETUP_KEY)
    existing = dynamodb.list_tables()["TableNames"]
    for table in template.tables.values():
        if table.name not in existing:
            dynamodb.create_table(TableName=table.name, **table.definition)
    s3 = aws_client("s3", endpoint_url, SETUP_KEY)
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in template.buckets.values():
        if bucket not in buckets:
            s3.create_bucket(Bucket=bucket)
    ssm = aws_client("ssm", endpoint_url, SETUP_KEY)
    for variable, value in secrets.items():
        for name in _parameter_names(template, variable):
            ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    query = f"?{CALLERS_GONE}" if callers_gone else ""
    request = urllib.request.Request(f"{endpoint_url}{RESTORE_PATH}{query}", method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def _dead_letter_queues_first(queues: list[QueueSpec]) -> list[QueueSpec]:
    targets = {queue.dead_letter_arn for queue in queues}
    return sorted(queues, key=lambda queue: queue.arn not in targets)


def _parameter_names(template: Template, variable: str) -> set[str]:
    functions = template.functions.values()
    names = {f.environment[variable] for f in functions if variable in f.environment}
    if not names:
        raise TemplateError(f"no function of the template has the variable {variable}")
    if "" in names:
        raise TemplateError(f"the variable {variable} is empty: give its template parameter a value")
    return names
