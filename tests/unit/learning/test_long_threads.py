"""A thread with more to read than one function has time for is read in parts, and none of it is left out."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from operator_memory.application.learning.learn_facts import MOST_FAILED_CALLS, PATIENCE
from operator_memory.domain.conversation import (
    MAX_CHARACTERS,
    MAX_MESSAGE_CHARACTERS,
    MAX_TURN_CHARACTERS,
    RawMessage,
    Turn,
)
from operator_memory.domain.errors import (
    AnswerTooLongError,
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
)
from operator_memory.domain.learning.jobs import JobRecord, JobState
from operator_memory.domain.memory.scopes import Scope

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job


def a_thread(*texts: tuple[str, str]) -> World:
    world = World()
    assert world.threads is not None
    world.threads.threads[ACCOUNT, "thread-1"] = [
        RawMessage(kind, text, f"m{n:04}", FINISHED - timedelta(hours=1) + timedelta(seconds=n))
        for n, (kind, text) in enumerate(texts)
    ]
    world.extractor.facts = lambda _: []
    return world


def run(world: World, number: int) -> JobRecord:
    return world.run(a_job(job_id=f"job-{number}", messages=None), f"hash-{number}")


def test_one_job_reads_no_more_than_it_has_time_for_and_the_next_reads_on() -> None:
    count = MAX_CHARACTERS // MAX_TURN_CHARACTERS
    world = a_thread(*[("user", f"{n:03}" + " tea" * (MAX_TURN_CHARACTERS // 4 - 1)) for n in range(2 * count + 1)])
    read = [len(run(world, number).turns) for number in range(4)]
    assert read == [count, count, 1, 0]
    assert len(world.of_scope(Scope.SESSION)) == 2 * count + 1


def test_long_messages_count_whole_and_one_that_is_too_long_for_any_job_holds_up_none() -> None:
    longer, long = MAX_CHARACTERS * 3 // MAX_TURN_CHARACTERS, MAX_CHARACTERS // 2 // MAX_TURN_CHARACTERS
    a_turn = "tea " * (MAX_TURN_CHARACTERS // 4 - 1) + "\n\n"
    world = a_thread(("user", a_turn * long), ("user", a_turn * longer), ("user", "I like tea."))
    first, second, third, fourth = (run(world, number) for number in range(4))
    assert (len(first.turns), first.skipped) == (long, {})
    assert len(second.turns) == MAX_CHARACTERS // MAX_TURN_CHARACTERS + 1, "with what stands in the place of its middle"
    assert (second.skipped, second.skipped_at) == ({"cut": 1}, {"cut": (0,)})
    assert (len(third.turns), len(fourth.turns)) == (1, 0)


def test_a_message_that_nobody_can_read_does_not_hold_up_the_thread() -> None:
    world = a_thread(("user", "I like tea."), ("user", "x" * (MAX_MESSAGE_CHARACTERS + 1)), ("user", "I like milk."))
    record = run(world, 0)
    assert (len(record.turns), record.skipped) == (2, {"content_not_read": 1})
    assert record.skipped_at == {"content_not_read": (1,)}
    assert run(world, 1).turns == ()


def test_only_what_a_model_is_to_read_counts() -> None:
    world = a_thread(*[("tool", "x" * MAX_CHARACTERS)] * 600, ("user", "I like tea."))
    assert len(run(world, 0).turns) == 1


def says_no_more_than(most: int, turns: Sequence[Turn]) -> list[tuple[str, str]]:
    """A fact a turn, by a model whose answers hold ``most``."""
    if len(turns) > most:
        raise AnswerTooLongError("llm", "cut off")
    return [(turn.text.replace("I like", "User likes"), "user") for turn in turns]


def test_of_what_a_model_has_too_much_to_say_about_it_is_asked_in_halves() -> None:
    drinks = ["tea", "coffee", "milk", "water", "cider"]
    world = a_thread(*[("user", f"I like {drink}") for drink in drinks])
    world.extractor.facts = lambda turns: says_no_more_than(2, turns)
    record = run(world, 0)
    assert sorted(memory.text for memory in world.of_scope(Scope.USER)) == sorted(f"User likes {d}" for d in drinks)
    assert record.llm_calls == len(world.extractor.calls) == 5


def chokes_on(word: str, turns: Sequence[Turn], error: UpstreamError) -> list[tuple[str, str]]:
    """A fact a turn, by a model that makes nothing of a text with ``word`` in it."""
    if any(word in turn.text for turn in turns):
        raise error
    return [(turn.text.replace("I like", "User likes"), "user") for turn in turns]


DRINKS = ["tea", "coffee", "arsenic", "water", "cider"]


def test_a_message_that_the_model_refuses_does_not_keep_the_thread_from_being_read() -> None:
    world = a_thread(*[("user", f"I like {drink}") for drink in DRINKS])
    refusal = UpstreamRejectedError("llm", "refused the request with 400")
    world.extractor.facts = lambda turns: chokes_on("arsenic", turns, refusal)
    record = run(world, 0)
    assert (record.state, record.skipped) == (JobState.DONE, {"not_understood": 1})
    learned = {memory.text for memory in world.of_scope(Scope.USER)}
    assert learned == {f"User likes {drink}" for drink in DRINKS if drink != "arsenic"}
    assert len(world.of_scope(Scope.SESSION)) == 5, "its words are kept"
    assert run(world, 1).turns == (), "and it is not read again"


def test_nonsense_is_asked_about_again_some_times_before_it_is_passed_over() -> None:
    world = a_thread(*[("user", f"I like {drink}") for drink in DRINKS])
    world.extractor.facts = lambda turns: chokes_on("arsenic", turns, MalformedResponseError("llm", "no JSON"))
    for _ in range(PATIENCE - 1):
        with pytest.raises(MalformedResponseError):
            run(world, 0)
    assert run(world, 0).skipped == {"not_understood": 1}


@pytest.mark.parametrize(
    "error", [UpstreamRejectedError("llm", "no such model"), MalformedResponseError("llm", "prose")]
)
def test_a_model_that_makes_nothing_of_anything_is_no_reason_to_pass_over_it(error: UpstreamError) -> None:
    world = a_thread(*[("user", f"I like {drink}") for drink in DRINKS])
    world.extractor.facts = lambda turns: chokes_on("", turns, error)
    for _ in range(PATIENCE + 1):
        with pytest.raises(type(error)):
            run(world, 0)
    assert world.watermarks.get(ACCOUNT, "thread-1") is None


def test_the_search_for_what_a_model_makes_nothing_of_comes_to_an_end() -> None:
    world = a_thread(*[("user", f"I like {n}") for n in range(200)])
    world.extractor.facts = lambda turns: chokes_on("", turns, UpstreamRejectedError("llm", "no"))
    with pytest.raises(UpstreamRejectedError):
        run(world, 0)
    assert len(world.extractor.calls) == MOST_FAILED_CALLS + 1


def test_another_system_that_refuses_is_not_asked_about_less() -> None:
    world = a_thread(*[("user", f"I like {drink}") for drink in DRINKS])
    world.extractor.facts = lambda turns: chokes_on("arsenic", turns, UpstreamRejectedError("qdrant", "no"))
    with pytest.raises(UpstreamRejectedError):
        run(world, 0)
    assert len(world.extractor.calls) == 1


def test_what_cannot_be_halved_fails_as_before() -> None:
    world = a_thread(("user", "I like tea"))
    world.extractor.facts = lambda turns: says_no_more_than(0, turns)
    with pytest.raises(AnswerTooLongError):
        run(world, 0)
