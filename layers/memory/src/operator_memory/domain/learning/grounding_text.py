"""Reads a turn or a fact into what grounding compares: stems, names, numbers, dates and whom a clause is about."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from operator_memory.domain.learning.grounding_words import (
    ALL_STOP_WORDS,
    FIRST_PERSON,
    FRAME_STEMS,
    NEGATORS,
    NUMBER_WORDS,
    PERSONS,
    POSSESSIVES,
    PRONOUNS_OF_OTHERS,
    RELATIVE_TIME,
    SCALES,
    TELLING_WORDS,
    VERBS_OF_OTHERS,
    alike,
    fold,
    stem,
)

MAX_ALIKE = 100
"""Stems with the same four first letters that are compared in full; more is no human text."""

_PIECE = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_SENTENCE_END = re.compile(r"[.!?\n\u3002\uff01\uff1f]+(?=\s|$|\W)|[\u3002\uff01\uff1f]")
_CLAUSE_END = re.compile(r"[,;:()]\s|\s(?=(?:and|but|so|while|because|und|aber|et|mais|y|pero|e|mas)\s)")
_PRO_DROP = re.compile(r"^\s*(?:y|pero|e|mas)\b")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: folded, its stem, whether it is capitalised inside a sentence, and whether it is a small word.

    What is written in capitals is no small word: MIT is no German "with".
    """

    folded: str
    stem: str
    capital: bool
    small: bool


def words_of(text: str) -> Iterator[Word]:
    """The words of ``text``; of scripts without spaces, pairs of letters."""
    starts = True
    position = 0
    for found in _PIECE.finditer(text):
        gap = text[position : found.start()]
        starts = starts or any(mark in gap for mark in ".!?\n:\u2022")
        position = found.end()
        for piece in _pieces(found[0]):
            folded = fold(piece)
            small = folded in ALL_STOP_WORDS and not (len(piece) > 1 and piece.isupper())
            yield Word(folded, stem(folded), piece[:1].isupper() and not starts, small)
        starts = False


def _pieces(token: str) -> Iterator[str]:
    """ "user's" is user, "don't" is dont, "l'eau" is eau; 東京に is 東京 and 京に."""
    if run := _UNSPACED.search(token):
        letters = run[0]
        yield from (letters[at : at + 2] for at in range(max(1, len(letters) - 1)))
        return
    first, _, last = token.replace("\u2019", "'").partition("'")
    if last.lower() == "t":
        yield f"{first}{last}"
    elif last and len(first) <= 2 and first.lower() not in ("i", "he", "we", "it"):
        yield from _pieces(last)
    else:
        yield first


@dataclass(slots=True)
class Bag:
    """What was said, as far as words go."""

    stems: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    relative: bool = False
    _by_start: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Put the words and numbers of ``text`` in."""
        words = list(words_of(text))
        for word in words:
            self.folded.add(word.folded)
            self._add_stem(word.stem)
            if word.folded[:1].isdecimal() and (unit := word.folded.lstrip("0123456789")):
                self._add_stem(stem(unit))  # 82kg
        self.numbers.update(reading for found in _NUMBER.findall(text) for reading in readings(found))
        self.numbers.update(_spelt(word.folded for word in words))
        self.relative = self.relative or RELATIVE_TIME.search(text) is not None

    def _add_stem(self, stemmed: str) -> None:
        if stemmed not in self.stems:
            self.stems.add(stemmed)
            bucket = self._by_start.setdefault(stemmed[:4], [])
            if len(bucket) < MAX_ALIKE:
                bucket.append(stemmed)

    def has(self, wanted: str) -> bool:
        """Whether a form of the stem ``wanted`` was said."""
        return wanted in self.stems or any(alike(wanted, known) for known in self._by_start.get(wanted[:4], ()))

    def has_name(self, folded: str, stemmed: str) -> bool:
        """Whether a name was said, as it is or with an ending of two letters more or less."""
        if folded in self.folded or stemmed in self.stems:
            return True
        return any(
            min(len(known), len(stemmed)) >= 3
            and abs(len(known) - len(stemmed)) <= 2
            and (known.startswith(stemmed) or stemmed.startswith(known))
            for start in (stemmed[:4], stemmed[:3])
            for known in self._by_start.get(start, ())
        )


def readings(number: str) -> set[str]:
    """What a written number may mean: "1,200" is 1200, "14:30" is 14 and 30, "2:30" also 14."""
    if _GROUPED.fullmatch(number):
        return {re.sub("[.,]", "", number), number.replace(",", ".")}
    parts = [part.lstrip("0") or "0" for part in re.split("[.,:/-]", number)]
    decimal = {number.replace(",", ".")} if len(parts) == 2 else set()
    return decimal | set(parts) | ({str(int(parts[0]) + 12)} if ":" in number and len(parts[0]) <= 2 else set())


def needed(number: str) -> list[set[str]]:
    """What of a fact's number must have been said, each in one of its readings: all parts of 14:30 or 555-1234."""
    if _GROUPED.fullmatch(number) or re.fullmatch(r"\d+[.,]\d+", number):
        return [
            {re.sub("[.,]", "", number), number.replace(",", ".")}
            if _GROUPED.fullmatch(number)
            else {number.replace(",", ".")}
        ]
    first, *others = [part.lstrip("0") or "0" for part in re.split("[.,:/-]", number)]
    hours = {first, str((int(first) + 12) % 24)} if ":" in number and len(first) <= 2 else {first}
    return [hours, *({part} for part in others if part != "0")]


def _spelt(words: Iterable[str]) -> Iterator[str]:
    """Numbers written as words: "twenty five" is 20, 5 and 25; "two hundred" and "15k" likewise."""
    before = 0
    for word in words:
        digits = word.rstrip("abcdefghijklmnopqrstuvwxyz")
        value = NUMBER_WORDS.get(word) or (int(digits) if digits.isdecimal() and len(digits) < 10 else 0)
        scale = SCALES.get(word) or (SCALES.get(word[len(digits) :]) if value else None)
        if value:
            yield str(value)
            if before >= 20 and value < 10:
                yield str(before + value)
        if scale and (value or before):
            yield str((value or before) * scale)
        before = value


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence: whether it is about somebody else than the speaker, and what it denies."""

    text: str
    about_other: bool
    names_other: frozenset[str]
    denied: frozenset[str]


def clauses_of(text: str) -> list[Clause]:
    """The clauses of ``text``. One without a subject of its own is about whom the one before it is."""
    found: list[Clause] = []
    for sentence in _SENTENCE_END.split(text):
        other, names = False, frozenset[str]()
        for part in _CLAUSE_END.split(sentence):
            words = list(words_of(part))
            if not words:
                continue
            own = any(word.folded in FIRST_PERSON for word in words)
            subject = _other_subject(words)
            if subject or own or _PRO_DROP.match(part):
                other, names = bool(subject) and not own, subject
            found.append(Clause(part, other, names, _denied(words)))
    return found


def _other_subject(words: list[Word]) -> frozenset[str]:
    """Who else a clause begins with: a relative ("my brother"), "she", or a name right before a verb."""
    start = [
        word for word in words[:6] if word.folded not in ("and", "but", "so", "und", "et", "y", "oh", "well", "yes")
    ]
    if not start:
        return frozenset()
    if start[0].folded in PRONOUNS_OF_OTHERS:
        return frozenset({start[0].stem})
    if start[0].folded in POSSESSIVES:
        return frozenset(word.stem for word in start[1:4] if word.stem in PERSONS)
    follows = start[1].folded if len(start) > 1 else ""
    light = start[0].small or start[0].folded in NEGATORS or start[0].stem in FRAME_STEMS
    named = not light and not start[0].folded.startswith("user")
    return frozenset({start[0].stem}) if named and follows in VERBS_OF_OTHERS else frozenset()


def _denied(words: list[Word]) -> frozenset[str]:
    denied: set[str] = set()
    for at, word in enumerate(words):
        if word.folded in NEGATORS:
            following = [later for later in words[at + 1 : at + 5] if later.folded not in ALL_STOP_WORDS]
            denied.update(later.stem for later in following[:2])
    return frozenset(denied)


@dataclass(frozen=True)
class Said:
    """A turn, read."""

    index: int
    role: str
    text: str

    @cached_property
    def bag(self) -> Bag:
        """Everything in it."""
        return bag_of([self.text])

    @cached_property
    def clauses(self) -> list[Clause]:
        """Its clauses."""
        return clauses_of(self.text)

    def without(self, left_out: frozenset[int]) -> Bag:
        """Everything but the clauses at these places."""
        if not left_out:
            return self.bag
        if left_out not in self._parts:
            self._parts[left_out] = bag_of(c.text for at, c in enumerate(self.clauses) if at not in left_out)
        return self._parts[left_out]

    @cached_property
    def _parts(self) -> dict[frozenset[int], Bag]:
        return {}

    @cached_property
    def language(self) -> str | None:
        """See `language_of`."""
        return language_of(self.text)


def bag_of(texts: Iterable[str]) -> Bag:
    """The bag of all ``texts`` together."""
    bag = Bag()
    for text in texts:
        bag.add(text)
    return bag


def language_of(text: str) -> str | None:
    """The language of ``text`` by its small words or its script (``CJK``, ``CYRILLIC`` ...); ``None`` if unclear."""
    sample = text[:2_000]
    letters = [letter for letter in sample if letter.isalpha()]
    others = [letter for letter in letters if not letter.isascii() and not _is_latin(letter)]
    if len(others) * 2 > len(letters):
        return unicodedata.name(others[0], "OTHER").split()[0].replace("HIRAGANA", "CJK").replace("KATAKANA", "CJK")
    said = [fold(piece) for token in _PIECE.findall(sample) for piece in re.split("['\u2019]", token)]
    counts = {language: sum(word in words for word in said) for language, words in TELLING_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    ties = sum(count == counts[best] for count in counts.values())
    return best if counts[best] and ties == 1 else None


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
