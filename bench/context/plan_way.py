"""The plan's way in the benchmark: plain Mem0, configured as in the plan, one search a scope in turn.

As a program (``python -m bench.context.plan_way QDRANT MODELS COLLECTION MODEL DIMENSIONS ACCOUNT QUESTION``): the
first answer of a fresh process.
"""

import os
import sys
import tempfile
import time
from typing import Any
from urllib.parse import urlsplit

from bench.context.our_way import AGENT, SESSION, Answer

_BEFORE_IMPORT = {"MEM0_DIR": tempfile.gettempdir() + "/bench-mem0", "MEM0_TELEMETRY": "False"}


def plain_memory(qdrant_url: str, models_url: str, collection: str, model: str, dimensions: int) -> Any:  # noqa: ANN401
    """A ``mem0.Memory`` (untyped), configured as in the plan."""
    os.environ.update(**_BEFORE_IMPORT, OPENAI_BASE_URL=models_url)
    from mem0 import Memory

    address = urlsplit(qdrant_url)
    store = {
        "host": address.hostname,
        "port": address.port,
        "collection_name": collection,
        "embedding_model_dims": dimensions,
    }
    return Memory.from_config(
        {
            "vector_store": {"provider": "qdrant", "config": store},
            "llm": {"provider": "openai", "config": {"api_key": "local", "model": "gpt-4o-mini"}},
            "embedder": {"provider": "openai", "config": {"api_key": "local", "model": model}},
            "history_db_path": ":memory:",
        }
    )


def _leave_indexes_alone() -> None:
    os.environ.update(_BEFORE_IMPORT)
    from mem0.vector_stores.qdrant import Qdrant

    Qdrant._create_filter_indexes = lambda _: None


class PlanWay:
    """One ``mem0.Memory`` on the given Qdrant, model server and collection."""

    def __init__(
        self,
        qdrant_url: str,
        models_url: str,
        collection: str,
        model: str,
        dimensions: int,
        *,
        makes_indexes: bool = True,
    ) -> None:
        """``makes_indexes=False`` keeps the collection's indexes as they are: Mem0 makes its own at each start, and
        would have a million memories indexed again, without what tells accounts apart."""
        if not makes_indexes:
            _leave_indexes_alone()
        self._memory = plain_memory(qdrant_url, models_url, collection, model, dimensions)
        self._embedding_seconds = 0.0
        self._count_embedding_time()

    def _count_embedding_time(self) -> None:
        embed = self._memory.embedding_model.embed

        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (a wrapped method)
            started = time.perf_counter()
            try:
                return embed(*args, **kwargs)
            finally:
                self._embedding_seconds += time.perf_counter() - started

        self._memory.embedding_model.embed = counted

    def ask(self, account: str, question: str) -> Answer:
        """The three searches, one after another. Mem0's errors are the caller's."""
        self._embedding_seconds = 0.0
        started = time.perf_counter()
        found = [
            self._memory.search(question, filters={"user_id": account, **scope}, top_k=10)["results"]
            for scope in ({}, {"agent_id": AGENT}, {"run_id": SESSION})
        ]
        total = time.perf_counter() - started
        return Answer(total, self._embedding_seconds, sum(map(len, found)))


if __name__ == "__main__":
    url, models, name, embedding_model, length, who, what = sys.argv[1:]
    PlanWay(url, models, name, embedding_model, int(length), makes_indexes=False).ask(who, what)
