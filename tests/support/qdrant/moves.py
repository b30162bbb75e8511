"""A move of memories for tests: two collections on the embedded engine, and a table in moto."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.reembedding.both_collections import BothCollectionsClient
from operator_memory.adapters.reembedding.migrations import DynamoDBMigrations
from operator_memory.domain.lifecycle.migration import Migration, OtherCollection
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory

from devstack.qdrant import QdrantFront
from infra.backup.gate import Gate
from infra.qdrant.collection import collection_at
from infra.qdrant.points import Points
from infra.reembed.actions import Move
from infra.reembed.copying import Copier, Patience
from tests.support.fakes.core import FakeEmbedder
from tests.support.qdrant.shelves import ObservedClient
from tests.support.time_outs import AMPLE

OLD, NEW = "old", "new"
OLD_DIMENSIONS, NEW_DIMENSIONS = 32, 12
OLD_MODEL, NEW_MODEL = "model-a", "model-b"


class Functions:
    """The functions as they are deployed: they use one collection, and delete from both while memories are moved."""

    def __init__(self, url: str, collection: str, model: str, dimensions: int, migrations: DynamoDBMigrations) -> None:
        self.collection = collection

        def other() -> OtherCollection | None:
            current = migrations.current()
            return None if current is None else current.beside(collection)

        self.client = BothCollectionsClient(url, system="qdrant", collection=collection, other=other)
        self.store = QdrantMemories(self.client, collection=collection, write_timeout=AMPLE, embedder=model)
        self.library = QdrantLibrary(self.client, collection=collection, timeout=AMPLE, embedder=model)
        self.erasure = QdrantErasure(
            self.client, collections=[("memories", collection)], write_timeout=AMPLE, other=other
        )
        self._embedder = FakeEmbedder(dimensions=dimensions)

    def put(self, *memories: Memory) -> None:
        vectors = self._embedder.embed([memory.text for memory in memories], timeout=1)
        for memory, vector in zip(memories, vectors, strict=True):
            self.store.upsert(memory.account_id, [EmbeddedMemory(memory, vector)])


@dataclass
class World:
    """Both collections, the functions before and after the deployment, and the operator's move."""

    front: QdrantFront
    table: tuple[Any, str]
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder(dimensions=NEW_DIMENSIONS))

    def __post_init__(self) -> None:
        self.client = ObservedClient(self.front.url)
        self.migrations = DynamoDBMigrations(*self.table)
        self.source, self.target = Points(self.client, OLD), Points(self.client, NEW)
        self.old = Functions(self.front.url, OLD, OLD_MODEL, OLD_DIMENSIONS, self.migrations)
        self.new = Functions(self.front.url, NEW, NEW_MODEL, NEW_DIMENSIONS, self.migrations)
        self.waits: list[float] = []

    def move(self) -> Move:
        """The operator's command, started anew."""
        patience = Patience(sleep=self.waits.append, clock=lambda: 0.0)
        copier = Copier(self.source, self.target, self.embedder, NEW_MODEL, patience)

        def gate(since: datetime) -> Gate:
            return Gate(*self.table, since=since, now=datetime.now(UTC))

        return Move(self.migrations, copier, lambda: datetime.now(UTC), gate, self.embedders)

    def embedders(self) -> dict[str, int]:
        with collection_at(self.front.url, NEW) as collection:
            return collection.embedders()

    def begun(self) -> tuple[Move, Migration]:
        move = self.move()
        return move, move.begin(Migration(OLD, NEW, NEW_MODEL, NEW_DIMENSIONS, datetime.now(UTC)))

    def copied(self) -> tuple[Move, Migration]:
        move, current = self.begun()
        current, _ = move.copy(current)
        return move, current

    def switched(self) -> tuple[Move, Migration]:
        move, current = self.copied()
        current, faults = move.verify(current)
        assert faults == []
        current, _ = move.switch(current)
        return move, current

    def texts(self, points: Points) -> set[str]:
        return {point["payload"]["data"] for page in points.pages(vectors=False) for point in page}

    def empty(self) -> None:
        self.client.reset()
        for points in (self.source, self.target):
            for page in list(points.pages(payload=False, vectors=False)):
                points.delete([point["id"] for point in page])

    def close(self) -> None:
        for client in (self.client, self.old.client, self.new.client):
            client.close()
