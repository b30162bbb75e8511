"""``EMBEDDER`` chooses what makes vectors; what does not fit together stops the function's start."""

import pytest
from operator_memory.adapters.models.local_embeddings import LocalEmbeddings
from operator_memory.adapters.models.openai_embeddings import OpenAIEmbeddings
from operator_memory.domain.errors import ConfigurationError
from operator_memory.domain.memory.vectors import InferenceText
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.load_settings import load_settings

QDRANT = {"QDRANT_URL": "http://127.0.0.1:1"}


def test_unless_told_otherwise_the_api_is_asked() -> None:
    embedder = AdaptersInUse.from_environment(QDRANT).embedder()
    assert isinstance(embedder, OpenAIEmbeddings)
    assert embedder.dimensions == 1536


def test_the_local_model_needs_no_other_setting() -> None:
    parts = AdaptersInUse.from_environment({**QDRANT, "EMBEDDER": "local"})
    embedder = parts.embedder()
    assert isinstance(embedder, LocalEmbeddings)
    assert embedder.dimensions == parts.settings.embedding_dimensions == 384


def test_the_local_model_is_the_one_that_it_is() -> None:
    named = {"EMBEDDING_MODEL": "all-minilm-l6-v2-int8", "EMBEDDING_DIMENSIONS": "384"}
    assert load_settings({**QDRANT, "EMBEDDER": "local", **named}) == load_settings({**QDRANT, "EMBEDDER": "local"})
    with pytest.raises(ConfigurationError, match=r"have 384 numbers: set EMBEDDING_DIMENSIONS so, or not at all\."):
        load_settings({**QDRANT, "EMBEDDER": "local", "EMBEDDING_DIMENSIONS": "1536"})
    with pytest.raises(ConfigurationError, match=r"whose model is all-minilm-l6-v2-int8: set EMBEDDING_MODEL so"):
        load_settings({**QDRANT, "EMBEDDER": "local", "EMBEDDING_MODEL": "text-embedding-3-small"})


def test_qdrant_is_told_the_model_and_gets_the_texts() -> None:
    model = "sentence-transformers/all-minilm-l6-v2"
    named = {"EMBEDDER": "server", "EMBEDDING_MODEL": model, "EMBEDDING_DIMENSIONS": "384"}
    embedder = AdaptersInUse.from_environment({**QDRANT, **named}).embedder()
    assert embedder.dimensions == 384
    texts = ["I drink tea", "", "half a \ud800 pair"]
    expected = [InferenceText(text, model) for text in ("I drink tea", " ", "half a ? pair")]
    assert embedder.embed(texts, timeout=0.0) == expected
    assert "tea" not in repr(expected)


def test_qdrant_is_not_asked_to_shorten_vectors() -> None:
    with pytest.raises(ConfigurationError, match="set EMBEDDING_SEND_DIMENSIONS=false"):
        load_settings({**QDRANT, "EMBEDDER": "server", "EMBEDDING_SEND_DIMENSIONS": "true"})


def test_another_embedder_keeps_the_defaults() -> None:
    for name in ("openai", "server"):
        settings = load_settings({**QDRANT, "EMBEDDER": name})
        assert (settings.embedding_model, settings.embedding_dimensions) == ("text-embedding-3-small", 1536)


def test_a_search_that_makes_its_vectors_has_the_time_for_both() -> None:
    times = {**QDRANT, "QDRANT_TIMEOUT_MS": "300", "EMBEDDING_TIMEOUT_MS": "200"}
    assert load_settings(times).search_timeout_seconds == 0.3
    assert load_settings({**times, "EMBEDDER": "server"}).search_timeout_seconds == 0.5
