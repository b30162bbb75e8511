"""Use case: has the best of a ranking judged by a reranker. Loaded only where one is configured."""

from collections.abc import Sequence

from operator_memory.application.ports.core import Reranker
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.reranking import AS_USUAL, RerankingParameters, document_of, rearranged, to_judge


class RerankMemories:
    """Sends a question and the memories found for it to a reranker, and orders them by its judgement too."""

    def __init__(self, reranker: Reranker, *, timeout: float, parameters: RerankingParameters = AS_USUAL) -> None:
        """``timeout``: most seconds for one judgement, whatever else is left."""
        self._reranker = reranker
        self._timeout = timeout
        self._parameters = parameters

    @property
    def candidates(self) -> int:
        """How many a search is to find, so that there is something to choose from."""
        return self._parameters.candidates

    def rerank(
        self, query: str, ranked: Sequence[RankedMemory], *, limit: int, timeout: float, all_fit: bool
    ) -> list[RankedMemory]:
        """Return ``ranked`` in the new order. Asks nobody where nothing is to be chosen.

        ``timeout``: the seconds that are left. ``all_fit``: as many as ``limit`` get into the context in any case, so
        that their order decides nothing.

        Raises:
            UpstreamError: the reranker failed, or answered something else than a judgement.
        """
        judged = to_judge(ranked, limit, self._parameters)
        if len(judged) < 2 or (all_fit and len(ranked) <= limit):
            return list(ranked)
        documents = [document_of(r.memory, self._parameters) for r in judged]
        scores = self._reranker.judge(query, documents, timeout=min(self._timeout, timeout))
        return rearranged(ranked, judged, scores, self._parameters)
