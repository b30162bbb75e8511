"""The rule extractor, judged on labelled conversations and by properties."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.rules.extract import MAX_FACTS_PER_TURN, RuleFact, extract_facts

from tests.cases.rules import CASES

DAY = date(2026, 11, 24)


def facts_of(said: str) -> list[RuleFact]:
    role, text = ("assistant", said[3:]) if said.startswith("A: ") else ("user", said)
    return extract_facts([Turn(role, text)], observed_on=DAY)


def meets(fact: RuleFact, expected: str) -> bool:
    about, _, words = expected.partition(": ")
    about_agent = fact.attributed_to == "assistant"
    return about_agent == (about == "agent") and all(word.lower() in fact.text.lower() for word in words.split())


def test_precision_and_recall_on_the_labelled_conversations() -> None:
    found = wanted = right = met = 0
    misses: list[str] = []
    for said, expected in CASES:
        facts = facts_of(said)
        found += len(facts)
        wanted += len(expected)
        right += sum(any(meets(fact, e) for e in expected) for fact in facts)
        met += sum(any(meets(fact, e) for fact in facts) for e in expected)
        misses += [f"missed of {said!r}: {e}" for e in expected if not any(meets(f, e) for f in facts)]
        misses += [f"wrong of {said!r}: {f.text}" for f in facts if not any(meets(f, e) for e in expected)]
    precision, recall = right / found, met / wanted
    assert len(CASES) >= 80
    assert (precision >= 0.9, recall >= 0.85) == (True, True), "\n".join([f"{precision:.2f} {recall:.2f}", *misses])


NEVER = [said for said, _ in CASES[-8:]]


@pytest.mark.parametrize("said", NEVER)
def test_secrets_and_commands_are_never_facts(said: str) -> None:
    assert facts_of(said) == []


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("My name is Ana and I live in Porto.", "User's name is Ana."),
        ("I never fly before 9 am.", "User never flies before 9 am."),
        ("I moved to Malm\u00f6 last month.", "User moved to Malm\u00f6 last month (2026-10)."),
        ("I quit my job yesterday!", "User quit their job yesterday (2026-11-23)."),
        ("Please always answer in short bullet points.", "The user asked to always answer in short bullet points."),
        ("Vivo en Sevilla.", "User lives in Sevilla."),
        ("I live in the US.", "User lives in the US."),
        ("I prefer tea when I am tired.", "User prefers tea when they are tired."),
        ("Stop using emojis.", "The user asked to stop using emojis."),
        ("Don't use emojis.", "The user asked not to use emojis."),
    ],
)
def test_facts_are_sentences_about_the_user_that_stand_alone(said: str, text: str) -> None:
    assert text in [fact.text for fact in facts_of(said)]


def test_the_same_fact_is_found_once_and_says_which_turn_it_is_from() -> None:
    turns = [Turn("assistant", "Hello"), Turn("user", "I live in Porto."), Turn("user", "i live in porto")]
    assert [(fact.text, fact.turn_index) for fact in extract_facts(turns)] == [("User lives in Porto.", 1)]


def test_without_a_date_relative_words_stay_as_they_are() -> None:
    [fact] = extract_facts([Turn("user", "I quit my job yesterday.")])
    assert fact.text == "User quit their job yesterday."


# Words that the rules add of their own.
ADDED = frozenset(
    re.findall(
        r"\S+",
        """user user's the asked to be called is are was has have lives in works as name allergic likes wants will does
        not cannot did from now on and assistant s they their them theirs themselves agreed decided settled
        would there""",
    )
)
PIECES = re.findall(
    r"\S+",
    """I I'm my live in Porto and like tea name is Ana , . ? always answer never we have a dog please - remember that
    call me don't \u2019""",
)
first_person = st.lists(st.sampled_from([*PIECES, "\n"]), max_size=30).map(" ".join)


@given(st.text(max_size=300) | first_person, st.sampled_from(["user", "assistant"]))
def test_whatever_is_said_it_ends_and_every_fact_is_grounded_in_it(said: str, role: str) -> None:
    turn = Turn(role, said)
    facts = extract_facts([turn])
    assert facts == extract_facts([turn])
    words = set(re.findall(r"\w+", said.lower()))
    for fact in facts:
        for word in re.findall(r"\w+", fact.text.lower()):
            stems = {word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y"}
            assert stems & words or word in ADDED or word in {"s"}, (word, fact.text)


HOSTILE = [
    "I",
    "I ",
    "and I am ",
    "I'm never ",
    "```",
    '"I ',
    "always ",
    "my ",
    "please ",
    ". ",
    "?!",
    "\x00",
    "A" * 50 + " ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_100_000_hostile_characters_are_read_in_passing(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    assert len(extract_facts([Turn("user", text), Turn("assistant", text)])) <= 2 * MAX_FACTS_PER_TURN
