"""Our tokenizer cuts any text as the ``tokenizers`` library does with the same file."""

import string
import unicodedata
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from operator_memory.adapters.models.local_embeddings import MAX_TOKENS, TOKENIZER
from operator_memory.adapters.models.minilm.wordpiece import WordPiece
from tokenizers import Tokenizer

FILE = Path(str(distribution(TOKENIZER.package).locate_file(TOKENIZER.path)))
OURS = WordPiece.from_json(FILE.read_bytes())
THEIRS = Tokenizer.from_file(str(FILE))
THEIRS.enable_truncation(MAX_TOKENS)
THEIRS.no_padding()

SAMPLES = {
    "nothing": "",
    "a space": " ",
    "a sentence": "When did Caroline go to the support group in Porto?",
    "a word in pieces": "unaffordability antidisestablishmentarianism",
    "capitals and accents": "ÉCOLE Ångström naïve Łódź İstanbul ẞ ΌΣΟΣ",
    "accents as marks of their own": "e\u0301cole A\u030angstro\u0308m q\u0307\u0323",
    "Chinese and Japanese": "東京タワーに行きました。我喜欢喝茶, 𠀀𠮷野家",
    "Korean": "서울에서 만나요",
    "Hebrew, Arabic, Hindi, Thai": "שָׁלוֹם مرحبا हिन्दी ไทย",
    "emoji": "👩‍👩‍👧 😀🇵🇹 ok👍🏽 🫠",
    "punctuation": '"it\'s" — a.b@c.de, $5/€7… «x» ¿y? a_b #1 100% (z) \u2028',
    "control characters": "a\x00b\x07c\u200bd\ufeffe\ufffdf\u00adg\x7fh",
    "white space": "a\tb\nc\rd\u00a0e\u3000f\u1680g\x85h\x0bi",
    "special tokens in a text": "[CLS] a [SEP][MASK] b [mask] [UNK]x[PAD",
    "a word of a hundred characters": "a" * 100,
    "a longer one": "a" * 101 + " b",
    "a long text": "memory " * 400,
    "a long text without spaces": "東" * 400,
    "cut off inside a word": "w " * 253 + "unaffordability",
    "a mark that is newer than the library's tables": "a\u0898b \U000111c9 \u1734",
}


def theirs(text: str) -> list[int]:
    ids: list[int] = THEIRS.encode(text).ids
    return ids


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_a_text_becomes_the_same_tokens(text: str) -> None:
    assert OURS.encode(text, limit=MAX_TOKENS) == theirs(text)


ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])  # Python must know a character to put it into lower case
COMMON = st.sampled_from(string.ascii_letters + string.digits + " .,'-äéñß[]")


@settings(max_examples=600, deadline=None)
@given(st.text(ASSIGNED) | st.text(COMMON) | st.text(COMMON | ASSIGNED, min_size=30, max_size=600))
@example("\u1f80\u0345\u0301")
def test_any_text_becomes_the_same_tokens(text: str) -> None:
    assert OURS.encode(text, limit=MAX_TOKENS) == theirs(text)


def test_every_character_of_the_first_planes_is_treated_alike() -> None:
    """Inside a word, where it can be dropped, stand for a space or cut the word in two."""
    different = [
        f"U+{code:04X}"
        for code in range(0x20000)
        if unicodedata.category(chr(code)) not in ("Cs", "Cn")
        and OURS.encode(f"a{chr(code)}b", limit=MAX_TOKENS) != theirs(f"a{chr(code)}b")
    ]
    assert different == []


def test_half_a_surrogate_pair_is_dropped() -> None:
    """The library cannot be given one; JSON can hold it."""
    assert OURS.encode("a\ud800b", limit=MAX_TOKENS) == theirs("ab")


@pytest.mark.parametrize("limit", [2, 3, 4, 10])
def test_no_text_has_more_tokens_than_the_limit(limit: int) -> None:
    ids = OURS.encode("one two three four", limit=limit)
    assert len(ids) == min(limit, 6)
    assert (ids[0], ids[-1]) == (101, 102)


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"{", b'{"model": {"vocab": []}}', b'{"model": {"vocab": {"a": 1}}}']
)
def test_a_file_without_a_vocabulary_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"vocabulary|JSON|Expecting"):
        WordPiece.from_json(content)
