"""How the scripts of the world write words, as far as it decides how a text is found by its words. Pure functions.

Most scripts put spaces between words. Some put none; in others a word carries its particles and articles with it.
"""

import re
import unicodedata
from functools import lru_cache

from operator_memory.domain.text import bare

_WITHOUT_SPACES = (
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df"
)
"""Chinese characters, the Japanese syllabaries, Thai and Lao, Tibetan, Burmese, Khmer, Tai."""
_ARABIC = "\u0620-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff"
_HEBREW = "\u05d0-\u05f4\ufb1d-\ufb4f"
_KOREAN = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"

_NEEDS_A_DICTIONARY = f"[{_WITHOUT_SPACES}{_ARABIC}]"
_KOREAN_WORD = "[\uac00-\ud7a3]{3,}"
_SPELLED = f"[{_WITHOUT_SPACES}{_ARABIC}{_HEBREW}{_KOREAN}]"


@lru_cache(maxsize=3)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when a text first needs it: sets of so many letters take milliseconds."""
    return re.compile(pattern)


def needs_a_dictionary(text: str) -> bool:
    """Whether the words of ``text`` cannot be told by its spaces: one script in it puts none, or, as Arabic does,
    writes the article and other small words as a part of the next word."""
    return not text.isascii() and _compiled(_NEEDS_A_DICTIONARY).search(text) is not None


def korean_in_pairs(text: str) -> str:
    """``text`` with pairs of syllables for each longer Korean word: a particle is written at a word's end, so that
    "Seoul" and "in Seoul" are two words, but have a pair in common."""
    if text.isascii():
        return text
    return _compiled(_KOREAN_WORD).sub(_pairs, unicodedata.normalize("NFC", text))


def _pairs(match: re.Match[str]) -> str:
    word = match[0]
    return " ".join(word[start : start + 2] for start in range(len(word) - 1))


BETWEEN_WORDS = "\u0298"
"""A letter that nobody writes: it keeps a phrase from being found across two words."""


def spelled(text: str) -> str | None:
    """``text`` letter by letter where its script lets a word stand inside another, else ``None``.

    What is sought in it as a phrase, letter by letter too, is found wherever it stands. Marks do not count.
    """
    if text.isascii() or not _compiled(_SPELLED).search(letters := unicodedata.normalize("NFC", bare(text))):
        return None
    words = (" ".join(_compiled(_SPELLED).sub(r" \g<0> ", word).split()) for word in letters.split())
    return f" {BETWEEN_WORDS} ".join(words)
