"""The relevance gate: small talk asks for nothing, and what is closer is never kept out by being closer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.query_words import QueryWords, read_query
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate, is_small_talk
from operator_memory.domain.shared.search_plan import Hit, SearchMode

from tests.support.builders import a_hit
from tests.support.recall.rankings import Found, P, bm25_for, cosine_for, findings, ranked, searched, texts

DENSE, KEYWORD, PINNED = SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.PINNED
GATE = RelevanceGate(similarity=0.4, words=0.2, each=0.1)
WHERE = read_query("Where do I live?")

SMALL_TALK = {
    "English": [
        "hi",
        "Hello!",
        "HEY THERE",
        "good morning",
        "Thanks so much!",
        "ok",
        "yes, yes... no",
        "bye :)",
        "Just saying hi. Bye!",
    ],
    "German": ["Hallo", "Guten Morgen", "guten tag!", "Danke", "Moin"],
    "Spanish": ["hola", "¡Hola!", "gracias"],
    "French": ["bonjour", "Salut !", "Merci"],
    "Portuguese": ["ola", "bom dia", "obrigada", "Obrigado!"],
    "Italian": ["ciao", "Grazie!"],
}


@pytest.mark.parametrize(
    ("language", "query"), [(language, query) for language, queries in SMALL_TALK.items() for query in queries]
)
def test_greetings_thanks_and_assent_are_small_talk(language: str, query: str) -> None:
    assert is_small_talk(query), language


@pytest.mark.parametrize("query", ["Buenos días", "Olá", "Olá, bom dia!", "boa noite", "Buenas tardes"])
def test_accents_make_no_difference(query: str) -> None:
    assert is_small_talk(query)


@pytest.mark.parametrize("query", ["Is it today?", "Is this right?", "Are you there now?", "Is the dog well?"])
def test_little_words_alone_are_no_greeting(query: str) -> None:
    assert not is_small_talk(query)


QUESTIONS = [
    "hello, where do I live?",
    "Hi! Who am I?",
    "thanks, and what was the name of my dog?",
    "ok then book it",
    "Guten Morgen, wo wohne ich?",
    "hola, ¿dónde vivo?",
    "Bonjour, où est ma voiture ?",
    "good morning coffee order",
    "yes, the blue one",
    "no meat",
    "Thanks Ana",
    "nice restaurants",
    "What is this?",
    "today 15:00",
    "ok 7",
    "well done steak",
]


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_question_that_merely_begins_like_small_talk_is_none(query: str) -> None:
    assert not is_small_talk(query)


@pytest.mark.parametrize("query", ["", "   ", "?!", "👍", "..."])
def test_what_has_no_word_is_no_small_talk(query: str) -> None:
    assert not is_small_talk(query)


def test_a_long_row_of_such_words_is_something_else() -> None:
    assert is_small_talk("yes yes yes yes yes yes")
    assert not is_small_talk("yes yes yes yes yes yes yes")


@given(st.sampled_from(QUESTIONS), st.sampled_from(["hello ", "ok, ", "Danke! ", "¡Hola! ", ""]))
def test_no_greeting_makes_small_talk_of_a_question(question: str, greeting: str) -> None:
    assert not is_small_talk(greeting + question)


@given(st.lists(st.sampled_from(["hi", "Thanks", "ok", "no", "ciao"]), min_size=1, max_size=6), st.sampled_from(" ,!"))
def test_neither_case_nor_punctuation_makes_a_difference(words: list[str], between: str) -> None:
    said = (between + " ").join(words)
    assert is_small_talk(said) == is_small_talk(said.upper()) == is_small_talk(f"  {said}!!") is True


# --- the gate's two steps


@pytest.mark.parametrize(
    ("found", "opens"),
    [
        ([], False),
        ([(0.39, 0.19)], False),
        ([(0.4, 0.0)], True),
        ([(-1.0, 0.2)], True),
        ([(0.39, 0.0), (0.0, 0.19)], False),
        ([(0.0, 0.0), (0.4, 0.0)], True),
    ],
)
def test_the_first_step_one_close_memory_opens_it_by_meaning_or_by_words(
    found: list[tuple[float, float]], opens: bool
) -> None:
    assert GATE.opens(found) is opens


def test_the_second_step_what_has_too_little_itself_stays_out_of_an_open_gate() -> None:
    close, enough, little = (
        a_hit("close", 0.4),
        a_hit("enough", cosine_for(0.1001)),
        a_hit("little", cosine_for(0.0999)),
    )
    assert texts(ranked([searched(DENSE, close, enough, little)], query=WHERE, gate=GATE)) == ["close", "enough"]
    assert ranked([searched(DENSE, enough, little)], query=WHERE, gate=GATE) == []


def test_the_second_step_counts_meaning_and_words_together() -> None:
    hits = [a_hit("close", 0.4), a_hit("both", cosine_for(0.06)), a_hit("meaning", cosine_for(0.06))]
    found = [searched(DENSE, *hits), searched(KEYWORD, a_hit("both", bm25_for(0.05)))]
    assert set(texts(ranked(found, query=WHERE, gate=GATE))) == {"close", "both"}


# --- questions about nobody

MORE = replace(GATE, impersonal=0.3)
CLOSEST = 0.31 / P.dense_weight, 0.29 / P.dense_weight


def for_nobody(
    closest: float, *others: Hit, query: str = "Why is the sky blue?", gate: RelevanceGate = MORE
) -> list[str]:
    return texts(ranked([searched(DENSE, a_hit("closest", closest), *others)], query=read_query(query), gate=gate))


def test_of_a_question_about_nobody_more_is_asked_of_the_closest_memory() -> None:
    assert for_nobody(CLOSEST[0]) == ["closest"]
    assert for_nobody(CLOSEST[1]) == []
    assert for_nobody(CLOSEST[1], query="Why is my boat blue?") == ["closest"]


def test_and_of_every_single_one() -> None:
    others = a_hit("enough", cosine_for(0.3001)), a_hit("little", cosine_for(0.2999))
    assert for_nobody(CLOSEST[0], *others) == ["closest", "enough"]
    assert for_nobody(CLOSEST[0], *others, query="Why is my boat blue?") == ["closest", "enough", "little"]


def test_meaning_and_words_of_one_memory_count_together_there() -> None:
    hits = [searched(DENSE, a_hit("both", 0.45)), searched(KEYWORD, a_hit("both", bm25_for(0.05)))]
    assert texts(ranked(hits, query=read_query("Why is the sky blue?"), gate=MORE)) == ["both"]
    assert ranked(hits[:1], query=read_query("Why is the sky blue?"), gate=MORE) == []


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ("What is the age of Ana?", True),  # who said it
        ("what is the age of ana?", True),
        ("Who is the aunt from Lund?", True),  # what it speaks of
        ("Who is the aunt from Lun?", False),
        ("Who is the aunt from lund?", False),  # a word like any other
        ("Ludo is what?", False),
    ],
)
def test_a_name_that_the_memories_know_makes_it_somebodys(query: str, passes: bool) -> None:
    turn = a_hit("She came from Lund by boat.", 0.42, speaker="Ana Lima")
    assert texts(ranked([searched(DENSE, turn)], query=read_query(query), gate=MORE)) == [turn.memory.text] * passes


def test_a_little_word_is_no_name_however_it_is_written() -> None:
    turn = a_hit("The quote came by boat.", 0.42)
    for query in ("Who painted The Night Watch?", "Wer hat Die Nachtwache gemalt, und The Boat?"):
        assert ranked([searched(DENSE, turn)], query=read_query(query), gate=MORE) == []


def test_without_a_vector_the_words_are_as_good_for_it_as_for_others() -> None:
    found = [searched(KEYWORD, a_hit("words", bm25_for(0.15)))]
    assert texts(ranked(found, query=read_query("Why is the sky blue?"), gate=MORE)) == ["words"]


def test_a_gate_that_was_not_measured_for_them_asks_no_more() -> None:
    assert for_nobody(0.4, gate=GATE) == ["closest"]


@pytest.mark.parametrize("query", ["Danke!", "hello there"])
def test_small_talk_closes_even_a_gate_without_numbers(query: str) -> None:
    found = [searched(DENSE, a_hit("Says hello.", 1.0)), searched(PINNED, a_hit("Is called Ana.", pinned=True))]
    for gate in (OPEN, GATE):
        assert texts(ranked(found, query=read_query(query), gate=gate)) == ["Is called Ana."]


# --- closer is never farther

cosines = st.floats(-1, 1)
gates = st.builds(
    RelevanceGate,
    similarity=st.floats(0, 1),
    words=st.floats(0, 1.5),
    each=st.floats(0, 1),
    impersonal=st.floats(0, 1),
)
pairs = st.lists(st.tuples(cosines, st.floats(0, 1.5)), min_size=1, max_size=6)


@given(gates, pairs, st.integers(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_cosine_or_words_part_never_closes_the_gate(
    gate: RelevanceGate, found: list[tuple[float, float]], place: int, closer: float, wordier: float
) -> None:
    cosine, words = found[place % len(found)]
    raised = list(found)
    raised[place % len(found)] = cosine + closer, words + wordier
    assert gate.opens(raised) or not gate.opens(found)


@given(gates, pairs, pairs)
def test_what_else_is_found_never_closes_it(
    gate: RelevanceGate, found: list[tuple[float, float]], more: list[tuple[float, float]]
) -> None:
    assert gate.opens(found + more) == (gate.opens(found) or gate.opens(more))


@given(
    findings(repeated=False),
    gates,
    st.sampled_from([WHERE, read_query("Why is the sky blue?")]),
    st.sampled_from([DENSE, KEYWORD]),
    st.data(),
)
def test_raising_a_candidates_score_never_takes_anything_through_the_gate_out_of_it(
    found: Found, gate: RelevanceGate, query: QueryWords, mode: SearchMode, data: st.DataObject
) -> None:
    seen = sorted({hit.memory.id for search, hits in found if search.mode is mode for hit in hits})
    if not seen:
        return
    chosen, more = data.draw(st.sampled_from(seen)), data.draw(st.floats(0, 1) if mode is DENSE else st.floats(0, 40))

    def raised(hit: Hit) -> Hit:
        return replace(hit, score=hit.score + more) if hit.memory.id == chosen else hit

    higher = [(s, [raised(hit) for hit in hits] if s.mode is mode else hits) for s, hits in found]
    through = [{r.memory.id for r in ranked(f, 100, query=query, gate=gate)} for f in (found, higher)]
    assert through[0] <= through[1]
