"""The extraction and archive functions as Lambda calls them; their use cases stand in."""

import copy
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from operator_memory.application.learning.consume_jobs import QueuedJob
from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.domain.lifecycle.retention import ExpiryReport

EVENTS = Path(__file__).resolve().parents[2] / "events"


def function(name: str, builder: str, part: object, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, freshly imported, with ``part`` in place of what it would build."""
    monkeypatch.setattr(f"operator_memory.entrypoints.wiring.{builder}", lambda: part)
    monkeypatch.delitem(sys.modules, f"functions.{name}.app", raising=False)
    return importlib.import_module(f"functions.{name}.app")


def extraction(consume: Callable[[QueuedJob], None], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The extraction function; ``consume`` works off its messages."""
    return function("extraction", "extraction.build_extraction", SimpleNamespace(consume=consume), monkeypatch)


def batch(*messages: tuple[str, str]) -> dict[str, Any]:
    """A true SQS event with the given message ids and groups."""
    event: dict[str, Any] = json.loads((EVENTS / "sqs-extraction.json").read_text())
    [template] = event["Records"][:1]
    records = []
    for message_id, group in messages:
        record = copy.deepcopy(template)
        record["messageId"], record["body"] = message_id, f"body of {message_id}"
        record["attributes"]["MessageGroupId"] = group
        records.append(record)
    return {"Records": records}


CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="extraction")


def consume(
    monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], fails: Callable[[QueuedJob], bool]
) -> tuple[list[str], list[str]]:
    """Ids that were tried, and ids that were reported as failed."""
    tried: list[str] = []

    def part(job: QueuedJob) -> None:
        tried.append(job.message_id)
        if fails(job):
            raise RuntimeError("failed")

    answer = extraction(part, monkeypatch).handler(event, CONTEXT)
    return tried, [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_every_message_is_worked_off_with_what_the_queue_says_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[QueuedJob] = []
    event = batch(("m1", "account-1"))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "3"
    answer = extraction(seen.append, monkeypatch).handler(event, CONTEXT)
    assert answer == {"batchItemFailures": []}
    sent_at, receipt = datetime(2026, 11, 24, 9, tzinfo=UTC), event["Records"][0]["receiptHandle"]
    [job] = seen
    assert replace(job, ends_at=None) == QueuedJob("body of m1", "m1", "account-1", receipt, 3, sent_at)
    assert job.ends_at is not None
    assert 0 < job.ends_at - time.monotonic() <= 60, "as the runtime says"


def test_a_message_in_whose_middle_the_time_ends_is_named_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(_job: QueuedJob) -> None:
        threading.Event().wait(170)

    monkeypatch.setattr("operator_memory.entrypoints.stopping.GIVING_BACK_SECONDS", 60)
    answer = extraction(part, monkeypatch).handler(batch(("a1", "a")), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "a1"}]}


def test_a_process_that_is_told_to_end_gives_no_answer_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(_job: QueuedJob) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(170)

    with pytest.raises(SystemExit):
        extraction(part, monkeypatch).handler(batch(("a1", "a")), CONTEXT)


@pytest.mark.parametrize(("told", "seconds"), [("1795507200000", -3600), ("soon", 0), ("", 0)])
def test_a_redriven_job_is_as_old_as_when_it_was_sent_first(
    monkeypatch: pytest.MonkeyPatch, told: str, seconds: int
) -> None:
    seen: list[QueuedJob] = []
    event = batch(("m1", "account-1"))
    event["Records"][0]["messageAttributes"] = {"sent_at": {"dataType": "String", "stringValue": told}}
    extraction(seen.append, monkeypatch).handler(event, CONTEXT)
    assert [job.sent_at for job in seen] == [datetime(2026, 11, 24, 9, tzinfo=UTC) + timedelta(seconds=seconds)]


def test_a_failure_keeps_its_accounts_later_messages_and_no_other_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    event = batch(("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b"))
    tried, failed = consume(monkeypatch, event, lambda job: job.message_id == "a1")
    assert tried == ["a1", "b1", "b2"]
    assert failed == ["a1", "a2"]


def test_when_all_fail_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _, failed = consume(monkeypatch, batch(("a1", "a"), ("b1", "b")), lambda _: True)
    assert failed == ["a1", "b1"]


def test_a_second_call_remembers_nothing_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def part(job: QueuedJob) -> None:
        calls.append(job.message_id)
        if len(calls) == 1:
            raise RuntimeError("failed")

    module = extraction(part, monkeypatch)
    event = batch(("a1", "a"))
    assert module.handler(event, CONTEXT)["batchItemFailures"]
    assert module.handler(event, CONTEXT) == {"batchItemFailures": []}


def archive(
    monkeypatch: pytest.MonkeyPatch,
    report: ExpiryReport,
    erasures: tuple[int, int] = (0, 0),
    gone: GoneReport | None = None,
) -> Any:
    remaining: list[float] = []

    def sweep(remaining_seconds: Callable[[], float]) -> ExpiryReport:
        remaining.append(remaining_seconds())
        return report

    event = json.loads((EVENTS / "schedule-archive.json").read_text())
    app = SimpleNamespace(
        expiry=SimpleNamespace(expire=sweep),
        erasures=SimpleNamespace(resume_due=lambda: erasures),
        gone=None if gone is None else SimpleNamespace(erase_gone=lambda _left: gone),
    )
    answer = function("archive", "lifecycle.build_archive", app, monkeypatch).handler(event, CONTEXT)
    assert remaining == [60.0]
    return answer


def test_a_sweep_answers_and_logs_what_it_did(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    report = ExpiryReport(accounts=2, deleted=5)
    assert archive(monkeypatch, report, (3, 0), GoneReport(erased=4)) == report.as_dict()
    logged = vars(caplog.records[-1])
    assert (logged["deleted"], logged["erasures"]) == (5, 3)
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["ExpiredMemories"], metrics["FailedAccounts"], metrics["Erasures"]) == (5, 0, 3)
    assert (metrics["GoneAccounts"], metrics["FailedGoneAccounts"]) == (4, 0)


def test_a_sweep_with_failed_accounts_is_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="2 accounts, 0 erasures and 0 deleted accounts failed"):
        archive(monkeypatch, ExpiryReport(accounts=1, failed=2))


def test_an_erasure_that_does_not_end_is_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="0 accounts, 1 erasures and 0 deleted accounts failed"):
        archive(monkeypatch, ExpiryReport(accounts=1), (2, 1))


def test_a_deleted_account_that_stays_is_a_failed_invocation_after_the_other_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RuntimeError, match="1 deleted accounts failed"):
        archive(monkeypatch, ExpiryReport(accounts=1), gone=GoneReport(failed=1))


def test_accounts_that_cannot_all_be_gone_are_counted_and_fail_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are the state of the platform's database, which may last: the hourly work goes on."""
    archive(monkeypatch, ExpiryReport(accounts=1), gone=GoneReport(doubted=8))
    assert json.loads(capsys.readouterr().out)["DoubtedGoneAccounts"] == 8


def test_an_erasure_of_a_deleted_account_that_goes_on_by_itself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    archive(monkeypatch, ExpiryReport(), gone=GoneReport(unfinished=1, noted=1, stopped_early=True))
