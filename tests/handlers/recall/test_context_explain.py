"""``POST /v1/context?explain=true``: with each memory, where it comes from and what its score is made of."""

import json
from dataclasses import fields
from typing import Any

import pytest
from operator_memory.domain.recall.ranked_memory import ScoreParts, Source

from tests.support.recall.context_function import World, point

pytest_plugins = ["tests.support.recall.context_fixtures"]

RUN = {
    "account_id": "acct-1",
    "agent_id": "agent-1",
    "session_id": "s1",
    "query": "Where was I?",
    "past_sessions": True,
}
ROUNDED = 6e-4
"""Each of the parts and their sum are rounded to four digits."""
PARTS = [field.name for field in fields(ScoreParts)]


@pytest.fixture
def world(context_function: World) -> World:
    """Something of every source, some of it pinned, a turn beside another, a question, a speaker."""
    context_function.store.points += [
        point("Is called Ana.", 0.05, pinned=True, importance=1.0),
        point("I went to Rome.", 0.6, scope="session", run_id="s0", kind="turn", speaker="Ana", seq=1),
        point("Was it warm?", 0.5, scope="session", run_id="s0", kind="turn", speaker="Ben", seq=2),
        point("I am at the station.", 0.9, scope="session", run_id="s1", kind="turn", speaker="Ana", access_count=4),
    ]
    return context_function


def explained(world: World, **body: Any) -> dict[str, dict[str, Any]]:
    """The memories of an explained answer by their text."""
    status, answer = world({**RUN, **body}, queryStringParameters={"explain": "true"})
    assert status == 200
    return {memory["memory"]: memory for memory in answer["memories"]}


def test_every_memory_says_what_its_score_is_made_of_and_the_parts_sum_to_it(world: World) -> None:
    memories = explained(world, query="Where was Ana?")
    assert len(memories) == 6
    for memory in memories.values():
        explanation = memory["explain"]
        assert set(explanation) == {"source", "relevance", "parts"}
        assert list(explanation["parts"]) == PARTS
        assert sum(explanation["parts"].values()) == pytest.approx(memory["score"], abs=ROUNDED)
        relevance = explanation["parts"]["meaning"] + explanation["parts"]["words"]
        assert explanation["relevance"] == pytest.approx(relevance, abs=ROUNDED)


def test_each_part_shows_where_it_belongs(world: World) -> None:
    memories = explained(world, query="Where was Ana?")

    def having(part: str) -> set[str]:
        return {text for text, memory in memories.items() if memory["explain"]["parts"][part]}

    assert having("meaning") == set(memories)
    assert having("pinned") == {"Is called Ana."}
    assert having("speaker") == {"I went to Rome.", "I am at the station."}
    assert having("asking") == {"Was it warm?"}
    assert having("neighbours") == {"I went to Rome.", "Was it warm?"}
    assert having("access") == {"I am at the station."}


def test_each_memory_names_its_source(world: World) -> None:
    sources = {text: memory["explain"]["source"] for text, memory in explained(world).items()}
    assert sources == {
        "Drinks green tea.": Source.USER,
        "Is called Ana.": Source.USER,
        "Answers briefly.": Source.AGENT,
        "I am at the station.": Source.SESSION,
        "I went to Rome.": Source.PAST_SESSIONS,
        "Was it warm?": Source.PAST_SESSIONS,
    }


def test_what_a_person_pinned_is_explained_though_it_has_next_to_no_relevance(world: World) -> None:
    pinned = explained(world)["Is called Ana."]["explain"]
    assert pinned["relevance"] < pinned["parts"]["pinned"]


def test_a_profile_is_explained_without_relevance(world: World) -> None:
    world.store.points = [point("Drinks green tea.", 0.0, importance=0.9)]
    [memory] = explained(world, query=None).values()
    assert (memory["explain"]["relevance"], memory["explain"]["parts"]["meaning"]) == (0.0, 0.0)
    assert memory["explain"]["parts"]["importance"] > 0.0


@pytest.mark.parametrize("parameters", [None, {}, {"explain": "false"}], ids=["none", "empty", "false"])
def test_unless_asked_for_there_is_no_explanation_and_the_rest_is_the_same(
    parameters: dict[str, str] | None, world: World
) -> None:
    status, plain = world(RUN, queryStringParameters=parameters)
    _, with_reasons = world(RUN, queryStringParameters={"explain": "true"})
    assert status == 200
    assert all("explain" not in memory for memory in plain["memories"])
    for memory in with_reasons["memories"]:
        del memory["explain"]
    for answer in (plain, with_reasons):
        del answer["timing_ms"]
    assert with_reasons == plain


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"explain": "maybe"}, "explain"),
        ({"explain": ""}, "explain"),
        ({"explain": "True"}, "explain"),
        ({"explain": "1"}, "explain"),
        ({"explain": "true,false"}, "explain"),  # the parameter twice, as the gateway joins it
        ({"verbose": "true"}, "verbose"),
        ({"explain": "true", "Explain": "true"}, "Explain"),
        ({"limit": "5"}, "limit"),
        ({"x" * 10_000: "1"}, "x" * 100),
    ],
    ids=lambda value: str(value)[:24],
)
def test_another_value_or_parameter_422_naming_it_and_nobody_is_asked(
    parameters: dict[str, str], named: str, world: World
) -> None:
    status, problem = world(RUN, queryStringParameters=parameters)
    assert (status, problem["field"]) == (422, named)
    assert len(json.dumps(problem)) < 500
    assert (world.qdrant.requests, world.embeddings.requests) == ([], [])


def test_a_stranger_does_not_learn_which_parameters_there_are(world: World) -> None:
    assert world(RUN, queryStringParameters={"explain": "maybe"}, authorization=None)[0] == 401
