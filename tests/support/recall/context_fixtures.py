"""A pytest plugin: the context function as a cold start loads it, between a scripted Qdrant and embedder."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from operator_memory.entrypoints.settings import Settings

from tests.support import time_outs
from tests.support.loopback import HttpServer
from tests.support.recall.context_function import KEY, World

APP = Path(__file__).parents[3] / "functions" / "context" / "app.py"
DEFAULTS = {
    "SERVICE_TOKEN_KEYS": json.dumps({"k1": KEY}),
    "OPENAI_API_KEY": "sk-test",
    "QDRANT_API_KEY": "q-test",
    "EMBEDDING_DIMENSIONS": "2",
    **{f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")},
}
AMPLE_TIME = {"EMBEDDING_TIMEOUT_MS": "5000", "QDRANT_TIMEOUT_MS": "5000", "CONTEXT_TIMEOUT_MS": "10000"}


@pytest.fixture
def start_context(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[..., ModuleType]:
    """Imports the function anew with the given environment."""

    def cold_start(**environ: str) -> ModuleType:
        for spec in Settings.__dataclass_fields__.values():
            monkeypatch.delenv(spec.metadata["env"], raising=False)
        for name, value in {**DEFAULTS, **environ}.items():
            monkeypatch.setenv(name, value)
        spec_of_app = importlib.util.spec_from_file_location("context_function_under_test", APP)
        assert spec_of_app is not None
        assert spec_of_app.loader is not None
        module = importlib.util.module_from_spec(spec_of_app)
        spec_of_app.loader.exec_module(module)
        retrieve = module._APP.context
        for client in (retrieve._search._collection._client, retrieve._embedder._client):
            request.addfinalizer(client.close)  # Lambda ends the process; a test must not leave sockets
        return module

    return cold_start


@pytest.fixture
def make_context_function(start_context: Callable[..., ModuleType]) -> Iterator[Callable[..., World]]:
    """Starts the function with the given environment between two servers."""
    with HttpServer() as qdrant, HttpServer() as embeddings, time_outs.at_once() as waits:
        yield lambda **environ: World(start_context, qdrant, embeddings, waits, **environ)


@pytest.fixture
def context_function(make_context_function: Callable[..., World]) -> World:
    """The function with all the time that its settings allow."""
    return make_context_function(**AMPLE_TIME)
