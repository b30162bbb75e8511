"""What jobs count for: calls when they are made, outcomes once, and the budget that stops the model."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from operator_memory.domain.errors import MalformedResponseError, OutOfTimeError, UpstreamUnavailableError
from operator_memory.domain.learning.jobs import JobState
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.usage.budget import BUDGET_USED_UP, Budget, Limit
from operator_memory.domain.usage.counts import Counts, Prices

from tests.support.learning.extraction import ACCOUNT, World, a_job

COST = 700 * 15 + 30 * 60
"""Micro-cents of a call of the scripted model, by the prices of the world."""

AGAIN = ("user", "I work at a bakery in Lisbon.")
LIVES = ("user", "I live in Porto and like green tea.")


def month(world: World, when: date = date(2026, 11, 1)) -> Counts:
    return world.usage.month(ACCOUNT, when)


def spend(world: World, cents: int) -> None:
    """Have the account spend so much."""
    world.counting.count_calls(ACCOUNT, None, calls=1, prompt_tokens=-(-cents * 1_000_000 // 15), completion_tokens=0)


# ---- counting ------------------------------------------------------------------------------------------------------


def test_a_job_counts_its_calls_tokens_cost_and_outcomes() -> None:
    world = World()
    world.run(a_job(LIVES, ("assistant", "Noted.")))
    [(key, (counts, _))] = world.usage.rows.items()
    assert key == (ACCOUNT, date(2026, 11, 24), "agent-1")
    assert counts == Counts(
        jobs=1, llm_calls=1, prompt_tokens=700, completion_tokens=30, cost_micro_cents=COST, memories_added=3
    )
    assert month(world) == counts
    assert world.metrics.numbers["CostMicroCents"] == COST
    assert world.metrics.numbers["Jobs"] == 1


def test_superseded_and_rejected_facts_are_counted() -> None:
    world = World()
    world.extractor.facts = lambda turns: [(turn.text, "user") for turn in turns if turn.role == "user"]
    world.run(a_job(("user", "User lives in Porto")))
    world.extractor.facts = lambda _turns: [("User lives in Lisbon", "user"), ("??", "user")]
    world.run(a_job(("user", "User lives in Lisbon"), job_id="job-2"))
    counts = month(world)
    assert (counts.jobs, counts.memories_superseded, counts.facts_rejected) == (2, 1, 1)


def test_a_job_that_is_delivered_again_counts_once() -> None:
    world = World()
    job = a_job(LIVES)
    world.run(job)
    first = month(world)
    for _ in range(3):
        world.run(job)
    assert month(world) == first


def test_a_job_that_is_carried_out_twice_counts_once_and_every_call_is_paid_for() -> None:
    """A worker that dies after counting, before the record: the job is not done, and comes again."""
    world, job = World(), a_job(LIVES)
    world.run(job)
    world.jobs.records[ACCOUNT, "job-1"] = replace(
        world.jobs.records[ACCOUNT, "job-1"], state=JobState.FAILED, error="out_of_time"
    )
    world.run(job)
    counts = month(world)
    assert (counts.jobs, counts.memories_added, counts.llm_calls) == (1, 2, 2)


def test_attempts_that_fail_are_paid_for_and_are_no_jobs() -> None:
    world, job = World(), a_job(LIVES)
    world.extractor.error = MalformedResponseError("llm", "no JSON")
    for _ in range(2):
        with pytest.raises(MalformedResponseError):
            world.run(job)
    assert month(world) == Counts(llm_calls=2, prompt_tokens=1400, completion_tokens=60, cost_micro_cents=2 * COST)
    world.extractor.error = None
    record = world.run(job)
    assert (record.state, month(world).jobs, month(world).llm_calls) == (JobState.DONE, 1, 3)


def test_without_prices_tokens_count_and_cost_nothing() -> None:
    world = World(prices=Prices())
    world.run(a_job(LIVES))
    assert (month(world).tokens, month(world).cost_micro_cents) == (730, 0)


def test_calls_count_for_the_month_in_which_they_are_made() -> None:
    world = World()
    world.clock.time = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    world.run(a_job(LIVES))
    world.clock.advance(minutes=2)
    world.run(a_job(AGAIN, job_id="job-2"))
    assert (month(world).jobs, month(world, date(2026, 12, 1)).jobs) == (1, 1)


def test_counts_that_cannot_be_kept_stop_no_job(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.usage.error = UpstreamUnavailableError("dynamodb", "throttled")
    assert world.run(a_job(LIVES)).state is JobState.DONE
    assert world.metrics.numbers["UsageNotCounted"] == 2
    [calls, job] = [record for record in caplog.records if record.message == "usage is not counted"]
    assert (calls.__dict__["prompt_tokens"], job.__dict__["jobs"]) == (700, 1)
    assert "Porto" not in caplog.text


def test_a_run_that_nobody_says_anything_in_is_a_job_without_calls() -> None:
    world = World()
    world.run(a_job(memory_enabled=False))
    assert month(world) == Counts(jobs=1)
    assert world.budgets.reads == 0


# ---- the budget ----------------------------------------------------------------------------------------------------


def test_a_budget_that_is_used_up_in_the_middle_of_a_thread_has_the_rules_go_on() -> None:
    world = World()
    world.budgets.budgets[ACCOUNT] = Budget(Limit(cents=1))
    world.extractor.tokens = replace(world.extractor.tokens, prompt=70_000)
    first = world.run(a_job(LIVES))
    second = world.run(a_job(AGAIN, job_id="job-2"))
    assert (first.notices, second.notices) == ((), (BUDGET_USED_UP,))
    assert (first.llm_calls, second.llm_calls) == (1, 0)
    assert (len(world.extractor.calls), len(world.rules.calls)) == (1, 1)
    assert second.state is JobState.DONE
    assert [fact.outcome for fact in second.facts] == ["added"]
    assert (month(world).jobs, month(world).jobs_by_rules, month(world).llm_calls) == (2, 1, 1)
    assert world.jobs.get(ACCOUNT, "job-2") == second


def test_it_is_told_once_a_month_and_each_time_as_a_metric() -> None:
    world = World(default_limit=Limit(tokens=0))
    for number in range(3):
        world.run(a_job(LIVES, job_id=f"job-{number}"))
    told = [event for event in world.events.events if event.type is EventType.SETTINGS_CHANGE]
    assert {event.metadata["reason"] for event in told} == {BUDGET_USED_UP}
    assert len({event.id for event in told}) == 1
    world.clock.time = datetime(2026, 12, 1, tzinfo=UTC)
    world.run(a_job(LIVES, job_id="job-4"))
    assert len({event.id for event in world.events.events if event.type is EventType.SETTINGS_CHANGE}) == 2
    assert world.metrics.numbers["BudgetUsedUp"] == 4


def test_a_new_month_has_a_new_budget() -> None:
    world = World()
    world.budgets.budgets[ACCOUNT] = Budget(own=Limit(cents=10))
    spend(world, 10)
    assert world.run(a_job(LIVES)).notices == (BUDGET_USED_UP,)
    world.clock.time = datetime(2026, 12, 1, tzinfo=UTC)
    assert world.run(a_job(AGAIN, job_id="job-2")).notices == ()


def test_a_budget_that_cannot_be_read_stops_nobody() -> None:
    world = World(default_limit=Limit(tokens=0))
    world.budgets.error = UpstreamUnavailableError("dynamodb", "throttled")
    record = world.run(a_job(LIVES))
    assert (record.notices, len(world.extractor.calls)) == ((), 1)
    assert world.metrics.numbers["BudgetUnread"] == 1


def test_it_is_read_once_a_job_before_the_first_call() -> None:
    said = [("user", f"Fact number {number} is about tea {number}.") for number in range(6)]
    world = World(chunk_characters=40)
    world.run(a_job(*said))
    assert len(world.extractor.calls) > 1
    assert world.budgets.reads == 1


def test_a_limit_in_cents_means_nothing_where_prices_are_not_known() -> None:
    world = World(prices=Prices(), default_limit=Limit(cents=0))
    assert world.run(a_job(LIVES)).notices == ()
    world.default_limit = Limit(cents=0, tokens=730)
    assert world.run(a_job(AGAIN, job_id="job-2")).notices == (BUDGET_USED_UP,)


def test_a_notice_outlives_an_attempt_that_got_half_way() -> None:
    said = [("user", f"Fact number {number} is about tea {number}.") for number in range(4)]
    world = World(default_limit=Limit(tokens=0), chunk_characters=40)
    world.rules.only_said = True
    job = a_job(*said, ends_at=world.clock.monotonic() + 1)
    with pytest.raises(OutOfTimeError):
        world.run(job)
    world.budgets.budgets[ACCOUNT] = Budget(Limit(tokens=1_000_000))
    world.extractor.only_said = True
    assert world.run(replace(job, ends_at=None)).notices == (BUDGET_USED_UP,)
    assert (len(world.rules.calls), len(world.extractor.calls)) == (1, 3)


@pytest.mark.parametrize("kind", [lambda w: w.extractor, lambda w: w.rules], ids=["model", "rules"])
def test_only_the_model_is_paid_for(kind: Callable[[World], object]) -> None:
    world = World()
    if kind(world) is world.rules:
        world.default_limit = Limit(tokens=0)
    world.run(a_job(LIVES))
    assert month(world).llm_calls == int(kind(world) is world.extractor)
