"""``EMBEDDER`` chooses what makes vectors; what does not fit together stops the function's start."""

import pytest
from operator_memory.adapters.local_embeddings import LocalEmbeddings
from operator_memory.adapters.openai_embeddings import OpenAIEmbeddings
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.parts import Parts
from operator_memory.entrypoints.settings import load_settings

QDRANT = {"QDRANT_URL": "http://127.0.0.1:1"}


def test_unless_told_otherwise_the_api_is_asked() -> None:
    embedder = Parts.from_environment(QDRANT).embedder()
    assert isinstance(embedder, OpenAIEmbeddings)
    assert embedder.dimensions == 1536


def test_the_local_model_needs_no_other_setting() -> None:
    parts = Parts.from_environment({**QDRANT, "EMBEDDER": "local"})
    embedder = parts.embedder()
    assert isinstance(embedder, LocalEmbeddings)
    assert embedder.dimensions == parts.settings.embedding_dimensions == 384


def test_the_local_models_vectors_have_384_dimensions_and_no_others() -> None:
    assert load_settings({**QDRANT, "EMBEDDER": "local", "EMBEDDING_DIMENSIONS": "384"}).embedding_dimensions == 384
    with pytest.raises(ConfigurationError, match=r"have 384 dimensions: set EMBEDDING_DIMENSIONS so\."):
        load_settings({**QDRANT, "EMBEDDER": "local", "EMBEDDING_DIMENSIONS": "1536"})


def test_another_embedder_keeps_the_default() -> None:
    for name in ("openai", "server"):
        assert load_settings({**QDRANT, "EMBEDDER": name}).embedding_dimensions == 1536
