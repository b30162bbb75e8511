"""Which turn a quote is from, and whether it holds words that are to be seen no more. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from operator_memory.domain.memory.memory import CLEARED, UNWANTED, Memory
from operator_memory.domain.memory.provenance import Provenance, SaidWords
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.text import words


class DeletedWords:
    """The words of memories that are deleted, to be taken out of the evidence of others."""

    def __init__(self, deleted: Sequence[Memory]) -> None:
        self._messages: set[str] = set()
        self._texts: list[tuple[str, str | None]] = []  # of turns: words, message id
        self._quotes: dict[str | None, list[tuple[str, datetime | None]]] = defaultdict(list)  # by message id
        for memory in deleted:
            if memory.kind is Kind.TURN:
                self._messages |= {memory.message_id} if memory.message_id is not None else set()
                self._texts.append((_plain(memory.text), memory.message_id))
            for said in memory.evidence if memory.kind is Kind.FACT else ():
                self._quotes[said.message_id].append((_plain(said.quote), said.said_at))

    def taken_out_of(self, evidence: Sequence[SaidWords]) -> tuple[SaidWords, ...]:
        """``evidence`` without what stands in a deleted turn, and without the words that a deleted fact rests on."""
        return tuple(said for said in evidence if not self._has(said))

    def _has(self, said: SaidWords) -> bool:
        mine, message = _plain(said.quote), said.message_id
        if message is not None and message in self._messages:
            return True
        if any(mine in text for text, other in self._texts if message is None or other is None):
            return True
        messages = self._quotes if message is None else (message, None)  # without an id it may be any message
        return any(
            (mine in quote or quote in mine) and (at is None or said.said_at is None or at == said.said_at)
            for each in messages
            for quote, at in self._quotes.get(each, ())
        )


def is_from(said: SaidWords, turn: Memory) -> bool:
    """Whether the quote stands in that turn."""
    if said.message_id is not None and turn.message_id is not None:
        return said.message_id == turn.message_id
    return _plain(said.quote) in _plain(turn.text)


def _plain(text: str) -> str:
    """The words, with a space on either side, so that none is found inside another."""
    return f" {' '.join(words(text))} "


def reasons_of(turns: Iterable[Memory]) -> set[str]:
    """The ids of memories for whose sake ``turns`` are withheld."""
    return {reason for turn in turns for reason in turn.withheld_by} - {CLEARED, UNWANTED}


def shown_provenance(
    fact: Memory, turns: Sequence[Memory], reasons: Mapping[str, Memory], *, cleared_at: datetime | None
) -> Provenance:
    """Why ``fact`` is remembered. A quote is hidden where a person has withdrawn its turn.

    ``turns``: those of its ``said_in`` that are stored. ``reasons``: the memories, in force or replaced by others, for
    which they may be withheld; one that is not among them was deleted, or is to be forgotten. ``cleared_at``: when the
    user's memory was emptied.
    """
    withdrawn = [turn for turn in turns if any(reason not in reasons for reason in turn.withheld_by)]
    shown = tuple(
        said
        for said in fact.evidence
        if said.role is not None  # else of a turn before the run: nobody can tell whether it was withdrawn
        and not any(is_from(said, turn) for turn in withdrawn)
        and not (fact.scope is Scope.AGENT and _is_cleared(fact, said, cleared_at))
    )
    return Provenance(
        inferred=fact.inferred,
        source_class=fact.source_class,
        run_id=fact.source_run_id,
        when=fact.when,
        quotes=shown,
        hidden_quotes=len(fact.evidence) - len(shown),
        repeated_in=fact.repeated_in,
    )


def _is_cleared(fact: Memory, said: SaidWords, cleared_at: datetime | None) -> bool:
    since = fact.imported_at or said.said_at or fact.created_at
    return cleared_at is not None and since <= cleared_at
