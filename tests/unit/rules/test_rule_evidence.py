"""Every fact says whose it is and quotes what it was read from, so that the words are found."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.evidence import Evidence, Finding
from operator_memory.domain.learning.proposals import ProposedFact, Quote
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.rules.extract import RuleFact, extract_facts

from tests.cases.rules import CASES
from tests.cases.rules_sentences import STATED

DAY = datetime(2026, 11, 24, tzinfo=UTC).date()
NO_VECTOR: Vector = (0.0,)


def examined(fact: RuleFact, turns: list[Turn], earlier: list[Turn]) -> Finding:
    proposed = ProposedFact(fact.text, fact.attributed_to, NO_VECTOR, quotes=fact.quotes)
    return Evidence(turns, [proposed], earlier=earlier).examine(proposed, day=DAY)


@pytest.mark.parametrize("said", [said for said, facts in CASES + STATED if facts and not said.startswith("A: ")])
def test_what_is_learned_of_a_sentence_is_supported_by_its_quotes(said: str) -> None:
    turns = [Turn("user", f"Good morning.\n{said}")]
    for fact in extract_facts(turns, observed_on=DAY):
        assert all(quote.text in turns[0].text and quote.message == 0 for quote in fact.quotes)
        assert examined(fact, turns, []).reason is None, fact


@pytest.mark.parametrize(
    ("said", "fact", "quote"),
    [
        ("My name is Ana and I live in Porto.", "User lives in Porto.", "I live in Porto."),
        ("Hey, I\u2019m vegan, and I\u2019ve got two cats!", "User has two cats.", "I\u2019ve got two cats!"),
        ("I like jazz - it's great fun.", "User likes jazz.", "I like jazz - it's great fun."),
        ("I see  Dr. Weiss on Monday, and I have  a dog.", "User has a dog.",
         "I see  Dr. Weiss on Monday, and I have  a dog."),
        ("Ich hei\u00dfe Anna und wohne in Hamburg.", "User lives in Hamburg.", "wohne in Hamburg."),
        ("Last week, I moved to Turin.", "User moved to Turin last week (2026-11-16 to 2026-11-22).",
         "Last week, I moved to Turin."),
    ],
)  # fmt: skip
def test_the_quote_is_the_clause_letter_for_letter_where_that_can_be_told(said: str, fact: str, quote: str) -> None:
    found = {f.text: f.quotes for f in extract_facts([Turn("user", said)], observed_on=DAY)}
    assert found[fact] == (Quote(quote, 0),)


@pytest.mark.parametrize(
    ("question", "answer", "fact"),
    [
        ("Do you eat meat?", "No.", "User does not eat meat."),
        ("Do you eat meat?", "Not since 2019.", "User does not eat meat since 2019."),
        ("Great. Do you have kids?", "Yes", "User has kids."),
        ("Are you vegetarian?", "Yes, I am.", "User is vegetarian."),
        ("Are you vegetarian?", "Nope", "User is not vegetarian."),
        ("What's the cat's name?", "Miso.", "User's cat's name is Miso."),
        ("What is your favourite colour?", "Teal", "User's favourite colour is Teal."),
        ("Where do you live?", "In Porto.", "User lives in Porto."),
        ("Where are you from?", "Peru", "User is from Peru."),
        ("How old are you?", "34", "User is 34 years old."),
        ("What do you do for a living?", "Landscape architect.", "User works as Landscape architect."),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_an_answer_is_quoted_with_its_question(question: str, answer: str, fact: str, *, before: bool) -> None:
    asked, said = Turn("assistant", f"I see.\n{question}"), Turn("user", answer)
    turns, earlier = ([said], [asked]) if before else ([asked, said], [])
    [found] = extract_facts(turns, earlier=earlier, observed_on=DAY)
    place = 0 if before else 1
    assert found.text == fact
    assert found.quotes == (Quote(question.removeprefix("Great. "), place - 1), Quote(answer, place))
    assert examined(found, turns, earlier).reason is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Do you like it?", "Yes."),
        ("Do you eat meat or fish?", "Yes."),
        ("Are you ready?", "Yes."),
        ("Shall I book it?", "Yes."),
        ("What's your budget?", "I don't know."),
        ("Where do you live?", "Why do you ask?"),
        ("Do you eat meat?", "What is for dinner?"),
        ("What is your favourite colour?", "I'll tell you later."),
    ],
)
def test_what_does_not_answer_a_question_is_not_read_as_its_answer(question: str, answer: str) -> None:
    assert extract_facts([Turn("assistant", question), Turn("user", answer)]) == []


def test_only_the_turn_before_can_ask() -> None:
    asked, said = Turn("assistant", "Do you eat meat?"), Turn("user", "No.")
    assert extract_facts([asked, Turn("user", "Hm."), said]) == []
    assert extract_facts([Turn("user", "Do you eat meat?"), said]) == []


def test_what_was_agreed_is_quoted_with_what_the_user_said_to_it() -> None:
    agreed = Turn("assistant", "We agreed to name the branches OPS.")
    proposal = Turn("user", "Good. Let's name the branches OPS from today.")
    [after] = extract_facts([agreed, Turn("user", "Yes, perfect. What next?")])
    [before] = extract_facts([proposal, agreed])
    [alone] = extract_facts([Turn("user", "What next?"), agreed, Turn("user", "No, we did not.")])
    assert after.quotes == (Quote(agreed.text, 0), Quote("Yes, perfect.", 1))
    assert before.quotes == (Quote(agreed.text, 1), Quote("Let's name the branches OPS from today.", 0))
    assert alone.quotes == (Quote(agreed.text, 1),)
    assert examined(before, [proposal, agreed], []).reason is None


def test_a_named_speakers_facts_are_theirs() -> None:
    turns = [Turn("user", "My name is Eric.", name="Eric"), Turn("user", "I love my dog Rex.", name="Tomas (owner)")]
    facts = extract_facts(turns)
    assert [(f.text, f.about) for f in facts] == [
        ("User's name is Eric.", "Eric"),
        ("Tomas loves their dog Rex.", "Tomas"),
    ]


def test_of_two_that_cannot_both_hold_the_later_stays_but_not_between_people() -> None:
    cork, galway = "I live in Cork.", "Sorry, I meant Galway, I live in Galway."
    assert [f.text for f in extract_facts([Turn("user", cork), Turn("user", galway)])] == ["User lives in Galway."]
    two = [Turn("user", cork, name="Ana"), Turn("user", galway, name="Ben")]
    assert [f.text for f in extract_facts(two)] == ["Ana lives in Cork.", "Ben lives in Galway."]


pieces = st.sampled_from([said for said, _ in CASES + STATED] + ["\n", "Do you eat meat?", "No.", "`x`", "Dr. "])
turns = st.builds(Turn, st.sampled_from(["user", "assistant"]), st.lists(pieces, min_size=1, max_size=4).map(" ".join))


@given(st.lists(turns, max_size=4), st.lists(turns, max_size=2))
def test_every_quote_stands_in_the_turn_that_it_names(said: list[Turn], earlier: list[Turn]) -> None:
    everything = [*earlier, *said]
    for fact in extract_facts(said, earlier=earlier, observed_on=DAY):
        assert fact.quotes
        for quote in fact.quotes:
            assert quote.message is not None
            assert quote.text in everything[quote.message + len(earlier)].text
