"""How far down a ranked list an answer goes: what is far behind the best one is left out. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.recall.ranked_memory import RankedMemory


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
