"""Memories that say the same thing twice: in a context only the better one is worth its tokens.

The measure is strict, because a context that drops a fact is worse than one that repeats it. Two texts are near
duplicates when

1. their numbers and symbols are the same, in the same order ("5" is not "6", "C++" not "C#", and "from 5 to 6"
   not "from 6 to 5");
2. their turning words are the same ("not", "no longer", "former", "unless", "twice" ...): these turn a sentence
   round;
3. the names that both have, words with a capital, stand in the same order ("Ana told Ben" is not "Ben told Ana");
4. of their content words (folded, without function words and endings) one text has all that the other has, and
   at most one in five that the other has not, no name among these. So words may change their order and a few be
   added, but a word put in another's place ("Monday" for "Tuesday") always makes two memories.

Scripts without spaces are compared by whole runs, so there only the same run is the same.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from operator_memory.domain.models import normalised_text

T = TypeVar("T")

MOST_ADDED = 0.2
"""Of the longer text's content words, the share that the shorter one may lack."""

MAX_COMPARED_CHARACTERS = 600
"""A longer text, a pasted one, is only compared whole: comparing its words would take longer than it is worth."""

_TOKEN = re.compile(
    r"(?P<number>(?<![\w-])-?\d+(?:[.,:/-]\d+)*|\d+)"
    r"|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)*)"
    r"|(?P<symbol>[^\w\s.,;:!?'\"()\[\]/\u2010-\u2015\u2018-\u201f\u2026\u00ab\u00bb\u3001\u3002\uff01\uff0c\uff1f-])"
)
_MARKS = re.compile("[\u0300-\u036f]")
_ENDING = re.compile(r"(?<=..[^s])(?:es|s)$|(?<=...)(?:ed|ing)$")


def _folded(token: str) -> str:
    word = token.lower().replace("\u2019", "'")
    if not word.isascii():
        word = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", word.casefold())))
    return word.removesuffix("'s")


def _words(text: str) -> frozenset[str]:
    return frozenset(map(_folded, text.split()))


_FUNCTION_WORDS = _words(
    "a an the this that these those user users person is are be been being am has have do does to of in on at for as "
    "it its he she they his her their i my me we our you your and also really very currently just so i'm "
    "der die das ein eine ist sind und auch le la les un une est et aussi el los las una es y también o os uma é e"
)
_TURNING_WORDS = _words(
    "not no never none nobody nothing neither nor without cannot longer anymore former formerly ex used once almost "
    "hardly rarely seldom barely stopped quit dislike dislikes hate hates unless except until before after if only but "
    "instead despite maybe might may could would should will was were had did than more less most least always "
    "sometimes often usually all some every "
    "two three four five six seven eight nine ten eleven twelve twenty hundred thousand million half double twice "
    "dozen first second third last next previous "
    "nicht kein keine keinen keiner nie niemals ohne ehemals früher fast kaum außer falls wenn nur statt mehr weniger "
    "ne pas jamais aucun aucune sans plus moins presque sauf si seulement "
    "nunca jamás ningún ninguna sin menos casi excepto solo não nem sem quase exceto só "
    "не нет никогда без больше меньше почти кроме если только לא אין בלי"
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What of a text is compared: ``fixed`` must be the same, ``words`` may differ a little."""

    fixed: tuple[tuple[str, ...], tuple[str, ...]]
    words: frozenset[str]
    names: tuple[str, ...]


def distinct(memories_in_order: Sequence[T], text_of: Callable[[T], str]) -> list[T]:
    """``memories_in_order`` (best first; of equally good ones the newer first) without near duplicates.

    Of those that say the same the first one stays, where it stands. The order decides, nothing else: give equals in
    the order of their time. Takes O(n²) comparisons of small sets at worst, well below a millisecond for fifty.
    """
    kept: list[T] = []
    whole: set[str] = set()
    said: dict[tuple[tuple[str, ...], tuple[str, ...]], list[_Said]] = defaultdict(list)
    for memory in memories_in_order:
        text = text_of(memory)
        normalised = normalised_text(text)
        if normalised in whole:
            continue
        if len(text) <= MAX_COMPARED_CHARACTERS and (new := _said(text)).words:
            rivals = said[new.fixed]
            if any(_same(old, new) for old in rivals):
                continue
            rivals.append(new)
        whole.add(normalised)
        kept.append(memory)
    return kept


def near_duplicates(one: str, other: str) -> bool:
    """Whether the two texts say the same, by the measure above. Symmetric; every text is one of itself."""
    return len(distinct([one, other], str)) == 1


def _same(one: _Said, other: _Said) -> bool:
    fewer, more = (one, other) if len(one.words) <= len(other.words) else (other, one)
    added = more.words - fewer.words
    if len(added) > MOST_ADDED * len(more.words) or not fewer.words <= more.words or added & set(more.names):
        return False
    return _shared(one.names, other.names) == _shared(other.names, one.names)


def _shared(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in others]


def _said(text: str) -> _Said:
    exact: list[str] = []
    turning: set[str] = set()
    words: set[str] = set()
    names: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup != "word":
            exact.append(token)
            continue
        word = _folded(token)
        if word in _TURNING_WORDS or word.endswith("n't"):
            turning.add(word)
        elif word not in _FUNCTION_WORDS:
            stem = _ENDING.sub("", word)
            words.add(stem)
            if token[0].isupper() and stem not in names:
                names.append(stem)
    return _Said((tuple(exact), tuple(sorted(turning))), frozenset(words), tuple(names))
