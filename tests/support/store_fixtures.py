"""A pytest plugin: a store of memories, in memory and on the embedded engine behind our collection."""

from collections.abc import Iterator

import pytest
from operator_memory.adapters.qdrant import QdrantMemories

from devstack.qdrant import QdrantFront
from infra.qdrant.apply import Collection, apply
from tests.support.fakes import DIMENSIONS, InMemoryMemories
from tests.support.shelves import ObservedClient
from tests.support.stores import Store


@pytest.fixture(scope="module")
def engine() -> Iterator[ObservedClient]:
    """A client of an embedded engine, for all tests of a module."""
    with QdrantFront() as running:
        client = ObservedClient(running.url)
        yield client
        client.close()


@pytest.fixture
def real_store(engine: ObservedClient, request: pytest.FixtureRequest) -> QdrantMemories:
    """The real adapter on a collection of the test's own."""
    name = f"memories_{abs(hash(request.node.name))}"
    assert apply(Collection(engine, name), DIMENSIONS, check=False) == []
    engine.reset()
    return QdrantMemories(engine, collection=name, write_timeout=10)


@pytest.fixture(params=["fake", "qdrant"])
def store(request: pytest.FixtureRequest) -> Store:
    """The fake, then the real adapter."""
    if request.param == "fake":
        return InMemoryMemories()
    real: QdrantMemories = request.getfixturevalue("real_store")
    return real
