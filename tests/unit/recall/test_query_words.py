"""What a question says of itself: whom it names, which time it is about, whether it asks for anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.query_words import TimeFocus, named_speaker, names_anyone, read_query

names = st.lists(st.sampled_from(["ana", "ben", "lima", "okri", "maría", "o'neill"]), min_size=1, max_size=3)
speakers = st.frozensets(names.map(" ".join), max_size=4)


@pytest.mark.parametrize(
    "query",
    [
        "Where do I live?",
        "What is my current job?",
        "my last visit to the dentist",
        "When did I last see Ana?",  # "last" and "now" outweigh what else speaks of the past
        "Did I recently move?",
        "what was the latest version again",
        "Wo wohne ich?",
        "",
        "?!",
    ],
)
def test_a_question_is_about_the_present_unless_it_speaks_of_the_past_only(query: str) -> None:
    assert read_query(query).focus is TimeFocus.PRESENT


@pytest.mark.parametrize(
    "query",
    [
        "When did Ana move?",
        "WHEN was the wedding",
        "my first job",
        "Where had I lived before?",
        "What happened two years ago?",
        "who originally proposed it",
    ],
)
def test_when_first_and_before_are_about_the_past(query: str) -> None:
    assert read_query(query).focus is TimeFocus.PAST


def test_a_word_within_a_word_says_nothing_about_time() -> None:
    assert read_query("the whenever beforehand firsthand dids").focus is TimeFocus.PRESENT
    assert read_query("nowhere, lastly: when?").focus is TimeFocus.PAST


@pytest.mark.parametrize(
    ("query", "small_talk"), [("hello", True), ("Thanks a lot, Ana", False), ("Hi! Who am I?", False)]
)
def test_small_talk_asks_for_nothing(query: str, small_talk: bool) -> None:
    assert read_query(query).small_talk is small_talk


@pytest.mark.parametrize(
    ("query", "known", "named"),
    [
        ("What does Ana like?", {"ana", "ben"}, "ana"),
        ("what does LIMA like?", {"ana lima", "ben okri"}, "ana lima"),
        ("Is Ana Lima at work?", {"ana lima", "ben okri"}, "ana lima"),
        ("Ana's bicycle", {"ana lima"}, "ana lima"),
        ("Ana-Maria's bicycle", {"ana", "ben"}, "ana"),
        ("¿Dónde vive MARÍA?", {"maría", "ben"}, "maría"),
        ("O'Neill said what?", {"shane o'neill"}, "shane o'neill"),
        ("What do Ana and Ben like?", {"ana", "ben"}, None),
        ("What do they like?", {"ana", "ben"}, None),
        ("Did Ben have a bath, and did I?", {"ben o.", "ana a.", "john i. okri"}, "ben o."),
        ("Banana?", {"ana"}, None),
        ("What does Ana like?", set(), None),
        ("Who is Lima?", {"ana lima", "ben lima"}, None),
        ("Who is Ana Lima?", {"ana lima", "ben lima"}, "ana lima"),
        ("Ana Lima and Ben?", {"ana lima", "ben lima"}, None),
        ("Ana Lima?", {"ana", "ana lima"}, "ana lima"),
    ],
)
def test_the_one_speaker_named_by_any_part_of_the_name(query: str, known: set[str], named: str | None) -> None:
    assert named_speaker(read_query(query), frozenset(known)) == named


@given(st.text(max_size=60), speakers)
def test_whoever_is_named_is_one_of_the_speakers_and_has_a_word_in_the_question(
    query: str, known: frozenset[str]
) -> None:
    words = read_query(query)
    named = named_speaker(words, known)
    assert named is None or (
        named in known and any(part in query.casefold() for part in named.replace("'", " ").split())
    )


@given(names, names)
def test_of_two_the_one_whose_whole_name_is_said_is_named_unless_the_other_has_all_of_it_too(
    name: list[str], other: list[str]
) -> None:
    said, both = " ".join(name), frozenset({" ".join(name), " ".join(other)})
    named = named_speaker(read_query(f"What does {said} like?"), both)
    assert named == (None if set(other) >= set(name) and len(both) > 1 else said)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Who is Ana Lima?", {"Ana", "Lima"}),
        ("Ana is who?", set()),  # the first word of a sentence has a capital letter anyway
        ('What did O\'Neill say about "Rome"?', {"Neill", "Rome"}),
        ("who is ana?", set()),
        ("Où est Élodie ?", {"Élodie"}),
        ("", set()),
    ],
)
def test_names_are_what_has_a_capital_letter_within_the_question(query: str, names: set[str]) -> None:
    assert read_query(query).names == names


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Who is Ana?", True),
        ("who is ana?", True),
        ("Who is Lima?", True),
        ("Who is Tomas?", True),
        ("Who is Tom?", False),
        ("Who is tomas?", False),
        ("What is a chess club?", False),
    ],
)
def test_anyone_is_named_as_a_speaker_in_any_way_or_as_a_text_writes_it(query: str, named: bool) -> None:
    assert names_anyone(read_query(query), {"ana lima"}, ["Tomas joined the chess club."]) is named


@pytest.mark.parametrize(("query", "impersonal"), [("Why is the sky blue?", True), ("Why is my boat blue?", False)])
def test_it_says_whether_it_is_about_nobody(query: str, impersonal: bool) -> None:
    assert read_query(query).impersonal is impersonal


@given(st.text(max_size=200))
def test_any_text_is_read_and_its_words_are_folded(query: str) -> None:
    read = read_query(query)
    assert all(word == word.casefold() and " " not in word for word in read.words)
    assert read.focus in TimeFocus
