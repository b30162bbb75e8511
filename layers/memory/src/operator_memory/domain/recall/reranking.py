"""What a reranker's judgement does to a ranking. Loaded only where a reranker is configured.

A reranker reads the question and a memory together, so it tells better than two vectors whether one answers the other.
It knows nothing of what else counts here: what is pinned, what is standing, how old a memory is. So it decides only
about the parts of a score that are about the question (`ScoreParts.fit`). These values are dealt out anew among the
memories that it has judged, the highest to the one that it puts first. Its own scale does not matter: some rerankers
give probabilities, others any number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.text import written_day


@dataclass(frozen=True, slots=True)
class RerankingParameters:
    """How many memories are searched for and judged, how much of each is read, and how far the judgement is trusted."""

    candidates: int = 100
    """By meaning, and as many by words: more than without a reranker, since it finds what stands far down."""
    pool: int = 50
    """Most memories that are judged, or twice the limit where that is more."""
    characters: int = 1_000
    """Of a memory's text, its beginning: most rerankers read about 500 tokens."""
    weight: float = 0.5
    """1: only the reranker decides how well a memory fits the question. 0: it decides nothing."""


AS_USUAL = RerankingParameters()


def to_judge(ranked: Sequence[RankedMemory], limit: int, p: RerankingParameters = AS_USUAL) -> list[RankedMemory]:
    """Return the best of ``ranked`` (best first) that the question has found. What is there whatever the question is
    not judged."""
    return [r for r in ranked if r.parts.relevance > 0.0][: max(p.pool, 2 * limit)]


def document_of(memory: Memory, p: RerankingParameters = AS_USUAL) -> str:
    """Return what a reranker reads of ``memory``: who said it, what, and on which day, as the keyword index has it."""
    speaker = f"{memory.speaker}: " if memory.speaker else ""
    return f"{speaker}{memory.text[: p.characters]} ({written_day(memory.created_at)})"


def rearranged(
    ranked: Sequence[RankedMemory],
    judged: Sequence[RankedMemory],
    scores: Sequence[float],
    p: RerankingParameters = AS_USUAL,
) -> list[RankedMemory]:
    """Return ``ranked``, best first, with the ``judged`` ones among them where their ``scores`` put them.

    What each gains or loses is its part ``reranked``. Of equal scores the one that fitted better before fits better.
    """
    order = sorted(zip(scores, judged, strict=True), key=lambda pair: (-pair[0], -pair[1].parts.fit))
    fits = sorted((r.parts.fit for r in judged), reverse=True)
    moved = {r.memory.id: _moved(r, p.weight * (fit - r.parts.fit)) for (_, r), fit in zip(order, fits, strict=True)}
    return sorted((moved.get(r.memory.id, r) for r in ranked), key=lambda r: -r.score)


def _moved(ranked: RankedMemory, by: float) -> RankedMemory:
    parts = replace(ranked.parts, reranked=by)
    return replace(ranked, score=parts.total, parts=parts)
