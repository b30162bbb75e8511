"""A run that fails at any of its calls of the store, and is repeated, withholds what it would have withheld at once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import Kind

from tests.support.learning.extraction import ACCOUNT, FINISHED, World, a_job

LISBON, PORTO, DOG = "User lives in Lisbon", "User lives in Porto", "User's dog is Rex"
CALLS = ("upsert", "supersede", "withhold", "release", "stored", "replaced_by", "search", "count_facts", "existing_ids")
Run = Sequence[tuple[str, str]]
FIRST: Run = [("user", "I live in Lisbon."), ("assistant", "You live in Lisbon.")]
MOVED: Run = [("assistant", "Where do you live?"), ("user", "I live in Porto now.")]
STORIES: dict[str, Sequence[Run]] = {
    "replaced": [FIRST, MOVED],
    "holds again": [FIRST, MOVED, [("user", "I live in Lisbon again.")]],
    "again, and no more": [FIRST, MOVED, [("user", "I live in Lisbon again."), ("user", "No, I live in Porto.")]],
    "in one run": [[("user", "My dog is Rex and I live in Lisbon."), ("user", "I live in Porto now.")]],
    "a guess at first": [FIRST[1:], FIRST[:1]],
}


@dataclass
class Failing:
    """Lets the call of this number fail, with or without its effect."""

    number: int
    effective: bool
    made: int = field(default=0)

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **named: Any) -> Any:
            self.made += 1
            if self.made != self.number:
                return call(*given, **named)
            if self.effective:
                call(*given, **named)
            raise UpstreamUnavailableError("qdrant", "gone")

        return made


def proposed(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    """What a model gives for one call: of two homes the one that holds at the end."""
    said = " ".join(turn.text for turn in turns)
    found = [fact for fact in (DOG, LISBON, PORTO) if fact.split()[-1] in said]
    homes = sorted((fact for fact in found if fact != DOG), key=lambda fact: said.rindex(fact.split()[-1]))
    return [(fact, "user") for fact in found if fact == DOG or fact == homes[-1]]


def told(story: Sequence[Run], characters: int, failing: Failing, monkeypatch: pytest.MonkeyPatch) -> set[object]:
    """The facts and marks after ``story``, whose last run fails once and is repeated."""
    world = World(chunk_characters=characters)
    world.extractor.facts = proposed
    for number, said in enumerate(story):
        end = FINISHED + timedelta(hours=number)
        world.clock.time = end + timedelta(minutes=1)
        job = a_job(*said, job_id=f"job-{number}", thread_id=f"thread-{number}", finished_at=end)
        if said is story[-1]:
            with monkeypatch.context() as broken:
                for name in CALLS:
                    broken.setattr(world.memories, name, failing.wrapped(getattr(world.memories, name)))
                with suppress(UpstreamUnavailableError):
                    world.run(job)
        world.run(job)
    return {
        (m.text, m.withheld_by if m.kind is Kind.TURN else m.superseded_by is not None)
        for m in world.memories.of(ACCOUNT)
    }


@pytest.mark.parametrize("effective", [False, True])
@pytest.mark.parametrize("characters", [48_000, 30])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_wherever_it_fails_the_repetition_ends_the_same(
    story: Sequence[Run], characters: int, effective: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Failing(0, effective)
    expected = told(story, characters, whole, monkeypatch)
    assert whole.made > 5
    for number in range(1, whole.made + 1):
        assert told(story, characters, Failing(number, effective), monkeypatch) == expected, number
