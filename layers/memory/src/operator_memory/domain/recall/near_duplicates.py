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
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from operator_memory.domain.text import folded, normalised_text, plain_apostrophes, stem, word_set

T = TypeVar("T")

MOST_ADDED = 0.2
"""Of the longer text's content words, the share that the shorter one may lack."""

MAX_COMPARED_CHARACTERS = 240
"""A longer text says several things, and two such hardly ever the same ones: it is only compared whole."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_EXACT = re.compile(
    r"(?<![\w-])-?\d+(?:[.,:/-]\d+)*|\d+"
    r"|[^\w\s.,;:!?'\"()\[\]/\u2010-\u2015\u2018-\u201f\u2026\u00ab\u00bb\u3001\u3002\uff01\uff0c\uff1f-]"
)
"""Numbers, and the marks that carry a meaning: currencies, emoji, ``+``, ``#``."""
# Folded, as the words that are compared with them.
_FUNCTION_WORDS = word_set(
    "a an the this that these those user users person is are be been being am has have do does to of in on at for as "
    "it its he she they his her their i my me we our you your and also really very currently just so i'm "
    "der die das ein eine ist sind und auch le la les un une est et aussi el los las una es y tambien o os uma e e"
)
_TURNING_WORDS = word_set(
    "not no never none nobody nothing neither nor without cannot longer anymore former formerly ex used once almost "
    "hardly rarely seldom barely stopped quit dislike dislikes hate hates unless except until before after if only but "
    "instead despite maybe might may could would should will was were had did than more less most least always "
    "sometimes often usually all some every "
    "two three four five six seven eight nine ten eleven twelve twenty hundred thousand million half double twice "
    "dozen first second third last next previous "
    "nicht kein keine keinen keiner nie niemals ohne ehemals fruher fast kaum ausser falls wenn nur statt mehr weniger "
    "ne pas jamais aucun aucune sans plus moins presque sauf si seulement "
    "nunca jamas ningun ninguna sin menos casi excepto solo nao nem sem quase exceto so "
    "не нет никогда без больше меньше почти кроме если только לא אין בלי"
)


_Fixed = tuple[tuple[str, ...], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Said:
    """What of ``text`` is compared: ``fixed`` must be the same, ``words`` may differ a little."""

    text: str
    fixed: _Fixed
    words: frozenset[str]


def _first(first: T, _later: T) -> T:
    return first


def distinct(
    memories_in_order: Sequence[T], text_of: Callable[[T], str], stays: Callable[[T, T], T] = _first
) -> list[T]:
    """``memories_in_order`` (best first; of equally good ones the newer first) without near duplicates.

    Where the first one of those that say the same stands, there stands what ``stays`` of it and of each later one in
    turn. Give equals in the order of their time. Takes O(n²) comparisons of small sets at worst, well below a
    millisecond for fifty.
    """
    kept: list[T] = []
    whole: dict[str, int] = {}  # text -> its place in ``kept``
    said: dict[_Fixed, list[tuple[_Said, int]]] = defaultdict(list)
    for memory in memories_in_order:
        text = text_of(memory)
        normalised = normalised_text(text)
        place = whole.get(normalised)
        if place is None and len(text) <= MAX_COMPARED_CHARACTERS and (new := _said(text)).words:
            rivals = said[new.fixed]
            place = next((there for old, there in rivals if _same(old, new)), None)
            if place is None:
                rivals.append((new, len(kept)))
        if place is None:
            whole[normalised] = len(kept)
            kept.append(memory)
        else:
            kept[place] = stays(kept[place], memory)
    return kept


def _same(one: _Said, other: _Said) -> bool:
    fewer, more = (one, other) if len(one.words) <= len(other.words) else (other, one)
    added = len(more.words) - len(fewer.words)
    if added > MOST_ADDED * len(more.words) or not fewer.words <= more.words:
        return False
    names, others = _names(fewer.text), _names(more.text)
    if (more.words - fewer.words) & set(others):
        return False
    shared = fewer.words.intersection(names, others)
    return [name for name in names if name in shared] == [name for name in others if name in shared]


def _said(text: str) -> _Said:
    plain = folded(text)
    words = set(_WORD.findall(plain)) - _FUNCTION_WORDS
    turning = words & _TURNING_WORDS
    if "n't" in plain:
        turning |= {word for word in words if word.endswith("n't")}
    content = frozenset(stem(word) if word[-1] in "sdg" else word for word in words - turning)
    return _Said(text, (tuple(_EXACT.findall(text)), frozenset(turning)), content)


def _names(text: str) -> list[str]:
    """The stems of the words with a capital, each once, in the order of the text."""
    words = _WORD.findall(plain_apostrophes(text))
    return list(dict.fromkeys(stem(folded(word)) for word in words if word[0].isupper()))
