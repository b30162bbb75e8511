"""What a retrieval asks of the store, as data: which searches, in which scopes, with which limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from operator_memory.domain.models import Memory
from operator_memory.domain.scopes import ScopeKey


class SearchMode(StrEnum):
    """How candidates of one scope are found."""

    DENSE = "dense"
    """Cosine similarity of the embedding; score -1..1."""
    KEYWORD = "keyword"
    """BM25 over the text; score >= 0, unbounded."""
    PINNED = "pinned"
    """Pinned by a person, newest first; no score."""
    IMPORTANT = "important"
    """Highest importance first; no score."""
    RECENT = "recent"
    """Newest first; no score."""
    WEAKEST = "weakest"
    """Lowest importance first, pinned ones left out; no score. What makes room when an account is full."""


PROFILE_MODES = (SearchMode.PINNED, SearchMode.IMPORTANT, SearchMode.RECENT)


@dataclass(frozen=True, slots=True)
class Search:
    """One search in one scope, for at most ``limit`` hits."""

    key: ScopeKey
    mode: SearchMode
    limit: int
    vector: Sequence[float] | None = field(default=None, repr=False)
    """Of a dense search that looks for something else than the plan."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """All searches of one retrieval. They travel in ONE request.

    ``vector`` is needed by DENSE searches, ``text`` by KEYWORD searches.
    """

    searches: tuple[Search, ...]
    vector: Sequence[float] | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found by one search, with that search's own score (0.0 where the mode has none)."""

    memory: Memory
    score: float
