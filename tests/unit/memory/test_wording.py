"""Whether a fact says more than another that was read from the same words."""

import pytest
from operator_memory.domain.memory.wording import says_nothing_more

SAID = ("I live in Berlin. I like chess, cheese and Mary's garden.",)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("User is living in Berlin.", "User lives in Berlin."),
        ("The user lives in Berlin", "User lives in Berlin."),
        ("User likes chess.", "User likes chess and cheese."),
    ],
)
def test_another_form_of_a_word_says_nothing_more(text: str, other: str) -> None:
    assert says_nothing_more(text, other, said=SAID)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("User likes cheese.", "User likes chess."),  # both were said
        ("User likes Marx.", "User likes Mary."),  # a name
        ("User likes gardens.", "User likes chess."),
        ("User lives in Berlin 12.", "User lives in Berlin."),
        ("User is living in Bern.", "User lives in Berlin."),
    ],
)
def test_another_word_says_more(text: str, other: str) -> None:
    assert not says_nothing_more(text, other, said=SAID)
