"""The measured numbers of the relevance gate: they belong to the ranking's weights, and each model gets its own."""

import json
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from operator_memory.domain.recall.parameters import USUAL, RankingParameters
from operator_memory.domain.recall.query_words import read_query
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.shared.search_plan import Search, SearchMode
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.relevance import FILE, UNMEASURED, gate_for, weights_of
from operator_memory.entrypoints.settings import LOCAL_MODEL
from operator_memory.entrypoints.wiring.context import build_context

from devstack.qdrant.requests.inference import DENSE_MODELS
from tests.support.builders import NOW
from tests.support.recall.rankings import RUN, a_turn

MEASURED: dict[str, dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
CLOUD_MODEL = "sentence-transformers/all-minilm-l6-v2"
BY_MODEL = pytest.mark.parametrize("model", sorted(MEASURED))


@BY_MODEL
def test_the_numbers_were_measured_with_the_weights_that_are_used(model: str) -> None:
    measured_with = MEASURED[model]["weights"]
    assert measured_with == weights_of(RankingParameters()), (
        f"the ranking's weights have changed since the gate of {model} was measured:"
        " run python -m bench.embedders.calibrate"
    )


def relevances(parameters: RankingParameters) -> list[float]:
    """Of a memory found by meaning, one found by words, and one whose words are beyond doubt."""
    hits = [a_turn("meaning", 0.5, seq=1), a_turn("words?", 0.2, seq=2, pinned=True), a_turn("doubtless", 0.1, seq=3)]
    words = [replace(hit, score=bm25) for hit, bm25 in zip(hits[1:], (9.0, 500.0), strict=True)]
    searches = [Search(RUN, SearchMode.DENSE, 40), Search(RUN, SearchMode.KEYWORD, 40)]
    ranked = rank(searches, [hits, words], RankingRequest(NOW, read_query("words?")), limit=10, parameters=parameters)
    return sorted(r.parts.relevance for r in ranked)


@pytest.mark.parametrize("name", [field.name for field in fields(RankingParameters)])
def test_what_changes_relevance_is_among_the_weights_that_are_written_down(name: str) -> None:
    more: dict[str, Any] = {name: getattr(USUAL, name) * 2}
    changes = relevances(replace(USUAL, **more)) != relevances(USUAL)
    assert changes == (name in weights_of(USUAL))
    assert changes == (weights_of(replace(USUAL, **more)) != weights_of(USUAL))


@BY_MODEL
def test_the_numbers_are_possible_ones(model: str) -> None:
    gate = gate_for(model)
    assert 0.0 < gate.similarity < 1.0
    assert 0.0 < gate.words < USUAL.keyword_weight * USUAL.keyword_cap
    assert 0.0 < gate.each < USUAL.dense_weight
    assert gate.each <= max(USUAL.dense_weight * gate.similarity, gate.words), "what opens the gate passes it"
    assert gate.each < gate.impersonal < 1.0, "more is asked of what is about nobody"


@BY_MODEL
def test_the_evidence_stands_beside_the_numbers(model: str) -> None:
    evidence = MEASURED[model]["evidence"]
    assert date.fromisoformat(evidence["measured_on"])
    assert evidence["memories"] >= 800
    assert evidence["questions"] >= 800
    ways = [evidence[way] for way in ("with_this_gate", "judged_by_the_other_half", "without_a_gate")]
    assert {frozenset(way) for way in ways} == {frozenset(ways[0])}, "the same is said of each"
    for way in ways:
        assert all(0 <= value <= 100 for value in way.values())
    for what in ("nothing_answered_percent", "nothing_memories_each"):
        assert evidence["with_this_gate"][what] < evidence["without_a_gate"][what], "a gate that keeps something out"


@BY_MODEL
def test_a_measured_model_gets_its_numbers(model: str) -> None:
    entry = MEASURED[model]
    assert gate_for(model) == RelevanceGate(entry["similarity"], entry["words"], entry["each"], entry["impersonal"])


@pytest.mark.parametrize("model", ["text-embedding-nobody-has-measured", "", "minilm", f"{LOCAL_MODEL}-2"])
def test_a_model_that_nobody_has_measured_gets_a_low_gate(model: str) -> None:
    assert gate_for(model) == UNMEASURED
    assert all(UNMEASURED.similarity <= gate_for(m).similarity for m in MEASURED)
    assert all(UNMEASURED.each <= gate_for(m).each for m in MEASURED)
    assert UNMEASURED.impersonal == 0.0


@pytest.mark.parametrize("name", [*DENSE_MODELS, CLOUD_MODEL, "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_same_model_under_a_servers_name_has_the_same_gate(name: str) -> None:
    assert gate_for(name) == gate_for(LOCAL_MODEL) != UNMEASURED


ENVIRONMENTS: dict[str, dict[str, str]] = {
    "local": {"EMBEDDER": "local"},
    "server": {"EMBEDDER": "server", "EMBEDDING_MODEL": CLOUD_MODEL, "EMBEDDING_DIMENSIONS": "384"},
    "openai": {"EMBEDDING_MODEL": LOCAL_MODEL, "EMBEDDING_DIMENSIONS": "384", "OPENAI_BASE_URL": "http://127.0.0.1:9"},
    "unmeasured": {"EMBEDDING_MODEL": "nobody-has-measured-it", "OPENAI_BASE_URL": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("embedder", ENVIRONMENTS)
def test_the_context_function_uses_the_gate_of_its_embedder(embedder: str) -> None:
    environ = {
        "QDRANT_URL": "http://127.0.0.1:9",
        "SERVICE_TOKEN_KEYS": json.dumps({"k1": "k" * 40}),
        **{f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")},
        **ENVIRONMENTS[embedder],
    }
    model = AdaptersInUse.from_environment(environ).settings.embedding_model
    expected = UNMEASURED if embedder == "unmeasured" else gate_for(LOCAL_MODEL)
    assert build_context(environ).context._policy.gate == gate_for(model) == expected
