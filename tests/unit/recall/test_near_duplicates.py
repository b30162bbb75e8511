"""What says the same thing stands once in a context; what only looks alike stands twice."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from operator_memory.domain.recall.near_duplicates import MAX_COMPARED_CHARACTERS, distinct

WORDS = [
    "green",
    "tea",
    "coffee",
    "garden",
    "office",
    "meeting",
    "prefers",
    "quiet",
    "morning",
    "likes",
    "lives",
    "works",
]


def near_duplicates(one: str, other: str) -> bool:
    """Whether of the two only one is kept."""
    return len(distinct([one, other], str)) == 1


sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("User likes tea.", "The user likes tea"),
        ("Likes tea", "User really likes tea!"),
        ("The user's favourite drink is green tea.", "Green tea is the user's favourite drink"),
        ("Is vegan and lives in Lisbon.", "Lives in Lisbon and is vegan"),
        ("Prefers short answers in British English", "prefers SHORT answers, in british english"),
        ("Does not like coffee", "The user does not like coffee."),
        ("Has 2 cats", "The user has 2 cats"),
        ("Mag grünen Tee", "mag gru\u0308nen tee."),
        (
            "Works on the search team of a large bookshop in Porto",
            "Works on the search team of a large online bookshop in Porto",
        ),
        ("私は紅茶が好きです。", "私は紅茶が好きです"),
    ],
)
def test_the_same_in_other_words_order_or_with_little_added_is_one(one: str, other: str) -> None:
    assert near_duplicates(one, other)
    assert near_duplicates(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Likes tea", "Does not like tea"),
        ("Likes tea", "Doesn't like tea"),
        ("Likes tea", "Dislikes tea"),
        ("Likes tea", "Likes green tea"),
        ("Has 5 cats", "Has 6 cats"),
        ("Has five cats in the house by the sea", "Has six cats in the house by the sea"),
        ("Moved from 5 to 6", "Moved from 6 to 5"),
        ("It was -5 degrees", "It was 5 degrees"),
        ("Writes C++", "Writes C#"),
        ("Owes $5", "Owes €5"),
        ("Ana told Ben about the house", "Ben told Ana about the house"),
        ("Flies from Paris to Rome", "Flies from Rome to Paris"),
        ("Meets the team of the office on Monday", "Meets the team of the office on Tuesday"),
        ("Works at the bakery by the old harbour road", "Works at the bakery by the old harbour road in Faro"),
        ("Works as a teacher", "Worked formerly as a teacher"),
        ("Is a teacher", "Was a teacher"),
        ("Lives in Porto", "No longer lives in Porto"),
        ("Eats fish", "Eats fish only on holidays"),
        ("Mag Tee", "Mag keinen Tee"),
        ("Foi professor", "Já não foi professor"),
        ("紅茶が好きです", "紅茶が好きではありません"),
        ("👍", "👎"),
        ("...", "?!"),
    ],
)
def test_what_differs_in_fact_stays_two(one: str, other: str) -> None:
    assert not near_duplicates(one, other)
    assert not near_duplicates(other, one)


@given(sentences, st.randoms(use_true_random=False))
def test_the_order_of_the_words_does_not_matter(words: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(words, len(words))
    assert near_duplicates(" ".join(words), f"The user {' '.join(shuffled)}.")


@given(
    sentences, st.sampled_from(["not", "never", "no longer", "without", "7", "unless", "formerly"]), st.integers(0, 12)
)
def test_no_negation_or_number_is_ever_lost(words: list[str], turning: str, at: int) -> None:
    turned = " ".join([*words[:at], turning, *words[at:]])
    assert not near_duplicates(" ".join(words), turned)


@given(sentences, st.integers(0, 1000), st.integers(0, 1000))
def test_other_numbers_are_other_memories(words: list[str], one: int, other: int) -> None:
    assume(one != other)
    said = " ".join(words)
    assert not near_duplicates(f"{said} {one}", f"{said} {other}")


@given(sentences, st.data())
def test_a_word_in_the_place_of_another_makes_another_memory(words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words) - 1))
    other = data.draw(st.sampled_from([word for word in [*WORDS, "train"] if word not in words]))
    assert not near_duplicates(" ".join(words), " ".join([*words[:at], other, *words[at + 1 :]]))


@given(st.lists(st.one_of(st.text(max_size=30), sentences.map(" ".join))))
def test_the_first_of_each_stays_in_its_place_and_nothing_is_left_to_collapse(texts: list[str]) -> None:
    kept = distinct(texts, str)
    assert distinct(kept, str) == kept
    positions = iter(texts)
    assert all(text in positions for text in kept), "a part of the given, in its order"
    assert kept[:1] == texts[:1], "the best one always stays"


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_measure_has_no_direction(one: str, other: str) -> None:
    assert near_duplicates(one, one)
    assert near_duplicates(one, other) == near_duplicates(other, one)


def test_long_texts_are_one_only_if_they_are_the_same() -> None:
    long = "garden " * MAX_COMPARED_CHARACTERS
    assert near_duplicates(long, f"  {long.upper()}.")
    assert not near_duplicates(long, f"the {long}")


def test_it_works_on_anything_that_has_a_text() -> None:
    given_pairs = [(0.9, "Likes tea"), (0.8, "Lives in Lisbon"), (0.7, "User likes tea.")]
    assert distinct(given_pairs, lambda pair: pair[1]) == given_pairs[:2]
