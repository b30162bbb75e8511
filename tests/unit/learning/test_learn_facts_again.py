"""Facts that come late, come again, or meet what a person has changed meanwhile."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.learning.jobs import Outcome
from operator_memory.domain.memory.memory import PastVersion
from operator_memory.domain.memory.scopes import Scope

from tests.support.learning.extraction import ACCOUNT, FINISHED, World
from tests.unit.learning.test_learn_facts import (
    LISBON,
    PORTO,
    _DiesBeforeSuperseding,
    fact_of,
    learned,
    run_of,
    valid_facts,
)


def said_late(world: World, number: int, said: str, fact: str) -> tuple[Outcome, str | None]:
    """The outcome of the ``number``-th run, which is worked off after those that came later."""
    world.extractor.facts = lambda _: [(fact, "user")]
    [outcome] = world.run(run_of(number, said), f"late-{number}").facts
    return outcome.outcome, outcome.reason


def changed(world: World, words: str, **fields: Any) -> None:
    """A person changes the memory of these words."""
    memory = fact_of(world, words)
    points = world.memories.points[ACCOUNT]
    points[memory.id] = replace(points[memory.id], memory=replace(memory, updated_at=world.clock.now(), **fields))


# --- late


def test_a_run_that_comes_late_does_not_put_aside_what_was_learned_since() -> None:
    world = World()
    learned(world, 5, "I live in Porto.", PORTO)
    assert said_late(world, 1, "I live in Lisbon.", LISBON) == (Outcome.REJECTED, "outdated")
    assert valid_facts(world) == [PORTO]
    kept = fact_of(world, LISBON)
    assert (kept.superseded_by, kept.valid_until) == (fact_of(world, PORTO).id, FINISHED + timedelta(hours=5))
    assert kept.rejected is None, "it was true once: it is history and can be brought back"


def test_a_run_that_comes_late_does_not_bring_back_what_was_replaced_since() -> None:
    world = World()
    learned(world, 0, "I live in Lisbon.", LISBON)
    learned(world, 5, "I live in Porto.", PORTO)
    before = world.of_scope(Scope.USER)
    assert said_late(world, 1, "I live in Lisbon.", LISBON) == (Outcome.REJECTED, "outdated")
    assert world.of_scope(Scope.USER) == before


def test_a_run_that_comes_late_does_not_overrule_what_a_person_corrected_since() -> None:
    world = World()
    learned(world, 0, "I live in Faro.", "User lives in Faro")
    world.clock.time = FINISHED + timedelta(days=1)
    changed(world, "User lives in Faro", text=PORTO, version=2)
    assert said_late(world, 1, "I live in Lisbon.", LISBON) == (Outcome.REJECTED, "outdated")
    assert valid_facts(world) == [PORTO]


def test_what_comes_late_takes_no_room_in_a_full_account() -> None:
    world = World(quota=2)
    learned(world, 5, "I live in Porto.", PORTO)
    world.extractor.facts = lambda _: [(LISBON, "user"), ("User likes tea", "user")]
    outcomes = world.run(run_of(1, "I live in Lisbon and I like tea."), "late").facts
    assert [o.reason for o in outcomes] == ["outdated", None]


# --- again


@pytest.mark.parametrize("known", [[], [LISBON]])
def test_of_one_run_that_goes_back_and_forth_the_last_word_holds(known: list[str]) -> None:
    world = World(chunk_characters=10)
    for fact in known:
        learned(world, 0, "I live in Lisbon.", fact)
    world.extractor.facts = lambda _: [(LISBON, "user"), (PORTO, "user")]
    said = ("I live in Lisbon.", "I live in Porto.", "No: I live in Lisbon.")
    outcomes = world.run(run_of(1, *said), "back-and-forth").facts
    assert [o.outcome for o in outcomes[1:]] == [Outcome.SUPERSEDED, Outcome.SUPERSEDED]
    assert valid_facts(world) == [LISBON]
    assert fact_of(world, PORTO).superseded_by == fact_of(world, LISBON).id


def test_a_worker_that_dies_when_a_memory_holds_again_and_the_other_not_yet_gives_way_is_repeated_whole() -> None:
    memories = _DiesBeforeSuperseding()
    memories.dead = False
    world = World(memories=memories)
    learned(world, 0, "I live in Lisbon.", LISBON)
    learned(world, 1, "I live in Porto.", PORTO)
    memories.dead = True
    with pytest.raises(UpstreamUnavailableError):
        learned(world, 2, "I live in Lisbon again.", LISBON)
    memories.dead = False
    [outcome] = learned(world, 2, "I live in Lisbon again.", LISBON)
    assert (outcome.outcome, valid_facts(world)) == (Outcome.SUPERSEDED, [LISBON])


def test_what_holds_again_belongs_to_the_run_that_said_so_and_keeps_what_people_did_to_it() -> None:
    world = World()
    learned(world, 0, "I live in Lisbon.", LISBON)
    past = PastVersion(1, "User lives in Lisboa", FINISHED, "user:u-1")
    changed(world, LISBON, importance=0.9, version=2, history=(past,))
    learned(world, 1, "I live in Porto.", PORTO)
    world.extractor.facts = lambda _: [(LISBON, "user")]
    job = run_of(2, "I live in Lisbon again.", author_id="u-2", thread_id="thread-2")
    world.clock.time = job.finished_at
    world.run(job, "hash-again")
    back = fact_of(world, LISBON)
    assert (back.importance, back.version, back.history) == (0.9, 2, (past,))
    assert (back.author_id, back.thread_id, back.source_run_id) == ("u-2", "thread-2", "job-2")


# --- changed by a person


def test_what_was_corrected_and_is_said_later_as_it_was_is_another_memory() -> None:
    world = World()
    learned(world, 0, "I live in Lisbon.", LISBON)
    changed(world, LISBON, text=PORTO, version=2)
    [outcome] = learned(world, 2, "I moved: I live in Lisbon again.", LISBON)
    assert (outcome.outcome, valid_facts(world)) == (Outcome.SUPERSEDED, [LISBON])
    [again] = learned(world, 3, "As I said, I live in Lisbon.", LISBON)
    assert (again.outcome, again.others) == (Outcome.DUPLICATE, (outcome.memory_id,))


def test_what_was_corrected_is_not_learned_once_more_from_what_was_said_before() -> None:
    world = World()
    learned(world, 0, "I like hikng.", "User likes hikng")
    world.clock.time = FINISHED + timedelta(days=1)
    changed(world, "User likes hikng", text="User likes hiking", version=2)
    assert said_late(world, 1, "I like hikng.", "User likes hikng") == (Outcome.DUPLICATE, None)
    assert valid_facts(world) == ["User likes hiking"]


def test_what_has_expired_and_only_waits_for_the_sweep_is_learned_anew() -> None:
    world = World()
    learned(world, 0, "I live in Lisbon.", LISBON)
    changed(world, LISBON, expires_at=FINISHED + timedelta(hours=1))
    [outcome] = learned(world, 2, "I live in Lisbon.", LISBON)
    assert (outcome.outcome, fact_of(world, LISBON).expires_at) == (Outcome.ADDED, None)
