"""One ranked list out of the hits of many searches: what a context is made of.

A memory's score is the sum of parts, each of which can be shown (see `ScoreParts`). They are absolute: nothing is
divided by a query's own maximum, so that a weak best hit stays weak, and nothing by the sum of a query's term
weights, which would cost a search a term and gains nothing (docs/retrieval.md). Keyword scores come with the
account's own term statistics.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from operator_memory.domain.models import Memory, normalised_text
from operator_memory.domain.near_duplicates import distinct
from operator_memory.domain.query_words import QueryWords, TimeFocus, named_speaker
from operator_memory.domain.relevance import OPEN, RelevanceGate
from operator_memory.domain.retrieval import PROFILE_MODES, Hit, Search, SearchMode
from operator_memory.domain.scopes import Kind, Scope

_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
"""Latin, full-width and Arabic."""


@dataclass(frozen=True, slots=True)
class RankingParameters:
    """The numbers of the ranking, in one place. How they were found: docs/retrieval.md."""

    candidates: int = 60
    """By meaning, and as many by words: with fewer good memories are lost unranked, with more little is gained."""
    dense_weight: float = 0.6
    """Of the cosine, 0..1."""
    keyword_weight: float = 0.5
    """Of the square of the BM25 score divided by `keyword_scale`: one weak match counts for next to nothing, so that
    an account's many words do not bury what means the same in others."""
    keyword_scale: float = 24.0
    keyword_cap: float = 3.0
    """Most that the square may be: beyond that a text is found beyond doubt."""
    previous_weight: float = 0.3
    """Of the turn before in the same conversation: of what its relevance is above `neighbour_floor`."""
    next_weight: float = 0.4
    """Of the turn after."""
    neighbour_floor: float = 0.2
    """What almost any turn has. A share of all of it would favour turns over facts, which have no neighbours."""
    speaker_bonus: float = 0.2
    """For what was said by the one speaker whom the question names."""
    asking_malus: float = 0.05
    """For a turn that ends with a question: it asks for what the next one answers."""
    importance_weight: float = 0.02
    recency_weight: float = 0.005
    """Of a memory of this moment; it halves with each half-life."""
    present_weight: float = 0.03
    """The same where the question asks about what holds now: of two answers the newer one."""
    fact_half_life_days: float = 180.0
    turn_half_life_days: float = 180.0
    access_weight: float = 0.02
    """Of a memory that has been injected often; `access_half` times are half of it."""
    access_half: float = 10.0
    pinned_bonus: float = 0.15
    reserved_share: float = 0.4
    """The part of the limit that is divided evenly among the sources that are there (see `Source`)."""
    session_share: float = 0.5
    """Most that this session's own turns may take while others are left: the run has most of them in its prompt."""


class Source(StrEnum):
    """Where a candidate comes from. Each source that has candidates is sure of its reserved part of the list."""

    USER = "user"
    AGENT = "agent"
    SESSION = "session"
    """This session's turns."""
    PAST_SESSIONS = "past_sessions"
    """What was said in the account's other sessions."""


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What a memory's score is made of; the score is their sum. ``meaning`` and ``words`` decide its relevance."""

    meaning: float = 0.0
    words: float = 0.0
    neighbours: float = 0.0
    speaker: float = 0.0
    asking: float = 0.0
    """Zero or less."""
    importance: float = 0.0
    recency: float = 0.0
    access: float = 0.0
    pinned: float = 0.0

    @property
    def total(self) -> float:
        """The score."""
        return (
            self.meaning
            + self.words
            + self.neighbours
            + self.speaker
            + self.asking
            + self.importance
            + self.recency
            + self.access
            + self.pinned
        )

    @property
    def relevance(self) -> float:
        """How much it has to do with the question: what the gate looks at."""
        return self.meaning + self.words


@dataclass(frozen=True, slots=True)
class RankedMemory:
    """A memory with its score (about 0 up to 3) and what that is made of."""

    memory: Memory
    score: float
    parts: ScoreParts = ScoreParts()
    source: Source = Source.USER


@dataclass(slots=True)
class _Candidate:
    memory: Memory
    dense: float = 0.0
    keyword: float = 0.0
    standing: bool = False
    """Considered whatever the question: pinned, or part of the profile."""

    def meaning(self, p: RankingParameters) -> float:
        return p.dense_weight * max(0.0, self.dense)

    def words(self, p: RankingParameters) -> float:
        return p.keyword_weight * min(p.keyword_cap, (self.keyword / p.keyword_scale) ** 2)

    def base(self, p: RankingParameters) -> float:
        return self.meaning(p) + self.words(p)


def rank(
    searches: Sequence[Search],
    hits: Sequence[Sequence[Hit]],
    *,
    now: datetime,
    limit: int,
    query: QueryWords | None = None,
    session_id: str | None = None,
    gate: RelevanceGate = OPEN,
    parameters: RankingParameters = RankingParameters(),
) -> list[RankedMemory]:
    """Fuse ``hits`` (one list per search, same order) into at most ``limit`` memories, best first.

    ``query``: what the question says of itself; without it there are no bonuses that depend on it. ``session_id``:
    which turns are this session's. ``gate``: what does not pass it is left out, unless it is pinned or part of the
    profile.
    """
    candidates = _candidates(searches, hits)
    if query is not None:
        candidates = _relevant(candidates, query, gate, parameters)
    around = _neighbours(candidates, parameters)
    speaker = _asked_speaker(candidates, query)
    ranked = []
    for candidate in candidates.values():
        parts = _parts(candidate, around.get(candidate.memory.id, 0.0), speaker, query, now, parameters)
        source = source_of(candidate.memory, session_id)
        ranked.append(RankedMemory(candidate.memory, parts.total, parts, source))
    ranked.sort(key=lambda r: (-r.score, -r.memory.created_at.timestamp(), r.memory.id))
    return _with_quotas(_contenders(_distinct(ranked), limit, parameters), limit, parameters)


def _candidates(searches: Sequence[Search], hits: Sequence[Sequence[Hit]]) -> dict[str, _Candidate]:
    by_id: dict[str, _Candidate] = {}
    for search, found in zip(searches, hits, strict=True):
        for hit in found:
            candidate = by_id.setdefault(hit.memory.id, _Candidate(hit.memory))
            if search.mode in (SearchMode.DENSE, SearchMode.HYBRID):
                candidate.dense = max(candidate.dense, hit.score)
            elif search.mode is SearchMode.KEYWORD:
                candidate.keyword = max(candidate.keyword, hit.score)
            elif search.mode in PROFILE_MODES:
                candidate.standing = True
    return by_id


def _relevant(
    candidates: dict[str, _Candidate], query: QueryWords, gate: RelevanceGate, p: RankingParameters
) -> dict[str, _Candidate]:
    """Those that pass the gate, and those that nobody asks to be relevant."""
    found = ((c.dense, c.words(p)) for c in candidates.values())
    opens = not query.small_talk and gate.opens(found)
    return {i: c for i, c in candidates.items() if c.standing or (opens and c.base(p) >= gate.each)}


def _neighbours(candidates: Mapping[str, _Candidate], p: RankingParameters) -> dict[str, float]:
    """What each turn gets from the turns beside it, as far as these are candidates too.

    An answer often makes sense with its question only: "Which dog?" -- "The brown one".
    """
    runs: dict[tuple[str | None, str | None], dict[int, float]] = defaultdict(dict)
    turns = [
        (candidate, seq, runs[candidate.memory.session_id, candidate.memory.source_run_id])
        for candidate in candidates.values()
        if candidate.memory.kind is Kind.TURN and (seq := candidate.memory.seq) is not None
    ]
    for candidate, seq, run in turns:  # of two at one place (imported ones may be) the better one counts
        run[seq] = max(run.get(seq, 0.0), candidate.base(p) - p.neighbour_floor)
    return {
        candidate.memory.id: p.previous_weight * run.get(seq - 1, 0.0) + p.next_weight * run.get(seq + 1, 0.0)
        for candidate, seq, run in turns
    }


def _asked_speaker(candidates: Mapping[str, _Candidate], query: QueryWords | None) -> str | None:
    if query is None:
        return None
    speakers = {c.memory.speaker.casefold() for c in candidates.values() if c.memory.speaker}
    return named_speaker(query, frozenset(speakers)) if speakers else None


def _parts(
    candidate: _Candidate,
    neighbours: float,
    speaker: str | None,
    query: QueryWords | None,
    now: datetime,
    p: RankingParameters,
) -> ScoreParts:
    memory = candidate.memory
    is_fact = memory.kind is Kind.FACT
    half_life = p.fact_half_life_days if is_fact else p.turn_half_life_days
    age_days = max(0.0, (now - memory.created_at).total_seconds() / 86_400)
    present = query is not None and query.focus is TimeFocus.PRESENT
    said_by = speaker is not None and memory.speaker is not None and memory.speaker.casefold() == speaker
    return ScoreParts(
        meaning=candidate.meaning(p),
        words=candidate.words(p),
        neighbours=neighbours,
        speaker=p.speaker_bonus * said_by,
        asking=0.0 if is_fact else -p.asking_malus * memory.text.endswith(_QUESTION_MARKS),
        importance=p.importance_weight * memory.importance,
        recency=(p.present_weight if present else p.recency_weight) * math.pow(0.5, age_days / half_life),
        access=p.access_weight * memory.access_count / (memory.access_count + p.access_half),
        pinned=p.pinned_bonus * memory.pinned,
    )


def _distinct(ranked: Iterable[RankedMemory]) -> list[RankedMemory]:
    """The first of each text: the same words in two scopes are injected once."""
    seen: set[str] = set()
    first = []
    for candidate in ranked:
        text = normalised_text(candidate.memory.text)
        if text not in seen:
            seen.add(text)
            first.append(candidate)
    return first


def _contenders(ranked: Sequence[RankedMemory], limit: int, p: RankingParameters) -> list[RankedMemory]:
    """Of near duplicates the first, as far down as the list may reach: all candidates would take a millisecond."""
    width = 2 * limit
    while width < len(ranked):
        kept = distinct(_best(ranked, width, p), _text_of)
        if _suffice(kept, ranked, limit, p):
            return kept
        width *= 2
    return distinct(ranked, _text_of)


def _text_of(ranked: RankedMemory) -> str:
    return ranked.memory.text


def _best(ranked: Sequence[RankedMemory], width: int, p: RankingParameters) -> list[RankedMemory]:
    """The best ``width``, as many that are not this session's own turns, and of each source its part of so many."""
    sources = [r.source for r in ranked]
    others = [place for place, source in enumerate(sources) if source is not Source.SESSION]
    places = {*range(width), *others[:width], *_first_of_each(sources, _reserved(sources, width, p))}
    return [ranked[place] for place in sorted(places)]


def _suffice(kept: Sequence[RankedMemory], ranked: Sequence[RankedMemory], limit: int, p: RankingParameters) -> bool:
    """Whether ``kept`` fills the list, and every source's part of it, as well as all of ``ranked`` would."""
    sources = [r.source for r in ranked]
    have, there = Counter(r.source for r in kept), Counter(sources)
    reserved = _reserved(sources, limit, p)
    others = min(limit - math.ceil(limit * p.session_share), len(ranked) - there[Source.SESSION])
    return (
        len(kept) >= limit
        and len(kept) - have[Source.SESSION] >= others
        and all(have[source] >= min(reserved, count) for source, count in there.items())
    )


def source_of(memory: Memory, session_id: str | None) -> Source:
    """Which source ``memory`` counts for in a run of the session ``session_id``."""
    if memory.scope is Scope.USER:
        return Source.USER
    if memory.scope is Scope.AGENT:
        return Source.AGENT
    return Source.SESSION if memory.session_id == session_id else Source.PAST_SESSIONS


def _with_quotas(ranked: Sequence[RankedMemory], limit: int, p: RankingParameters) -> list[RankedMemory]:
    """The best ``limit``, but no source is crowded out, and this session's turns do not crowd out the others."""
    sources = [r.source for r in ranked]
    reserved = _reserved(sources, limit, p)
    chosen = set(_first_of_each(sources, reserved))
    most_of_session = max(reserved, math.ceil(limit * p.session_share))
    taken = sum(sources[place] is Source.SESSION for place in chosen)
    passed_over = []
    for place, source in enumerate(sources):
        if len(chosen) >= limit:
            break
        if source is Source.SESSION and place not in chosen:
            if taken >= most_of_session:
                passed_over.append(place)
                continue
            taken += 1
        chosen.add(place)
    chosen.update(passed_over[: limit - len(chosen)])
    return [ranked[place] for place in sorted(chosen)]


def _reserved(sources: Sequence[Source], limit: int, p: RankingParameters) -> int:
    return int(limit * p.reserved_share / len(set(sources))) if sources else 0


def _first_of_each(sources: Iterable[Source], count: int) -> Iterable[int]:
    taken: dict[Source, int] = defaultdict(int)
    for place, source in enumerate(sources):
        if taken[source] < count:
            taken[source] += 1
            yield place
