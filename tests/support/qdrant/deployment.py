"""A deployment for commands of operators: a collection on the embedded engine, a table in moto, a place for backups."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.load_settings import load_settings

from infra.backup.cli import main
from infra.qdrant.points import Points
from tests.support.fakes.core import FakeEmbedder
from tests.support.qdrant.collections import make_collection
from tests.support.time_outs import AMPLE

LIVE = "memories"
MODEL = "model-a"
DIMENSIONS = 32


@dataclass
class Deployment:
    """What an operator's command finds, and the memories in it."""

    url: str
    table: tuple[Any, str]
    target: Path | str
    aws_url: str
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = HttpClient(self.url, system="qdrant")
        self.points = Points(self.client, LIVE)
        self.store = QdrantMemories(self.client, collection=LIVE, write_timeout=AMPLE, embedder=MODEL)
        self.embedder = FakeEmbedder(dimensions=DIMENSIONS)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "QDRANT_URL": self.url,
            "QDRANT_COLLECTION": LIVE,
            "EMBEDDING_MODEL": MODEL,
            "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
            "MEMORY_TABLE": self.table[1],
            "BACKUPS_AT": str(self.target),
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **self.extra,
        }

    @property
    def adapters(self) -> AdaptersInUse:
        """The product's own parts on it."""
        return AdaptersInUse(load_settings(self.environ), self.environ)

    def make(self) -> None:
        make_collection(self.url, LIVE, DIMENSIONS)

    def empty(self) -> None:
        """Delete all points."""
        for page in list(self.points.pages(payload=False, vectors=False)):
            self.points.delete([point["id"] for point in page])

    def backup(self, *arguments: str) -> int:
        return main(list(arguments), self.environ)

    def put(self, *memories: Memory, before: str = "") -> None:
        vectors = self.embedder.embed([memory.text for memory in memories], timeout=1)
        for memory, vector in zip(memories, vectors, strict=True):
            self.store.upsert(memory.account_id, [EmbeddedMemory(memory, vector, before)])

    def all(self) -> dict[str, Any]:
        """Every point as it lies there, by id."""
        return {point["id"]: point for page in self.points.pages() for point in page}

    def due_at(self, account_id: str) -> datetime | None:
        """When the expiry index has the account."""
        from operator_memory.adapters.dynamodb.table import Table, from_epoch

        item = Table(*self.table).get(account_id, "EXPIRY")
        return None if item is None or "due_at" not in item else from_epoch(item["due_at"])

    def close(self) -> None:
        self.client.close()
