"""Runs without a key: the rules answer Mem0's prompt, and the product makes the same of it as of a model's answer."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.rules_llm import RulesLLM
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import JobRecord, Outcome
from operator_memory.domain.memory.memory import UNWANTED, Memory
from operator_memory.domain.memory.scopes import Scope

from tests.support.learning.extraction import World, a_job

DAY = datetime(2026, 11, 20, 8, tzinfo=UTC)
DEMO = Path(__file__).parents[3] / "devstack" / "demo_conversation.json"


def keyless_world() -> World:
    world = World()
    extractor = Mem0Extractor(model=RulesLLM(), embedder=world.embedder, memories=world.memories, clock=world.clock)
    world.extractor = extractor  # type: ignore[assignment]
    return world


def run(world: World, number: int, *messages: RawMessage | str, author_id: str | None = None) -> JobRecord:
    """The ``number``-th run, a day after the one before."""
    end = DAY + timedelta(days=number)
    world.clock.time = max(world.clock.time, end + timedelta(minutes=1))
    said = tuple(RawMessage("user", m) if isinstance(m, str) else m for m in messages)
    job = a_job(job_id=f"job-{number}", messages=said, finished_at=end, author_id=author_id)
    return world.run(job, f"hash-{number}")


def facts(world: World, scope: Scope = Scope.USER) -> dict[str, Memory]:
    """What holds, by its text."""
    return {m.text: m for m in world.of_scope(scope) if m.valid_until is None}


def test_a_fact_is_stored_with_its_words_and_its_time() -> None:
    world = keyless_world()
    at = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    run(world, 0, RawMessage("user", "I started my new job at Acme yesterday.", "m1", at))
    [memory] = facts(world).values()
    assert (memory.text, memory.when) == ("User started their new job at Acme yesterday (2026-11-01).", "2026-11-01")
    assert [(e.quote, e.message_id) for e in memory.evidence] == [("I started my new job at Acme yesterday.", "m1")]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("I live in Porto.", "I moved to Lisbon.", ["User moved to Lisbon."]),
        ("I work at Siemens as a manager.", "I left Siemens.", ["User left Siemens."]),
        ("My favourite colour is teal.", "My favourite colour is red.", ["User's favourite colour is red."]),
        ("I'm vegetarian and allergic to peanuts.", "I'm vegan.", ["User is allergic to peanuts.", "User is vegan."]),
        ("I love jazz.", "I love techno.", ["User loves jazz.", "User loves techno."]),
        ("I like jazz.", "I enjoy jazz.", ["User likes jazz."]),
        ("Vivo en Sevilla.", "Me mud\u00e9 a Cali.", ["User moved to Cali."]),
    ],
)
def test_what_a_fact_makes_untrue_is_replaced(before: str, after: str, left: list[str]) -> None:
    world = keyless_world()
    run(world, 0, before)
    run(world, 1, after)
    assert sorted(facts(world)) == left


def test_named_speakers_each_have_their_own_facts() -> None:
    world = keyless_world()
    eric, tomas = partial(RawMessage, "user", name="Eric"), partial(RawMessage, "user", name="Tomas")
    run(world, 0, eric("My name is Eric."), tomas("I am gravely allergic to walnuts."), eric("I live in Oslo."))
    run(world, 1, tomas("I live in Rome."), eric("Good for you!"))
    assert set(facts(world)) == {
        "User's name is Eric.",
        "Tomas is gravely allergic to walnuts.",
        "Eric lives in Oslo.",
        "Tomas lives in Rome.",
    }


def test_a_members_fact_does_not_replace_another_members() -> None:
    world = keyless_world()
    run(world, 0, "I live in Oslo.", author_id="ana")
    run(world, 1, "I live in Rome.", author_id="ben")
    assert {text: m.author_id for text, m in facts(world).items()} == {
        "User lives in Oslo.": "ana",
        "User lives in Rome.": "ben",
    }


def test_a_question_of_the_run_before_is_answered() -> None:
    world = keyless_world()
    run(world, 0, "Plan my week.", RawMessage("assistant", "Do you eat meat?"))
    run(world, 1, "Not since 2019.")
    [memory] = facts(world).values()
    assert memory.text == "User does not eat meat since 2019."
    assert {e.quote for e in memory.evidence} == {"Not since 2019."}, "of what an earlier run said no quote is kept"


def test_what_is_not_to_be_remembered_is_not_and_what_is_to_be_forgotten_is() -> None:
    world = keyless_world()
    run(world, 0, "I live in Porto.", "I play chess.")
    record = run(world, 1, "Forget that I live in Porto.", "Please do not remember this: my salary is 90000 euros.")
    assert set(facts(world)) == {"User plays chess."}
    assert [f.outcome for f in record.facts] == [Outcome.FORGOTTEN]
    withheld = [m.text for m in world.of_scope(Scope.SESSION) if UNWANTED in m.withheld_by]
    assert sorted(withheld) == sorted(
        ["Forget that I live in Porto.", "Please do not remember this: my salary is 90000 euros."]
    )


def test_the_demo_is_learned_and_corrected() -> None:
    world = keyless_world()
    script = json.loads(DEMO.read_text("utf-8"))
    for number, part in enumerate(script["runs"]):
        end = DAY - timedelta(days=part["days_ago"])
        world.clock.time = max(world.clock.time, end + timedelta(minutes=1))
        messages = tuple(RawMessage(m["role"], m["content"]) for m in part["messages"])
        job = a_job(
            job_id=f"demo-{number}",
            thread_id=part["thread_id"],
            agent_id=part["agent_id"],
            messages=messages,
            finished_at=end,
        )
        world.run(job, f"demo-{number}")
    assert set(facts(world)) == {
        "User's name is Maya Lindqvist.",
        "User works as a bridge engineer.",
        "User is vegetarian and allergic to peanuts.",
        "User prefers window seats.",
        "User never flies before 9 am.",
        "User is travelling with their daughter Ebba.",
        "User's budget is 400 euros.",
        "User moved to Malm\u00f6 last month (2026-10).",
    }
    assert {(m.agent_id, text) for text, m in facts(world, Scope.AGENT).items()} == {
        ("travel-desk", "The user asked to always answer in short bullet points."),
        ("kitchen-helper", "The user asked from now on to give them amounts in grams."),
    }
