"""The ways that the retrieval benchmark compares: each answers a question with references, best first."""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import qdrant_edge as edge
from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.recall.parameters import USUAL, RankingParameters
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate
from operator_memory.domain.recall.token_count import Estimate, TokenCounter
from operator_memory.domain.shared.search_plan import AnyScope, Search, SearchMode, SearchPlan

from bench.context.plan_way import plain_memory
from bench.extraction.ports import NoEvents
from bench.retrieval.questions import Conversation, OwnMemory
from bench.retrieval.store import Asked
from bench.retrieval.tuning import Recorder

PATIENT = Deadlines(switches=5, embedding=5, search=5, total=20)
MOST = 10


class Way(Protocol):
    """A way to find memories."""

    name: str

    def ask(self, account: str, query: str) -> list[str]:
        """References of at most ten memories, best first; a reference counts where it stands first."""
        ...


class OurWay:
    """The use case of ``POST /v1/context``, with the ranking's own numbers or others."""

    def __init__(
        self,
        asked: Asked,
        gate: RelevanceGate = OPEN,
        *,
        name: str = "ours",
        ranking: RankingParameters = USUAL,
        counter_of: Callable[[str], TokenCounter] = lambda _: Estimate(),
    ) -> None:
        parts = asked.parts
        self.name = name
        self.found = Recorder(parts.memories())
        self.retrieve = RetrieveContext(
            search=self.found,
            embedder=parts.embedder(),
            switches=FixedSwitches(),
            trail=AuditTrail(NoEvents(), asked.clock),
            clock=asked.clock,
            counter_of=counter_of,
            policy=RetrievalPolicy(deadlines=PATIENT, gate=gate, ranking=ranking),
        )

    def answer(self, account: str, query: str) -> ContextResult:
        """The whole answer."""
        return self._full(ContextRequest(AccountId(account), query=query, limit=MOST, past_sessions=True))

    def _full(self, request: ContextRequest) -> ContextResult:
        result = self.retrieve.retrieve(request, actor="service:bench")
        if result.degraded:
            raise RuntimeError(f"not a full answer: {result.degraded}")
        return result

    def ask(self, account: str, query: str) -> list[str]:
        """References of what would be injected."""
        return [ranked.memory.message_id or "" for ranked in self.answer(account, query).memories]

    def references(self, request: ContextRequest) -> list[str]:
        """References of what would be injected for any request."""
        return [ranked.memory.message_id or "" for ranked in self._full(request).memories]


class OneSearch:
    """One search of our own store and nothing else."""

    def __init__(self, asked: Asked, mode: SearchMode, name: str) -> None:
        self.name = name
        self._mode = mode
        self._asked = asked
        self._memories = asked.parts.memories()
        self._embed = asked.parts.embedder().embed

    def ask(self, account: str, query: str) -> list[str]:
        """References of the search's hits."""
        everything = AnyScope((ScopeKey(Scope.USER),), past_sessions=True)
        vector = self._embed([query], timeout=5)[0] if self._mode is SearchMode.DENSE else None
        plan = SearchPlan((Search(everything, self._mode, MOST),), vector=vector, text=query)
        [hits] = self._memories.search(AccountId(account), plan, now=self._asked.clock.now(), timeout=5)
        return [hit.memory.message_id or "" for hit in hits]


class Mem0Way:
    """Plain Mem0: what was said, stored by its own ``add`` without inference, and its own ``search``.

    ``keywords``: with the encoder of keyword vectors that it does not bring along; else as installed.
    """

    def __init__(self, asked: Asked, *, keywords: bool) -> None:
        self.name = "Mem0, BM25 made to work" if keywords else "Mem0 as installed"
        environment = asked.environment
        self._memory = plain_memory(
            environment["QDRANT_URL"],
            environment["OPENAI_BASE_URL"],
            "bench_mem0_keywords" if keywords else "bench_mem0",
            environment["EMBEDDING_MODEL"],
            int(environment["EMBEDDING_DIMENSIONS"]),
        )
        logging.getLogger("mem0").setLevel(logging.CRITICAL)
        if keywords:
            self._memory.vector_store._bm25_encoder = _KeywordEncoder()

    def store(self, conversations: Sequence[Conversation], own: Sequence[OwnMemory]) -> None:
        """Everything that was said, each turn with its speaker's name."""
        said = [
            (conversation.account, f"{message.name}: {message.content}", str(message.message_id))
            for conversation in conversations
            for session in conversation.sessions
            for message in session.messages
        ]
        said += [(memory.account, memory.text, memory.ref) for memory in own]
        for number, (account, text, ref) in enumerate(said, start=1):
            self._memory.add(text, user_id=account, metadata={"ref": ref}, infer=False)
            if number % 50 == 0:
                print(f"\r{self.name}: {number} of {len(said)}", end="", file=sys.stderr, flush=True)
        print("\r" + " " * 50 + "\r", end="", file=sys.stderr)

    def ask(self, account: str, query: str) -> list[str]:
        """References of what ``Memory.search`` finds."""
        return [ref for ref, _ in self.found(account, query, MOST)]

    def found(self, account: str, query: str, most: int) -> list[tuple[str, str]]:
        """References and texts, best first."""
        found = self._memory.search(query, filters={"user_id": account}, top_k=most)["results"]
        return [(entry["metadata"]["ref"], entry["memory"]) for entry in found]


class _KeywordEncoder:
    """Stands for the encoder that Mem0 would download, with the engine's own BM25."""

    def __init__(self) -> None:
        self._encode: Callable[[str], Any] = edge.Bm25().embed_document

    def embed(self, texts: Sequence[str]) -> list["_Sparse"]:
        return [_Sparse(self._encode(text)) for text in texts]


class _Sparse:
    def __init__(self, vector: Any) -> None:  # noqa: ANN401  (the engine's own type)
        self.indices = np.asarray(vector.indices)
        self.values = np.asarray(vector.values)
