"""A pytest plugin: ``python -m infra.dead_letters`` on queues in moto's server."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.dead_letters import cli
from infra.dead_letters import queue as queue_module
from tests.support.aws.clients import Queues, aws_client
from tests.support.aws.dead_letters import Command, EventQueues, Run

pytest_plugins = ["tests.support.aws.fixtures"]


@pytest.fixture(autouse=True)
def aws_is_here(monkeypatch: pytest.MonkeyPatch, aws_url: str) -> None:
    """AWS is moto's server, which need not be waited for."""
    environment = {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(queue_module, "WAIT_SECONDS", 0)


@pytest.fixture
def command(queues: Queues, table: tuple[Any, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on the dead letters of jobs; to drop some, it is told where legal holds are kept."""

    def run(*arguments: str) -> Run:
        where = ["--queue-url", queues.dead_letter_url, "--jobs-queue-url", queues.url]
        where += ["--table", table[1]] if "drop" in arguments else []
        code = cli.main([*where, *arguments])
        return Run(code, *capsys.readouterr())

    return run


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says what is answered to a question; one that is not expected fails."""

    def no_question(prompt: str) -> str:
        raise AssertionError(f"asked: {prompt}")

    monkeypatch.setattr("builtins.input", no_question)
    return lambda answer: monkeypatch.setattr("builtins.input", lambda _: answer)


@pytest.fixture
def events(aws_url: str) -> Iterator[EventQueues]:
    """Fresh queues of events."""
    client = aws_client("sqs", aws_url)
    urls = [client.create_queue(QueueName=f"{queue}-{uuid.uuid4()}")["QueueUrl"] for queue in ("dead-events", "events")]
    yield EventQueues(client, *urls)
    client.close()


@pytest.fixture
def event_command(events: EventQueues, table: tuple[Any, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on the dead letters of events, as `command` does."""

    def run(*arguments: str) -> Run:
        where = ["--queue-url", events.dead_letter_url, "--events-queue-url", events.url, "--events"]
        where += ["--table", table[1]] if "drop" in arguments else []
        code = cli.main([*where, *arguments])
        return Run(code, *capsys.readouterr())

    return run
