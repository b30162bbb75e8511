"""A long conversation is learned from over several attempts, and each chunk of it is paid for once."""

from collections.abc import Callable, Sequence

import pytest
from operator_memory.application.learning.extract_run import STORING_SECONDS, ExtractionPolicy
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import (
    OutOfTimeError,
    TimeIsUpError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.learning.jobs import JobRecord, JobState, Outcome, RunJob
from operator_memory.domain.memory.scopes import Scope
from operator_memory.domain.shared.lease import LEASE_SECONDS
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

CHUNK_SECONDS = ExtractionPolicy().chunk_seconds
DRINKS = [f"drink{n}" for n in range(10)]
TALK = [("user", f"I like {drink}") for drink in DRINKS]
KNOWN = [f"User likes {drink}" for drink in DRINKS]


def a_world(*, before_call: Callable[[World, int], None] = lambda _world, _number: None) -> World:
    """Each turn is a chunk; ``before_call`` is told which call of the model is made, from 1."""
    world = World(chunk_characters=1)

    def facts(turns: Sequence[Turn]) -> list[tuple[str, str]]:
        before_call(world, len(world.extractor.calls))
        return [(turn.text.replace("I like", "User likes"), "user") for turn in turns]

    world.extractor.facts = facts
    return world


def asked(world: World) -> list[str]:
    """What the model was asked about, in order."""
    return [turn.text.removeprefix("I like ") for _, turns, *_ in world.extractor.calls for turn in turns]


def known(world: World) -> list[str]:
    return sorted(memory.text for memory in world.of_scope(Scope.USER))


def stored(world: World) -> JobRecord:
    record = world.jobs.get(ACCOUNT, "job-1")
    assert record is not None
    return record


def job_with(world: World, seconds: float) -> RunJob:
    """The job, for a worker that has ``seconds``."""
    return a_job(*TALK, ends_at=world.clock.monotonic() + seconds)


def until_done(world: World, seconds: float) -> JobRecord:
    """Work the job off, each attempt in ``seconds``."""
    while True:
        try:
            return world.run(job_with(world, seconds))
        except OutOfTimeError:
            assert stored(world).state is JobState.QUEUED


def test_ten_chunks_are_finished_over_several_attempts_and_each_is_paid_for_once() -> None:
    world = a_world(before_call=lambda world, _: world.clock.advance(seconds=50))
    record = until_done(world, CHUNK_SECONDS + 100)
    assert asked(world) == DRINKS
    assert known(world) == KNOWN
    assert record.attempts == 4, "three chunks an attempt: 100 seconds, and the one that was begun in them"
    assert (record.state, record.llm_calls, record.error, record.first_error) == (JobState.DONE, 10, None, None)
    assert [fact.outcome for fact in record.facts] == [Outcome.ADDED] * 10
    assert len({fact.memory_id for fact in record.facts}) == 10
    assert stored(world) == record
    assert record.chunks == {}


def test_an_attempt_with_too_little_time_for_anything_still_gets_further() -> None:
    world = a_world()
    assert until_done(world, 0).attempts == 10
    assert asked(world) == DRINKS


def test_with_enough_time_there_is_one_attempt() -> None:
    world = a_world()
    assert until_done(world, CHUNK_SECONDS).attempts == 1


def test_without_an_end_there_is_one_attempt() -> None:
    world = a_world(before_call=lambda world, _: world.clock.advance(seconds=200))
    assert world.run(a_job(*TALK)).attempts == 1


def test_what_was_finished_before_a_failure_is_not_paid_for_again() -> None:
    failures = [UpstreamUnavailableError("llm", "500")]

    def fails_once(_world: World, number: int) -> None:
        if number == 7 and failures:
            raise failures.pop()

    world = a_world(before_call=fails_once)
    with pytest.raises(UpstreamUnavailableError):
        world.run(a_job(*TALK))
    assert (stored(world).state, len(stored(world).chunks)) == (JobState.FAILED, 6)
    record = world.run(a_job(*TALK))
    assert asked(world) == [*DRINKS[:7], *DRINKS[6:]]
    assert (record.attempts, record.llm_calls, record.first_error) == (2, 10, "upstream_unavailable")
    assert known(world) == KNOWN


@pytest.mark.parametrize(
    ("end", "state", "error"),
    [
        (SystemExit(143), JobState.QUEUED, None),
        (KeyboardInterrupt(), JobState.QUEUED, None),
        (TimeIsUpError(), JobState.FAILED, "out_of_time"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_worker_that_is_stopped_in_the_middle_leaves_the_job_to_the_next(
    end: BaseException, state: JobState, error: str | None
) -> None:
    ends = [end]

    def stops_once(_world: World, number: int) -> None:
        if number == 4 and ends:
            raise ends.pop()

    world = a_world(before_call=stops_once)
    with pytest.raises(type(end)):
        world.run(a_job(*TALK))
    assert (stored(world).state, stored(world).error) == (state, error)
    assert world.run(a_job(*TALK)).state is JobState.DONE, "at once: its lease was given up"
    assert asked(world) == [*DRINKS[:4], *DRINKS[3:]]


def test_a_worker_that_is_killed_leaves_what_it_has_finished_when_its_lease_has_ended() -> None:
    world = a_world()
    kept = world.jobs.keep

    class KilledError(BaseException):
        """Stands for the end of the process."""

    def no_more(record: JobRecord) -> None:
        """A dead worker writes nothing."""

    def killed_after_three(record: JobRecord, *, lease_seconds: int) -> None:
        kept(record, lease_seconds=lease_seconds)
        if len(record.chunks) == 3:
            world.jobs.save = no_more  # type: ignore[method-assign]
            raise KilledError

    world.jobs.keep = killed_after_three  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        world.run(a_job(*TALK))
    del world.jobs.keep, world.jobs.save
    assert stored(world).state is JobState.RUNNING
    world.clock.advance(seconds=LEASE_SECONDS + 1)
    assert world.run(a_job(*TALK)).llm_calls == 10
    assert asked(world) == DRINKS


def test_a_fact_that_a_person_deleted_between_two_attempts_is_not_learned_again() -> None:
    world = a_world()
    with pytest.raises(OutOfTimeError):
        world.run(job_with(world, 0))
    [learned] = world.of_scope(Scope.USER)
    del world.memories.points[ACCOUNT][learned.id]
    until_done(world, 0)
    assert known(world) == KNOWN[1:]


def test_what_was_finished_is_learned_again_as_of_then_when_the_memory_was_cleared_since() -> None:
    world = a_world()
    with pytest.raises(OutOfTimeError):
        world.run(job_with(world, 0))
    world.erase.start(ACCOUNT, Target(TargetKind.USER), requested_by="user:u", reason="clear")
    assert [chunk.outcomes for chunk in stored(world).chunks.values()] == [()], "nothing of it is in the record"
    until_done(world, 0)
    assert known(world) == [], "all of it was said before"


def test_of_very_many_outcomes_the_record_keeps_and_lists_all() -> None:
    each = 101
    world = a_world()
    world.extractor.facts = lambda turns: [
        (f"{turns[0].text.replace('I like', 'User likes')} with ingredient{n}", "user") for n in range(each)
    ]
    record = until_done(world, 0)
    assert asked(world) == DRINKS
    assert len({outcome.memory_id for outcome in record.facts}) == 10 * each
    assert record.skipped == {}


def test_turns_that_the_model_makes_nothing_of_are_counted_over_all_attempts() -> None:
    world = World(chunk_characters=2 * len(TALK[0][1]))

    def facts(turns: Sequence[Turn]) -> list[tuple[str, str]]:
        if any("drink2" in turn.text for turn in turns):
            raise UpstreamRejectedError("llm", "refused")
        return [(turn.text.replace("I like", "User likes"), "user") for turn in turns]

    world.extractor.facts = facts
    record = until_done(world, 0)
    assert (record.state, record.attempts, record.skipped) == (JobState.DONE, 5, {"not_understood": 1})
    assert known(world) == [*KNOWN[:2], *KNOWN[3:]]
    assert record.llm_calls == len(world.extractor.calls) == 7, "one for two turns, and for each of those that failed"


def test_when_the_model_makes_nothing_of_anything_another_one_is_asked_about_all_of_it() -> None:
    broken = [True]

    def refuses(_world: World, _number: int) -> None:
        if broken:
            raise UpstreamRejectedError("llm", "no such model")

    world = a_world(before_call=refuses)
    with pytest.raises(UpstreamRejectedError):
        until_done(world, 0)
    assert asked(world) == DRINKS, "each attempt got further"
    assert (stored(world).state, stored(world).chunks) == (JobState.FAILED, {})
    broken.clear()
    assert until_done(world, CHUNK_SECONDS).skipped == {}
    assert known(world) == KNOWN


def test_the_time_for_a_chunk_is_the_models_and_that_for_storing() -> None:
    assert CHUNK_SECONDS == 60 + STORING_SECONDS


def test_turns_are_stored_once_however_many_attempts_there_are() -> None:
    world = a_world()
    record = until_done(world, 0)
    assert len(world.of_scope(Scope.SESSION)) == 10
    assert len(record.turns) == 10
    assert {memory.created_at for memory in world.of_scope(Scope.USER)} == {FINISHED}
