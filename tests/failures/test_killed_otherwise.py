"""Lambda ends the extraction function where a repetition is not quite the same: a long run, a full account, a model
that says it otherwise."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.support.failures.killable import Crossing, Person, World, forwarded
from tests.support.failures.killed import AGAIN, first, kill
from tests.support.failures.table import injects
from tests.support.loopback import HttpServer, Request, reply

pytest_plugins = ["tests.support.supabase.fixtures", "tests.support.failures.killable_fixtures"]


@pytest.mark.parametrize("after", ["Qdrant.PUT points", "Qdrant.POST points/payload"])
@injects(
    "Lambda",
    "killed in an account that has all the facts it may have, before or after the least important one gives way",
    then=AGAIN + "The run is repeated; one gives way, and no other.",
)
def test_killed_in_a_full_account(world: World, after: str) -> None:
    world = replace(world, environment={**world.environment, "MEMORY_QUOTA": "2"})
    person = world.person()
    known = [{"role": "user", "content": "I like green tea. I like long walks."}]
    world.send(person, "older", minutes_ago=90, messages=known)
    world.work_off()
    world.send(person, messages=[{"role": "user", "content": "I am allergic to nuts."}])
    batch = world.receive()
    kill(world, lambda c: c.what == after and ('"fact"' in c.body or "superseded_by" in c.body) and c.answered, batch)
    world.time_out(person, *batch)
    world.work_off()
    held = [text for text, by in world.facts(person) if by is None]
    assert "User is allergic to nuts." in held
    assert len(held) == 2
    assert world.outcomes(person)["facts"] == ["superseded User is allergic to nuts."]
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


FILLER = {"role": "assistant", "content": "Very well. " * 60}
LONG = [
    {"role": "user", "content": "I live in Lisbon. I like green tea."},
    FILLER,
    FILLER,
    {"role": "user", "content": "I moved to Berlin. I play chess."},
]


@pytest.mark.parametrize(
    ("what", "number"), [("Model.chat", 2), ("Qdrant.PUT points", 3), ("Qdrant.POST points/payload", 1)]
)
@injects(
    "Lambda",
    "killed in the middle of a long run, of which the first part has been learnt",
    then=AGAIN + "The run goes on: the first part is kept as finished, and the model is not asked about it again.",
)
def test_killed_in_the_middle_of_a_long_run(world: World, what: str, number: int) -> None:
    world = replace(world, environment={**world.environment, "EXTRACTION_CHUNK_CHARACTERS": "1000"})
    person, spared = world.person(), world.person()
    world.send(spared, messages=LONG)
    batch = world.receive()
    answer, asked = world.invoke(batch)
    world.acknowledge(batch, answer)
    calls = asked.count("Model.chat")
    assert calls > 1
    assert ("User lives in Lisbon.", "User moved to Berlin.") in world.facts(spared)

    seen: list[Crossing] = []

    def at_last(crossing: Crossing) -> bool:
        if crossing.what == what and crossing.answered:
            seen.append(crossing)
        return len(seen) == number

    world.send(person, messages=LONG)
    batch = world.receive()
    kill(world, at_last, batch)
    world.time_out(person, *batch)
    again = world.receive()
    answer, asked = world.invoke(again)
    world.acknowledge(again, answer)
    if what == "Model.chat":
        assert asked.count("Model.chat") == calls - 1, "not about the first part"
    assert world.state(person) == world.state(spared)
    assert world.outcomes(person)["state"] == ["done"]
    # Of each fact one; but what the first part finds of the last part's it takes for older, and says that it replaced
    # it, until the last part is read and puts that right.
    assert facts_told(world, person) == facts_told(world, spared)
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


def facts_told(world: World, person: Person) -> list[str]:
    """The texts of the facts in the job's record."""
    return [fact.partition(" ")[2] for fact in world.outcomes(person)["facts"]]


@pytest.mark.parametrize("again", ["The user lives in Berlin", "User is living in Berlin."])
@injects(
    "Lambda",
    "killed after the facts are stored; the model, asked again, says the same in other words",
    then=AGAIN + "The run is repeated; what means the same is stored once.",
)
def test_killed_and_the_model_says_it_otherwise(world: World, again: str) -> None:
    person = world.person()
    world.send(person, messages=[{"role": "user", "content": "I live in Berlin."}])
    batch = world.receive()
    with saying(world, "User lives in Berlin.", quote="I live in Berlin.") as first_time:
        kill(first_time, first("Qdrant.PUT points", '"fact"', answered=True), batch)
    world.time_out(person, *batch)
    with saying(world, again, quote="I live in Berlin.") as second_time:
        second_time.work_off()
    assert world.facts(person) == [("User lives in Berlin.", None)]
    assert world.outcomes(person)["facts"] == ["duplicate User lives in Berlin."]
    assert (world.waiting("jobs"), world.waiting("dead")) == (0, 0)


@contextmanager
def saying(world: World, fact: str, *, quote: str) -> Iterator[World]:
    """The world with a model that reads this fact from ``quote``, whatever it is asked."""
    evidence = [{"message": 0, "quote": quote}]
    memory = {"memory": [{"id": "0", "text": fact, "attributed_to": "user", "evidence": evidence}]}
    message = {"role": "assistant", "content": json.dumps(memory)}

    def answer(request: Request) -> bytes:
        if request.path.endswith("/embeddings"):
            return forwarded(request, world.upstreams["Model"])
        return reply({"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": None})

    with HttpServer(answer) as server:
        yield replace(world, upstreams={**world.upstreams, "Model": server.url})
