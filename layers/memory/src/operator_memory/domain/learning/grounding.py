"""Is a proposed fact grounded in what was said, and in which turn. Pure; linear in the length of the turns.

Words are compared, not meanings: names, numbers and dates of the fact must have been said, and enough of its other
words. A fact about the user counts only if the user said it, or agreed to it at once. A true paraphrase should pass;
what nobody mentioned, what the assistant guessed and what is true of somebody else should not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.grounding_text import (
    Bag,
    Clause,
    Said,
    Word,
    bag_of,
    language_of,
    needed,
    words_of,
)
from operator_memory.domain.learning.grounding_words import (
    DENIAL,
    FRAME_STEMS,
    NEGATIVE_WORDS,
    NUMBER_WORDS,
    OPEN_QUESTION,
    PERSON_WORDS,
    PERSONS,
    PRONOUNS_OF_OTHERS,
    RELATED,
    YES,
    fold,
    is_adverb,
)

ENOUGH = 0.5
"""Share of the fact's other words that must have been said; less where names or numbers match (`_enough`)."""

NEIGHBOUR, CONFIRMED, NAMED_ELSEWHERE = 0.9, 0.7, 0.8
"""What is left of the strength when it takes two turns, when the user only agreed, when a name stands elsewhere."""

FOREIGN_WITH_DETAILS, FOREIGN = 0.4, 0.2
"""Strength of a fact in another language than the turn: with, and without, a name or number that matches."""

_CONFIRMABLE = 1_000  # characters at the end of the assistant's turn to which a "yes" may refer
_SHORT_ANSWER = 8  # words


@dataclass(frozen=True, slots=True)
class Evidence:
    """The turn that supports a fact best: its index, who spoke (``user`` or ``assistant``), and 0 < strength <= 1.

    ``also``: the index of a second turn that it takes for it.
    """

    turn: int
    by: str
    strength: float
    also: int | None = None


def find_evidence(fact: str, turns: Sequence[Turn], *, about_user: bool) -> Evidence | None:
    """The turn that supports ``fact`` best, or ``None`` if the fact is not grounded.

    For many facts of one conversation make one `Grounding` and ask it: the turns are then read once.
    """
    return Grounding(turns).evidence(fact, about_user=about_user)


_PIECES = re.compile(r"[\w.@+-]+")
_IS = frozenset(["is", "was", "am", "ist", "bin", "es", "soy", "est", "suis", "sou"])
_AS_OF = re.compile(r"\(?\bas of [^,;)]{1,40}\)?", re.IGNORECASE)
_DATE = re.compile(r"\b(?:\d{4}-\d{2}(?:-\d{2})?|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")
_DIGITS = re.compile(r"\d+(?:[.,:/-]\d+)*")
_ENGLISH = re.compile(r"(?:the )?user\b(?! (?:ist|hat|es|tem|est)\b)", re.IGNORECASE)
_DIRECT = re.compile(
    r"^(?:the )?(?:user|i|der nutzer|el usuario|la usuaria|l'utilisat\w+|o usuario|ich|yo|je|eu)\b(?!'s)"
)


class FactWords:
    """A fact, read: what must have been said, and what may be put otherwise."""

    def __init__(self, text: str) -> None:
        self.given = text
        self.text = _AS_OF.sub("", text.lower() if text.isupper() else text)
        words = list(words_of(self.text))
        self.words = words
        self.stems = {word.stem for word in words}
        # "The user" is English, whatever name follows ("... owns a boat called Lo")
        self.language = "en" if _ENGLISH.match(self.text) else language_of(self.text)
        self.months = {word.stem for word in words if word.stem.startswith("month:") and self._is_month(word)}
        self.weekdays = {word.stem for word in words if word.stem.startswith("weekday:")}
        self._read_numbers()
        self.elsewhere: dict[str, bool] = {}
        titled = sum(word.capital for word in words) > 0.6 * len(words) or self.language == "de"
        plain = [w for w in words if not self._is_light(w)]
        self.names = {w.stem: w.folded for w in plain if w.capital and not titled}
        self.content = {w.stem: w.folded for w in plain if w.stem not in self.names}
        if not self.content and not self.has_details:
            bare = [w for w in words if not w.small and not w.stem.startswith("user")]
            self.content = {w.stem: w.folded for w in bare}
        folded = fold(self.text)
        self.negated = any(w.folded in NEGATIVE_WORDS or w.stem in NEGATIVE_WORDS for w in words)
        self.direct = _DIRECT.match(folded) is not None
        self.related = any(w.folded in RELATED for w in words)
        self.people = {w.stem for w in words if w.stem in PERSONS}
        after = [w for w in words[1:] if not w.small and not w.stem.startswith("user")]
        self.says = after[0].stem if after else ""
        self.is_person = bool(after) and after[0].folded in PERSON_WORDS and not self.stems.isdisjoint(_IS)

    def _is_month(self, word: Word) -> bool:
        return word.capital or word.folded not in ("may", "mar", "mai", "march", "sep", "set")

    def _is_light(self, word: Word) -> bool:
        return (
            word.small
            or word.stem in FRAME_STEMS
            or ":" in word.stem
            or word.folded in NUMBER_WORDS
            or word.folded.isdecimal()
            or is_adverb(word.folded)
        )

    def _read_numbers(self) -> None:
        """Numbers that must be said, and those that belong to a date, which may have been worked out."""
        dates = _DATE.findall(self.text)
        self.date_numbers = [{part.lstrip("0") or "0"} for date in dates for part in re.split("[./-]", date)]
        rest = _DATE.sub(" ", self.text)
        numbers = _DIGITS.findall(rest)
        near = {
            found
            for at, word in enumerate(self.words)
            if word.stem in self.months
            for close in self.words[max(0, at - 3) : at + 4]
            for found in _DIGITS.findall(close.folded)
        }
        self.numbers: list[set[str]] = []
        for number in numbers:
            is_date = number.isdecimal() and (number in near or re.fullmatch("(?:19|20)[0-9]{2}", number) is not None)
            (self.date_numbers if is_date or set(number.split("-")) <= near else self.numbers).extend(needed(number))
        self.codes = [fold(c).strip(".-") for c in _PIECES.findall(self.text) if "@" in c.strip("@.-")]

    @property
    def has_details(self) -> bool:
        """Whether it holds a name, a number or a date."""
        return bool(self.names) or self.has_other_details

    @property
    def has_other_details(self) -> bool:
        """Whether it holds a number or a date."""
        return bool(self.numbers or self.codes or self.date_numbers or self.months or self.weekdays)


@dataclass(frozen=True)
class _Window:
    """Turns that together may support a fact. ``spoken`` holds what counts as said by whom it is about."""

    turn: Said
    spoken: Sequence[Bag]
    language: str | None
    asked: Sequence[Bag] = ()
    discount: float = 1.0
    confirms: bool = False
    also: Said | None = None

    def is_foreign_to(self, language: str | None) -> bool:
        """Whether words of a fact in ``language`` cannot be compared with what was said here."""
        return language is not None and self.language is not None and self.language != language


class Grounding:
    """The turns of a conversation, read once, to be asked about many facts."""

    def __init__(self, turns: Sequence[Turn], *, known: Sequence[str] = ()) -> None:
        """Read ``turns``; ``known`` are texts shown to the extractor besides them, which may lend a fact a name."""
        self._turns = [Said(index, turn.role, turn.text) for index, turn in enumerate(turns)]
        self._known = bag_of(known)

    def evidence(self, fact: str, *, about_user: bool) -> Evidence | None:
        """See `find_evidence`."""
        return self.evidence_of(FactWords(fact), about_user=about_user)

    def evidence_of(self, read: FactWords, *, about_user: bool) -> Evidence | None:
        """The evidence for a fact that has been read."""
        if not read.content and not read.has_details:
            return self._verbatim(read.given, about_user=about_user)
        best: Evidence | None = None
        for window in self._windows(read, about_user=about_user):
            strength = self._strength(read, window, about_user=about_user)
            if strength and (best is None or strength > best.strength):
                also = None if window.also is None else window.also.index
                best = Evidence(window.turn.index, window.turn.role, strength, also)
        return best

    def words_said(self, words: Sequence[Word]) -> int:
        """How many of ``words`` were said, by whoever."""
        bags = [said.bag for said in self._turns]
        return sum(any(bag.has(w.stem) or bag.has_name(w.folded, w.stem) for bag in bags) for w in words)

    def _verbatim(self, fact: str, *, about_user: bool) -> Evidence | None:
        """A fact of small words only can be checked only as it stands."""
        wanted = " ".join(word.folded for word in words_of(fact))
        for said in self._speakers(about_user=about_user):
            if wanted and f" {wanted} " in f" {' '.join(word.folded for word in words_of(said.text))} ":
                return Evidence(said.index, said.role, 1.0)
        return None

    def _speakers(self, *, about_user: bool) -> list[Said]:
        return [said for said in self._turns if said.role == "user" or not about_user]

    def _windows(self, fact: FactWords, *, about_user: bool) -> Iterator[_Window]:
        speakers = self._speakers(about_user=about_user)
        bags = [_bag_for(fact, said) if about_user else said.bag for said in speakers]
        for at, (said, own) in enumerate(zip(speakers, bags, strict=True)):
            yield _Window(said, [own], said.language)
            if at + 1 < len(speakers):
                later = speakers[at + 1]
                next_bag = bags[at + 1]
                first = _hits(fact, own) >= _hits(fact, next_bag)
                most, less = (said, later) if first else (later, said)
                yield _Window(most, [own, next_bag], said.language, discount=NEIGHBOUR, also=less)
            if about_user and said.index and self._turns[said.index - 1].role == "assistant":
                yield from _answer(fact, said, own, self._turns[said.index - 1])

    def _strength(self, fact: FactWords, window: _Window, *, about_user: bool) -> float:
        details = self._details(fact, window, about_user=about_user)
        if details is None:
            return 0.0
        matched, elsewhere = details
        bags = [*window.spoken, *window.asked]
        hits = sum(any(bag.has(wanted) for bag in bags) for wanted in fact.content)
        spoken = matched or window.confirms or any(_hits(fact, bag) for bag in window.spoken)
        share = hits / len(fact.content) if fact.content else 1.0
        worked_out = bool(fact.months | fact.weekdays) and not any(_said_date(fact, bag) for bag in window.spoken)
        if (
            spoken
            and share >= _enough(fact, matched) + (0.1 if worked_out else 0.0)
            and (share > 0.5 or matched or _key_said(fact, bags))
        ):
            total = (hits + matched) / (len(fact.content) + matched) if fact.content else 1.0
            return round(max(0.05, total * window.discount * (NAMED_ELSEWHERE if elsewhere else 1.0)), 3)
        if window.is_foreign_to(fact.language) and (window.discount == 1.0 or window.confirms):
            if matched:
                return FOREIGN_WITH_DETAILS
            names_only = _foreign_script(fact, window) and not fact.has_other_details
            return FOREIGN if names_only or not fact.has_details else 0.0
        return 0.0

    def _details(self, fact: FactWords, window: _Window, *, about_user: bool) -> tuple[int, bool] | None:
        """How many names, numbers and dates were said, and whether some of them elsewhere; ``None`` if one was not."""
        spoken = window.spoken
        if not all(any(numbers & bag.numbers for bag in spoken) for numbers in fact.numbers):
            return None
        text = fold(window.turn.text)
        if not all(code in text for code in fact.codes) or not _dates_hold(fact, spoken):
            return None
        here = [name for name in fact.names if any(bag.has_name(fact.names[name], name) for bag in spoken)]
        missing = set(fact.names) - set(here)
        if (
            missing
            and not _foreign_script(fact, window)
            and not all(
                self._named_elsewhere(fact, name, about_user=about_user) or _initials(fact, spoken) for name in missing
            )
        ):
            return None
        dated = len(fact.months) + len(fact.weekdays) if any(_said_date(fact, bag) for bag in spoken) else 0
        return len(fact.numbers) + len(fact.codes) + len(here) + dated, bool(missing)

    def _named_elsewhere(self, fact: FactWords, name: str, *, about_user: bool) -> bool:
        if name not in fact.elsewhere:  # the same for every window: in a long run there are many
            bags = [_bag_for(fact, said) if about_user else said.bag for said in self._speakers(about_user=about_user)]
            fact.elsewhere[name] = any(bag.has_name(fact.names[name], name) for bag in [self._known, *bags])
        return fact.elsewhere[name]


def _answer(fact: FactWords, said: Said, own: Bag, question: Said) -> Iterator[_Window]:
    """What the assistant said right before counts where the user agreed to it, or answered it."""
    agreed = YES.match(said.text) is not None
    denied = DENIAL.search(said.text) is not None
    if agreed or (denied and fact.negated):
        tail = bag_of([question.text[-_CONFIRMABLE:]])
        language = said.language or question.language
        yield _Window(said, [own, tail], language, discount=CONFIRMED, confirms=True, also=question)
    if "?" not in question.text:
        return
    short = len(said.text.split()) <= _SHORT_ANSWER
    if OPEN_QUESTION.search(question.text) or (short and not denied):
        yield _Window(said, [own], said.language, asked=[question.bag], discount=NEIGHBOUR, also=question)


def _bag_for(fact: FactWords, said: Said) -> Bag:
    """The words of ``said`` that may support ``fact``: not those about somebody else, not what it denies.

    "My brother lives in Rome" does not ground "User lives in Rome", nor does "I don't smoke" ground "User smokes".
    """
    if not fact.direct:
        return said.bag
    return said.without(frozenset(at for at, clause in enumerate(said.clauses) if _unfit(fact, clause)))


def _unfit(fact: FactWords, clause: Clause) -> bool:
    if not fact.negated and fact.says in clause.denied:
        return True
    if fact.is_person and fact.says in clause.names_other:  # "my doctor" makes nobody a doctor
        return True
    if not clause.about_other or clause.names_other & fact.stems:
        return False
    # "He is 3" may be about the dog, and "my kid" the daughter, that the fact speaks of
    spoken_of = clause.names_other <= PRONOUNS_OF_OTHERS or (fact.people and clause.names_other <= PERSONS)
    return not (fact.related and spoken_of)


def _hits(fact: FactWords, bag: Bag) -> int:
    """How many words of the fact, frame words included, are in ``bag``."""
    return sum(not word.small and bag.has(word.stem) for word in fact.words)


def _enough(fact: FactWords, matched: int) -> float:
    if matched >= 2:
        return 0.0 if len(fact.content) <= 3 else 0.25
    if matched and len(fact.content) > 2:
        return 1 / 3
    return ENOUGH if len(fact.content) <= 6 else 0.4


def _key_said(fact: FactWords, bags: Sequence[Bag]) -> bool:
    """Whether the last word of the fact was said, which is the matter where it has but two: "allergic to peanuts"."""
    key = list(fact.content)[-1]
    return len(fact.content) != 2 or any(bag.has(key) for bag in bags)


def _dates_hold(fact: FactWords, bags: Sequence[Bag]) -> bool:
    """Whether the fact's date was said, or may have been worked out from a word such as "tomorrow"."""
    if any(bag.relative for bag in bags):
        return True
    if not all(any(_said_day(day, bag) for bag in bags) for day in fact.months | fact.weekdays):
        return False
    worked_out = bool(fact.months or fact.weekdays)  # the year of "on 3 May" follows from when it was said
    return all(
        any(numbers & bag.numbers or _month_of(numbers) & bag.stems for bag in bags)
        or (worked_out and all(len(number) == 4 for number in numbers))
        for numbers in fact.date_numbers
    )


def _said_day(day: str, bag: Bag) -> bool:
    return day in bag.stems or (day.startswith("month:") and day.removeprefix("month:") in bag.numbers)


def _month_of(numbers: set[str]) -> set[str]:
    return {f"month:{number}" for number in numbers}


def _said_date(fact: FactWords, bag: Bag) -> bool:
    return any(_said_day(day, bag) for day in fact.months | fact.weekdays)


def _initials(fact: FactWords, bags: Sequence[Bag]) -> bool:
    """Whether the names of the fact, in their order, were said as initials: "New York City" as NYC."""
    letters = "".join(word.folded[0] for word in fact.words if word.capital)
    return len(letters) > 1 and any(letters in bag.folded for bag in bags)


def _foreign_script(fact: FactWords, window: _Window) -> bool:
    """Whether the two do not even share letters, so that names cannot be compared either."""
    return _script(fact.language) != _script(window.language)


def _script(language: str | None) -> str:
    return language if language is not None and language.isupper() else "LATIN"
