"""Findings for the ranking, hand-made and arbitrary ones, and ways to look at what comes of them."""

import math
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st
from operator_memory.domain.memory.scopes import Kind, Scope, ScopeKey
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import QueryWords
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_hit

PAST_KEY = replace(SESSION_KEY, owner_id="session-0")
KEYS = (USER_KEY, AGENT_KEY, SESSION_KEY, PAST_KEY)
RUN = AnyScope((USER_KEY, AGENT_KEY, SESSION_KEY), past_sessions=True)
Found = list[tuple[Search, list[Hit]]]
P = RankingParameters()


def ranked(
    found: Sequence[tuple[Search, Sequence[Hit]]],
    limit: int = 10,
    *,
    query: QueryWords | None = None,
    gate: RelevanceGate = OPEN,
) -> list[RankedMemory]:
    """What a run of the session of `SESSION_KEY` gets of ``found``."""
    searches, hits = [search for search, _ in found], [hits for _, hits in found]
    return rank(searches, hits, RankingRequest(NOW, query, SESSION_KEY.owner_id), limit=limit, gate=gate)


def searched(mode: SearchMode, *hits: Hit) -> tuple[Search, list[Hit]]:
    """A search and what it has found."""
    return Search(RUN, mode, 60), list(hits)


def cosine_for(meaning: float) -> float:
    """The cosine of a hit whose part for meaning is ``meaning``."""
    return meaning / P.dense_weight


def bm25_for(words: float) -> float:
    """The keyword score of a hit whose part for words is ``words``."""
    return P.keyword_scale * math.sqrt(words / P.keyword_weight)


def a_turn(text: str, score: float = 0.5, *, seq: int = 0, key: ScopeKey = SESSION_KEY, **fields: object) -> Hit:
    """A hit on the turn at ``seq`` of the run ``run-1``."""
    fields.setdefault("source_run_id", "run-1")
    return a_hit(text, score, key=key, kind=Kind.TURN, seq=seq, **fields)


def texts(result: Sequence[RankedMemory]) -> list[str]:
    return [r.memory.text for r in result]


@st.composite
def memories(draw: st.DrawFn, key: ScopeKey, n: int, text: str) -> Hit:
    """The ``n``-th memory of ``key``; turns may stand beside each other, and two at one place."""
    session = key.scope is Scope.SESSION
    return a_hit(
        text,
        key=key,
        id=f"{key.scope}-{key.owner_id}-{n}",
        kind=Kind.TURN if session else Kind.FACT,
        seq=draw(st.integers(0, 3)) if session else None,
        source_run_id=draw(st.sampled_from(["run-1", "run-2"])),
        speaker=draw(st.sampled_from([None, "Ana Lima", "ana lima", "Ben"])),
        importance=draw(st.sampled_from([0.0, 0.5, 1.0])),
        days_old=draw(st.sampled_from([-1.0, 0.0, 3.0, 400.0])),
        pinned=draw(st.booleans()),
        access_count=draw(st.sampled_from([0, 1, 50])),
    )


@st.composite
def findings(draw: st.DrawFn, *, repeated: bool = True) -> Found:
    """What the searches of a retrieval may find: they overlap, and memories tie and (``repeated``) say the same."""
    found: Found = []
    said = st.sampled_from(["tea", "coffee", "Tea.", "water", "juice", "milk"])
    for key in KEYS:
        pool = [draw(memories(key, n, draw(said) if repeated else f"{key} {n}")) for n in range(4)]
        for mode in (SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.PINNED):
            hits = draw(st.lists(st.sampled_from(pool), unique_by=lambda h: h.memory.id))
            cosine = st.sampled_from([-0.5, 0.0, 0.14, 0.15, 0.3, 0.9, 1.0])
            bm25 = st.sampled_from([0.0, 0.1, 3.0, 40.0])
            scores = {SearchMode.DENSE: cosine, SearchMode.KEYWORD: bm25}.get(mode, st.just(0.0))
            found.append((Search(RUN, mode, 60), [replace(hit, score=draw(scores)) for hit in hits]))
    return found
