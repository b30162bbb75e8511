"""Where the commands of operators work: as the environment says, for a stack on AWS, or on what runs here."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError
from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG, translated
from operator_memory.domain.errors import ConfigurationError


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say where."""
    where = parser.add_argument_group("where (else as the environment says, by the functions' own variables)")
    where.add_argument("--stack", help="name of the CloudFormation stack, whose outputs name the table")
    where.add_argument("--local", action="store_true", help="the system that make dev runs here")
    where.add_argument("--data", type=Path, default=Path(".devstack"), help="of --local: its folder for data")


def environment(args: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The functions' settings, as the options and ``environ`` say them.

    Raises:
        ConfigurationError: there is no such stack or system.
        UpstreamError: AWS cannot be asked.
    """
    if args.local:
        return {**environ, **_local(args.data)}
    if args.stack:
        return {**environ, "MEMORY_TABLE": _table_of(args.stack)}
    return dict(environ)


def _table_of(stack: str) -> str:
    make: Any = boto3.session.Session().client
    try:
        client = make("cloudformation", config=CLIENT_CONFIG)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"AWS cannot be used: {error}") from error
    with translated("cloudformation"):
        answer = client.describe_stacks(StackName=stack)
    for output in answer["Stacks"][0].get("Outputs", []):
        if output["OutputKey"] == "MemoryTableName":
            return str(output["OutputValue"])
    raise ConfigurationError(f"the stack {stack} has no output MemoryTableName: deploy the present template first")


def _local(data: Path) -> dict[str, str]:
    from devstack import running  # nobody else needs it

    endpoints = running.find(data)
    if endpoints is None:
        raise ConfigurationError("nothing is running here; start it with: make dev")
    return endpoints.settings


def use_aws(environ: Mapping[str, str]) -> None:
    """Let boto3 see the addresses and keys of ``environ``."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        if name in environ:
            os.environ[name] = environ[name]
