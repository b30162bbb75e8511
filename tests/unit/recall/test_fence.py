"""What is written around memories is found again by the same form, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.fence import CITATION_DIGITS, CLOSING, OPENING, citation, uncited, without_memories

digits = st.text("0123456789", min_size=CITATION_DIGITS, max_size=64)
plain = st.text(st.sampled_from("ab .,\n"), max_size=20)


@given(plain, plain, st.lists(digits, min_size=1, max_size=3))
def test_every_citation_that_is_written_is_found_again(before: str, after: str, cited: list[str]) -> None:
    together = ", ".join(map(citation, cited))
    assert without_memories(f"{before}[{together}]{after}") == before.removesuffix(" ") + after


@given(plain, plain, plain)
def test_a_fenced_context_is_taken_out_and_what_stands_around_it_stays(before: str, inside: str, after: str) -> None:
    assert without_memories(f"{before}{OPENING}\n{inside}\n{CLOSING}{after}") == f"{before} {after}"
    assert without_memories(f"{before}{OPENING}\n{inside}") == f"{before} ", "cut off"


@pytest.mark.parametrize("text", ["[m123]", "[m:1a2b3c4d]", "[ M 12]", "[M:", "\uff3bm\uff11\uff10\uff10", "\u3010m:"])
def test_a_text_that_is_no_citation_any_more_is_not_taken_for_one(text: str) -> None:
    assert uncited(text).startswith("(")
    assert without_memories(uncited(text)) == uncited(text)


def test_a_persons_own_brackets_stay() -> None:
    assert without_memories(uncited("[map] [1] (m: 3)")) == "[map] [1] (m: 3)"


def test_a_citation_of_an_older_context_is_taken_out_too() -> None:
    assert without_memories("You live in Lund [m:1a2b3c4d].") == "You live in Lund."
