"""The management API: what people and platforms do with their memories."""

from typing import Any

from operator_memory.entrypoints.http_api import Event, HttpResponse
from operator_memory.entrypoints.wiring.management import build_memories

_API = build_memories()


def handler(event: Event, context: Any) -> HttpResponse:  # noqa: ANN401  (the runtime's own object)
    """Answer one API Gateway HTTP API event (payload 2.0)."""
    return _API.handle(event, context)
