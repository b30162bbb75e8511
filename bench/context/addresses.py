"""Where both ways of the latency benchmark find their parts, and what each is told."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from devstack.processes import Part
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL

COLLECTION = "bench_memories"
_PIECE = 1 << 24


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses of a Qdrant and a model server, and further settings of our function."""

    qdrant_url: str
    models_url: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The context function's environment."""
        return {
            "QDRANT_URL": self.qdrant_url,
            "QDRANT_COLLECTION": COLLECTION,
            "OPENAI_BASE_URL": self.models_url,
            "OPENAI_API_KEY": "local",
            "EMBEDDING_MODEL": LOCAL_MODEL,
            "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
            "SERVICE_TOKEN_KEYS": json.dumps({"bench": "k" * 40}),
            **{f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")},
            **self.settings,
        }

    @property
    def local_environment(self) -> dict[str, str]:
        """The same with the embedder in the function."""
        return {**self.environment, "EMBEDDER": "local"}


def start_place(store: Path, logs: Path, cleanup: ExitStack) -> Place:
    """A Qdrant front on the data folder ``store``, and a model server; ``cleanup`` stops them.

    The store's files are read once before, so that none has to come from the disk while somebody measures: a server
    that has answered for an hour has them in memory too.
    """

    def part(name: str, module: str, *arguments: str) -> Part:
        started = Part(name, module, [*arguments, "--port", "0"], log_dir=logs, seconds=300)
        cleanup.callback(started.close)
        return started

    for path in store.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(_PIECE):
                    pass
    qdrant = part("qdrant", "devstack.qdrant", "--data", str(store))
    return Place(qdrant.url, part("models", "devstack.models").url)
