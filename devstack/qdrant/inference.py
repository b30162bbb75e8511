"""Server-side BM25: text into a sparse vector, by the engine's own model."""

import json
from functools import lru_cache

import qdrant_edge as edge

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.errors import format_error, unsupported
from devstack.qdrant.jsonio import known_keys, required
from devstack.qdrant.text_options import TEXT_KEYS, text_arguments

MODEL = "qdrant/bm25"
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
    known = known_keys(document, ("text", "model", "options"), "inference")
    text = required(known, "text", "inference")
    if not isinstance(text, str):
        raise format_error("inference.text: expected a string")
    options = known_keys(known.get("options", {}), _OPTION_KEYS, "inference.options")
    model = _model(json.dumps(options, sort_keys=True))
    return model.embed_query(text) if query else model.embed_document(text)
