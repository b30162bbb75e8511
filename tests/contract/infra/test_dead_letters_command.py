"""``python -m infra.dead_letters``: dropping and asking, the trail's events, where the queues are, failures."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.intrinsics import load_yaml
from devstack.processes import child_environment
from infra.dead_letters import cli
from infra.dead_letters.actions import Tally, act
from infra.dead_letters.failed_message import Kind
from infra.dead_letters.queue import DeadLetterQueue
from tests.support.aws.clients import Queues, aws_client
from tests.support.aws.dead_letters import (
    NINE,
    SECRET,
    Command,
    EventQueues,
    Run,
    facts,
    give_up,
    ids,
    jobs_in,
    waiting,
)
from tests.support.loopback import unused_port

pytest_plugins = ["tests.support.aws.dead_letters_fixtures"]

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"


# ---- drop and questions ----------------------------------------------------------------------------------------------


def test_a_letter_is_dropped_after_a_question_that_says_what_is_lost(
    queues: Queues, command: Command, answers: Callable[[str], None]
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2")
    answers("yes")
    letter = ids(command)["job-1"]
    done = command("drop", letter[:8])
    assert (done.code, done.out) == (0, "1 dead letter dropped.\n")
    assert done.err.splitlines() == [
        f"Drop dead letter {letter[:8]}: job job-1 of account acc-1, upstream_timeout.",
        "What was said in the run is then not remembered; nothing else changes, nor does the job's record.",
    ]
    assert list(ids(command)) == ["job-2"]
    assert waiting(queues, queues.url) == []


def test_all_of_a_reason_are_dropped(queues: Queues, command: Command) -> None:
    for number in range(12):
        give_up(queues, f"job-{number}", reason="job_conflict" if number else "invalid_input")
    assert command("drop", "--all", "--reason", "job_conflict", "--yes").out == "11 dead letters dropped.\n"
    assert list(ids(command)) == ["job-0"]


@pytest.mark.parametrize("arguments", [["redrive", "--all"], ["drop", "--all", "--reason", "upstream_timeout"]])
@pytest.mark.parametrize("answer", ["", "n", "what?"])
def test_without_a_yes_nothing_changes(
    queues: Queues, command: Command, answers: Callable[[str], None], arguments: list[str], answer: str
) -> None:
    give_up(queues, "job-1")
    answers(answer)
    done = command(*arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("dead-letters: nothing was changed\n")
    assert list(ids(command)) == ["job-1"]


def test_where_nobody_can_answer_yes_must_be_given_along(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    give_up(queues, "job-1")
    done = command("redrive", "--all")
    assert (done.code, "--yes goes on without asking" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["redrive"], "say what to redrive: the id of a letter, or --all"),
        (["drop", "abc", "--all"], "say what to drop: the id of a letter, --account, or --all"),
        (["drop", "--all"], "drop --all needs --reason: what is dropped is gone for good"),
        (["redrive", "abc", "--reason", "x"], "--reason goes with --all: a letter that is named needs none"),
        (["--stack", "s", "list"], "say where the dead letters are: --stack NAME, --local, or --queue-url URL"),
        (["redrive", "abc", "--events"], "say where they are put back: --events-queue-url"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(
    command: Command, arguments: list[str], sentence: str
) -> None:
    assert command(*arguments) == Run(2, "", f"dead-letters: {sentence}\n")


def test_nothing_to_do_is_no_failure(command: Command) -> None:
    assert command("redrive", "--all") == Run(0, "No dead letters of jobs.\n", "")


# ---- events of the trail ---------------------------------------------------------------------------------------------


def test_events_are_listed_with_what_is_wrong_with_them(events: EventQueues, event_command: Command) -> None:
    events.give_up()
    events.give_up(id="event-2", type="I live in Porto", occurred_at=(NINE + timedelta(minutes=1)).isoformat())
    heading, *rows, _, last = event_command("list").out.splitlines()
    assert heading.split() == ["LETTER", "ACCOUNT", "EVENT", "TYPE", "SENT", "(UTC)", "REASON"]
    assert [row.split()[1:] for row in rows] == [
        ["acc-1", "event-1", "search", "2026-11-20", "09:00", "not_written"],
        ["acc-1", "event-2", "-", "2026-11-20", "09:01", "invalid_input"],
    ]
    assert last == "2 dead letters: 1 not_written, 1 invalid_input."


def test_an_event_in_full_keeps_the_words_that_were_searched_for(events: EventQueues, event_command: Command) -> None:
    events.give_up(memory_ids=["m-1", "m-2"], metadata={"degraded": True})
    [letter] = json.loads(event_command("list", "--json").out)
    shown = event_command("show", letter["id"])
    assert SECRET not in shown.out
    assert facts(shown.out.split("\n\n")[1]) == {
        "contract": "kept",
        "actor": "user:ada",
        "occurred at": "2026-11-20T09:00:00+00:00",
        "memories": "2",
        "query": f"{len(SECRET)} characters",
        "metadata": '{"degraded": true}',
        "size": facts(shown.out.split("\n\n")[1])["size"],
    }
    assert event_command("show", letter["id"], "--text").out.endswith(f"yourself.\n\n{SECRET}\n")


def test_an_event_that_cannot_be_read_is_shown_by_what_is_wrong(events: EventQueues, event_command: Command) -> None:
    events.client.send_message(QueueUrl=events.dead_letter_url, MessageBody=SECRET)
    [letter] = json.loads(event_command("list", "--json").out)
    shown = event_command("show", letter["id"])
    assert facts(shown.out.split("\n\n")[1])["contract"] == "broken: body: is not valid JSON"
    assert SECRET not in shown.out
    assert event_command("show", letter["id"], "--text").out.endswith(f"{SECRET}\n")


def test_events_go_back_as_they_were_or_are_dropped(events: EventQueues, event_command: Command) -> None:
    bodies = sorted(events.give_up(id=f"event-{number}") for number in range(12))
    assert event_command("redrive", "--all", "--yes").out == "12 dead letters put back.\n"
    queues = Queues(events.client, events.url, events.dead_letter_url)
    assert sorted(message["Body"] for message in waiting(queues, events.url)) == bodies

    events.give_up(id="event-13")
    dropped = event_command("drop", "--all", "--reason", "not_written", "--yes")
    assert dropped.out == "1 dead letter dropped.\n"
    assert "missing in the trail" in dropped.err
    assert waiting(queues, events.dead_letter_url) == []


# ---- where the queues are --------------------------------------------------------------------------------------------


def test_a_stack_s_outputs_say_where_everything_is(
    queues: Queues, table: tuple[Any, str], aws_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {
        "JobsDeadLetterQueueUrl": queues.dead_letter_url,
        "JobsQueueUrl": queues.url,
        "MemoryTableName": table[1],
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client = aws_client("cloudformation", aws_url)
    client.create_stack(StackName="memory", TemplateBody=json.dumps(template))
    client.close()
    give_up(queues, "job-1")
    assert cli.main(["--stack", "memory", "redrive", "--all", "--yes"]) == 0
    assert jobs_in(waiting(queues, queues.url)) == ["job-1"]
    give_up(queues, "job-2")
    capsys.readouterr()
    assert cli.main(["--stack", "memory", "list", "--json"]) == 0
    letter = json.loads(capsys.readouterr().out)[0]["id"]
    assert cli.main(["--stack", "memory", "show", letter]) == 0
    assert "Record of the job" in capsys.readouterr().out
    assert cli.main(["--stack", "memory", "--events", "list"]) == 2
    assert "has no output EventsDeadLetterQueueUrl: deploy the present template first" in capsys.readouterr().err
    assert cli.main(["--stack", "another", "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: cloudformation: ValidationError\n"


def test_the_template_has_the_outputs_and_an_alarm_for_each_dead_letter_queue() -> None:
    document = load_yaml(TEMPLATE)
    assert {
        "JobsDeadLetterQueueUrl", "JobsQueueUrl", "EventsDeadLetterQueueUrl", "EventsQueueUrl", "MemoryTableName",
        "LifecycleDeadLetterQueueUrl", "LifecycleQueueUrl",
    } <= set(document["Outputs"])  # fmt: skip
    text = TEMPLATE.read_text()
    queues = [name for name, r in document["Resources"].items() if r["Type"] == "AWS::SQS::Queue"]
    dead = [name for name in queues if name.endswith("DeadLetterQueue")]
    assert len(dead) == 4
    for queue in [*dead, "MemoryJobsQueue"]:
        assert f"Dimensions: [{{Name: QueueName, Value: !GetAtt {queue}.QueueName}}]" in text


def test_where_nothing_runs_here_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--local", "--data", str(tmp_path), "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: nothing is running here; start it with: make dev\n"


def test_who_reads_the_list_may_stop_early(queues: Queues) -> None:
    for number in range(3):
        give_up(queues, f"job-{number}")
    arguments = [sys.executable, "-m", "infra.dead_letters", "--queue-url", queues.dead_letter_url, "list"]
    reader, writer = os.pipe()
    os.close(reader)
    environment = child_environment({name: value for name, value in os.environ.items() if name.startswith("AWS_")})
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_without_a_region_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    done = command("list")
    assert (done.code, done.err) == (2, "dead-letters: AWS cannot be used: You must specify a region.\n")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "not a region")
    assert command("list").err.startswith("dead-letters: AWS cannot be used: ")


# ---- failures --------------------------------------------------------------------------------------------------------


def test_a_queue_that_is_not_there_and_a_server_that_is_not_there(
    queues: Queues, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--queue-url", queues.dead_letter_url + "x", "list"]) == 2
    assert "dead-letters: sqs: " in capsys.readouterr().err
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port()}")
    assert cli.main(["--queue-url", queues.dead_letter_url, "list"]) == 2
    assert capsys.readouterr().err == "dead-letters: sqs: EndpointConnectionError\n"


def test_what_the_jobs_queue_refuses_stays_among_the_dead_letters(
    queues: Queues, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    give_up(queues, "job-1")
    give_up(queues, "job-2", minute=1)
    short = [ids(command)[job][:8] for job in ("job-1", "job-2")]
    where = ["--queue-url", queues.dead_letter_url, "--jobs-queue-url", queues.url + "x"]
    assert cli.main([*where, "redrive", "--all", "--yes"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    for letter in short:
        assert f"{letter} could not be put back and is still here: sqs: " in said.err
    assert list(ids(command)) == ["job-1", "job-2"]


def test_a_letter_that_somebody_else_has_in_hand_is_missed(queues: Queues) -> None:
    give_up(queues, "job-1")
    queue, tally = DeadLetterQueue(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=None), Tally()
    with queue.opened(60, lambda _: None) as letters:
        other = DeadLetterQueue(queues.client, Kind.JOB, url=queues.dead_letter_url, source_url=None)
        act(other, lambda _: letters, other.drop, behind=True, tally=tally, seen=lambda _: None)
    assert (tally.done, tally.missing) == (0, 1)


def test_letters_that_cannot_be_given_back_at_once_are_told(
    queues: Queues, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(queues, "job-1")
    receive = DeadLetterQueue._receive

    def and_then_it_is_gone(queue: DeadLetterQueue) -> bool:
        found = receive(queue)
        for letter in queue._held.values():
            queues.client.delete_message(QueueUrl=queues.dead_letter_url, ReceiptHandle=letter.receipt_handle)
        return found

    monkeypatch.setattr(DeadLetterQueue, "_receive", and_then_it_is_gone)
    listed = command("list")
    assert listed.out.endswith("1 dead letter: 1 upstream_timeout.\n")
    assert listed.err == "1 dead letter could not be given back at once, and will be seen again in minutes.\n"


def test_a_record_that_cannot_be_read_is_an_error(queues: Queues, command: Command) -> None:
    give_up(queues, "job-1")
    shown = command("--table", "no-such-table", "show", ids(command)["job-1"])
    assert (shown.code, shown.err) == (2, "dead-letters: dynamodb: ResourceNotFoundException\n")
    assert list(ids(command)) == ["job-1"]
