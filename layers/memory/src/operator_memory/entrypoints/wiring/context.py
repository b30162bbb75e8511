"""Puts together what the context function calls."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from operator_memory.application.management.authorize import AuthorizeService
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.recall.retrieve_context import Deadlines, RetrievalPolicy, RetrieveContext
from operator_memory.domain.errors import UpstreamError
from operator_memory.domain.recall.parameters import USUAL
from operator_memory.domain.recall.token_count import Estimate, TokenCounter, encoding_of
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.relevance import gate_for
from operator_memory.entrypoints.settings import Settings
from operator_memory.entrypoints.wiring.shared import Authenticate, service_tokens

if TYPE_CHECKING:
    from operator_memory.application.recall.rerank_memories import RerankMemories


@dataclass(frozen=True, slots=True)
class ContextApp:
    """What the context function calls."""

    authenticate: Authenticate
    limit: LimitRate
    authorize: AuthorizeService
    context: RetrieveContext


def build_context(environ: Mapping[str, str] | None = None) -> ContextApp:
    """What the context function calls."""
    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    settings = adapters.settings
    authenticate, read_keys = service_tokens(adapters)
    trail = adapters.trail(wait=settings.events_wait_ms / 1000)
    rerank = _rerank(adapters)
    ranking = USUAL if rerank is None else replace(USUAL, candidates=rerank.candidates)
    gate = gate_for(settings.embedding_model)
    retrieve = RetrieveContext(
        search=adapters.memories(),
        embedder=adapters.embedder(),
        switches=adapters.switches(),
        trail=trail,
        clock=adapters.clock,
        counter_of=_token_counter,
        policy=RetrievalPolicy(settings.memory_enabled, _deadlines(settings), gate, ranking, rerank),
    )
    limit = adapters.limits()
    adapters.warm()
    with suppress(UpstreamError):  # keys that cannot be read yet are read on the first request
        read_keys()  # malformed ones stop the start
    return ContextApp(authenticate, limit, AuthorizeService(trail), retrieve)


def _rerank(adapters: AdaptersInUse) -> "RerankMemories | None":
    reranker = adapters.reranker()
    if reranker is None:
        return None
    from operator_memory.application.recall.rerank_memories import RerankMemories

    return RerankMemories(reranker, timeout=adapters.settings.reranker_timeout_ms / 1000)


def _deadlines(settings: Settings) -> Deadlines:
    return Deadlines(
        switches=settings.switches_timeout_ms / 1000,
        embedding=settings.embedding_timeout_ms / 1000,
        search=settings.search_timeout_seconds,
        total=settings.context_timeout_ms / 1000,
    )


def _token_counter(model: str) -> TokenCounter:
    """Exact where the model's tokenizer is known. Loaded only then: it takes a fresh function 80 ms."""
    encoding = encoding_of(model)
    if encoding is None:
        return Estimate()
    from operator_memory.adapters.models.token_counter import counter_of

    return counter_of(encoding)
