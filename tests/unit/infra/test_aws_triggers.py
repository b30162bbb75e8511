"""What triggers functions on one machine: schedules, and which messages of a batch stay in the queue."""

from datetime import UTC, datetime, timedelta

import pytest

from devstack.aws.intrinsics import TemplateError
from devstack.aws.pollers import failed_items
from devstack.aws.schedules import parse_schedule

NOW = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "step"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(2 hours)", timedelta(hours=2)),
        ("rate(1 day)", timedelta(days=1)),
    ],
)
def test_a_rate_counts_from_now(expression: str, step: timedelta) -> None:
    assert parse_schedule(expression)(NOW) == NOW + step


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("cron(0 3 * * ? *)", datetime(2026, 11, 25, 3, 0, tzinfo=UTC)),
        ("cron(*/15 * * * ? *)", datetime(2026, 11, 24, 9, 45, tzinfo=UTC)),
        ("cron(0 18 ? * MON-FRI *)", datetime(2026, 11, 24, 18, 0, tzinfo=UTC)),
        ("cron(0 18 ? * SUN *)", datetime(2026, 11, 29, 18, 0, tzinfo=UTC)),
        ("cron(0 0 1 JAN,JUL ? *)", datetime(2027, 1, 1, 0, 0, tzinfo=UTC)),
        ("cron(30 9 24 11 ? *)", datetime(2027, 11, 24, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_cron_expression_gives_the_next_moment(expression: str, due: datetime) -> None:
    assert parse_schedule(expression)(NOW) == due


@pytest.mark.parametrize(
    "expression", ["hourly", "rate(0 hours)", "cron(0 3 * *)", "cron(61 * * * ? *)", "cron(0 0 L * ? *)"]
)
def test_what_is_no_schedule_is_an_error(expression: str) -> None:
    with pytest.raises(TemplateError):
        parse_schedule(expression)


BATCH = [{"MessageId": "a"}, {"MessageId": "b"}]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"wrong": "a"}]}, {"a", "b"}),
        ("done", {"a", "b"}),
    ],
)
def test_an_answer_that_makes_no_sense_keeps_the_whole_batch(answer: object, kept: set[str]) -> None:
    assert failed_items(answer, BATCH) == kept
