"""The sample events in ``events/`` are what the functions take: one per trigger, for tests and for hands."""

import json
from pathlib import Path
from typing import Any

import pytest
from operator_memory.domain.lifecycle.rounds import Stage
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.entrypoints.contracts.context import parse_context_request
from operator_memory.entrypoints.contracts.event import parse_event
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory.entrypoints.contracts.lifecycle import parse_task

from tests.support.management.api import FunctionContext, Management

EVENTS = Path(__file__).parents[2] / "events"


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return event


def test_there_is_one_for_every_trigger() -> None:
    assert sorted(path.name for path in EVENTS.iterdir()) == [
        "api-context.json",
        "api-memories.json",
        "schedule-archive.json",
        "sqs-archive.json",
        "sqs-audit.json",
        "sqs-extraction.json",
    ]


def test_the_context_request_is_one() -> None:
    assert parse_context_request(json.loads(sample("api-context.json")["body"])).query == "What may I eat?"


@pytest.mark.parametrize(("signed_in", "status"), [(True, 200), (False, 401)])
def test_the_request_of_a_person_is_answered(signed_in: bool, status: int) -> None:
    management, event = Management(), sample("api-memories.json")
    if signed_in:
        token = management.user_token(management.platform.new_user())
        event["headers"]["authorization"] = f"Bearer {token}"
    assert management.api.handle(event, FunctionContext(management))["statusCode"] == status


def test_the_messages_can_be_read() -> None:
    [audit], [job] = sample("sqs-audit.json")["Records"], sample("sqs-extraction.json")["Records"]
    assert parse_event(audit["body"]).type is EventType.INJECT
    assert parse_job(job["body"])[0].job_id == "job-1"
    [account] = sample("sqs-archive.json")["Records"]
    assert parse_task(account["body"]).stage is Stage.EXPIRE
