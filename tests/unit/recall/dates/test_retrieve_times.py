"""A question that names a time: what was said then comes first, and nothing else is hidden."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from operator_memory.application.recall.retrieve_context import ContextRequest
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.shared.search_plan import AnyScope, Hit, SearchMode

from tests.support.builders import SESSION_KEY, a_hit
from tests.support.recall.retrieval_world import ALL_SCOPES, World

GATE = RelevanceGate(similarity=0.4, words=0.2, each=0.1, impersonal=0.3)
YESTERDAY = replace(ALL_SCOPES, query="What did I do yesterday?")


def turn(text: str, score: float, at: str) -> Hit:
    hit = a_hit(text, score, key=SESSION_KEY, kind=Kind.TURN)
    return replace(hit, memory=replace(hit.memory, created_at=datetime.fromisoformat(at)))


CLOSE = turn("What did I do yesterday? I went running.", 0.9, "2026-11-10T12:00:00+00:00")
THEN = turn("Repotted the lemon tree.", 0.05, "2026-11-23T12:00:00+00:00")
TODAY = turn("Cut the hedge.", 0.05, "2026-11-24T08:00:00+00:00")
PLANNED = replace(THEN, memory=replace(a_hit("Flies to Rome.", when="2026-11-25").memory), score=0.05)


def finding(*hits: Hit, gate: RelevanceGate = GATE) -> World:
    world = World(gate=gate)
    world.search.answers = lambda plan: [
        [hit for hit in hits if search.during or hit.score > 0.1] if search.mode is SearchMode.DENSE else []
        for search in plan.searches
    ]
    return world


def texts(world: World, request: ContextRequest) -> list[str]:
    return [ranked.memory.text for ranked in world(request).memories]


def test_what_was_said_then_comes_first_and_the_rest_follows() -> None:
    assert texts(finding(CLOSE, THEN), YESTERDAY) == [THEN.memory.text, CLOSE.memory.text]


def test_what_speaks_of_the_time_comes_first_too() -> None:
    request = replace(ALL_SCOPES, query="What do I have tomorrow?")
    assert texts(finding(CLOSE, PLANNED), request)[0] == "Flies to Rome."


def test_a_question_without_a_time_asks_as_before() -> None:
    world = finding(CLOSE, THEN)
    assert texts(world, ALL_SCOPES) == [CLOSE.memory.text]
    assert all(search.during == () for search in world.plan.searches)


def test_memories_of_the_time_are_looked_for_besides_in_the_same_request() -> None:
    world = finding(CLOSE, THEN)
    world(YESTERDAY)
    assert len(world.search.calls) == 1
    [during] = [search for search in world.plan.searches if search.during]
    [span] = during.during
    assert (during.mode, isinstance(during.key, AnyScope)) == (SearchMode.DENSE, True)
    assert (span.start.isoformat(), span.end.isoformat()) == ("2026-11-23T00:00:00+00:00", "2026-11-24T00:00:00+00:00")


def test_without_a_vector_the_newest_of_the_time_are() -> None:
    world = World()
    world.embedder.fails = UpstreamUnavailableError("embeddings", "down")
    world.search.answers = lambda plan: [[THEN] if search.during else [] for search in plan.searches]
    assert texts(world, YESTERDAY) == [THEN.memory.text]
    assert [search.mode for search in world.plan.searches if search.during] == [SearchMode.RECENT]


def test_today_alone_lets_nothing_through_the_gate() -> None:
    """ "What is the weather like today?" asks for no memory."""
    request = replace(ALL_SCOPES, query="What is the weather like today?")
    assert texts(finding(TODAY), request) == []
    assert texts(finding(TODAY, gate=RelevanceGate(0.0, 0.0, 0.0)), request) == [TODAY.memory.text]


@pytest.mark.parametrize(
    ("asked_at", "zone", "first"),
    [
        (None, None, THEN),
        ("2026-11-25T00:30:00+01:00", None, TODAY),
        (None, "Pacific/Auckland", TODAY),
        ("2026-11-24T23:30:00+00:00", "America/New_York", THEN),
    ],
)
def test_yesterday_is_the_askers(asked_at: str | None, zone: str | None, first: Hit) -> None:
    now = datetime.fromisoformat(asked_at) if asked_at else None
    request = replace(YESTERDAY, now=now, zone=ZoneInfo(zone) if zone else None)
    assert texts(finding(CLOSE, THEN, TODAY), request)[0] == first.memory.text


def test_the_part_of_the_score_is_shown() -> None:
    ranked = finding(CLOSE, THEN)(YESTERDAY).memories
    assert [round(r.parts.time, 2) for r in ranked] == [1.0, 0.0]
    assert all(r.score == pytest.approx(r.parts.total) for r in ranked)
