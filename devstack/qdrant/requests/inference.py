"""Server-side inference: text into a sparse vector by the engine's own BM25, into a dense one by the bundled MiniLM."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING

import qdrant_edge as edge

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.engine.text_options import TEXT_KEYS, text_arguments
from devstack.qdrant.errors import format_error, unsupported
from devstack.qdrant.jsonio import known_keys, required

if TYPE_CHECKING:
    from devstack.models.minilm import MiniLM

MODEL = "qdrant/bm25"
DENSE_MODELS = ("sentence-transformers/all-minilm-l6-v2", "all-minilm-l6-v2-int8")
"""Qdrant Cloud's name for the model, and the bundled model server's."""
_OPTION_KEYS = TEXT_KEYS | {"k", "b", "avg_len", "language"}


def is_inference(value: Json) -> bool:
    """Whether ``value`` asks for a vector instead of giving one (``{"text": ..., "model": ...}``)."""
    return isinstance(value, dict) and isinstance(value.get("model"), str)


@lru_cache(maxsize=32)
def _model(options: str) -> edge.Bm25:
    parsed: JsonObject = json.loads(options)
    return edge.Bm25(edge.Bm25Config(**text_arguments(parsed))) if parsed else edge.Bm25()


def embed(document: JsonObject, *, query: bool) -> edge.SparseVector:
    """Sparse vector of an inference object: of a query each term weighs 1, of a document by BM25's tf.

    Raises:
        QdrantError: 400 for another model, an image or object, or an unknown option.
    """
    if str(document["model"]).lower() != MODEL:
        raise unsupported(f"inference model {document['model']} (only {MODEL})")
    text = _text(document)
    options = known_keys(document.get("options", {}), _OPTION_KEYS, "inference.options")
    model = _model(json.dumps(options, sort_keys=True))
    return model.embed_query(text) if query else model.embed_document(text)


def embed_dense(document: JsonObject) -> list[float]:
    """Dense vector of an inference object: 384 numbers.

    Raises:
        QdrantError: 400 for another model, an image or object, or any option.
    """
    if str(document["model"]).lower() not in DENSE_MODELS:
        raise unsupported(f"inference model {document['model']} for a dense vector (only {' or '.join(DENSE_MODELS)})")
    known_keys(document.get("options", {}), (), "inference.options")
    return list(_embedded(_text(document)))


def _text(document: JsonObject) -> str:
    text = required(known_keys(document, ("text", "model", "options"), "inference"), "text", "inference")
    if not isinstance(text, str):
        raise format_error("inference.text: expected a string")
    return text


@lru_cache(maxsize=64)  # a hybrid search holds the same text several times
def _embedded(text: str) -> tuple[float, ...]:
    return tuple(_minilm().embed([text])[0])


@lru_cache(maxsize=1)
def _minilm() -> "MiniLM":
    from devstack.models.minilm import MiniLM  # half a second and 100 MB, which most runs do without

    return MiniLM()
