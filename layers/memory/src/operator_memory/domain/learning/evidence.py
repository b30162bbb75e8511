"""Whether what was said supports a fact that a model proposes. Pure; it knows no language.

The model quotes what it read the fact from. Code checks what can be checked without understanding: the quote stands
there, the person said it in words of their own, and the fact adds no number, no name and no subject to what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from operator_memory.domain.conversation import Turn, answers
from operator_memory.domain.learning.proposals import ProposedFact, Quote
from operator_memory.domain.learning.said import FoldedTurn, folded_quote
from operator_memory.domain.memory.provenance import MAY_INSTRUCT, SourceClass, least_trusted
from operator_memory.domain.memory.quantities import numbers_of, unsaid_numbers
from operator_memory.domain.memory.wording import (
    Words,
    capitals_tell_names,
    content_words,
    frame_of,
    names_in,
    script_of,
    words_of,
)
from operator_memory.domain.rules.names import introduced_names, name_claimed
from operator_memory.domain.shared.screening import COMMAND, command_reason

SHORT_ANSWER = 4
"""Words of a turn that is hardly more than the name that was asked for."""

NO_EVIDENCE = "no_evidence"
"""No quote of it stands in what was said, or none in what is new."""
NOT_THE_PERSON = "not_said_by_person"
"""Only the assistant said it, and the person did not answer."""
NOT_OWN_WORDS = "not_own_words"
"""The person pasted or quoted it."""
ADDED_DETAIL = "detail_not_said"
"""It holds a number or a name that nobody said."""
UNRELATED = "unrelated_evidence"
"""The quoted messages share no word, name or number with it."""
NOT_INTRODUCED = "name_not_introduced"
"""It says what the user is called, and they did not introduce themself so."""


@dataclass(frozen=True, slots=True)
class FoundQuote:
    """A quote that stands in a turn. ``turn``: its index, below 0 for a turn from before the run."""

    turn: int
    text: str
    others: bool
    """Whether all of it is pasted or quoted from somebody else."""
    span: tuple[int, int] = (0, 0)
    """From where to where in the folded turn."""
    unasked: bool = False
    """Whether the assistant said it, and not as a question: an answer to that does not make it the person's word."""

    @property
    def source_class(self) -> SourceClass:
        """Whose words it is."""
        if self.others:
            return SourceClass.PASTED
        return SourceClass.ASSISTANT if self.unasked else SourceClass.PERSON

    def overlaps(self, other: "FoundQuote") -> bool:
        """Whether both hold some of the same words."""
        return self.turn == other.turn and self.span[0] < other.span[1] and other.span[0] < self.span[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for a fact: why it is not supported, or ``None``, and the quotes, the person's own first."""

    reason: str | None
    quotes: tuple[FoundQuote, ...] = ()
    drawn_from: tuple[SourceClass, ...] = ()
    """Of memories whose names or numbers it repeats."""

    @property
    def source(self) -> int | None:
        """The index of the turn that says it."""
        return next((quote.turn for quote in self.quotes if quote.turn >= 0), None)

    @property
    def texts(self) -> tuple[str, ...]:
        """The quoted words."""
        return tuple(quote.text for quote in self.quotes)

    @property
    def turns(self) -> tuple[int, ...]:
        """The indices of the new turns that it was read from, in order."""
        return tuple(sorted({quote.turn for quote in self.quotes if quote.turn >= 0}))

    @property
    def source_class(self) -> SourceClass:
        """Whose words it rests on, the least trusted. What the assistant asked counts as the person's once they have
        answered it."""
        return least_trusted(SourceClass.PERSON, *self.drawn_from, *(quote.source_class for quote in self.quotes))

    @property
    def may_instruct(self) -> bool:
        """Whether it may tell an agent how to work."""
        return self.source_class in MAY_INSTRUCT

    def shares_words(self, other: "Finding") -> bool:
        """Whether both rest on some of the same words."""
        return any(mine.overlaps(theirs) for mine in self.quotes for theirs in other.quotes)


class Evidence:
    """A conversation, to be asked about the facts of one answer."""

    def __init__(self, turns: Sequence[Turn], facts: Sequence[ProposedFact], *, earlier: Sequence[Turn] = ()) -> None:
        """``turns``: those the facts are from, numbered from 0; ``earlier``: those before, the last of them -1."""
        self._turns = {i - len(earlier): FoldedTurn(t) for i, t in enumerate((*earlier, *turns))}
        self._facts = facts

    def examine(self, fact: ProposedFact, *, day: date, replaced: Sequence[str] = ()) -> Finding:
        """What supports ``fact``. ``day``: when it was said. ``replaced``: texts of memories that it takes the place
        of, whose names and numbers it may repeat."""
        quotes = [found for quote in fact.quotes if (found := self._find(quote)) is not None]
        if not any(quote.turn >= 0 for quote in quotes):
            return Finding(NO_EVIDENCE)
        persons = [quote for quote in quotes if self._is_person(quote.turn)]
        answered = [self._of_assistant(q) for q in quotes if self._is_answered(q.turn, persons)]
        if not any(quote.turn >= 0 for quote in persons):
            return Finding(NOT_THE_PERSON, tuple(quotes))
        own = [quote for quote in persons if not quote.others]
        pasted = [quote for quote in persons if quote.others]
        kept = (*own, *answered, *pasted)
        if not any(quote.turn >= 0 for quote in own):
            return Finding(NOT_OWN_WORDS, kept)
        if all(command_reason(self._line_of(quote)) for quote in own):
            return Finding(COMMAND, kept)
        if fact.attributed_to == "assistant" and pasted:
            return Finding(NOT_OWN_WORDS, kept)
        return Finding(self._added(fact, kept, day, replaced), kept)

    def place_of(self, quote: Quote) -> FoundQuote | None:
        """Where the person said ``quote`` in words of their own, in what is new; ``None`` where they did not."""
        found = self._find(quote)
        mine = found is not None and found.turn >= 0 and self._is_person(found.turn) and not found.others
        return found if mine else None

    def _find(self, quote: Quote) -> FoundQuote | None:
        """Where ``quote`` stands: in the message that it names, else in any other, the latest first."""
        wanted = folded_quote(quote.text)
        named = [quote.message] if quote.message in self._turns else []
        for index in (*named, *sorted(self._turns, reverse=True)):
            turn = self._turns[index]
            if (span := turn.find(wanted)) is not None:
                return FoundQuote(index, quote.text, turn.is_others(*span), span)
        return None

    def _is_person(self, index: int) -> bool:
        return self._turns[index].turn.role == "user"

    def _is_answered(self, index: int, persons: Sequence[FoundQuote]) -> bool:
        """Whether the assistant said it, and it is quoted together with what the person said right after it."""
        return not self._is_person(index) and any(quote.turn == index + 1 for quote in persons)

    def _of_assistant(self, quote: FoundQuote) -> FoundQuote:
        asked = answers(self._turns[quote.turn + 1].turn, self._turns[quote.turn].turn)
        return replace(quote, unasked=not asked)

    def _line_of(self, quote: FoundQuote) -> str:
        lines = self._turns[quote.turn].turn.text.splitlines()
        wanted = folded_quote(quote.text)
        return next((line for line in lines if wanted in folded_quote(line)), quote.text)

    def _added(
        self, fact: ProposedFact, quotes: Sequence[FoundQuote], day: date, replaced: Sequence[str]
    ) -> str | None:
        """What ``fact`` adds to what was said, as a reason."""
        said = [quote.text for quote in quotes]
        if unsaid_numbers(fact.text, [*said, *replaced], day=day):
            return ADDED_DETAIL
        if self._adds_names(fact, replaced):
            return ADDED_DETAIL
        if self._is_unrelated(fact, quotes):
            return UNRELATED
        return NOT_INTRODUCED if self._takes_a_name(fact, quotes) else None

    def _adds_names(self, fact: ProposedFact, replaced: Sequence[str]) -> bool:
        frame = frame_of(fact.text)
        known = Words([*self._said_texts, *replaced])
        names = [n for n in _folded(names_in(fact.text, frame=frame)) if script_of(n) in known.scripts]
        unsaid = [name for name in names if not known.akin(name)]
        if self._same_language and self._capitals_tell:
            return bool(unsaid)
        return len(unsaid) > 1 and len(unsaid) == len(names)  # translated, or every noun has a capital

    def _is_unrelated(self, fact: ProposedFact, quotes: Sequence[FoundQuote]) -> bool:
        """Whether the messages that are quoted share nothing with a fact in their language."""
        if not self._same_language:
            return False
        cited = Words([self._turns[quote.turn].turn.text for quote in quotes])
        frame = frame_of(fact.text)
        words = {*content_words(fact.text, frame=frame), *_folded(names_in(fact.text, frame=frame))}
        numbers = set(numbers_of(fact.text)) & {n for quote in quotes for n in numbers_of(quote.text)}
        return bool(words) and not numbers and not any(cited.akin(word) for word in words)

    def _takes_a_name(self, fact: ProposedFact, quotes: Sequence[FoundQuote]) -> bool:
        """Whether ``fact`` gives the user a name that is another's, or nobody's, as far as the rules know languages."""
        name = name_claimed(fact.text) if self._same_language else None
        if name is None:
            return False
        turns = [self._turns[quote.turn].turn for quote in quotes if not quote.others and self._is_person(quote.turn)]
        short = [turn.text for turn in turns if len(turn.text.split()) <= SHORT_ANSWER]
        introduced = [found for turn in turns for found in introduced_names(turn.text)]
        known = Words([*introduced, *short, *(turn.name or "" for turn in turns)])
        return not any(map(known.akin, words_of(name)))

    @cached_property
    def _said_texts(self) -> list[str]:
        """What the person said, and what the assistant said right before."""
        return [
            text
            for index, folded in self._turns.items()
            for text in [folded.turn.text, folded.turn.name or ""]
            if self._is_person(index) or (index + 1 in self._turns and self._is_person(index + 1))
        ]

    @cached_property
    def _same_language(self) -> bool:
        said = Words(folded.turn.text for folded in self._turns.values())
        return said.same_language(fact.text for fact in self._facts)

    @cached_property
    def _capitals_tell(self) -> bool:
        return capitals_tell_names(folded.turn.text for folded in self._turns.values())


def _folded(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in words_of(name)]
