"""Mem0's own ``Memory.search``, unchanged and on its stock Qdrant store, works on what our adapter has stored."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId

from devstack.models import ModelServer
from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, AGENT_KEY, a_memory
from tests.support.qdrant.collections import drift, make_collection
from tests.support.time_outs import AMPLE

MODEL, DIMENSIONS = "all-minilm-l6-v2-int8", 384


class World:
    """Our store and Mem0 on the same collection, with the same embedder."""

    def __init__(self, front: QdrantFront, models: ModelServer, folder: Path) -> None:
        self.client = HttpClient(front.url, system="qdrant")
        make_collection(front.url, "memories", DIMENSIONS)
        self.models = HttpClient(models.url, system="embeddings")
        self.embedder = OpenAIEmbeddings(self.models, model=MODEL, dimensions=DIMENSIONS)
        self.store = QdrantMemories(self.client, collection="memories", write_timeout=AMPLE)
        self.front, self.model_url, self.folder = front, models.url, folder

    def put(self, *memories: Memory) -> None:
        vectors = self.embedder.embed([memory.text for memory in memories], timeout=AMPLE)
        embedded = [EmbeddedMemory(m, v) for m, v in zip(memories, vectors, strict=True)]
        self.store.upsert(memories[0].account_id, embedded)

    def mem0(self) -> Any:
        """Mem0 as anybody would configure it."""
        os.environ.update(MEM0_DIR=str(self.folder), MEM0_TELEMETRY="False")
        from mem0 import Memory as Mem0

        address = urlsplit(self.front.url)
        place = {"host": address.hostname, "port": address.port}
        api = {"api_key": "local", "openai_base_url": self.model_url}
        return Mem0.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"collection_name": "memories", "embedding_model_dims": DIMENSIONS, **place},
                },
                "embedder": {"provider": "openai", "config": {"model": MODEL, **api}},
                "llm": {"provider": "openai", "config": {"model": "bundled-rules", **api}},
                "history_db_path": ":memory:",
            }
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with QdrantFront() as front, ModelServer() as models:
        made = World(front, models, tmp_path_factory.mktemp("mem0"))
        made.put(
            a_memory("User is allergic to peanuts."),
            a_memory("User works as a bridge engineer."),
            a_memory("The user asked to always answer in German.", key=AGENT_KEY),
        )
        made.put(replace(a_memory("User is allergic to shrimps."), account_id=AccountId("acct-other")))
        yield made
        made.client.close()
        made.models.close()


def search(world: World, query: str, **filters: str) -> list[str]:
    memory = world.mem0()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # its SQLite and clients are closed by collection only
            found = memory.search(query, filters=filters, top_k=5)["results"]
    finally:
        memory.vector_store.client.close()
        memory.embedding_model.client.close()
        memory.llm.client.close()
        memory.close()
    return [item["memory"] for item in found]


def test_it_finds_our_facts_for_the_account(world: World) -> None:
    assert search(world, "What must the user not eat?", user_id=ACCOUNT)[0] == "User is allergic to peanuts."


def test_it_finds_our_facts_for_an_agent_of_the_account(world: World) -> None:
    found = search(world, "Which language?", user_id=ACCOUNT, agent_id=str(AGENT_KEY.owner_id))
    assert found == ["The user asked to always answer in German."]


def test_it_sees_no_other_account(world: World) -> None:
    assert "User is allergic to shrimps." not in search(world, "allergic to shrimps", user_id=ACCOUNT)


def test_what_its_start_does_to_our_tenant_index_is_reported_and_restored(world: World) -> None:
    make_collection(world.front.url, "memories", DIMENSIONS)
    search(world, "anything", user_id=ACCOUNT)  # makes a Memory, which re-creates plain indexes
    assert drift(world.front.url, "memories", DIMENSIONS) == [
        "Payload index user_id is keyword, not keyword (tenant).",
        "Payload index agent_id is keyword, not keyword (no graphs).",
        "Payload index run_id is keyword, not keyword (no graphs).",
    ]
    make_collection(world.front.url, "memories", DIMENSIONS)
