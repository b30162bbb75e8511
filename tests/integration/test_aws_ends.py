"""What the host of the functions does when one of its processes ends, and how many of them it keeps."""

import os
import signal
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devstack.aws.host import AwsStack
from devstack.aws.resources import aws_client
from devstack.aws.runtime import FunctionError
from devstack.processes import PartFailedError, Watch
from tests.support.devstack.resources import descendants
from tests.support.processes import is_running
from tests.support.raw_http import ask
from tests.support.time_outs import AMPLE, eventually

TEMPLATE = """
Globals:
  Function: {Handler: app.handler, Timeout: 30}
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Asked:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Environment: {Variables: {HERE: default, QUEUE: !Ref Jobs}}
      Events:
        All: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/"}}
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 1}}
  Clocked:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
  Broken:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: broken
      Events:
        All: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/broken"}}
  Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 3600}}
"""
CODE = """
    import os, time

    def handler(event, context):
        time.sleep(float(event.get("sleep", 0)))
        for record in event.get("Records", ()):
            with open(record["body"], "a") as file:
                file.write("done\\n")
        return {"pid": os.getpid(), "environment": dict(os.environ)}
"""
BROKEN = "raise RuntimeError('it never starts')"


@dataclass
class Running:
    stack: AwsStack
    said: list[str]
    failures: list[PartFailedError] = field(default_factory=list)

    def pid(self, function: str = "Asked", **event: float) -> int:
        pid: int = self.stack.invoke(function, event)["pid"]
        return pid

    def processes(self) -> set[int]:
        """Of the functions: each is at home in its own folder."""
        return {p for p in descendants(os.getpid()) if Path(f"/proc/{p}/cwd").resolve().name in ("code", "broken")}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("a project")
    (root / "template.yaml").write_text(TEMPLATE)
    for name, code in (("code", CODE), ("broken", BROKEN)):
        (root / name).mkdir()
        (root / name / "app.py").write_text(textwrap.dedent(code))
    said: list[str] = []
    failures: list[PartFailedError] = []
    environment = {"HERE": "given", "NOWHERE": "declared"}
    watch = Watch(said.append, failures.append)
    with AwsStack(root / "data", template=root / "template.yaml", environment=environment, watch=watch) as stack:
        yield Running(stack, said, failures)


def test_a_function_that_does_not_start_is_said(running: Running) -> None:
    sentence = "Broken has ended (exit status 1) before it was ready; the next event tries again"
    eventually(lambda: any(line.startswith(sentence) for line in running.said))
    with pytest.raises(FunctionError, match="it never starts"):
        running.stack.invoke("Broken", {})


def test_a_process_that_is_killed_while_idle_is_named_and_replaced(running: Running) -> None:
    before = running.pid()
    os.kill(before, signal.SIGKILL)
    eventually(lambda: "Asked has ended (killed by SIGKILL) and is started again" in running.said)
    assert running.pid() != before
    assert ask(running.stack.api_url, "GET", "/").status == 200


def test_one_that_is_killed_at_work_fails_its_call_alone(running: Running) -> None:
    pid = running.pid()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(running.pid, sleep=25)
        eventually(lambda: running.stack._functions["Asked"]._idle == [])
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(FunctionError, match="Runtime exited"):
            call.result(AMPLE)
    assert running.pid() != pid


def test_after_a_rush_one_process_is_kept_and_of_the_seldom_called_none(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.aws.runtime.IDLE_SECONDS", 0.5)
    with ThreadPoolExecutor(3) as threads:
        rush = set(threads.map(lambda _: running.pid(sleep=1), range(3)))
    assert len(rush) == 3
    eventually(lambda: len(list(filter(is_running, rush))) == 1)
    [kept] = filter(is_running, rush)
    assert running.pid() == kept
    clocked: int = running.stack.run_schedule("Clocked")["pid"]
    eventually(lambda: not is_running(clocked))
    assert running.processes() == {kept}


def test_a_variable_is_given_to_those_that_declare_it_and_else_to_all(running: Running) -> None:
    asked, clocked = (running.stack.invoke(name, {})["environment"] for name in ("Asked", "Clocked"))
    assert (asked["HERE"], asked["NOWHERE"]) == ("given", "declared")
    assert ("HERE" in clocked, clocked["NOWHERE"]) == (False, "declared")


def test_when_aws_is_killed_queues_are_worked_off_as_before(running: Running, tmp_path: Path) -> None:
    stack, journal = running.stack, tmp_path / "journal"
    ours = str(stack._data).encode()  # other tests' may run beside it
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(os.getpid())}
    [aws] = [pid for pid, command in commands.items() if b"moto_server" in command and ours in command]
    os.kill(aws, signal.SIGKILL)
    eventually(lambda: "aws has ended (killed by SIGKILL) and is started again" in running.said)

    def sent() -> bool:
        try:
            sqs = aws_client("sqs", stack.aws_endpoint_url)
            sqs.send_message(QueueUrl=stack.queue_url("Jobs"), MessageBody=str(journal))
        except Exception:  # noqa: BLE001 - it is not back yet
            return False
        return True

    eventually(sent)
    eventually(journal.exists)
    stack.wait_idle(AMPLE)
    assert journal.read_text() == "done\n"
    assert running.failures == []


def test_an_idle_host_uses_next_to_no_processor_time(running: Running) -> None:
    def used() -> float:
        before = time.process_time()
        time.sleep(1)
        return time.process_time() - before

    # of one core; more than once, since other things may run in this process
    assert any(used() < 0.02 for _ in range(10)), "pollers and watchers wait, they do not look"
