"""Names: by which somebody introduces themself, and which one a fact claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.rules.names import introduced_names, name_claimed


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("My name is Eric.", {"Eric"}),
        ("My name\u2019s Oliver.", {"Oliver"}),
        ("my name is ana, nice to meet you", {"ana"}),
        ("Hi! My name is Maya Lindqvist and I live in Gothenburg.", {"Maya Lindqvist"}),
        ("My name is Ludwig van Beethoven", {"Ludwig van Beethoven"}),
        ("I'm Priya, a data analyst from Pune.", {"Priya"}),
        ("I am Priya and live in Pune.", {"Priya"}),
        ("Hello, I\u2019m Tom and I'm based in Leeds", {"Tom"}),
        ("Hi, this is Fatima. I run a shop.", {"Fatima"}),
        ("Please call me Doctor Reyes.", {"Doctor Reyes"}),
        ("Everyone calls me Kit.", {"Kit"}),
        ("I go by Kit.", {"Kit"}),
        ("Ich hei\u00dfe Jonas und wohne in Bonn.", {"Jonas"}),
        ("Ich bin der Max.", {"Max"}),
        ("Me llamo Luc\u00eda Fern\u00e1ndez.", {"Luc\u00eda Fern\u00e1ndez"}),
        ("Soy Marta.", {"Marta"}),
        ("Je m'appelle Luc et j'habite \u00e0 Lille.", {"Luc"}),
        ("Moi, c'est Luc.", {"Luc"}),
        ("Meu nome \u00e9 Jo\u00e3o da Silva.", {"Jo\u00e3o da Silva"}),
        ("Me chamo Rita.", {"Rita"}),
        ("My name is Ana.\nMy friends call me Annie.", {"Ana", "Annie"}),
    ],
)
def test_who_introduces_themself_is_known(said: str, names: set[str]) -> None:
    assert introduced_names(said) == names


@pytest.mark.parametrize(
    "said",
    [
        "My mentor Li Wei said we should rewrite the parser. He lives in Oslo.",
        "My wife's name is Carla.",
        "This is Karin, my boss.",
        "I'm Li Wei's student.",
        "I live in Porto and I'm tired.",
        "Call me later.",
        "Suppose my name is Bob.",
        'She said "my name is Bob".',
        "> My name is Bob.",
        "```\nmy name is Bob\n```",
        "",
    ],
)
def test_who_is_merely_spoken_of_is_not(said: str) -> None:
    assert introduced_names(said) == set()


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ("User's name is Li Wei", "Li Wei"),
        ("The user\u2019s full name is Ana Souza.", "Ana Souza"),
        ("User's name is spelled Katarzyna.", "Katarzyna"),
        ("The user is called Kit", "Kit"),
        ("User is named Ana", "Ana"),
        ("User wants to be called Fitz", "Fitz"),
        ("The user asked to be called Sam.", "Sam"),
        ("Der Nutzer hei\u00dft Jonas", "Jonas"),
        ("Der Name des Nutzers ist Jonas", "Jonas"),
        ("User hei\u00dft Jonas", "Jonas"),
        ("El usuario se llama Luis", "Luis"),
        ("El nombre del usuario es Luis", "Luis"),
        ("L'utilisatrice s'appelle Zo\u00e9", "Zo\u00e9"),
        ("Le nom de l'utilisateur est Luc", "Luc"),
        ("O usu\u00e1rio se chama Jo\u00e3o", "Jo\u00e3o"),
        ("O nome do usu\u00e1rio \u00e9 Jo\u00e3o", "Jo\u00e3o"),
        ("User's wife's name is Carla", None),
        ("User's dog is called Rex", None),
        ("User's username is Bob", None),
        ("User lives in Porto", None),
        ("User is Italian", None),
    ],
)
def test_the_name_that_a_fact_says_the_user_has(fact: str, name: str | None) -> None:
    assert name_claimed(fact) == name


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert all(name and name in text for name in introduced_names(text)) or "\u2019" in text or "  " in text
    assert (name_claimed(text) or "") in text.replace("\u2019", "'")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["i'm ", "my name is ", "I am A. ", "A ", "call me\n"])
def test_a_hostile_text_is_read_in_passing(piece: str) -> None:
    assert len(introduced_names((piece * 100_000)[:100_000])) <= 2
