"""The relevance gate's measured numbers, by embedding model (``relevance.json``, see `domain.recall.relevance`)."""

import json
from dataclasses import fields
from pathlib import Path

from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.relevance import RelevanceGate

FILE = Path(__file__).with_name("relevance.json")
UNMEASURED = RelevanceGate(similarity=0.1, words=0.1, each=0.03)
"""For an embedder that nobody has measured: low, so that it keeps out only what no embedder would call close. Of
questions about nobody it asks no more."""


_SAME_MODEL = {"sentence-transformers/all-minilm-l6-v2": "all-minilm-l6-v2-int8"}
"""Names that servers have for a measured model, in lower case, and the name by which it was measured."""


def model_name(model: str) -> str:
    """One name for an embedding model that servers call differently."""
    return _SAME_MODEL.get(model.lower(), model)


def gate_for(model: str) -> RelevanceGate:
    """The gate measured for ``model``, by this name or by another one of the same model, else `UNMEASURED`."""
    known = json.loads(FILE.read_text("utf-8"))
    measured = known.get(model) or known.get(model_name(model))
    if measured is None:
        return UNMEASURED
    return RelevanceGate(**{field.name: measured[field.name] for field in fields(RelevanceGate)})


def weights_of(parameters: RankingParameters) -> dict[str, float]:
    """The weights under which relevance was measured: with others the numbers mean something else."""
    return {
        name: getattr(parameters, name) for name in ("dense_weight", "keyword_weight", "keyword_scale", "keyword_cap")
    }
