"""A thread with more to read than one function has time for is read in parts, and none of it is left out."""

from datetime import timedelta

from operator_memory.application.extract_run import MAX_CHARACTERS
from operator_memory.domain.conversation import MAX_TURN_CHARACTERS, RawMessage
from operator_memory.domain.jobs import JobRecord
from operator_memory.domain.scopes import Scope

from tests.support.extraction import ACCOUNT, FINISHED, World, a_job


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
    world = a_thread(*[("user", f"{n} " + "tea " * MAX_TURN_CHARACTERS) for n in range(2 * count + 1)])
    read = [len(run(world, number).turns) for number in range(4)]
    assert read == [count, count, 1, 0]
    assert len(world.of_scope(Scope.SESSION)) == 2 * count + 1


def test_only_what_a_model_is_to_read_counts() -> None:
    world = a_thread(*[("tool", "x" * MAX_CHARACTERS)] * 600, ("user", "I like tea."))
    assert len(run(world, 0).turns) == 1
