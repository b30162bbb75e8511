"""What of the found is injected, and whose words and vectors a retrieval goes by."""

from dataclasses import replace

import pytest
from operator_memory.application.recall.query_vectors import EACH, KEPT_SECONDS
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.recall.selection import Breadth
from operator_memory.domain.shared.search_plan import Hit, SearchMode, SearchPlan

from tests.support.builders import AGENT_KEY, SESSION_KEY, a_hit
from tests.support.recall.rankings import cosine_for
from tests.support.recall.retrieval_world import ALL_SCOPES, VECTOR, World

GATE = RelevanceGate(similarity=0.4, words=0.2, each=0.1, impersonal=0.3)
PINNED = a_hit("Is called Ana.", pinned=True)
LATEST = a_hit("Answers briefly.", key=AGENT_KEY)


def by_meaning(*hits: Hit) -> World:
    """A world with a gate, in which ``hits`` are found by meaning, and something pinned and of the agent's is there."""
    world = World(gate=GATE)
    found = {SearchMode.DENSE: list(hits), SearchMode.PINNED: [PINNED], SearchMode.RECENT: [LATEST]}

    def answers(plan: SearchPlan) -> list[list[Hit]]:
        return [found.get(search.mode, []) for search in plan.searches]

    world.search.answers = answers
    return world


def injected(world: World, query: str = "What do I drink?") -> set[str]:
    return {ranked.memory.text for ranked in world(replace(ALL_SCOPES, query=query)).memories}


STANDING = {"Is called Ana.", "Answers briefly."}


def test_where_nothing_resembles_the_query_only_what_stands_whatever_is_asked_is_injected() -> None:
    assert injected(by_meaning(a_hit("Likes tea.", 0.39), a_hit("Owns a bicycle.", 0.3))) == STANDING


def test_where_something_does_the_less_relevant_comes_along_and_the_irrelevant_does_not() -> None:
    world = by_meaning(
        a_hit("Likes tea.", 0.4), a_hit("Likes coffee.", cosine_for(0.11)), a_hit("Owns a bicycle.", cosine_for(0.09))
    )
    assert injected(world) == {"Likes tea.", "Likes coffee."} | STANDING


@pytest.mark.parametrize(("recall", "injected"), [(Breadth.PRECISE, 3), (Breadth.BALANCED, 5), (Breadth.BROAD, 7)])
def test_the_caller_says_how_far_behind_the_best_memory_others_may_be(recall: Breadth, injected: int) -> None:
    found = [a_hit(f"{word.capitalize()} is liked.", cosine_for(score)) for word, score in FAR_BEHIND.items()]
    answer = by_meaning(*found)(replace(ALL_SCOPES, query="What do I drink?", recall=recall))
    assert len([r for r in answer.memories if not r.parts.standing]) == injected


FAR_BEHIND = {"tea": 0.55, "coffee": 0.5, "rain": 0.35, "chess": 0.3, "opera": 0.25, "rugby": 0.15, "jazz": 0.12}
"""Relevance of memories that have to do with the question."""


def test_of_a_question_about_nobody_more_is_asked() -> None:
    world = by_meaning(a_hit("Likes tea.", cosine_for(0.29)), a_hit("Likes coffee.", cosine_for(0.28)))
    assert injected(world, "Which plant is tea made of?") == STANDING
    world = by_meaning(a_hit("Likes tea.", cosine_for(0.31)), a_hit("Likes coffee.", cosine_for(0.19)))
    assert injected(world, "Which plant is tea made of?") == {"Likes tea."} | STANDING


@pytest.mark.parametrize("query", ["hi", "Thank you very much!", "ok, great", "Guten Morgen"])
def test_small_talk_gets_nothing_but_what_stands_however_close_a_memory_is(query: str) -> None:
    assert injected(by_meaning(a_hit("Says hi.", 0.99)), query) == STANDING


def test_what_the_asked_person_has_said_comes_before_what_others_have() -> None:
    def said(text: str, by: str) -> Hit:
        return a_hit(text, 0.6, key=SESSION_KEY, kind=Kind.TURN, speaker=by)

    world = by_meaning(said("I am off to Rome.", "Ana Lima"), said("I am off to Oslo.", "Ben"))
    for name, first in (("ana", "I am off to Rome."), ("Ben", "I am off to Oslo.")):
        memories = world(replace(ALL_SCOPES, query=f"Where is {name} going?")).memories
        assert next(m.memory.text for m in memories if m.memory.kind is Kind.TURN) == first


def test_the_steps_of_a_run_that_ask_the_same_share_one_embedding_call_but_search_anew() -> None:
    world = World()
    results = [world() for _ in range(3)]
    assert [result.vector_reused for result in results] == [False, True, True]
    assert [result.timing.embedding for result in results[1:]] == [0.0, 0.0]
    assert (len(world.embedder.calls), len(world.search.calls)) == (1, 3)
    assert [plan.vector for _, plan, _, _ in world.search.calls] == [VECTOR] * 3


def test_another_account_or_another_query_shares_no_vector() -> None:
    world = World()
    world()
    world(replace(ALL_SCOPES, account_id=AccountId("acct-2")))
    world(replace(ALL_SCOPES, query="What do I eat?"))
    assert len(world.embedder.calls) == 3


def test_a_vector_is_kept_for_ten_minutes_and_a_failure_not_at_all() -> None:
    world = World()
    world.embedder.fails = UpstreamUnavailableError("embeddings", "x")
    assert world().degraded == ("embeddings_unavailable",)
    world.embedder.fails = None
    assert world().degraded == ()
    world.clock.seconds += KEPT_SECONDS - 1
    assert world().vector_reused
    world.clock.seconds += 1
    assert not world().vector_reused
    assert len(world.embedder.calls) == 3


def test_only_so_many_vectors_are_kept() -> None:
    world = World()
    for n in range(EACH + 1):
        world(replace(ALL_SCOPES, query=f"question {n}"))
    assert not world(replace(ALL_SCOPES, query="question 0")).vector_reused
    assert world(replace(ALL_SCOPES, query=f"question {EACH}")).vector_reused


def test_what_was_erased_meanwhile_is_not_served_with_a_kept_vector() -> None:
    world = by_meaning(a_hit("Likes tea.", 0.9))
    assert "Likes tea." in injected(world)
    world.search.answers = lambda plan: [[] for _ in plan.searches]
    result = world()
    assert (result.vector_reused, result.memories) == (True, ())


def test_a_greeting_is_not_embedded_and_looks_up_what_is_pinned_and_how_the_agent_is_to_work() -> None:
    world = World()
    result = world(replace(ALL_SCOPES, query="Hi, good morning!"))
    assert world.embedder.calls == []
    assert [search.mode for search in world.plan.searches] == [SearchMode.PINNED, SearchMode.RECENT]
    assert result.degraded == ()
