"""``POST /v1/context``: the memories worth injecting into a run."""

import logging
import time
from typing import Any

from operator_memory.domain.management.identity import READ_CONTEXT
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.entrypoints.contracts.context import context_view, parse_context_request, wants_explanation
from operator_memory.entrypoints.http_api import (
    Event,
    HttpResponse,
    answer,
    bearer_token,
    json_body,
    json_response,
)
from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring.context import build_context

_LOG = logging.getLogger("operator_memory.context")
_APP = build_context()


def handler(event: Event, _context: Any) -> HttpResponse:  # noqa: ANN401  (the runtime's own object)
    """Answer one API Gateway HTTP API event (payload 2.0)."""
    return answer(lambda: _retrieve(event))


def _retrieve(event: Event) -> HttpResponse:
    started = time.monotonic()
    caller = _APP.authenticate(bearer_token(event))
    _APP.limit.count_caller(caller, Bucket.READS)
    explain = wants_explanation(event.get("queryStringParameters"))
    request = parse_context_request(json_body(event))
    _APP.authorize.authorize(caller, request.account_id, READ_CONTEXT)
    _APP.limit.count_account(request.account_id, Bucket.READS)
    result = _APP.context.retrieve(request, actor=caller.actor, started=started)
    if result.degraded:
        _LOG.warning("degraded answer", extra={"degraded": result.degraded, "account_id": request.account_id})
    emit_metrics(
        "context",
        {
            "Latency": (result.timing.total, "Milliseconds"),
            "EmbeddingLatency": (result.timing.embedding, "Milliseconds"),
            "SearchLatency": (result.timing.search, "Milliseconds"),
            "RerankingLatency": (result.timing.reranking, "Milliseconds"),
            "MemoriesInjected": (len(result.memories), "Count"),
            "QueryVectorsReused": (int(result.vector_reused), "Count"),
            "Degraded": (len(result.degraded), "Count"),
        },
    )
    return json_response(200, context_view(result, explain=explain))
