"""How text is folded and cut up, in whatever script it is written."""

import time
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.characters import without_ignored
from operator_memory.domain.text import (
    bare,
    folded,
    normalised_text,
    one_line,
    sentences,
    stem,
    valid,
    word_set,
    words,
    written_day,
)

any_text = st.text(st.characters())  # lone surrogates included


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Où est ÉLODIE ?", "ou est elodie ?"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Москвой", "москвои"),  # in Russian, too, the breve is a mark
        ("\uff21\uff22\uff23 \u211d \ufb01ne", "abc r fine"),
        ("It\u2019s, it\u2018s, it\u02bcs", "it's, it's, it's"),
        ("i\u20ddgn\u0338ore", "ignore"),
    ],
)
def test_case_accents_and_variants_of_letters_are_folded(text: str, plain: str) -> None:
    assert folded(text) == plain
    assert folded(unicodedata.normalize("NFD", text)) == plain


@pytest.mark.parametrize("text", ["हिन्दी", "ไม่ชอบ", "がぎぐ", "שָׁלוֹם", "한국어", "东京"])
def test_marks_that_spell_stay(text: str) -> None:
    """Without them "I like" and "I do not like" could be one word."""
    assert folded(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "letters"),
    [("पीता", "पत"), ("ไม่ชอบ", "ไมชอบ"), ("שָׁלוֹם", "שלום"), ("É\u0483ß", "ess"), ("𝐀ᾳ’s", "aα's")],
)
def test_of_bare_text_only_letters_are_left(text: str, letters: str) -> None:
    assert bare(text) == bare(unicodedata.normalize("NFD", text)) == letters


@given(any_text)
def test_folding_twice_is_folding_once_and_any_spelling_folds_alike(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded(unicodedata.normalize(form, text)) == once


def test_accents_make_another_memory_though_they_fold() -> None:
    assert normalised_text("peña") != normalised_text("pena")
    assert folded("peña") == folded("pena")


@pytest.mark.parametrize("fold", [folded, normalised_text])
def test_marks_without_end_cost_no_quadratic_time(fold: object) -> None:
    assert callable(fold)
    started = time.process_time()
    fold("a" + "\u0301\u0323" * 100_000)  # would take minutes
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Don't, snake_case: v2!", ["don", "t", "snake", "case", "v2"]),
        ("Grüße aus Köln", ["grusse", "aus", "koln"]),
        ("我喜欢茶。", ["我喜欢茶"]),
        ("... ?!", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, read: list[str]) -> None:
    assert words(text) == read


def test_a_list_of_words_may_be_broken_into_lines() -> None:
    assert word_set("one two\n  three ") == {"one", "two", "three"}


@pytest.mark.parametrize(
    ("word", "stemmed"),
    [
        ("lives", "liv"),
        ("lived", "liv"),
        ("living", "liv"),
        ("ana's", "ana"),
        ("glass", "glass"),
        ("is", "is"),
        ("red", "red"),
        ("tea", "tea"),
    ],
)
def test_common_endings_come_off(word: str, stemmed: str) -> None:
    assert stem(word) == stemmed


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("I moved. Really? Yes!", ["I moved.", " Really?", " Yes!"]),
        ("It runs on node.js 2.1. Good", ["It runs on node.js 2.1.", " Good"]),
        ("one line\nanother", ["one line", "another"]),
        ("私は東京に住んでいます。お茶が好きです！", ["私は東京に住んでいます。", "お茶が好きです！"]),
        ("Wait... what", ["Wait...", " what"]),
        (" \n ", []),
    ],
)
def test_sentences_end_with_their_marks_and_with_the_line(text: str, cut: list[str]) -> None:
    assert sentences(text) == cut


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_no_letter_is_lost_between_sentences(text: str) -> None:
    assert [c for c in "".join(sentences(text)) if c.isalnum()] == [c for c in text if c.isalnum()]


@given(any_text)
def test_a_valid_text_can_be_stored_and_no_character_moves(text: str) -> None:
    stored = valid(text)
    stored.encode("utf-8")
    assert len(stored) == len(text)
    assert all(
        one == other or (other == "?" and unicodedata.category(one) == "Cs")
        for one, other in zip(text, stored, strict=True)
    )


@given(any_text)
def test_one_line_has_no_break_and_no_space_too_many(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() == ([line] if line else [])
    assert line == " ".join(line.split())
    assert one_line(line) == line


def test_what_a_person_does_not_see_is_invisible() -> None:
    hidden = "\u00ad\u200b\u200d\u202e\u2066\ufe0f\ufeff\U000e0041\U000e0100"
    assert without_ignored(f"a{hidden}b")[0] == "ab"
    assert without_ignored(plain := "plain é 茶 हि\u0301 \U0001f600") == (plain, None)


def test_a_day_is_written_in_english_whatever_the_language_of_the_machine() -> None:
    assert written_day(date(2023, 5, 8)) == "8 May 2023"
    assert written_day(date(2024, 12, 31)) == "31 December 2024"
