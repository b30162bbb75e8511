"""Who of the ranked memories gets into the list: nothing twice, no source crowded out, nothing far behind the best."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.near_duplicates import distinct
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.ranked_memory import RankedMemory, Source
from operator_memory.domain.text import normalised_text


class Breadth(StrEnum):
    """What a caller would rather have: few memories that all matter, or none missed."""

    PRECISE = "precise"
    BALANCED = "balanced"
    BROAD = "broad"
    """All that passes the relevance gate, up to the limit."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The ``first`` memories stay: what was right once often beats what is right now. Of the others those stay whose
    score is at least the ``share`` of the best one's. Relative, so that it holds for any embedder.
    """

    first: int
    share: float


CUTS = {
    Breadth.PRECISE: Cut(first=3, share=0.7),
    Breadth.BALANCED: Cut(first=4, share=0.4),
}
"""Chosen with the questions of docs/benchmarks.md in view, which has the curve."""


def best_list(ranked: Sequence[RankedMemory], limit: int, p: RankingParameters) -> list[RankedMemory]:
    """At most ``limit`` of ``ranked`` (best first, no text twice), in their order."""
    return _with_quotas(_contenders(ranked, limit, p) if p.near_duplicates_once else ranked, limit, p)


def without_repetitions(ranked: Iterable[RankedMemory]) -> list[RankedMemory]:
    """One of each text: the same words in two scopes are injected once."""
    by_text: dict[str, RankedMemory] = {}
    for candidate in ranked:
        text = normalised_text(candidate.memory.text)
        by_text[text] = fact_for_turn(by_text[text], candidate) if text in by_text else candidate
    return list(by_text.values())


def fact_for_turn(first: RankedMemory, later: RankedMemory) -> RankedMemory:
    """Which of two stays that say the same: the ``first``, but rather a fact than a turn.

    A fact is what people see, correct and pin, and its uses are counted. It takes the turn's place and score.
    """
    if first.memory.kind is not Kind.TURN or later.memory.kind is not Kind.FACT:
        return first
    twin = later.parts.twin + first.score - later.score  # it may have taken another turn's place before
    return replace(later, score=first.score, parts=replace(later.parts, twin=twin))


def _contenders(ranked: Sequence[RankedMemory], limit: int, p: RankingParameters) -> list[RankedMemory]:
    """Of near duplicates one, as far down as the list may reach: all candidates would take a millisecond."""
    width = 2 * limit
    while width < len(ranked):
        kept = distinct(_best(ranked, width, p), _text_of, fact_for_turn)
        if _suffice(kept, ranked, limit, p):
            return kept
        width *= 2
    return distinct(ranked, _text_of, fact_for_turn)


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
    """At least one place each, if there are enough."""
    several = len(set(sources))
    return max(int(limit * p.reserved_share / several), int(limit >= several)) if sources else 0


def _first_of_each(sources: Iterable[Source], count: int) -> Iterable[int]:
    taken: dict[Source, int] = defaultdict(int)
    for place, source in enumerate(sources):
        if taken[source] < count:
            taken[source] += 1
            yield place


def within(ranked: Sequence[RankedMemory], breadth: Breadth) -> list[RankedMemory]:
    """Those of ``ranked`` (best first) that are close enough to the best one, and what is looked up for every
    question."""
    if breadth not in CUTS:
        return list(ranked)
    cut = CUTS[breadth]
    answers = [r for r in ranked if not r.parts.standing]
    best = max((r.score for r in answers), default=0.0)
    kept = {r.memory.id for place, r in enumerate(answers) if place < cut.first or r.score >= cut.share * best}
    return [r for r in ranked if r.parts.standing or r.memory.id in kept]
