"""What a retrieval asks of the store, as data: which searches, in which scopes, with which limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import ScopeKey
from operator_memory.domain.memory.vectors import Vector


class SearchMode(StrEnum):
    """How candidates are found."""

    DENSE = "dense"
    """Cosine similarity of the embedding; score -1..1."""
    KEYWORD = "keyword"
    """BM25 with the account's own term statistics; score >= 0, unbounded."""
    PINNED = "pinned"
    """Pinned by a person, newest first; no score."""
    IMPORTANT = "important"
    """Highest importance first; no score."""
    RECENT = "recent"
    """Newest first; no score."""
    WEAKEST = "weakest"
    """Lowest importance first, pinned ones left out; no score. What makes room when an account is full."""


PROFILE_MODES = (SearchMode.PINNED, SearchMode.IMPORTANT, SearchMode.RECENT)
"""What needs no question. Of agent memory they find only what may instruct, see `MAY_INSTRUCT`."""


@dataclass(frozen=True, slots=True)
class AnyScope:
    """What belongs to one of ``keys``; with ``past_sessions`` also what was said in any session of the account, except
    what is ``withheld_by`` something, unless ``withheld``."""

    keys: tuple[ScopeKey, ...]
    past_sessions: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A time that memories were said in, from ``start`` up to but without ``end``, or that they speak of: its days."""

    start: datetime
    end: datetime
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Search:
    """One search, for at most ``limit`` hits."""

    key: ScopeKey | AnyScope
    mode: SearchMode
    limit: int
    vector: Vector | None = field(default=None, repr=False)
    """Of a dense search that looks for something else than the plan."""
    text: str | None = field(default=None, repr=False)
    """Of a keyword search that does."""
    during: tuple[Span, ...] = ()
    """Only what was said in one of these, or speaks of one; without any, everything."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """All searches of one retrieval. They travel in ONE request.

    ``vector`` is needed by DENSE searches, ``text`` by KEYWORD searches.
    """

    searches: tuple[Search, ...]
    vector: Vector | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found by one search, with that search's own score (0.0 where the mode has none)."""

    memory: Memory
    score: float
    comparable: bool = True
    """Whether the embedding model in use made its vector. If not, it has no cosine, and a search by meaning gives the
    score 0."""


def comparable(found: Sequence[Sequence[Hit]], searches: Sequence[Search]) -> tuple[list[list[Hit]], bool]:
    """``found`` without what searches by meaning cannot judge, and whether there is such among it."""
    changed = any(not hit.comparable for hits in found for hit in hits)
    if not changed:
        return [list(hits) for hits in found], False
    judged = [
        [hit for hit in hits if hit.comparable or search.mode is not SearchMode.DENSE]
        for search, hits in zip(searches, found, strict=True)
    ]
    return judged, True
