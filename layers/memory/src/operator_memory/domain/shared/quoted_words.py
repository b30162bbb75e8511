"""Which turn a quote is from, and whether it holds words that are to be seen no more. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from operator_memory.domain.memory.memory import CLEARED, UNWANTED, Memory
from operator_memory.domain.memory.provenance import Provenance, SaidWords
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.text import words


def evidence_left(evidence: Sequence[SaidWords], deleted: Sequence[Memory]) -> tuple[SaidWords, ...]:
    """``evidence`` without what stands in a turn of ``deleted``, and without the words that a fact of it rests on."""
    return tuple(said for said in evidence if not any(_is_about(said, memory) for memory in deleted))


def _is_about(said: SaidWords, memory: Memory) -> bool:
    if memory.kind is Kind.TURN:
        return is_from(said, memory)
    return any(_overlap(said, other) for other in memory.evidence if other.role in ("user", None))


def _overlap(one: SaidWords, other: SaidWords) -> bool:
    """Whether both quote the same words of one message, as far as it is known to be one."""
    for mine, theirs in ((one.message_id, other.message_id), (one.said_at, other.said_at)):
        if mine is not None and theirs is not None and mine != theirs:
            return False
    return _share_words(one, other)


def _share_words(one: SaidWords, other: SaidWords) -> bool:
    mine, theirs = _plain(one.quote), _plain(other.quote)
    return mine in theirs or theirs in mine


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
