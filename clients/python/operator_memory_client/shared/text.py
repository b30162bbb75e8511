# A copy: see clients/generate/copies.py.
"""How text is read: made valid, normalised, folded, and cut into words, sentences and stems. Pure functions.

They serve every language unless they say otherwise, take time in proportion to the text, and never fail. The context
function imports this module, so it needs the standard library alone and builds nothing when it is imported.
"""

import re
import unicodedata
from datetime import date

from operator_memory_client.shared.characters import with_few_marks

# ---- one text, many spellings -----------------------------------------------------------------------------------

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# The blocks of combining diacritical marks. Other marks spell: the vowels of Hindi and Thai, the voicing of Japanese.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_APOSTROPHES = str.maketrans("\u2018\u2019\u201b\u02bc", "''''")
_LOOK_ALIKES = str.maketrans("асеіорхуѕјԁ" + "αοενικρτυ" + "`“”", "aceiopxysjd" + "aoevikptu" + '\'""')


def valid(text: str) -> str:
    """``text`` with a ``?`` for each lone surrogate: it has no UTF-8, so no store takes it and no answer carries it."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """``text`` on one line: single spaces for white space, control characters and lone surrogates."""
    return " ".join(_BREAKS.sub(" ", text).split())


def normalised_text(text: str) -> str:
    """Fold what does not change the meaning: Unicode form, letter case, white space, final full stops.

    The ids of memories are made from it, so it must stay as it is. Accents count: "pena" is not "peña".
    """
    if text.isascii():  # nothing to fold but case, and most texts are: this runs on every candidate of a retrieval
        return " ".join(text.lower().split()).rstrip(". ")
    composed = unicodedata.normalize("NFKC", with_few_marks(valid(text)))
    return " ".join(unicodedata.normalize("NFKC", composed.casefold()).split()).rstrip(". ")


def folded(text: str) -> str:
    """``text`` in lower case and without accents, with plain letters for their variants and ``'`` for apostrophes."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", with_few_marks(text))
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed).casefold())
    return plain_apostrophes(plain)


def bare(text: str) -> str:
    """``text`` folded further, without a mark of any script: vowel signs go, and Korean syllables come apart."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", with_few_marks(text))
    letters = "".join(character for character in decomposed if unicodedata.category(character)[0] != "M")
    return plain_apostrophes(letters.casefold())


def without_look_alikes(text: str) -> str:
    """Folded ``text`` with Latin letters for the Cyrillic and Greek ones that look like them, and plain quotation
    marks."""
    return text.translate(_LOOK_ALIKES)


def plain_apostrophes(text: str) -> str:
    """``text`` with ``'`` for every apostrophe."""
    return text.translate(_APOSTROPHES)


# ---- words ------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_ENDINGS = ("es", "s", "ed", "ing")


def words(text: str) -> list[str]:
    """The words of ``text``, folded and in their order: runs of letters and digits."""
    return _WORD.findall(folded(text))


def word_set(listed: str) -> frozenset[str]:
    """The words of a list that is written with white space between them."""
    return frozenset(listed.split())


def stem(word: str) -> str:
    """A folded English ``word`` without "'s" and a common ending: "lives", "lived" and "living" are "liv"."""
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


# ---- sentences --------------------------------------------------------------------------------------------------

SENTENCE = re.compile(
    r"[^.!?\u3002\uff01\uff1f\n]*(?:[.!?](?!\s|$|[\"')\]])[^.!?\u3002\uff01\uff1f\n]*)*[.!?\u3002\uff01\uff1f]*"
)
"""A sentence with its final marks, or what is left of a line. A mark inside a word ends none: "version 2.1". May match
nothing, at the end."""


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, none of them blank; a line break ends one, too."""
    return [sentence for sentence in SENTENCE.findall(text) if sentence.strip()]


# ---- dates ------------------------------------------------------------------------------------------------------

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


def written_day(day: date) -> str:
    """``day`` as people write it in English, whatever the language of the machine: "8 May 2023"."""
    return f"{day.day} {MONTHS.split('|')[day.month - 1]} {day.year}"
