"""Vectors of another embedding model: the answer says so, and words alone find their memories."""

from dataclasses import replace

import pytest
from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.application.recall.search_memories import SearchMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import EmbeddingModelChangedError
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Hit, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, a_hit, a_memory
from tests.support.fakes.core import FakeClock, FakeEmbedder, InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents
from tests.support.recall.retrieval_world import World

STRANGE = replace(a_hit("Likes tea.", 9.0), comparable=False)
OURS = a_hit("Likes coffee.", 0.5)


def test_the_answer_says_so_and_words_find_them() -> None:
    world = World()
    world.search.answers = lambda plan: [
        [OURS, replace(STRANGE, score=0.0)] if s.mode is SearchMode.DENSE else [STRANGE] for s in plan.searches
    ]
    result = world()
    assert result.degraded == ("embedding_model_changed",)
    assert {r.memory.text: r.parts.meaning > 0 for r in result.memories}["Likes coffee."]
    [tea] = [r for r in result.memories if r.memory.text == "Likes tea."]
    assert tea.parts.words > 0.0


def test_vectors_of_another_length_are_searched_by_words_in_a_second_request() -> None:
    world = World()

    def answers(plan: SearchPlan) -> list[list[Hit]]:
        if plan.vector is not None:
            raise EmbeddingModelChangedError("qdrant", "it holds vectors of another length")
        return [[STRANGE] if s.mode is SearchMode.KEYWORD else [] for s in plan.searches]

    world.search.answers = answers
    result = world()
    assert result.degraded == ("embedding_model_changed",)
    assert [r.memory.text for r in result.memories] == ["Likes tea."]
    assert len(world.search.calls) == 2


def test_where_all_vectors_are_strange_the_answer_is_that_of_a_failed_embedder() -> None:
    """Words let in what they find, and the profile comes along."""
    world = World(gate=RelevanceGate(similarity=0.4, words=0.9, each=0.01))
    world.search.answers = lambda plan: [
        [replace(STRANGE, score=0.0)]
        if s.mode is SearchMode.DENSE
        else [STRANGE]
        if s.mode is SearchMode.KEYWORD
        else []
        for s in plan.searches
    ]
    result = world()
    assert [r.memory.text for r in result.memories] == ["Likes tea."]
    assert (len(world.search.calls), SearchMode.DENSE in world.modes) == (2, False)
    assert SearchMode.IMPORTANT in world.modes


def test_the_same_model_is_not_degraded() -> None:
    world = World()
    world.search.answers = lambda plan: [[OURS] for _ in plan.searches]
    assert world().degraded == ()


class OtherLength(InMemoryLibrary):
    """A library whose vectors have another length than the ones that it is asked with."""

    def find(self, *args: object, **options: object) -> tuple[list[Hit], list[Hit]]:
        if options["vector"] is not None:
            raise EmbeddingModelChangedError("qdrant", "it holds vectors of another length")
        return super().find(*args, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [InMemoryLibrary, OtherLength])
def test_a_persons_search_goes_by_words_and_says_so(kind: type[InMemoryLibrary]) -> None:
    memories = InMemoryMemories(embedder="model-a")
    memory = a_memory("Likes tea.")
    memories.upsert(ACCOUNT, [EmbeddedMemory(memory, FakeEmbedder().embed(["x"], timeout=1)[0])])
    memories.embedder = "model-b"
    clock = FakeClock()
    search = SearchMemories(
        library=kind(memories),
        embedder=FakeEmbedder(),
        switches=FixedSwitches(),
        trail=AuditTrail(FakeEvents(), clock),
        clock=clock,
    )
    found = search.search(ACCOUNT, MemoryFilter(), query="tea", limit=5, actor="user:ada")
    assert [r.memory.text for r in found.ranked] == [memory.text]
    assert found.degraded == ("embedding_model_changed",)
