"""A store of memories as the contract tests see it, and how memories come into it."""

from collections.abc import Sequence
from typing import Protocol

from operator_memory.application.ports.core import MemorySearch, MemoryWriter
from operator_memory.application.ports.lifecycle import ExpiredMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory

from tests.support.fakes.core import FakeEmbedder

COLLECTION = "memories"
EMBEDDER = FakeEmbedder()


class Store(MemorySearch, MemoryWriter, ExpiredMemories, Protocol):
    """All that a store of memories can do."""


def put(store: Store, *memories: Memory, before: str = "") -> None:
    """Store ``memories``, all of one account; ``before`` is what was said before each."""
    store.upsert(memories[0].account_id, embedded(memories, before))


def embedded(memories: Sequence[Memory], before: str = "") -> list[EmbeddedMemory]:
    """``memories`` with their vectors."""
    vectors = EMBEDDER.embed([memory.text for memory in memories], timeout=1)
    return [EmbeddedMemory(m, v, before) for m, v in zip(memories, vectors, strict=True)]
