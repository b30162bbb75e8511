"""The archive function as Lambda calls it, on its schedule and for messages of its queue."""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from operator_memory.application.lifecycle.consume_tasks import QueuedTask
from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.domain.lifecycle.rounds import DispatchReport, RoundReport

from tests.support.functions import function

EVENTS = Path(__file__).resolve().parents[2] / "events"
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="archive")


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return event


def sweep(
    monkeypatch: pytest.MonkeyPatch,
    report: DispatchReport,
    erasures: tuple[int, int] = (0, 0),
    gone: GoneReport | None = None,
) -> Any:
    remaining: list[float] = []

    def dispatch(seconds_left: Callable[[], float]) -> DispatchReport:
        remaining.append(seconds_left())
        return report

    app = SimpleNamespace(
        dispatch=SimpleNamespace(dispatch=dispatch),
        erasures=SimpleNamespace(resume_due=lambda: erasures),
        gone=None if gone is None else SimpleNamespace(erase_gone=lambda _left: gone),
    )
    module = function("archive", "lifecycle.build_archive", app, monkeypatch)
    answer = module.handler(sample("schedule-archive.json"), CONTEXT)
    assert 0 < remaining[0] <= 60, "as the runtime says"
    return answer


def test_a_sweep_answers_and_logs_what_it_did(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    report = DispatchReport(accounts=5)
    assert sweep(monkeypatch, report, (3, 0), GoneReport(erased=4)) == report.as_dict()
    logged = vars(caplog.records[-1])
    assert (logged["accounts"], logged["erasures"]) == (5, 3)
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["DispatchedAccounts"], metrics["FailedAccounts"], metrics["Erasures"]) == (5, 0, 3)
    assert (metrics["GoneAccounts"], metrics["FailedGoneAccounts"]) == (4, 0)


def test_a_sweep_that_could_not_send_accounts_is_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="2 accounts, 0 erasures and 0 deleted accounts failed"):
        sweep(monkeypatch, DispatchReport(accounts=1, failed=2))


def test_an_erasure_that_does_not_end_is_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="0 accounts, 1 erasures and 0 deleted accounts failed"):
        sweep(monkeypatch, DispatchReport(accounts=1), (2, 1))


def test_a_deleted_account_that_stays_is_a_failed_invocation_after_the_other_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RuntimeError, match="1 deleted accounts failed"):
        sweep(monkeypatch, DispatchReport(accounts=1), gone=GoneReport(failed=1))


def test_accounts_that_cannot_all_be_gone_are_counted_and_fail_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are the state of the platform's database, which may last: the hourly work goes on."""
    sweep(monkeypatch, DispatchReport(accounts=1), gone=GoneReport(doubted=8))
    assert json.loads(capsys.readouterr().out)["DoubtedGoneAccounts"] == 8


def test_an_erasure_of_a_deleted_account_that_goes_on_by_itself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(monkeypatch, DispatchReport(), gone=GoneReport(unfinished=1, noted=1, stopped_early=True))


def work_off(
    monkeypatch: pytest.MonkeyPatch, results: dict[str, RoundReport | Exception | None]
) -> tuple[list[QueuedTask], Any]:
    """The messages that were consumed, and the answer, of a batch with a message for each of ``results``."""
    event = sample("sqs-archive.json")
    [template] = event["Records"]
    event["Records"] = []
    for identity in results:
        record = copy.deepcopy(template)
        record["messageId"] = record["body"] = identity
        record["attributes"]["ApproximateReceiveCount"] = "3"
        event["Records"].append(record)
    seen: list[QueuedTask] = []

    def consume(message: QueuedTask, seconds_left: Callable[[], float]) -> RoundReport | None:
        assert 0 < seconds_left() <= 60
        seen.append(message)
        result = results[message.body]
        if isinstance(result, Exception):
            raise result
        return result

    app = SimpleNamespace(tasks=SimpleNamespace(consume=consume))
    module = function("archive", "lifecycle.build_archive", app, monkeypatch)
    return seen, module.handler(event, CONTEXT)


def metrics_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{name: n for name, n in line.items() if name not in ("_aws", "Function") and n} for line in lines]


def test_every_message_is_worked_off_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done, more = RoundReport(expired=1, deleted=2, archived=3, purged=4), RoundReport(deleted=500, continued=True)
    seen, answer = work_off(monkeypatch, {"m1": done, "m2": more})
    assert answer == {"batchItemFailures": []}
    assert [(task.body, task.receive_count) for task in seen] == [("m1", 3), ("m2", 3)]
    assert metrics_of(capsys) == [
        {"ExpiredMemories": 1, "DeletedMemories": 2, "ArchivedMemories": 3, "PurgedMemories": 4, "TendedAccounts": 1},
        {"DeletedMemories": 500, "Continuations": 1},
    ]


def test_a_failed_message_stays_in_the_queue_and_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = work_off(monkeypatch, {"m1": RuntimeError("failed"), "m2": RoundReport()})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert metrics_of(capsys) == [{"FailedRounds": 1}, {"TendedAccounts": 1}]


def test_when_all_fail_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _, answer = work_off(monkeypatch, {"m1": RuntimeError(), "m2": RuntimeError()})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}


def test_a_dead_letter_is_counted_and_leaves_the_queue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = work_off(monkeypatch, {"m1": None})
    assert answer == {"batchItemFailures": []}
    assert metrics_of(capsys) == [{"FailedRounds": 1, "LifecycleDeadLetters": 1}]
