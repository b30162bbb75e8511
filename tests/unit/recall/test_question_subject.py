"""Which questions are about nobody: only where the language would show a person, and nobody's ways are asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.question_subject import is_impersonal

ABOUT_NOBODY = [
    "Why is the sky blue?",
    "How many moons does Saturn have?",
    "Write a haiku about the sea",
    "Can you explain how tides work?",
    "Tell me what a prime number is",
    "give me the capital of Peru",
    "Warum ist der Himmel blau?",
    "Sag mir, wer das Rad erfunden hat",
    "Pourquoi le ciel est-il bleu ?",
    "Dis-moi pourquoi le ciel est bleu",
    "Waarom is het gras groen?",
    "Vertel mij hoe een motor werkt",
    "How do I undo the last git commit?",
    "How can we tell a raven from a crow?",
    "How could I remove rust from steel?",
    "Convert 12 inches to centimetres.",
    "Calculate 15 % of 80",
    "capital of Peru",
    "Wie kann ich Rost entfernen?",
    "Comment puis-je retirer la rouille ?",
    "Hoe kan ik roest verwijderen?",
]


@pytest.mark.parametrize("query", ABOUT_NOBODY)
def test_the_world_is_about_nobody(query: str) -> None:
    assert is_impersonal(query)


SOMEBODYS = {
    "first person": [
        "Why is my boat blue?",
        "What's the name I chose?",
        "Where are we on the map?",
        "User is from where?",
        "How do I like my eggs?",
        "How can I tell my sister?",
        "How old am I?",
        "Wie heiße ich?",
        "Convert my recipe to grams",
    ],
    "what one wants to be told of oneself": ["Tell me what I like", "Show me the books of mine that are red"],
    "German": ["Warum ist mein Boot blau?", "Wer ist uns begegnet?"],
    "French": ["Où est ma voiture ?", "Qu'est-ce que j'ai dit ?", "Pourquoi est-ce que notre train est en retard ?"],
    "Dutch": ["Waarom is mijn fiets blauw?", "Wat is onze code?"],
    "one's own parents": ["When is the party for Mum?", "Where is Dad's key?", "Was ist mit Oma?", "Où est maman ?"],
    "one who was named before": ["Where does she live?", "What is their address?", "Warum ist er nicht da?"],
    "a rule": [
        "How should dates be written?",
        "May a script have the word foo?",
        "Welche Farbe soll es sein, und warum?",
    ],
    "a day": ["What is on the calendar for tomorrow?", "What was that meeting yesterday?", "Wer ist heute dran?"],
    "an errand": ["Book the usual hotel", "Send an invoice to the bakery", "reserve a table with a view"],
}


@pytest.mark.parametrize(
    ("why", "query"), [(why, query) for why, queries in SOMEBODYS.items() for query in queries], ids=str
)
def test_what_speaks_of_somebody_or_their_ways_is_not(why: str, query: str) -> None:
    assert not is_impersonal(query), why


@pytest.mark.parametrize(
    "query",
    [
        "¿Dónde canto flamenco?",  # the verb says who
        "¿Con qué animales trabajo?",
        "Che cosa coltivo nel terreno?",
        "Da quanto tempo vivo qui?",
        "O que vendo na loja?",
        "Gdzie pracuję na co dzień?",
        "Vilka djur arbetar jag med?",
        "Hangi sınava hazırlanıyorum?",
        "Какой предмет я преподаю?",
        "私は京都で何を教えていますか?",
        "我的茶叶店在哪个城市?",
        "",
        "?!",
        "42",
    ],
)
def test_where_no_word_of_a_known_language_is_seen_it_may_be_somebodys(query: str) -> None:
    assert not is_impersonal(query)


@given(st.sampled_from(ABOUT_NOBODY), st.sampled_from(["for me", "and my dog", "für mich", "pour nous", "voor ons"]))
def test_one_word_of_a_person_anywhere_is_enough(query: str, person: str) -> None:
    assert not is_impersonal(f"{query} {person}")
    assert not is_impersonal(f"{person}, {query}")


@given(st.sampled_from([*ABOUT_NOBODY, *(query for queries in SOMEBODYS.values() for query in queries)]))
def test_neither_case_nor_punctuation_nor_accents_of_capitals_make_a_difference(query: str) -> None:
    assert is_impersonal(query) == is_impersonal(query.upper()) == is_impersonal(f"  «{query}»...")


@given(st.text(max_size=200))
def test_any_text_can_be_read(query: str) -> None:
    assert is_impersonal(query) in {True, False}
