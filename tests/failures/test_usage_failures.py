"""DynamoDB fails what counts usage and what says how much may be spent: neither stops a run."""

import logging

import pytest
from operator_memory.domain.learning.jobs import JobState

from tests.support.failures.faulty_proxy import breaks
from tests.support.failures.rig import BYSTANDER, SUBJECT, Delivery, Rig, target
from tests.support.failures.table import injects

pytest_plugins = ["tests.support.failures.fixtures"]


def is_done_all_the_same(rig: Rig) -> Delivery:
    rig.both_sent()
    delivery = rig.deliver()
    assert (delivery.tried, delivery.failed) == ([SUBJECT, BYSTANDER], [])
    found = rig.outcome()
    assert found.record is not None
    assert (found.record.state, found.record.attempts, found.record.notices) == (JobState.DONE, 1, ())
    assert found.stored == rig.stored(rig.bystander)
    return delivery


def told(logged: list[logging.LogRecord], what: str) -> list[dict[str, object]]:
    return [vars(line) for line in logged if line.getMessage() == what]


@injects(
    "DynamoDB",
    "does not take the counts of what was used",
    then="The run is done. The counts are in the log, and the metric `UsageNotCounted` tells of them.",
)
def test_dynamodb_does_not_take_the_counts(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.systems.dynamodb.spoil(breaks, when=target("TransactWriteItems", holding=rig.subject))
    delivery = is_done_all_the_same(rig)
    calls, job = told(delivery.logged, "usage is not counted")
    assert int(str(calls["prompt_tokens"])) > 0
    assert job["jobs"] == 1
    assert '"UsageNotCounted": 1' in capsys.readouterr().out


@injects(
    "DynamoDB",
    "does not say what budget the account has",
    then="The model is asked, and the metric `BudgetUnread` tells of it.",
)
def test_dynamodb_does_not_say_the_budget(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    def asks_for_budget(request: object) -> bool:
        body = str(getattr(request, "body", b""))
        return target("BatchGetItem", holding="BUDGET")(request) and rig.subject in body  # type: ignore[arg-type]

    rig.systems.dynamodb.spoil(breaks, when=asks_for_budget)
    delivery = is_done_all_the_same(rig)
    assert len(told(delivery.logged, "the budget cannot be read")) == 1
    assert '"BudgetUnread": 1' in capsys.readouterr().out
