"""``?explain=true`` in the contract: what it may be, what an explanation holds, and that it is documented."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.application.recall.retrieve_context import ContextResult, Timing
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts, Source
from operator_memory.entrypoints.api.openapi import document
from operator_memory.entrypoints.contracts.context import context_view, wants_explanation

from tests.support.builders import a_memory
from tests.support.recall.rankings import findings, ranked

PUBLISHED = Path(__file__).parents[3] / "docs" / "openapi.json"
ROUNDED = 6e-4
"""Each of the parts and their sum are rounded to four digits."""


def view(*memories: RankedMemory, explain: bool) -> list[dict[str, Any]]:
    """The memories as they are answered."""
    result = ContextResult("", memories, 0, (), Timing(0, 0, 0))
    answered: list[dict[str, Any]] = context_view(result, explain=explain)["memories"]
    return answered


@pytest.mark.parametrize(
    ("parameters", "explain"),
    [(None, False), ({}, False), ({"explain": "false"}, False), ({"explain": "true"}, True)],
)
def test_it_is_true_or_false_and_by_default_false(parameters: dict[str, str] | None, explain: bool) -> None:
    assert wants_explanation(parameters) is explain


@given(st.dictionaries(st.sampled_from(["explain", "Explain", "q", "", "limit"]), st.text(max_size=8), max_size=3))
def test_all_else_is_refused_by_name(parameters: dict[str, str]) -> None:
    others = sorted(set(parameters) - {"explain"})
    if not others and parameters.get("explain", "true") in ("true", "false"):
        wants_explanation(parameters)
        return
    with pytest.raises(InvalidInputError) as refusal:
        wants_explanation(parameters)
    assert refusal.value.field == (others[0] if others else "explain")


@given(findings(), st.integers(1, 12))
def test_the_parts_of_whatever_is_ranked_sum_to_its_score(found: Any, limit: int) -> None:
    result = ranked(found, limit)
    for memory, shown in zip(result, view(*result, explain=True), strict=True):
        explanation = shown["explain"]
        assert list(explanation["parts"]) == [field.name for field in fields(ScoreParts)]
        assert sum(explanation["parts"].values()) == pytest.approx(shown["score"], abs=ROUNDED)
        assert explanation["relevance"] == pytest.approx(memory.parts.relevance, abs=ROUNDED)
        assert explanation["source"] == memory.source.value


@pytest.mark.parametrize("source", Source)
def test_an_explanation_is_plain_json_and_numbers_are_short(source: Source) -> None:
    parts = ScoreParts(**{field.name: 1 / 3 for field in fields(ScoreParts)})
    memory = RankedMemory(a_memory("Likes tea."), parts.total, parts, source)
    [shown] = view(memory, explain=True)
    assert json.loads(json.dumps(shown)) == shown
    assert set(shown["explain"]["parts"].values()) == {0.3333}
    assert shown["explain"]["source"] == str(source)
    assert shown["score"] == pytest.approx(len(fields(ScoreParts)) / 3, abs=ROUNDED)


def test_it_adds_to_an_answer_and_changes_nothing_in_it() -> None:
    memory = RankedMemory(a_memory("Likes tea."), 0.5, ScoreParts(meaning=0.3, words=0.2))
    [plain], [explained] = (view(memory, explain=explain) for explain in (False, True))
    assert explained == {**plain, "explain": explained["explain"]}
    assert "explain" not in plain


def test_a_part_that_takes_away_is_shown_as_such() -> None:
    parts = replace(ScoreParts(meaning=0.3), asking=-0.05)
    [shown] = view(RankedMemory(a_memory("Which tea?"), parts.total, parts), explain=True)
    assert (shown["explain"]["parts"]["asking"], shown["score"]) == (-0.05, 0.25)


@pytest.mark.parametrize("openapi", [document(), json.loads(PUBLISHED.read_text("utf-8"))], ids=["made", "published"])
def test_openapi_documents_the_parameter_and_what_it_accepts(openapi: dict[str, Any]) -> None:
    route = openapi["paths"]["/v1/context"]["post"]
    [explain] = [parameter for parameter in route["parameters"] if parameter["name"] == "explain"]
    assert explain["in"] == "query"
    assert not explain.get("required", False)
    assert explain["description"]
    for value in explain["schema"]["enum"]:
        assert wants_explanation({"explain": value}) is (value == "true")
    assert wants_explanation(None) is (explain["schema"]["default"] == "true")
    assert [parameter["name"] for parameter in route["parameters"]] == ["explain"], "all others are refused"
    assert "422" in route["responses"]
