"""The estimate is not below what the model counts, and for English prose not far above."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.models.token_counter import counter_of
from operator_memory.domain.recall.token_count import _FREQUENT, TokenCounter, encoding_of, estimate_tokens

from tests.support.texts import ENGLISH, LANGUAGES, TECHNICAL, random_texts


@pytest.fixture(scope="module", params=["cl100k_base", "o200k_base"])
def counter(request: pytest.FixtureRequest) -> TokenCounter:
    found = counter_of(request.param)
    assert found.name == request.param
    return found


@pytest.mark.parametrize("text", [*ENGLISH, *LANGUAGES, *TECHNICAL])
def test_it_is_not_below_the_count_of_what_people_write(counter: TokenCounter, text: str) -> None:
    assert estimate_tokens(text) >= counter.count(text)


def test_it_is_not_below_the_count_of_lines_of_keys_numbers_and_marks(counter: TokenCounter) -> None:
    lines = [f"- {text} [m123]" for text in random_texts(7, 4000)]
    assert [line for line in lines if estimate_tokens(line) < counter.count(line)] == []


def test_of_english_prose_it_is_at_most_eight_tenths_above(counter: TokenCounter) -> None:
    ratio = sum(map(estimate_tokens, ENGLISH)) / sum(map(counter.count, ENGLISH))
    assert 1.2 < ratio <= 1.8


def test_the_frequent_words_are_one_token_each(counter: TokenCounter) -> None:
    for word in _FREQUENT:
        assert [counter.count(form) for form in (word, f" {word}", f" {word.title()}")] == [1, 1, 1], word


@given(st.text(), st.text())
def test_the_tokens_of_a_line_do_not_depend_on_the_next(one: str, other: str) -> None:
    assert estimate_tokens(f"{one}\n{other}") == estimate_tokens(f"{one}\n") + estimate_tokens(other)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("GPT-5.1", "o200k_base"),
        ("o3", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("openai/gpt-4o", "o200k_base"),
        ("ft:gpt-4o-mini:acme::abc", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("gpt-35-turbo-16k", "cl100k_base"),
        ("gpt-45", None),
        ("gpt-4.9", None),
        ("gpt-2", None),
        ("o3x", None),
        ("o30", None),
        ("claude-sonnet-4-5", None),
        ("anthropic/gpt-4o", None),
        ("", None),
        (None, None),
    ],
)
def test_openais_models_are_known_by_their_names(model: str | None, encoding: str | None) -> None:
    assert encoding_of(model) == encoding
