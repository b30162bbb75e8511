"""``python -m infra.dead_letters --rounds``: rounds of the life cycle that were given up."""

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from operator_memory.adapters.aws.sqs_tasks import SqsTaskQueue
from operator_memory.domain.lifecycle.rounds import Stage, Task
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.contracts.lifecycle import task_body

from infra.dead_letters import cli
from tests.support.aws.clients import Queues, aws_client
from tests.support.aws.dead_letters import NINE, Command, Run, waiting

pytest_plugins = ["tests.support.aws.dead_letters_fixtures"]

BODY = task_body(Task(AccountId("acc-1"), Stage.RULES, "user/fact:idle", None, NINE))


@pytest.fixture
def accounts(aws_url: str) -> Iterator[Queues]:
    """Fresh queues of rounds, with two dead letters: one of the function, and one that the queue moved."""
    client = aws_client("sqs", aws_url)
    url, dead = [client.create_queue(QueueName=f"{name}-{uuid.uuid4()}")["QueueUrl"] for name in ("accounts", "dead")]
    queue = SqsTaskQueue(client, queue_url=url, dead_letter_queue_url=dead, encode=task_body)
    queue.bury(BODY, reason="upstream_rejected", detail="qdrant: 403", receive_count=5)
    client.send_message(QueueUrl=dead, MessageBody=task_body(Task(AccountId("acc-2"))))
    yield Queues(client, url, dead)
    client.close()


@pytest.fixture
def account_command(accounts: Queues, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Run:
        where = ["--queue-url", accounts.dead_letter_url, "--rounds-queue-url", accounts.url, "--rounds"]
        code = cli.main([*where, *arguments])
        return Run(code, *capsys.readouterr())

    return run


def test_they_are_listed_with_account_stage_and_reason(account_command: Command) -> None:
    listed = account_command("list")
    assert listed.code == 0
    assert listed.out.splitlines()[0].split() == ["LETTER", "ACCOUNT", "STAGE", "SENT", "(UTC)", "TRIES", "REASON"]
    assert "2 dead letters: 1 upstream_rejected, 1 worker_died." in listed.out
    found = {one["account_id"]: one for one in json.loads(account_command("list", "--json").out)}
    assert (found["acc-1"]["stage"], found["acc-1"]["receive_count"]) == ("rules", 5)
    assert (found["acc-2"]["stage"], found["acc-2"]["reason"]) == ("expire", "worker_died")


def test_one_is_shown_in_full_and_holds_nobodys_words(account_command: Command) -> None:
    letters = json.loads(account_command("list", "--json").out)
    [letter] = [one for one in letters if one["account_id"] == "acc-1"]
    shown = account_command("show", letter["id"], "--text").out
    assert "user/fact:idle" in shown
    assert "qdrant: 403" in shown
    assert "nobody's words" in shown


def test_what_is_no_task_is_shown_as_broken(account_command: Command, accounts: Queues) -> None:
    accounts.client.send_message(QueueUrl=accounts.dead_letter_url, MessageBody='{"account_id": "*"}')
    letters = json.loads(account_command("list", "--json").out)
    [letter] = [one for one in letters if one["account_id"] is None]
    assert "broken: account_id" in account_command("show", letter["id"]).out


def test_they_are_put_back_as_they_were(account_command: Command, accounts: Queues) -> None:
    assert account_command("redrive", "--all", "--yes").code == 0
    bodies = {message["Body"] for message in waiting(accounts, accounts.url)}
    assert bodies == {BODY, task_body(Task(AccountId("acc-2")))}
    assert waiting(accounts, accounts.dead_letter_url) == []


def test_those_of_an_account_are_dropped_without_a_word_about_receipts(
    account_command: Command, accounts: Queues, answers: Callable[[str], None]
) -> None:
    answers("y")
    dropped = account_command("drop", "--account", "acc-1")
    assert dropped.code == 0
    assert "the account is looked at again" in dropped.err
    assert "receipt" not in dropped.out
    assert len(waiting(accounts, accounts.dead_letter_url)) == 1
