"""What a memory is about decides how much it matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.learning.importance import (
    AGENT_IMPORTANCE,
    DEFAULT_IMPORTANCE,
    MAX_TURN_IMPORTANCE,
    TABLE,
    TURN_IMPORTANCE,
    importance_of,
)
from operator_memory.domain.memory.scopes import Kind, Scope

EXAMPLES: list[tuple[float, str]] = [
    (0.9, "User is allergic to penicillin."),
    (0.9, "User needs a wheelchair-accessible room."),
    (0.9, "User was diagnosed with type 1 diabetes in 2020."),
    (0.9, "User's son is allergic to eggs."),
    (0.9, "User hat eine Nussallergie und ist Allergiker."),
    (0.9, "El usuario es alérgico a las nueces."),
    (0.9, "L'utilisatrice est enceinte."),
    (0.9, "O usuário usa cadeira de rodas."),
    (0.9, "Der Nutzer sitzt im Rollstuhl."),
    (0.8, "User's name is Ana Souza."),
    (0.8, "User's birthday is on 3 May."),
    (0.8, "The user asked to always answer in German."),
    (0.8, "User's wife's name is Carla."),
    (0.8, "User's son starts school in September."),
    (0.8, "User has two kids."),
    (0.8, "User's budget is 400 euros."),
    (0.8, "User is vegan."),
    (0.8, "El usuario se llama Lucía."),
    (0.8, "Der Nutzer heißt Jörg."),
    (0.8, "La fille de l'utilisateur étudie le droit."),
    (0.7, "User lives in Porto."),
    (0.7, "User works as a bridge engineer in Oslo."),
    (0.7, "User's email is ana@example.com."),
    (0.7, "User wohnt in Köln."),
    (0.7, "O usuário trabalha em Lisboa."),
    (0.7, "L'utilisateur habite à Lille."),
    (0.6, "User prefers window seats."),
    (0.6, "User likes jazz."),
    (0.6, "User loves rainy weather."),
    (0.6, "Al usuario le gusta el fútbol."),
    (0.6, "Der Nutzer mag Schokolade."),
    (0.5, "User's flight to Boston is tomorrow."),
    (0.5, "User is left-handed."),
    (0.5, "El usuario compró dos libros que son caros."),
    (0.5, "ユーザーは東京に行きます"),
    (0.5, ""),
    (0.3, "User is tired today."),
    (0.3, "The weather in Porto is sunny."),
    (0.3, "El usuario está cansado."),
]

texts = st.text(max_size=200)
rows = st.sampled_from(TABLE)


def of_fact(text: str, scope: Scope = Scope.USER) -> float:
    return importance_of(text, kind=Kind.FACT, scope=scope)


def of_turn(text: str) -> float:
    return importance_of(text, kind=Kind.TURN, scope=Scope.SESSION)


@pytest.mark.parametrize(("importance", "text"), EXAMPLES)
def test_a_fact_matters_as_much_as_what_it_is_about(importance: float, text: str) -> None:
    assert of_fact(text) == importance


def test_the_table_goes_from_the_most_to_the_least_important() -> None:
    importances = [row.importance for row in TABLE]
    assert importances == sorted(importances, reverse=True)
    assert (max(importances), min(importances)) == (0.9, 0.3)


def test_accents_and_case_do_not_matter() -> None:
    assert of_fact("USER IS ALLERGIC TO NUTS") == of_fact("user es ALÉRGICA a las nueces") == 0.9


def test_what_was_decided_with_an_agent_is_above_the_default() -> None:
    assert of_fact("Reports go out as PDF.", Scope.AGENT) == AGENT_IMPORTANCE > of_fact("Reports go out as PDF.")
    assert of_fact("The user asked to never use emojis.", Scope.AGENT) == 0.8


def test_a_verbatim_turn_matters_less_than_any_fact_of_weight() -> None:
    assert of_turn("I am allergic to nuts") < DEFAULT_IMPORTANCE
    assert of_turn("ok") < of_turn("We fly to Porto with Ana on 12 May at 14:30, flight TP1234, seats 12 and 13.")
    assert of_turn("We met Ana in Porto on 3 May 2026. " * 40) == MAX_TURN_IMPORTANCE


@given(texts, st.sampled_from(Kind), st.sampled_from(Scope))
def test_importance_is_bounded(text: str, kind: Kind, scope: Scope) -> None:
    low, high = (TURN_IMPORTANCE, MAX_TURN_IMPORTANCE) if kind is Kind.TURN else (0.3, 0.9)
    assert low <= importance_of(text, kind=kind, scope=scope) <= high


@given(texts, st.data())
def test_a_word_of_a_row_gives_at_least_the_importance_of_that_row(text: str, data: st.DataObject) -> None:
    chosen = data.draw(rows)
    word = data.draw(st.sampled_from([" ".join(w.split()) for w in chosen.words.split(",")])).replace("*", "")
    assert of_fact(f"{text} {word}") >= chosen.importance


@given(texts, texts)
def test_saying_more_never_makes_an_important_fact_less_important(text: str, more: str) -> None:
    together, alone = of_fact(f"{text} {more}"), of_fact(text)
    assert together >= alone or alone == DEFAULT_IMPORTANCE


@given(texts, texts)
def test_a_longer_turn_is_never_less_important(text: str, more: str) -> None:
    assert of_turn(f"{text} {more}") >= of_turn(text)


@given(texts)
def test_an_agents_memory_of_a_fact_is_never_less_important_than_the_users(text: str) -> None:
    assert of_fact(text, Scope.AGENT) >= of_fact(text)
