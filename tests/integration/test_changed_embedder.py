"""A restart with another embedding model: the memories are there, found by words, and the answer says why."""

from collections.abc import Iterator

import pytest
from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.recall.search_memories import SearchMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.management.listing import Sort
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.shared.memory_filter import MemoryFilter

from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.core import DIMENSIONS, FakeClock, FakeEmbedder
from tests.support.fakes.limits import FakeEvents
from tests.support.qdrant.collections import make_collection
from tests.support.time_outs import AMPLE

TEXT = "Likes green tea."


@pytest.fixture(scope="module")
def client() -> Iterator[HttpClient]:
    """A store with a memory that ``model-a`` has embedded."""
    with QdrantFront() as front:
        make_collection(front.url, "memories", DIMENSIONS)
        made = HttpClient(front.url, system="qdrant")
        store = QdrantMemories(made, collection="memories", write_timeout=AMPLE, embedder="model-a")
        vector = FakeEmbedder().embed([TEXT], timeout=1)[0]
        store.upsert(ACCOUNT, [EmbeddedMemory(a_memory(TEXT), vector)])
        yield made
        made.close()


def retrieved(client: HttpClient, *, model: str, dimensions: int) -> ContextResult:
    clock = FakeClock(NOW)
    retrieve = RetrieveContext(
        search=QdrantMemories(client, collection="memories", write_timeout=AMPLE, embedder=model),
        embedder=FakeEmbedder(dimensions=dimensions),
        switches=FixedSwitches(),
        trail=AuditTrail(FakeEvents(), clock),
        clock=clock,
        policy=RetrievalPolicy(deadlines=Deadlines(AMPLE, AMPLE, AMPLE, AMPLE)),
    )
    return retrieve.retrieve(ContextRequest(ACCOUNT, query="Which tea?"), actor="service:test")


@pytest.mark.parametrize("dimensions", [DIMENSIONS, 8], ids=["as long", "of another length"])
def test_another_model_finds_by_words_and_says_so(client: HttpClient, dimensions: int) -> None:
    result = retrieved(client, model="model-b", dimensions=dimensions)
    assert result.degraded == ("embedding_model_changed",)
    assert [ranked.memory.text for ranked in result.memories] == [TEXT]


def test_the_same_model_is_not_degraded(client: HttpClient) -> None:
    result = retrieved(client, model="model-a", dimensions=DIMENSIONS)
    assert result.degraded == ()
    assert [ranked.parts.meaning > 0 for ranked in result.memories] == [True]


@pytest.mark.parametrize("dimensions", [DIMENSIONS, 8], ids=["as long", "of another length"])
def test_people_still_list_and_search(client: HttpClient, dimensions: int) -> None:
    library = QdrantLibrary(client, collection="memories", timeout=AMPLE, embedder="model-b")
    listed = library.page(ACCOUNT, MemoryFilter(text="tea"), Sort(), after=None, limit=10, now=NOW)
    assert [memory.text for memory in listed.memories] == [TEXT]
    clock = FakeClock(NOW)
    search = SearchMemories(
        library=library,
        embedder=FakeEmbedder(dimensions=dimensions),
        switches=FixedSwitches(),
        trail=AuditTrail(FakeEvents(), clock),
        clock=clock,
    )
    found = search.search(ACCOUNT, MemoryFilter(), query="green tea", limit=5, actor="user:ada")
    assert [ranked.memory.text for ranked in found.ranked] == [TEXT]
    assert found.degraded == ("embedding_model_changed",)
