"""What becomes of a message of the life cycle's queue: done, tried again, or a dead letter with its reason."""

import pytest
from operator_memory.application.lifecycle.consume_tasks import ConsumeTasks, QueuedTask
from operator_memory.domain.errors import InvalidInputError, UpstreamRejectedError, UpstreamUnavailableError
from operator_memory.domain.lifecycle.rounds import MOST_TRIES, RoundReport, Stage, Task, retry_delay_seconds
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.contracts.lifecycle import MAX_TASK_CHARACTERS, parse_task, task_body

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.core import FakeClock
from tests.support.lifecycle.world import ENOUGH, LifecycleWorld, a_policy

BODY = task_body(Task(ACCOUNT))


@pytest.fixture
def world() -> LifecycleWorld:
    world = LifecycleWorld(clock=FakeClock(NOW))
    world.put(a_memory("a private word", days_old=50))
    world.set_policy(a_policy(time_to_live_days=1))
    return world


def consume(world: LifecycleWorld, body: str = BODY, count: int = 1) -> RoundReport | None:
    tasks = ConsumeTasks(parse=parse_task, tend=world.tending(), queue=world.queue)
    return tasks.consume(QueuedTask(body, "receipt", count), lambda: ENOUGH)


def test_a_message_is_worked_off(world: LifecycleWorld) -> None:
    assert consume(world) == RoundReport(deleted=1)
    assert (world.queue.later, world.queue.buried) == ([], [])


def test_a_failure_that_may_pass_is_tried_again_later_each_time(world: LifecycleWorld) -> None:
    world.selected.error = UpstreamUnavailableError("qdrant", "503")
    for count in range(1, MOST_TRIES):
        with pytest.raises(UpstreamUnavailableError):
            consume(world, count=count)
    assert world.queue.later == [("receipt", 60), ("receipt", 240), ("receipt", 960), ("receipt", 3600)]
    assert world.queue.buried == []


def test_it_waits_for_as_long_as_it_is_asked_to(world: LifecycleWorld) -> None:
    world.selected.error = UpstreamUnavailableError("qdrant", "429")
    world.selected.error.retry_after = 500
    with pytest.raises(UpstreamUnavailableError):
        consume(world)
    assert world.queue.later == [("receipt", 500)]


def test_the_last_try_ends_as_a_dead_letter_with_the_reason_and_the_account_stays_due(world: LifecycleWorld) -> None:
    world.selected.error = UpstreamUnavailableError("qdrant", "503")
    assert consume(world, count=MOST_TRIES) is None
    assert world.queue.buried == [(BODY, "upstream_unavailable", "qdrant: 503", MOST_TRIES)]
    assert ACCOUNT in world.index.entries


def test_a_refusal_is_a_dead_letter_at_once(world: LifecycleWorld) -> None:
    world.selected.error = UpstreamRejectedError("qdrant", "400")
    assert consume(world) is None
    assert world.queue.buried == [(BODY, "upstream_rejected", "qdrant: 400", 1)]


def test_a_defect_is_named_without_its_words(world: LifecycleWorld, caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise TypeError("a private word")

    world.selected.before_removing = breaks
    with pytest.raises(TypeError):
        consume(world)
    assert consume(world, count=MOST_TRIES) is None
    assert world.queue.buried == [(BODY, "unexpected", "TypeError", MOST_TRIES)]
    assert "private" not in repr([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("not json", "body"),
        ("[]", "body"),
        ("[" * 5_000, "body"),
        ("{}", "account_id"),
        ('{"account_id": "*"}', "account_id"),
        ('{"account_id": "a", "stage": "explode"}', "stage"),
        ('{"account_id": "a", "began_at": "yesterday"}', "began_at"),
        ('{"account_id": "a", "began_at": "2026-11-24T09:00:00"}', "began_at"),
        ('{"account_id": "a", "after": 7}', "after"),
        ("x" * (MAX_TASK_CHARACTERS + 1), "body"),
    ],
)
def test_what_is_no_task_is_a_dead_letter_that_names_the_field(world: LifecycleWorld, body: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_task(body)
    assert refused.value.field == field
    assert consume(world, body) is None
    assert [(reason, count) for _, reason, _, count in world.queue.buried] == [("invalid_input", 1)]


def test_a_newer_senders_fields_are_left_out() -> None:
    assert parse_task('{"account_id": "a", "urgent": true}') == Task(AccountId("a"))
    whole = Task(ACCOUNT, Stage.PURGE, "s", "a", NOW)
    assert parse_task(task_body(whole)) == whole


def test_a_place_that_cannot_be_read_is_the_beginning(world: LifecycleWorld) -> None:
    world.set_policy(a_policy(most_memories=1))
    world.put(a_memory("another", days_old=1), a_memory("a third", days_old=2))
    assert world.tend(Task(ACCOUNT, Stage.LIMITS, "user/fact", "[1]", NOW)) == RoundReport(archived=2)


def test_a_message_that_cannot_be_put_off_comes_again_by_itself(world: LifecycleWorld) -> None:
    def refuse(receipt_handle: str, *, delay_seconds: int) -> None:
        raise UpstreamUnavailableError("sqs", "503")

    world.selected.error = UpstreamUnavailableError("qdrant", "503")
    world.queue.retry_later = refuse  # type: ignore[method-assign]
    with pytest.raises(UpstreamUnavailableError, match="qdrant"):
        consume(world)


def test_delays_grow_to_an_hour() -> None:
    assert [retry_delay_seconds(count) for count in (1, 2, 3, 4, 50)] == [60, 240, 960, 3600, 3600]
