"""The extraction function as Lambda calls it; its use case stands in."""

import copy
import json
import os
import signal
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

from tests.support.functions import function

EVENTS = Path(__file__).resolve().parents[2] / "events"


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
