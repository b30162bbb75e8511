"""A pytest plugin: the store as policies see it, in memory and on the embedded engine."""

import pytest
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories

from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.lifecycle import InMemoryPolicyMemories
from tests.support.lifecycle.shelves import PolicyShelf
from tests.support.qdrant.stores import COLLECTION
from tests.support.time_outs import AMPLE


@pytest.fixture(params=["fake", "qdrant"])
def policy_shelf(request: pytest.FixtureRequest) -> PolicyShelf:
    """The fake, then the real adapter."""
    if request.param == "fake":
        points = InMemoryMemories()
        return PolicyShelf(InMemoryPolicyMemories(points), points)
    writer = request.getfixturevalue("real_store")
    client = request.getfixturevalue("engine")
    return PolicyShelf(QdrantPolicyMemories(client, collection=COLLECTION, timeout=AMPLE), writer)
