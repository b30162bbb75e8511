"""A pytest plugin: the library of an account and another, in memory and on the embedded engine."""

from collections.abc import Iterator

import pytest
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories

from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, NOW
from tests.support.fakes.core import DIMENSIONS, InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.shelves import EVERYTHING, OTHER, ObservedClient, Shelf
from tests.support.time_outs import AMPLE


@pytest.fixture(scope="module")
def library_client() -> Iterator[ObservedClient]:
    with QdrantFront() as running:
        client = ObservedClient(running.url)
        make_collection(running.url, "memories", DIMENSIONS)
        yield client
        client.close()


@pytest.fixture
def qdrant_shelf(library_client: ObservedClient) -> Iterator[Shelf]:
    library_client.reset()
    library = QdrantLibrary(library_client, collection="memories", timeout=AMPLE)
    memories = QdrantMemories(library_client, collection="memories", write_timeout=AMPLE)
    yield Shelf(library, memories, memories)
    library_client.reset()
    for account in (ACCOUNT, OTHER):
        library.delete_matching(account, EVERYTHING, now=NOW)


@pytest.fixture(params=["fake", "qdrant"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "qdrant":
        real: Shelf = request.getfixturevalue("qdrant_shelf")
        return real
    memories = InMemoryMemories()
    return Shelf(InMemoryLibrary(memories), memories, memories)
