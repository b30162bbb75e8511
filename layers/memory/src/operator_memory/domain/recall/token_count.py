"""How many tokens a text takes: exactly, where a model's tokenizer is known, else an estimate on the high side."""

import re
from typing import Protocol

from operator_memory.domain.text import word_set

ESTIMATE = "estimate"
"""Name of the counter that knows no tokenizer."""


class TokenCounter(Protocol):
    """Counts tokens.

    A line's tokens do not depend on its neighbours: where ``one`` ends with a line break and ``other`` begins with
    neither white space nor a slash, ``count(one + other) == count(one) + count(other)``.
    """

    @property
    def name(self) -> str:
        """Name of the encoding, e.g. ``o200k_base``, or ``estimate``."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        ...


_MODELS = (
    (re.compile(r"(?:gpt-(?:4o|4\.1|4\.5|5|oss)|chatgpt-4o|o[134])(?![\w])"), "o200k_base"),
    (re.compile(r"gpt-(?:4|3\.5|35)(?![\w.])"), "cl100k_base"),
)
_PROVIDER = re.compile(r"^(?:openai/|azure/|openrouter/openai/|ft:)+")


def encoding_of(model: str | None) -> str | None:
    """The encoding of an OpenAI model by its name (``gpt-4o-mini``, ``openai/o3``); ``None`` if it is not known."""
    name = _PROVIDER.sub("", (model or "").strip().lower())
    return next((encoding for pattern, encoding in _MODELS if pattern.match(name)), None)


class Estimate:
    """A `TokenCounter` for any model."""

    name = ESTIMATE

    def count(self, text: str) -> int:
        """See `estimate_tokens`."""
        return estimate_tokens(text)


def estimate_tokens(text: str) -> int:
    """Tokens of ``text`` by its looks, on the high side for the tokenizers of common models.

    Measured against ``cl100k_base`` and ``o200k_base`` (tests/unit/recall/test_token_estimate.py): never below for
    prose in three dozen languages, code, tables, digits, keys, emoji; 1.6 times the count for English prose, 1.3 times
    with the rest of a context's line. No bound that no text can exceed: characters drawn from all of Unicode, which
    nobody writes, take up to 1.3 times the estimate.
    """
    return sum(map(_line_tokens, text.splitlines(keepends=True)))


_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+| {2,}| (?![A-Za-z!-/:-@\[-`{-~])|[^A-Za-z0-9 ]+")


_FREQUENT = word_set(
    """
    about after all also always and any are back because been before but can could day did does during each even
    every first for from get good had has have her his how into its just know last like likes long make many may
    more most much name need never new next not now off old one only other our out over people really same she
    should since some still such take tell than that the their them then there these they thing think this time
    today two use used user using very want was way week well were what when where which while who why will with
    work works would year years yes you your
    """
)
"""English words that are one token, at the beginning of a text or after a space."""
_UNUSUAL = re.compile(r"[^aeiouy]{4}|[jqvxz][^aeiouy]|[^aeiouy][jqx]|^[^aeiouy]+$|[aeiou]{4}|^[a-f]{4,}$")
"""Letters that no English word has together: names, abbreviations, keys."""


def _line_tokens(line: str) -> int:
    """Two more than its words add up to: a short line of odd letters has no others that make up for them."""
    return 2 + sum(map(_run_tokens, _RUN.findall(line)))


def _run_tokens(run: str) -> int:
    first = run[0]
    if first.isascii() and first.isalnum():
        return _word_tokens(run)
    if first == " ":  # one space belongs to the word after it; more are a token of their own
        return 1 + len(run) // 16
    return len(run) if run.isascii() else sum(map(_character_tokens, run))


def _word_tokens(run: str) -> int:
    """Of ASCII letters, or of ASCII digits, of which no tokenizer joins more than three."""
    size = len(run)
    if run[0].isdigit():
        return -(-size // 3)
    word = run.lower()
    if size == 1 or (word in _FREQUENT and not run[1].isupper()):
        return 1
    if run[1].isupper() or _UNUSUAL.search(word):
        return -(-3 * size // 4)
    if size > 8 or word[-1] in "aiou":  # rarer, or not English
        return -(-2 * size // 5)
    return -(-2 * size // 7)


def _character_tokens(character: str) -> int:
    """By how often the scripts' characters are tokens of their own; at worst every byte of UTF-8 is one."""
    code = ord(character)
    for below, tokens in _CHARACTERS:
        if code < below:
            return tokens
    return 4


_CHARACTERS = (
    (0x100, 1),  # ASCII, Latin-1
    (0x370, 2),
    (0x460, 1),  # Greek, Cyrillic
    (0x5D0, 2),
    (0x660, 1),  # Hebrew, Arabic
    (0x1200, 2),  # further letters of Arabic; Indian scripts, Thai, Georgian
    (0x2010, 3),
    (0x2027, 1),  # dashes, quotation marks
    (0x3000, 3),
    (0x3400, 2),  # Japanese syllables
    (0x4E00, 3),
    (0xD800, 2),  # Han, Korean syllables
    (0xFF00, 3),
    (0x10000, 2),  # full-width forms
    (0x1F000, 4),
    (0x20000, 3),  # emoji
)
