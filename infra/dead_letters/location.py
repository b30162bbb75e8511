"""Where the queues are: named by URL, as outputs of a CloudFormation stack, or in the system that runs here."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.domain.errors import ConfigurationError

from infra import operators
from infra.dead_letters.failed_message import Kind

_OUTPUTS = {
    Kind.JOB: ("JobsDeadLetterQueueUrl", "JobsQueueUrl"),
    Kind.EVENT: ("EventsDeadLetterQueueUrl", "EventsQueueUrl"),
    Kind.ROUND: ("LifecycleDeadLetterQueueUrl", "LifecycleQueueUrl"),
}
_LOCAL = {
    Kind.JOB: ("MemoryJobsDeadLetterQueue.fifo", "MemoryJobsQueue.fifo"),
    Kind.EVENT: ("MemoryEventsDeadLetterQueue", "MemoryEventsQueue"),
    Kind.ROUND: ("MemoryLifecycleDeadLetterQueue", "MemoryLifecycleQueue"),
}


@dataclass(frozen=True, slots=True)
class Location:
    """What the commands need: a client of SQS, one of ``dynamodb`` when it is called for, and names.

    ``table`` is that of the jobs' records.
    """

    sqs: Any
    dynamodb: Callable[[], Any]
    dead_letters_url: str
    source_url: str | None
    table: str | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say where."""
    where = parser.add_argument_group("where the letters are (one of --stack, --local, --queue-url)")
    where.add_argument("--stack", help="name of the CloudFormation stack, whose outputs say where everything is")
    where.add_argument("--local", action="store_true", help="the system that make dev runs here")
    where.add_argument("--data", type=Path, default=Path(".devstack"), help="of --local: its folder for data")
    where.add_argument("--queue-url", help="the dead-letter queue")
    where.add_argument("--jobs-queue-url", help="where dead jobs are put back")
    where.add_argument("--events-queue-url", help="where dead events are put back")
    where.add_argument("--rounds-queue-url", help="where dead rounds over accounts are put back")
    where.add_argument("--table", help="the table of the jobs' records and of legal holds, for show and drop")


def find_location(args: argparse.Namespace, kind: Kind) -> Location:
    """What the options say.

    Raises:
        ConfigurationError: they do not say it, or there is no such thing.
        UpstreamError: AWS cannot be asked.
    """
    if sum(map(bool, (args.stack, args.local, args.queue_url))) != 1:
        raise ConfigurationError("say where the dead letters are: --stack NAME, --local, or --queue-url URL")
    if args.local:
        return _local(args.data, kind)
    if args.stack:
        return _of_stack(args.stack, kind)
    source = getattr(args, f"{kind}s_queue_url")
    dynamodb = partial(operators.client, "dynamodb")
    return Location(operators.client("sqs"), dynamodb, args.queue_url, source, args.table)


def _of_stack(name: str, kind: Kind) -> Location:
    outputs = operators.stack_outputs(name, _OUTPUTS[kind])
    dead, source = (outputs[output] for output in _OUTPUTS[kind])
    table = outputs.get("MemoryTableName")
    return Location(operators.client("sqs"), partial(operators.client, "dynamodb"), dead, source, table)


def _local(data: Path, kind: Kind) -> Location:
    endpoints = operators.running_here(data)
    sqs = endpoints.aws_client("sqs")
    with translated("sqs"):
        dead, source = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in _LOCAL[kind])
    return Location(sqs, partial(endpoints.aws_client, "dynamodb"), dead, source, endpoints.memory_table)
