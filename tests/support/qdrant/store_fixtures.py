"""A pytest plugin: a store of memories, in memory and on the embedded engine behind our collection."""

import json
from collections.abc import Iterator

import pytest
from operator_memory.adapters.qdrant.memories import QdrantMemories

from devstack.qdrant import QdrantFront
from tests.support.fakes.core import DIMENSIONS, InMemoryMemories
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import COLLECTION, Store
from tests.support.time_outs import AMPLE


@pytest.fixture(scope="module")
def engine() -> Iterator[ObservedClient]:
    """A client of an embedded engine with our collection, for all tests of a module."""
    with QdrantFront() as running:
        client = ObservedClient(running.url)
        make_collection(running.url, COLLECTION, DIMENSIONS)
        yield client
        client.close()


@pytest.fixture
def real_store(engine: ObservedClient) -> Iterator[QdrantMemories]:
    """The real adapter on the collection, which is empty again afterwards: to make one takes seconds."""
    engine.reset()
    yield QdrantMemories(engine, collection=COLLECTION, write_timeout=AMPLE)
    engine.reset()
    everything = json.dumps({"filter": {}}).encode()
    assert (
        engine.request("POST", f"/collections/{COLLECTION}/points/delete?wait=true", everything, timeout=AMPLE).status
        == 200
    )


@pytest.fixture(params=["fake", "qdrant"])
def store(request: pytest.FixtureRequest) -> Store:
    """The fake, then the real adapter."""
    if request.param == "fake":
        return InMemoryMemories()
    real: QdrantMemories = request.getfixturevalue("real_store")
    return real
