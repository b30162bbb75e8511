"""One ranked list out of the hits of many searches: what a context is made of.

A memory's score is the sum of parts, each of which can be shown (see `ScoreParts`). They are absolute: nothing is
divided by a query's own maximum, so that a weak best hit stays weak, and nothing by the sum of a query's term
weights, which would cost a search a term and gains nothing (docs/retrieval.md). Keyword scores come with the
account's own term statistics.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.recall.parameters import USUAL, RankingParameters
from operator_memory.domain.recall.query_words import QueryWords, TimeFocus, named_speaker, names_anyone
from operator_memory.domain.recall.question_dates import AskedTimes
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts, Source
from operator_memory.domain.recall.relevance import MOST_SMALL_TALK_CHARACTERS, OPEN, RelevanceGate, is_small_talk
from operator_memory.domain.recall.selection import Breadth, best_list, within, without_repetitions
from operator_memory.domain.shared.search_plan import PROFILE_MODES, Hit, Search, SearchMode
from operator_memory.domain.text import words

_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
"""Latin, full-width and Arabic."""


@dataclass(slots=True)
class _Candidate:
    memory: Memory
    dense: float = 0.0
    keyword: float = 0.0
    standing: bool = False
    """Considered whatever the question: pinned, or part of the profile."""
    nearness: float = 0.0
    """To the time that the question names."""

    def meaning(self, p: RankingParameters) -> float:
        return p.dense_weight * max(0.0, self.dense)

    def words(self, p: RankingParameters) -> float:
        share = self.keyword / p.keyword_scale
        return p.keyword_weight * min(p.keyword_cap, share * share)  # a power would raise where a product is infinite

    def base(self, p: RankingParameters) -> float:
        return self.meaning(p) + self.words(p)


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """What the ranking knows of a request: its moment, its words, and the session that asks.

    Without ``words`` there are no bonuses that depend on them. The turns of ``session_id`` count as this session's.
    ``times``: those that it names. ``breadth``: how far the list goes where meanings were searched.
    """

    now: datetime
    words: QueryWords | None = None
    session_id: str | None = None
    times: AskedTimes | None = None
    breadth: Breadth = Breadth.BROAD

    @property
    def dated(self) -> bool:
        """Whether it names a time."""
        return self.times is not None and bool(self.times.times)


def rank(
    searches: Sequence[Search],
    hits: Sequence[Sequence[Hit]],
    request: RankingRequest,
    *,
    limit: int,
    gate: RelevanceGate = OPEN,
    parameters: RankingParameters = USUAL,
) -> list[RankedMemory]:
    """Fuse ``hits`` (one list per search, same order) into at most ``limit`` memories, best first.

    What does not pass ``gate`` is left out, see `score`.
    """
    ranked = score(searches, hits, request, gate=gate, parameters=parameters)
    breadth = request.breadth if by_meaning(searches) else Breadth.BROAD
    return choose(ranked, replace(request, breadth=breadth), limit=limit, parameters=parameters)


def score(
    searches: Sequence[Search],
    hits: Sequence[Sequence[Hit]],
    request: RankingRequest,
    *,
    gate: RelevanceGate = OPEN,
    parameters: RankingParameters = USUAL,
) -> list[RankedMemory]:
    """Fuse ``hits`` (one list per search, same order) into one list of everything that may be chosen, best first.

    What does not pass ``gate`` is left out, unless a search brings it that asks for no resemblance; where no search
    went by meaning, since the embedder failed, words alone let in.
    """
    query = request.words
    candidates = _candidates(searches, hits, parameters)
    if request.times is not None and request.dated:
        _note_nearness(candidates, request.times)
    if query is not None:
        if not by_meaning(searches):
            gate = replace(gate, similarity=0.0, impersonal=0.0)
        asked_for = request.times is not None and request.times.of_other_days
        candidates = _relevant(candidates, query, gate, parameters, dated=asked_for)
    around = _neighbours(candidates, parameters)
    speaker = _asked_speaker(candidates, query)
    ranked = []
    for candidate in candidates.values():
        parts = _parts(candidate, around.get(candidate.memory.id, 0.0), speaker, request, parameters)
        source = source_of(candidate.memory, request.session_id)
        ranked.append(RankedMemory(candidate.memory, parts.total, parts, source))
    ranked.sort(key=lambda r: (-r.score, -r.memory.created_at.timestamp(), r.memory.id))
    return without_repetitions(ranked)


def choose(
    scored: Sequence[RankedMemory],
    request: RankingRequest,
    *,
    limit: int,
    parameters: RankingParameters = USUAL,
) -> list[RankedMemory]:
    """Return at most ``limit`` of ``scored`` (best first), best first: nothing twice, and no source crowded out."""
    ranked, query = list(scored), request.words
    if query is not None and _means_the_newest(query) and not request.dated:
        ranked[:2] = _newer_first(ranked[:2], parameters)
    best = best_list(ranked, limit, parameters)
    return within(best, request.breadth)


def by_meaning(searches: Sequence[Search]) -> bool:
    """Return whether any of ``searches`` went by meaning. Without it scores are too few to tell what is far behind."""
    return any(search.mode is SearchMode.DENSE for search in searches)


def _means_the_newest(query: QueryWords) -> bool:
    return query.focus is TimeFocus.PRESENT and not (query.exact or query.little_words_count)


def _newer_first(best: Sequence[RankedMemory], p: RankingParameters) -> Sequence[RankedMemory]:
    """The two best the other way round, if the second is newer and both are about what the question names.

    "Where does Ana live?": "Ana lives in Malmo" says it in the question's words, "Ana has settled in Lund", said
    later, is right.
    """
    if len(best) < 2:
        return best
    first, second = best
    least, most = sorted((first.parts.words, second.parts.words))
    same_thing = least >= p.same_thing_words and least >= p.same_thing_share * most
    if not same_thing or second.memory.created_at <= first.memory.created_at or first.memory.pinned:
        return best
    parts = replace(second.parts, newer=first.score - second.score)
    return replace(second, score=first.score, parts=parts), first


def _candidates(
    searches: Sequence[Search], hits: Sequence[Sequence[Hit]], p: RankingParameters
) -> dict[str, _Candidate]:
    by_id: dict[str, _Candidate] = {}
    for search, found in zip(searches, hits, strict=True):
        for hit in found:
            candidate = by_id.setdefault(hit.memory.id, _Candidate(hit.memory))
            if search.mode is SearchMode.DENSE:
                candidate.dense = max(candidate.dense, hit.score)
            elif search.mode is SearchMode.KEYWORD:
                candidate.keyword = max(candidate.keyword, hit.score)
            elif search.mode in PROFILE_MODES and not search.during:
                candidate.standing = True
    unseen = p.unseen_share * _last_by_meaning(searches, hits)
    for candidate in by_id.values():
        if candidate.keyword > 0.0:
            candidate.dense = max(candidate.dense, unseen)
    return by_id


def _note_nearness(candidates: Mapping[str, _Candidate], times: AskedTimes | None) -> None:
    for candidate in candidates.values() if times else ():
        candidate.nearness = times.nearness(candidate.memory) if times else 0.0


def _last_by_meaning(searches: Sequence[Search], hits: Sequence[Sequence[Hit]]) -> float:
    """The least cosine that a full search by meaning has found, else 0: one that is not full has found all there is.

    To ask for the cosine of what words find as well would mean to search by words twice, half of all the time in a
    store of a million; it changes the order of hardly anything (docs/retrieval.md).
    """
    last = [
        min(hit.score for hit in found)
        for search, found in zip(searches, hits, strict=True)
        if search.mode is SearchMode.DENSE and not search.during and found and len(found) >= search.limit
    ]
    return max(0.0, min(last, default=0.0))


def _relevant(
    candidates: dict[str, _Candidate], query: QueryWords, gate: RelevanceGate, p: RankingParameters, *, dated: bool
) -> dict[str, _Candidate]:
    """Those that pass the gate, and those that nobody asks to be relevant. ``dated``: what belongs to the time that the
    question names passes too."""
    found = ((c.dense, c.words(p)) for c in candidates.values())
    opens = not query.small_talk and gate.opens(found)
    texts = (c.memory.text for c in candidates.values())
    impersonal = query.impersonal and not names_anyone(query, _speakers(candidates), texts)
    enough = gate.passing(impersonal=impersonal)
    return {
        i: c
        for i, c in candidates.items()
        if c.standing
        or (((opens and c.base(p) >= enough) or (dated and c.nearness > 0.0)) and not _says_nothing(c.memory))
    }


def _says_nothing(memory: Memory) -> bool:
    return memory.kind is Kind.TURN and len(memory.text) <= MOST_SMALL_TALK_CHARACTERS and is_small_talk(memory.text)


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
    speakers = _speakers(candidates)
    return named_speaker(query, speakers) if speakers else None


def _speakers(candidates: Mapping[str, _Candidate]) -> frozenset[str]:
    return frozenset(c.memory.speaker.casefold() for c in candidates.values() if c.memory.speaker)


def _parts(
    candidate: _Candidate, neighbours: float, speaker: str | None, request: RankingRequest, p: RankingParameters
) -> ScoreParts:
    memory, query = candidate.memory, request.words
    is_fact = memory.kind is Kind.FACT
    half_life = p.fact_half_life_days if is_fact else p.turn_half_life_days
    age_days = max(0.0, (request.now - memory.created_at).total_seconds() / 86_400)
    present = query is not None and query.focus is TimeFocus.PRESENT
    return ScoreParts(
        meaning=candidate.meaning(p),
        words=candidate.words(p),
        neighbours=neighbours,
        speaker=_speaker_bonus(memory, speaker, p),
        time=p.time_bonus * candidate.nearness,
        asking=0.0 if is_fact or query is None else -p.asking_malus * memory.text.endswith(_QUESTION_MARKS),
        importance=p.importance_weight * memory.importance,
        recency=(p.present_weight if present else p.recency_weight) * math.pow(0.5, age_days / half_life),
        access=p.access_weight * memory.access_count / (memory.access_count + p.access_half),
        standing=p.standing_bonus * candidate.standing,
        pinned=p.pinned_bonus * memory.pinned,
    )


def _speaker_bonus(memory: Memory, speaker: str | None, p: RankingParameters) -> float:
    if speaker is None or memory.speaker is None or memory.speaker.casefold() != speaker:
        return 0.0
    named = memory.kind is Kind.FACT and not set(words(memory.text)).isdisjoint(words(speaker))
    return p.names_speaker_bonus if named else p.speaker_bonus


def source_of(memory: Memory, session_id: str | None) -> Source:
    """Which source ``memory`` counts for in a run of the session ``session_id``."""
    if memory.scope is Scope.USER:
        return Source.USER
    if memory.scope is Scope.AGENT:
        return Source.AGENT
    return Source.SESSION if memory.session_id == session_id else Source.PAST_SESSIONS
