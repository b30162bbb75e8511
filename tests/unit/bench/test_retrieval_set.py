"""Our own retrieval set holds what it promises: sizes, ids that exist, no word shared where the file says so."""

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import bench

FOLDER = Path(bench.__file__).parent / "retrieval" / "set"

# Questions each file must hold at least.
SIZES = {
    "no_shared_words": 150,
    "languages": 50,
    "nothing": 50,
    "exact": 150,
    "when": 100,
    "updates": 100,
}

# Words that carry no topic. Everything else counts as content, so the list is kept to grammar and to the two ways in
# which a memory names the person ("User", "I").
GRAMMAR = """
    a an the this that these those there and or but than as if so because
    i me my mine we us our you your he him his she her they them their it its user
    is are was were am be been being do does did doing don doesn have has had can could may might must shall should
    will would not no
    at by for from in into of off on onto out over to too up with without within
    what when where which who whom whose why how
    s t d m ll re ve aren isn
"""
STOP_WORDS = frozenset(GRAMMAR.split())
STEM = 4


def questions(name: str) -> list[dict[str, Any]]:
    return list(load(name)["questions"])


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


EVERYTHING = {path.stem: load(path.stem) for path in sorted(FOLDER.glob("*.json"))}
MEMORIES = [memory for part in EVERYTHING.values() for memory in part["memories"]]
QUESTIONS = [question for part in EVERYTHING.values() for question in part["questions"]]


def content_words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold())) - STOP_WORDS


def share_a_stem(one: str, other: str) -> bool:
    """Crude on purpose: it needs no stemmer and it only errs towards calling two words the same."""
    if len(one) >= STEM and len(other) >= STEM:
        return one[:STEM] == other[:STEM]
    return one == other


def shared(query: str, text: str) -> list[tuple[str, str]]:
    return [
        (asked, said)
        for asked in sorted(content_words(query))
        for said in sorted(content_words(text))
        if share_a_stem(asked, said)
    ]


def repeated(texts: list[str]) -> list[str]:
    counted = Counter(" ".join(text.casefold().split()) for text in texts)
    return [text for text, times in counted.items() if times > 1]


@pytest.mark.parametrize("name", SIZES)
def test_each_file_names_itself_and_holds_enough_questions(name: str) -> None:
    assert EVERYTHING[name]["name"] == name
    assert EVERYTHING[name]["about"].endswith(".")
    assert len(questions(name)) >= SIZES[name]


def test_no_file_is_left_out_of_the_sizes() -> None:
    assert set(EVERYTHING) == set(SIZES)


def test_ids_are_unique_over_all_files() -> None:
    assert repeated([memory["id"] for memory in MEMORIES]) == []


def test_no_memory_and_no_question_is_there_twice() -> None:
    assert repeated([memory["text"] for memory in MEMORIES]) == []
    assert repeated([question["query"] for question in QUESTIONS]) == []


@pytest.mark.parametrize("name", SIZES)
def test_what_is_relevant_or_outdated_exists_in_the_same_file_and_is_one_of_the_two(name: str) -> None:
    known = {memory["id"] for memory in EVERYTHING[name]["memories"]}
    for question in questions(name):
        relevant, outdated = set(question["relevant"]), set(question.get("outdated", ()))
        assert relevant | outdated <= known, question
        assert not relevant & outdated, question


@pytest.mark.parametrize("name", sorted(set(SIZES) - {"nothing"}))
def test_every_question_has_an_answer(name: str) -> None:
    assert [question["query"] for question in questions(name) if not question["relevant"]] == []


def test_nothing_answers_the_questions_of_nothing() -> None:
    assert EVERYTHING["nothing"]["memories"] == []
    assert [question for question in questions("nothing") if question["relevant"]] == []


@pytest.mark.parametrize("name", SIZES)
def test_memories_are_facts_or_turns_with_a_zoned_time(name: str) -> None:
    for memory in EVERYTHING[name]["memories"]:
        assert memory["text"].strip() == memory["text"] != "", memory
        assert memory["kind"] in {"fact", "turn"}, memory
        assert memory.get("speaker") is None or memory["kind"] == "turn", memory
        assert datetime.fromisoformat(memory["said_at"]).tzinfo is not None, memory


def test_a_good_part_of_the_memories_is_verbatim_turns() -> None:
    kinds = Counter(memory["kind"] for memory in EVERYTHING["no_shared_words"]["memories"])
    assert kinds["turn"] / kinds.total() >= 0.25


def test_each_memory_without_shared_words_has_one_question_of_its_own() -> None:
    asked = [question["relevant"] for question in questions("no_shared_words")]
    assert sorted(asked) == sorted([memory["id"]] for memory in EVERYTHING["no_shared_words"]["memories"])


def test_no_question_shares_a_content_word_with_its_memory() -> None:
    texts = {memory["id"]: memory["text"] for memory in EVERYTHING["no_shared_words"]["memories"]}
    found = {
        (question["query"], texts[answer]): pairs
        for question in questions("no_shared_words")
        for answer in question["relevant"]
        if (pairs := shared(question["query"], texts[answer]))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("How do I sleep?", "User slept in the sleeping car.", [("sleep", "sleeping")]),
        ("Is red my colour?", "User owns a RED car.", [("red", "red")]),
        ("What do I do?", "What User does is not known.", []),
        ("Is it a redwood?", "User owns a red car.", []),
    ],
)
def test_sharing_a_word_is_seen(query: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert shared(query, text) == expected


# Words or letters that of these languages only the one has: enough to notice that a language went missing.
LANGUAGES = {
    "German": r"\b(meine|meiner|ich|soll)\b",
    "Spanish": "¿",
    "French": r"\b(est-ce|quel|mes)\b",
    "Italian": r"\b(quale|quali|della|ora)\b",
    "Portuguese": r"\b(qual é|minha|meu)\b",
    "Dutch": r"\b(welke|mijn)\b",
    "Polish": "[łćżś]",
    "Swedish": r"\b(varför|vilka|vad)\b",
    "Japanese": "[ぁ-ん]",
    "Chinese": "^我[^ぁ-ん]*$",
    "Russian": "[а-я]",
    "Turkish": r"\b(hangi|ne)\b",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_is_asked_in(language: str) -> None:
    asked = [question["query"].casefold() for question in questions("languages")]
    assert sum(1 for query in asked if re.search(LANGUAGES[language], query)) >= 2


def test_what_is_outdated_was_said_before_what_is_right_now() -> None:
    said_at = {memory["id"]: memory["said_at"] for memory in MEMORIES}
    for question in questions("updates"):
        assert question["outdated"], question
        assert max(said_at[ref] for ref in question["outdated"]) < min(said_at[ref] for ref in question["relevant"])
