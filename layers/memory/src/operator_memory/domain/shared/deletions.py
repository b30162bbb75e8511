"""What keeps a single memory from coming back: the marks of one that a person deleted, and what they forbid. Pure.

A mark stands for wording, or for words that were said, and is a hash that is keyed with the account: it tells whether
something is the same, and holds none of it. What was said up to the deletion and has a mark is not stored again; said
later, it is.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import SaidWords
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.text import normalised_text, words

KEPT = timedelta(days=400)
"""How long a mark is kept: a thread that nobody has read for so long is not read again."""

CLOCKS_DIFFER = timedelta(minutes=1)
"""By how much, at most."""

DELETED = "deleted"
"""Why something is not stored: a person deleted it after it was said."""

TELLING = 12
"""Letters of a quote that says something by itself. "Yes" stands in every conversation: it counts with its message."""


def marks_of(memory: Memory) -> set[str]:
    """The marks that a deletion of ``memory`` leaves."""
    if memory.kind is Kind.TURN:
        return set(_marks_of_turn(memory))
    wordings = (memory.text, *(past.text for past in memory.history))
    return {*(_wording(memory, text) for text in wordings), *_quotes(memory)}


def forbidden(memory: Memory, marks: Mapping[str, datetime]) -> bool:
    """Whether ``memory``, which is about to be stored, was said before a person deleted it.

    ``marks``: when what was deleted, by mark. What a person has said once more since is theirs to be remembered.
    """
    asked = asked_of(memory)
    deleted = [marks[mark] for mark in asked if mark in marks]
    return bool(deleted) and _last_said(memory) <= max(deleted)


def deleted_since(memory: Memory, marks: Mapping[str, datetime], since: datetime) -> bool:
    """Whether a person deleted the like of ``memory`` after ``since``, when it was out of their sight.

    ``marks``: as for `forbidden`. The clocks of two machines differ a little: what was deleted just before counts too,
    unless the memory came after it: what a person deleted and then said or imported again is theirs to be remembered.
    """
    came = max(_last_said(memory), memory.imported_at or memory.created_at)
    first = max(since - CLOCKS_DIFFER, came)
    return any(marks[mark] >= first for mark in asked_of(memory) if mark in marks)


def asked_of(memory: Memory) -> set[str]:
    """The marks that could forbid ``memory``."""
    if memory.kind is Kind.TURN:
        return {_turn_mark(memory, "id"), _turn_mark(memory, "any")} if memory.message_id else {_turn_mark(memory, "")}
    return {_wording(memory, memory.text), *_quotes(memory)}


def _marks_of_turn(turn: Memory) -> Iterator[str]:
    """A turn is known by its message. Where one side has no message id, its words in its session must do."""
    for text in (turn.text, *(past.text for past in turn.history)):
        said = replace(turn, text=text)
        yield _turn_mark(said, "id" if turn.message_id else "any")
        yield _turn_mark(said, "")


def _turn_mark(turn: Memory, by: str) -> str:
    if by == "id":
        return _mark(turn.account_id, "message", turn.message_id or "", normalised_text(turn.text))
    return _mark(turn.account_id, "turn", by, turn.session_id or "", normalised_text(turn.text))


def _wording(memory: Memory, text: str) -> str:
    return _mark(memory.account_id, "wording", memory.key.scope, memory.key.owner_id or "", normalised_text(text))


def _quotes(memory: Memory) -> Iterator[str]:
    for said in _persons(memory.evidence):
        quote = " ".join(words(said.quote))
        if sum(map(str.isalnum, quote)) >= TELLING:
            yield _mark(memory.account_id, "quote", quote)
        elif said.message_id is not None:
            yield _mark(memory.account_id, "quote", quote, said.message_id)


def _persons(evidence: Iterable[SaidWords]) -> Iterator[SaidWords]:
    """What a person said. The assistant's question goes with many answers; an earlier turn, which has no role here, is
    another run's."""
    return (said for said in evidence if said.role == "user")


def _last_said(memory: Memory) -> datetime:
    times = [said.said_at for said in _persons(memory.evidence) if said.said_at is not None]
    return max((memory.created_at, *times))


def _mark(account_id: AccountId, *parts: str) -> str:
    return hmac.new(account_id.encode(), "\x1f".join(parts).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
