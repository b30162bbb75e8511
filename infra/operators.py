"""Where the commands of operators work: as the environment says, for a stack on AWS, or on what runs here."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError
from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG, translated
from operator_memory.domain.errors import ConfigurationError, MemoryServiceError
from operator_memory.domain.memory.scopes import AccountId, account_id

if TYPE_CHECKING:
    from devstack.stack import Endpoints

T = TypeVar("T")
UNUSABLE, INTERRUPTED = 2, 130
"""Exit codes: a setting is wrong, or a system could not be reached; interrupted."""


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
        return {**environ, **running_here(args.data).settings}
    if args.stack:
        return {**environ, "MEMORY_TABLE": table_of(args.stack)}
    return dict(environ)


def client(service: str) -> Any:  # noqa: ANN401  (boto3's clients are made at run time)
    """A boto3 client with bounded patience.

    Raises:
        ConfigurationError: no region, an unknown profile, no such place.
    """
    make: Any = boto3.session.Session().client
    try:
        return make(service, config=CLIENT_CONFIG)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"AWS cannot be used: {error}") from error


def stack_outputs(stack: str, required: Sequence[str]) -> Mapping[str, str]:
    """The outputs of a CloudFormation stack, by name.

    Raises:
        ConfigurationError: one that is ``required`` is not among them.
        UpstreamError: AWS cannot be asked.
    """
    formation = client("cloudformation")
    with translated("cloudformation"):
        answer = formation.describe_stacks(StackName=stack)
    outputs = {output["OutputKey"]: str(output["OutputValue"]) for output in answer["Stacks"][0].get("Outputs", [])}
    missing = [name for name in required if name not in outputs]
    if missing:
        raise ConfigurationError(f"the stack {stack} has no output {missing[0]}: deploy the present template first")
    return outputs


def table_of(stack: str) -> str:
    """The table of a stack; raises as `stack_outputs`."""
    return stack_outputs(stack, ["MemoryTableName"])["MemoryTableName"]


def running_here(data: Path) -> "Endpoints":
    """The system that runs on this machine with its data in ``data``.

    Raises:
        ConfigurationError: there is none.
    """
    from devstack import running  # nobody else needs it

    endpoints = running.find(data)
    if endpoints is None:
        raise ConfigurationError("nothing is running here; start it with: make dev")
    return endpoints


def account_named(name: str, *, local: bool) -> AccountId:
    """The account of this id; of the system that runs here also that of a demo person, by name.

    Raises:
        InvalidInputError: it cannot be an account's.
    """
    if local:
        from devstack.supabase.seed import DEMO_USERS, demo_id  # nobody else needs it

        if name in DEMO_USERS:
            return account_id(demo_id(f"user:{name}"))
    return account_id(name)


def use_aws(environ: Mapping[str, str]) -> None:
    """Let boto3 see the addresses and keys of ``environ``."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        if name in environ:
            os.environ[name] = environ[name]


def subcommands(parser: argparse.ArgumentParser) -> Callable[[str, Callable[..., int], str], argparse.ArgumentParser]:
    """What adds a command to ``parser``: its name, what runs it (kept as ``run``), and what it does."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], does: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=does, description=f"{does}.")
        added.set_defaults(run=run)
        return added

    return command


def run_command(
    args: argparse.Namespace,
    environ: Mapping[str, str],
    tools: Callable[[Mapping[str, str]], AbstractContextManager[T]],
    *,
    interrupted: str = "interrupted",
) -> int:
    """Run the command of `subcommands` with its ``tools``; return its exit code. What is wrong is one sentence."""
    try:
        with tools(environment(args, environ)) as made:
            code: int = args.run(args, made)
    except MemoryServiceError as error:
        sys.stderr.write(f"{args.command}: {error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        sys.stderr.write(f"{args.command}: {interrupted}\n")
        return INTERRUPTED
    return code


def exit_code(main: Callable[[Sequence[str]], int]) -> int:
    """Run a command that prints much: whoever reads may have seen enough before its end."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the flush at the exit would complain once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    return code
