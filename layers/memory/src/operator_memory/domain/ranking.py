"""One ranked list out of the hits of many searches.

Scores are absolute, never divided by a query's own maximum: a weak best hit stays weak. Dense similarity and
BM25 count the same; what a person pinned, what matters and what is new come first among equals.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from operator_memory.domain.models import Memory, normalised_text
from operator_memory.domain.retrieval import PROFILE_MODES, Hit, Search, SearchMode
from operator_memory.domain.scopes import Scope


@dataclass(frozen=True, slots=True)
class RankingParameters:
    """The numbers of the ranking, in one place."""

    dense_weight: float = 0.5
    keyword_weight: float = 0.5
    keyword_half: float = 6.0
    """BM25 score that counts as half a full keyword match: ``bm25 / (bm25 + keyword_half)``."""
    importance_weight: float = 0.05
    recency_weight: float = 0.05
    recency_half_life_days: float = 30.0
    pinned_bonus: float = 0.15
    min_similarity: float = 0.15
    """With a query, a memory that shares no keyword and is less similar than this is noise."""
    scope_share: float = 0.5
    """Part of the limit that is split evenly between scopes before the best of the rest fill up."""


@dataclass(frozen=True, slots=True)
class RankedMemory:
    """A memory and its final score (0 up to about 1.25)."""

    memory: Memory
    score: float


@dataclass(slots=True)
class _Signals:
    memory: Memory
    dense: float = 0.0
    keyword: float = 0.0
    profile: bool = False


def rank(
    searches: Sequence[Search],
    hits: Sequence[Sequence[Hit]],
    *,
    now: datetime,
    limit: int,
    parameters: RankingParameters = RankingParameters(),
) -> list[RankedMemory]:
    """Fuse ``hits`` (one list per search, same order) into at most ``limit`` memories, best first."""
    by_id = _signals(searches, hits)
    scored = [
        RankedMemory(s.memory, _score(s, now, parameters))
        for s in by_id.values()
        if s.profile or s.keyword > 0 or s.dense >= parameters.min_similarity
    ]
    scored.sort(key=lambda r: (-r.score, r.memory.id))
    return _with_scope_shares(_distinct(scored), limit, parameters.scope_share)


def _signals(searches: Sequence[Search], hits: Sequence[Sequence[Hit]]) -> dict[str, _Signals]:
    by_id: dict[str, _Signals] = {}
    for search, found in zip(searches, hits, strict=True):
        for hit in found:
            signals = by_id.setdefault(hit.memory.id, _Signals(hit.memory))
            if search.mode in (SearchMode.DENSE, SearchMode.HYBRID):
                signals.dense = max(signals.dense, hit.score)
            elif search.mode is SearchMode.KEYWORD:
                signals.keyword = max(signals.keyword, hit.score)
            elif search.mode in PROFILE_MODES:
                signals.profile = True
    return by_id


def _score(signals: _Signals, now: datetime, p: RankingParameters) -> float:
    memory = signals.memory
    age_days = max(0.0, (now - memory.created_at).total_seconds() / 86_400)
    return (
        p.dense_weight * max(0.0, signals.dense)
        + p.keyword_weight * signals.keyword / (signals.keyword + p.keyword_half)
        + p.importance_weight * memory.importance
        + p.recency_weight * math.pow(0.5, age_days / p.recency_half_life_days)
        + p.pinned_bonus * memory.pinned
    )


def _distinct(ranked: Iterable[RankedMemory]) -> list[RankedMemory]:
    """The first of each text: the same words in two scopes are injected once."""
    seen: set[str] = set()
    distinct = []
    for candidate in ranked:
        text = normalised_text(candidate.memory.text)
        if text not in seen:
            seen.add(text)
            distinct.append(candidate)
    return distinct


def _with_scope_shares(ranked: Sequence[RankedMemory], limit: int, share: float) -> list[RankedMemory]:
    """The best ``limit``, but no scope is crowded out: each is sure of its part of ``share * limit``."""
    taken: dict[Scope, int] = {r.memory.scope: 0 for r in ranked}
    if not taken:
        return []
    reserved = int(limit * share / len(taken))
    chosen: set[str] = set()
    for candidate in ranked:
        if taken[candidate.memory.scope] < reserved:
            taken[candidate.memory.scope] += 1
            chosen.add(candidate.memory.id)
    for candidate in ranked:
        if len(chosen) >= limit:
            break
        chosen.add(candidate.memory.id)
    return [r for r in ranked if r.memory.id in chosen]
