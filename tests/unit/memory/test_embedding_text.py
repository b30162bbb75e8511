"""Of a long text as much is embedded as an embedder takes."""

from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.embedding_text import MAX_BYTES, beginning, ending


@given(st.text(max_size=50))
def test_a_short_text_is_embedded_whole(text: str) -> None:
    assert beginning(text) == ending(text) == text


@given(st.text(min_size=1, max_size=9), st.text(max_size=3))
def test_a_long_text_is_cut_between_characters(repeated: str, end: str) -> None:
    text = repeated * MAX_BYTES + end
    assert text.startswith(beginning(text))
    assert text.endswith(ending(text))
    for part in (beginning(text), ending(text)):
        assert MAX_BYTES - 4 < len(part.encode()) <= MAX_BYTES


def test_half_a_surrogate_pair_costs_no_embedding() -> None:
    assert beginning("tea \ud800") == "tea ?"
