"""A model's extraction is read as far as it can be read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.models.extraction_answer import Answer, read_answer
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.learning.proposals import Quote, RequestKind

PORTO = '{"memory":[{"text":"User lives in Porto"}]}'


def texts(answer: str) -> list[str]:
    return [proposal.text for proposal in read_answer(answer).proposals]


def read(**fields: Any) -> Answer:
    return read_answer(json.dumps({"memory": [{"text": "User lives in Porto", **fields}]}))


@pytest.mark.parametrize(
    "answer",
    [
        PORTO,
        f"<think>The user lives in Porto.</think>\n{PORTO}",
        f"The user lives in Porto.\n</think>\n\n{PORTO}",
        f"Here are the facts:\n```json\n{PORTO}\n```",
        f"```\n{PORTO}\n```\nI hope this helps!",
        f'I first thought of {{"memory": []}} but then: {PORTO}',
        '[{"text": "User lives in Porto"}]',
        '{"memory":["User lives in Porto"]}',
        '{"memory":[{"text":"User lives in Porto"},{"id":"1","text":null}]}',
        '{"memory":[{"text":"User lives\nin Porto"}]}',
    ],
)
def test_the_facts_are_found_whatever_is_around_them(answer: str) -> None:
    assert texts(answer) == ["User lives in Porto"]


@pytest.mark.parametrize("answer", ['{"memory":[]}', '```json\n{"memory": []}\n```', '{"memory":[{}]}'])
def test_nothing_to_remember_is_an_answer(answer: str) -> None:
    assert texts(answer) == []


@pytest.mark.parametrize(
    "answer",
    ["", "The user lives in Porto.", "null", "[]", "{}", '{"memory": 3}', '{"facts": []}', '{"memory": [3, null]}',
     '{"memory":[{"text":"User li', "{" * 500, "[" * 100_000],
)  # fmt: skip
def test_what_holds_no_memories_is_an_error(answer: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_answer(answer)


def test_items_that_are_no_fact_are_counted() -> None:
    answer = read_answer('{"memory":[{"text":"User lives in Porto"},{"text":null},7,{"fact":"x"},"User likes tea"]}')
    assert ([p.text for p in answer.proposals], answer.unreadable) == (["User lives in Porto", "User likes tea"], 3)


@pytest.mark.parametrize(
    ("evidence", "quotes"),
    [
        ([{"message": 0, "quote": "I live in Porto"}], (Quote("I live in Porto", 0),)),
        ([{"message": "[2]", "quote": "a"}, {"message": "-1", "quote": "b"}], (Quote("a", 2), Quote("b", -1))),
        ({"message": 1, "quote": "a"}, (Quote("a", 1),)),
        ("I live in Porto", (Quote("I live in Porto"),)),
        (["I live in Porto"], (Quote("I live in Porto"),)),
        ([{"message": True, "quote": "a"}, {"quote": 5}, None, {"message": 1}], (Quote("a"),)),
        (None, ()),
        (7, ()),
    ],
)
def test_quotes_are_read_in_the_forms_that_models_give_them(evidence: object, quotes: tuple[Quote, ...]) -> None:
    assert read(evidence=evidence).proposals[0].quotes == quotes


def test_every_other_field_is_optional_and_may_be_wrong() -> None:
    [plain] = read().proposals
    assert (plain.attributed_to, plain.replaces, plain.same_as, plain.about, plain.when) == (
        "user",
        (),
        None,
        None,
        None,
    )
    [odd] = read(attributed_to=7, replaces={"a": 1}, same_as=[], about=3, when=["x"], basis=None, remains=4).proposals
    assert (odd.text, odd.remains, odd.inferred) == ("User lives in Porto", {}, False)


def test_what_a_fact_changes_and_when_is_read() -> None:
    [fact] = read(
        attributed_to="Assistant", replaces=[3, "4"], same_as=5, about="Tomas", when="2026-11", basis="inferred",
        remains={"4": "User has a dog", "9": "not replaced"},
    ).proposals  # fmt: skip
    assert (fact.attributed_to, fact.replaces, fact.same_as, fact.about) == ("assistant", ("3", "4"), "5", "Tomas")
    assert (fact.when, fact.inferred, fact.remains) == ("2026-11", True, {"4": "User has a dog"})
    assert read(replaces=["4"], remains="User has a dog").proposals[0].remains == {"4": "User has a dog"}


def test_requests_about_memory_are_read() -> None:
    asked = [
        {"kind": "forget", "message": 1, "quote": "Forget that I live in Porto", "memories": ["0"], "messages": [0]},
        {"kind": "delete everything", "quote": "x"},
        "forget",
    ]
    [request] = read_answer(json.dumps({"memory": [], "requests": asked})).requests
    assert (request.kind, request.quote) == (RequestKind.FORGET, Quote("Forget that I live in Porto", 1))
    assert (request.memories, request.messages) == (("0",), (0,))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.one_of(st.text(), JSON.map(json.dumps), JSON.map(lambda item: json.dumps({"memory": [item, {"text": "a b"}]})))
)
def test_any_answer_is_read_or_refused(answer: str) -> None:
    try:
        read_answer(answer)
    except MalformedResponseError:
        return
