"""The use case with a reranker: asked within the deadline, and never missed where it fails."""

from dataclasses import dataclass, field, replace

import pytest
from operator_memory.application.recall.rerank_memories import RerankMemories
from operator_memory.application.recall.retrieve_context import ContextRequest, Deadlines
from operator_memory.domain.errors import (
    MalformedResponseError,
    RefusedKeyError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.recall.selection import Breadth
from operator_memory.domain.shared.search_plan import Hit, SearchMode, SearchPlan

from tests.support.builders import a_hit
from tests.support.fakes.core import FakeReranker
from tests.support.recall.retrieval_world import ALL_SCOPES, DEADLINES, ManualClock, World

SAID = ("My cat is grey.", "A bus pass.", "What I drink is tea.")
QUESTION = replace(ALL_SCOPES, query="What do I drink?", limit=2)


@dataclass
class ScriptedReranker(FakeReranker):
    """Takes its time."""

    clock: ManualClock = field(default_factory=ManualClock)
    takes: float = 0.0

    def judge(self, query: str, documents: object, *, timeout: float) -> list[float]:
        self.clock.seconds += min(self.takes, timeout)
        if self.takes > timeout:
            self.error = UpstreamTimeoutError("reranker", "no answer")
        return super().judge(query, documents, timeout=timeout)  # type: ignore[arg-type]


def found(plan: SearchPlan) -> list[list[Hit]]:
    """What was said, that which answers last."""
    by_meaning = [a_hit(text, 0.3 - place / 100) for place, text in enumerate(SAID)]
    return [by_meaning if search.mode is SearchMode.DENSE else [] for search in plan.searches]


class Reranked(World):
    """The use case with a scripted reranker too."""

    def __init__(self, *, deadlines: Deadlines = DEADLINES, timeout: float = 0.3) -> None:
        super().__init__(deadlines=deadlines)
        self.search.answers = found
        self.reranker = ScriptedReranker(clock=self.clock)
        self.retrieve._rerank = RerankMemories(self.reranker, timeout=timeout)

    def texts(self, request: ContextRequest = QUESTION) -> list[str]:
        return [ranked.memory.text for ranked in self(request).memories]


def test_what_answers_is_chosen_though_others_resemble_the_question_more() -> None:
    world = Reranked()
    assert world.texts() == [SAID[0], SAID[2]]
    [(query, documents, _)] = world.reranker.calls
    assert query == "What do I drink?"
    assert documents == [f"{text} (23 November 2026)" for text in SAID]
    without = World()
    without.search.answers = found
    assert [ranked.memory.text for ranked in without(QUESTION).memories] == [SAID[0], SAID[1]]


FAILURES = [
    (UpstreamTimeoutError("reranker", "x"), "reranker_timeout"),
    (UpstreamUnavailableError("reranker", "x"), "reranker_unavailable"),
    (RefusedKeyError("reranker", "x"), "reranker_failed"),
    (MalformedResponseError("reranker", "x"), "reranker_failed"),
    (UpstreamUnavailableError("ssm", "its key cannot be read"), "ssm_unavailable"),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_when_it_fails_the_order_is_the_rankings_own_and_the_answer_says_so(failure: UpstreamError, code: str) -> None:
    world = Reranked()
    world.reranker.error = failure
    result = world(QUESTION)
    assert [ranked.memory.text for ranked in result.memories] == [SAID[0], SAID[1]]
    assert result.degraded == (code,)


def test_one_trouble_is_named_once() -> None:
    world = Reranked()
    world.embedder.fails = world.reranker.error = UpstreamUnavailableError("ssm", "no secret can be read")
    world.search.answers = lambda plan: [
        [a_hit(text, 9.0) for text in SAID] if s.mode is SearchMode.KEYWORD else [] for s in plan.searches
    ]
    assert world(QUESTION).degraded == ("ssm_unavailable",)


def test_it_gets_its_own_deadline_and_no_more_than_what_is_left() -> None:
    world = Reranked()
    world()
    world(QUESTION)
    assert world.reranker.calls[-1][2] == 0.3
    late = Reranked(deadlines=Deadlines(embedding=0.5, search=0.4, total=0.7))
    late.embedder.takes = 0.45
    late.search.takes = 0.1
    late(QUESTION)
    assert late.reranker.calls[0][2] == pytest.approx(0.15)


def test_when_everything_hangs_the_answer_comes_within_the_total_deadline() -> None:
    world = Reranked()
    world.embedder.takes = 0.44
    world.search.takes = 0.39
    world.reranker.takes = 60.0
    result = world(QUESTION)
    assert result.degraded == ("reranker_timeout",)
    assert result.timing.total <= 900
    assert result.timing.reranking == pytest.approx(70, abs=1)


ASKS_NOBODY = {
    "all of them fit": replace(QUESTION, limit=3, recall=Breadth.BROAD),
    "no question": replace(QUESTION, query=None),
    "small talk": replace(QUESTION, query="Thanks!"),
}


@pytest.mark.parametrize("request_", ASKS_NOBODY.values(), ids=ASKS_NOBODY.keys())
def test_where_nothing_is_to_be_chosen_nothing_leaves(request_: ContextRequest) -> None:
    world = Reranked()
    result = world(request_)
    assert world.reranker.calls == []
    assert (result.degraded, result.timing.reranking) == ((), 0.0)


def test_with_a_token_budget_or_less_breadth_the_order_decides_even_if_all_fit_the_limit() -> None:
    world = Reranked()
    world(replace(QUESTION, limit=3, token_budget=500, recall=Breadth.BROAD))
    world(replace(QUESTION, limit=3, recall=Breadth.PRECISE))
    assert len(world.reranker.calls) == 2


def test_what_is_there_whatever_the_question_is_not_shown_to_it() -> None:
    world = Reranked()
    world.search.answers = lambda plan: [
        [a_hit("Ask before deploying.", pinned=True)] if s.mode is SearchMode.PINNED else hits
        for s, hits in zip(plan.searches, found(plan), strict=True)
    ]
    assert "Ask before deploying." in world.texts(replace(QUESTION, limit=3))
    assert all("deploying" not in document for document in world.reranker.calls[0][1])


def test_memory_that_is_switched_off_is_shown_to_nobody() -> None:
    world = Reranked()
    world(replace(QUESTION, memory_enabled=False))
    assert world.reranker.calls == []
