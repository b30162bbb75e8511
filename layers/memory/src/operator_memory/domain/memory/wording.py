"""Words of a fact beside words that were said: same word, same name, same language. Pure; no word lists.

Two words are akin if one may be an inflection of the other: they begin alike for most of their length. Scripts without
spaces are compared two characters at a time.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from operator_memory.domain.memory.quantities import numbers_of
from operator_memory.domain.text import bare

CONTENT_LETTERS, UNVOWELLED_LETTERS = 4, 3
"""A word of fewer letters is grammar in most languages: it says nothing about what a fact is about. Scripts that write
no vowels, or write them as signs, need fewer."""

_SAME_LANGUAGE = 0.25
"""Share of the facts' words that occur in a conversation in their language; in another it is far below."""

FEW_WORDS = 30

_NOUNS_CAPITALISED = 0.2
"""Share of the words inside sentences with a capital, above which a language writes all nouns so."""

PROTOCOL = frozenset({"user", "assistant"})
"""What our prompt has a model call the two sides, in any language: no names."""

_WIDE = r"\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_WIDE}]+|[^\W\d_{_WIDE}]+(?:['\u2019-][^\W\d_{_WIDE}]+)*")
_WIDE_RUN = re.compile(rf"[{_WIDE}]+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SENTENCE_ENDS = ".!?:;\u2022\u3002\"'(\u201c\u2018\u201e\u00ab"
_UP_TO_NUMBER = re.compile(r"[\s,.]{0,2}(?:[A-Z][^\W\d_]*[\s,.]{0,2}){0,2}\d")


class Words:
    """The words of some texts, to be asked whether a word, or one akin to it, is among them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.all: set[str] = set()
        self._by_beginning: dict[str, list[str]] = defaultdict(list)
        self.scripts: set[str] = set()
        for text in texts:
            for word in words_of(text):
                if word not in self.all:
                    self.all.add(word)
                    self._by_beginning[word[:CONTENT_LETTERS]].append(word)
                    self.scripts.add(script_of(word))

    def __contains__(self, word: str) -> bool:
        return word in self.all

    def __len__(self) -> int:
        return len(self.all)

    def akin(self, word: str) -> bool:
        """Whether ``word`` occurs, perhaps inflected."""
        return word in self.all or any(_inflected(word, other) for other in self._by_beginning[word[:CONTENT_LETTERS]])

    def share_of(self, texts: Iterable[str]) -> float:
        """Which share of the words of ``texts`` occurs here."""
        asked = {word for text in texts for word in words_of(text)}
        return sum(self.akin(word) for word in asked) / len(asked) if asked else 0.0

    def same_language(self, facts: Iterable[str]) -> bool:
        """Whether ``facts`` seem to be in the language of these texts. Few words cannot tell, so they are taken for it
        where they share the script."""
        facts = list(facts)
        if len(self.all) < FEW_WORDS:
            return bool(self.scripts & Words(facts).scripts)
        return self.share_of(facts) >= _SAME_LANGUAGE


def words_of(text: str) -> Iterator[str]:
    """The words of ``text``, folded; of a script without spaces its pairs of characters.

    Japanese inflects what is written in kana behind a character, so there each character counts by itself too.
    """
    plain = _bare(text)
    singles = _KANA.search(plain) is not None
    for match in _WORD.finditer(plain):
        word = match[0]
        if _WIDE_RUN.match(word):
            yield from (word[i : i + 2] for i in range(max(1, len(word) - 1)))
            yield from _HAN.findall(word) if singles else ()
        else:
            yield re.split("['\u2019]", word)[0] or word


_bare = lru_cache(maxsize=1024)(bare)


def content_words(text: str, *, frame: frozenset[str]) -> list[str]:
    """The words of ``text`` that say what it is about: long enough, and none of its ``frame``."""
    found = (word for word in words_of(text) if word not in frame)
    return [word for word in found if _WIDE_RUN.match(word) or len(word) >= _least_letters(word)]


def _least_letters(word: str) -> int:
    return CONTENT_LETTERS if script_of(word) in ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN") else UNVOWELLED_LETTERS


def frame_of(fact: str) -> frozenset[str]:
    """Whom a fact is about: its first word, or the second where the first is an article ("The user", "Der Nutzer")."""
    first = [word for word, _ in zip(words_of(fact), range(2), strict=False)]
    if len(first) == 2 and len(first[0]) <= 3:
        return PROTOCOL.union(first)
    return PROTOCOL.union(first[:1])


def names_in(text: str, *, frame: frozenset[str]) -> list[str]:
    """The words of ``text`` that are capitalised inside a sentence, without initials, the ``frame``, and what leads up
    to a number: the names of days and months do."""
    return [
        match[0]
        for match in _WORD.finditer(text)
        if match[0][0].isupper()
        and len(match[0]) > 2
        and frame.isdisjoint(words_of(match[0]))
        and not _begins_sentence(text, match.start())
        and not _UP_TO_NUMBER.match(text, match.end())
    ]


def capitals_tell_names(texts: Iterable[str]) -> bool:
    """Whether few enough words inside the sentences of ``texts`` are capitalised for these to be names."""
    inside = [m[0] for text in texts for m in _WORD.finditer(text) if not _begins_sentence(text, m.start())]
    return sum(word[0].isupper() for word in inside) <= _NOUNS_CAPITALISED * len(inside) + 2


def _begins_sentence(text: str, at: int) -> bool:
    before = text[max(0, at - 8) : at]
    return at == 0 or not before.strip() or "\n" in before[-2:] or before.rstrip()[-1] in _SENTENCE_ENDS


def script_of(word: str) -> str:
    """The script of a word, e.g. ``LATIN``."""
    return unicodedata.name(word[0], "").split(" ")[0] if word else ""


def _begin_alike(one: str, other: str, *, least: int, share: float) -> bool:
    """Whether they share so many letters at their beginnings, and that share of the longer one."""
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= least and shared >= share * max(len(one), len(other))


def _inflected(one: str, other: str) -> bool:
    return _begin_alike(one, other, least=CONTENT_LETTERS, share=0.6)


def same_statement(one: str, other: str) -> bool:
    """Whether two texts have the same words and numbers, but for one word too short to be about anything."""
    if sorted(numbers_of(one)) != sorted(numbers_of(other)):
        return False
    apart = Words([one]).all ^ Words([other]).all
    return not apart or (len(apart) == 1 and all(len(word) < UNVOWELLED_LETTERS + 1 for word in apart))


def says_nothing_more(text: str, other: str, *, said: Sequence[str] = ()) -> bool:
    """Whether ``text`` is about nothing, and holds no number, that ``other`` does not.

    One word may have another form, shorter words included ("is living", "lives"), unless it is a name or one of the
    words of ``said``, which both are read from.
    """
    known, frame = Words([other]), frame_of(text)
    if not set(numbers_of(text)) <= set(numbers_of(other)):
        return False
    new = {word for word in content_words(text, frame=frame) if not known.akin(word)}
    if len(new) != 1:
        return not new
    [word] = new
    lost = known.all - Words([text]).all
    is_name = word in {part for name in names_in(text, frame=frame) for part in words_of(name)}
    return (
        not is_name
        and word not in Words(said)
        and any(_begin_alike(word, before, least=UNVOWELLED_LETTERS, share=0.5) for before in lost)
    )
