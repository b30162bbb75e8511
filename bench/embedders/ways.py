"""The ways to make a vector that ``bench.embedders.run`` compares."""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import distribution
from itertools import count
from pathlib import Path
from typing import Any

from operator_memory.adapters.models.local_embeddings import TOKENIZER, WEIGHTS, LocalEmbeddings
from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.net.http import HttpClient, json_object

from devstack.models.minilm import MiniLM
from devstack.processes import Part
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL

_TIMEOUT = 60.0
_COLLECTION = "bench_embedders"
FREE = "your machine"


class Way(ABC):
    """One way. ``calls``: requests of its own for one question. ``cost`` ``""``: by tokens."""

    measured = True

    def __init__(self, name: str, *, calls: int, cost: str, added: float, dimensions: int = LOCAL_DIMENSIONS) -> None:
        self.name, self.calls, self.cost, self.added_megabytes = name, calls, cost, added
        self.dimensions = dimensions

    @abstractmethod
    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector per text."""

    def seconds(self, text: str) -> float:
        """How long one text takes, alone."""
        started = time.perf_counter()
        self.vectors([text])
        return time.perf_counter() - started


class ApiWay(Way):
    """An API of OpenAI's form."""

    def __init__(self, name: str, url: str, *, model: str, dimensions: int, cost: str, key: str = "") -> None:
        super().__init__(name, calls=1, cost=cost, added=0.0, dimensions=dimensions)
        headers = {"Authorization": f"Bearer {key}"} if key else None
        client = HttpClient(url, system="embeddings", headers=headers)
        self._embedder = OpenAIEmbeddings(client, model=model, dimensions=dimensions)

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self._embedder.embed(texts, timeout=_TIMEOUT)


class UnmeasuredApi(Way):
    """OpenAI, when there is no key."""

    measured = False

    def __init__(self) -> None:
        super().__init__("OpenAI, text-embedding-3-small", calls=1, cost="", added=0.0, dimensions=1536)

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise RuntimeError(f"there is no key to embed {len(texts)} texts with")


class LocalWay(Way):
    """``EMBEDDER=local``."""

    def __init__(self) -> None:
        super().__init__("local (numpy)", calls=0, cost=FREE, added=_model_megabytes())
        self._embedder = LocalEmbeddings()

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self._embedder.embed(texts, timeout=_TIMEOUT)


class OnnxruntimeWay(Way):
    """The same model in onnxruntime, in the process: what would be if it were not too large for the layer."""

    def __init__(self) -> None:
        added = _model_megabytes() + sum(map(_package_megabytes, ("onnxruntime", "tokenizers")))
        super().__init__("onnxruntime in the process (too large)", calls=0, cost=FREE, added=added)
        self._model = MiniLM(threads=1)

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self._model.embed(texts)


class ServerWay(Way):
    """``EMBEDDER=server``: Qdrant makes the vectors. Its vectors are read back from points that it has stored."""

    def __init__(self, url: str) -> None:
        super().__init__("server (Qdrant, loopback)", calls=0, cost="Qdrant's list", added=0.0)
        self._client = HttpClient(url, system="qdrant")
        self._call("PUT", "", {"vectors": {"size": LOCAL_DIMENSIONS, "distance": "Cosine"}})
        self._ids = count(1)

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        points = [{"id": next(self._ids), "vector": _inference(text)} for text in texts]
        self._call("PUT", "/points?wait=true", {"points": points})
        wanted = [point["id"] for point in points]
        stored = self._call("POST", "/points", {"ids": wanted, "with_vector": True})
        by_id = {point["id"]: point["vector"] for point in stored}
        return [by_id[identity] for identity in wanted]

    def seconds(self, text: str) -> float:
        [vector] = self.vectors([text])
        return self._search(_inference(f"{text} ")) - self._search(vector)  # the space: not known from a moment ago

    def _search(self, query: object) -> float:
        started = time.perf_counter()
        self._call("POST", "/points/query", {"query": query, "limit": 10})
        return time.perf_counter() - started

    def _call(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401  (decoded JSON)
        encoded = json.dumps(body).encode()
        response = self._client.request(method, f"/collections/{_COLLECTION}{path}", encoded, timeout=_TIMEOUT)
        return json_object("qdrant", response)["result"]


def ways(logs: Path, cleanup: ExitStack) -> list[Way]:
    """All of them; ``cleanup`` stops the processes that they need."""

    def start(name: str, module: str, *arguments: str) -> str:
        part = Part(name, module, [*arguments, "--port", "0"], log_dir=logs)
        cleanup.callback(part.close)
        url: str = part.url
        return url

    models = start("models", "devstack.models")
    qdrant = start("qdrant", "devstack.qdrant", "--data", str(logs / "qdrant"))
    return [
        _openai(),
        ApiWay(
            "compatible API (model server, loopback)",
            models,
            model=LOCAL_MODEL,
            dimensions=LOCAL_DIMENSIONS,
            cost=FREE,
        ),
        LocalWay(),
        OnnxruntimeWay(),
        ServerWay(qdrant),
    ]


def _openai() -> Way:
    key = os.environ.get("OPENAI_API_KEY")
    if not key:
        return UnmeasuredApi()
    model = os.environ.get("EMBEDDING_MODEL", "text-embedding-3-small")
    url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    dimensions = int(os.environ.get("EMBEDDING_DIMENSIONS", "1536"))
    return ApiWay(f"API, {model}", url, model=model, dimensions=dimensions, cost="", key=key)


def _inference(text: str) -> dict[str, str]:
    return {"text": text, "model": LOCAL_MODEL}


def _model_megabytes() -> float:
    paths = [Path(str(distribution(file.package).locate_file(file.path))) for file in (WEIGHTS, TOKENIZER)]
    return sum(path.stat().st_size for path in paths) / 1024 / 1024


def _package_megabytes(name: str) -> float:
    """An installed package without compiled caches, and without what it needs itself."""
    files = [Path(str(f.locate())) for f in distribution(name).files or [] if "__pycache__" not in f.parts]
    return sum(path.stat().st_size for path in files if path.is_file()) / 1024 / 1024
