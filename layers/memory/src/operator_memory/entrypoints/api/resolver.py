"""The API as one thing to call: Powertools' resolver with all routes, and the last line of defence around it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from operator_memory.domain.errors import InvalidInputError
from operator_memory.entrypoints.api.account import ErasureRoutes, SettingsRoutes, TransferRoutes
from operator_memory.entrypoints.api.jobs import JobRoutes
from operator_memory.entrypoints.api.memories import MemoryRoutes
from operator_memory.entrypoints.api.plan_routes import PlanRoutes
from operator_memory.entrypoints.api.problems import handle_problems
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.http_api import HttpResponse, answer, raw_body

MAX_BODY_BYTES = 5 * 1024 * 1024
"""What a function can be sent, base64 taken off; an import may use it up."""

_ANY_PATH = "^.*$"  # of the route that Powertools makes up for a path that has none


def make_api(services: Services) -> APIGatewayHttpResolver:
    """All routes on a resolver."""
    api = APIGatewayHttpResolver(enable_validation=True, debug=False)
    api.use(middlewares=[_no_unknown_query, _headers])
    for routes in (MemoryRoutes, SettingsRoutes, TransferRoutes, ErasureRoutes, JobRoutes, PlanRoutes):
        routes(services, api)
    handle_problems(api)
    return api


class MemoriesApi:
    """Answers API Gateway HTTP API events (payload 2.0). Never raises."""

    def __init__(self, services: Services) -> None:
        self._api = make_api(services)

    def __call__(self, event: Mapping[str, Any], context: Any) -> HttpResponse:  # noqa: ANN401  (the runtime's object)
        """Answer one event."""
        return answer(lambda: self._api.resolve(_decoded(event), context))


def _decoded(event: Mapping[str, Any]) -> dict[str, Any]:
    """``event`` with its body as text: one that is no UTF-8 is refused here, with a sentence."""
    body = raw_body(event)
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInputError("body", f"must be at most {MAX_BODY_BYTES} bytes, not {len(body)}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError("body", "is not UTF-8 text") from None
    return {**event, "body": text, "isBase64Encoded": False}


def _no_unknown_query(api: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """A misspelt condition would silently give other memories than those asked for."""
    route = api.context["_route"]
    if route.rule.pattern == _ANY_PATH:
        return next_middleware(api)  # there is no such route, which is what has to be said
    known = {param.alias for param in route.dependant.query_params}
    given = parse_qsl(api.current_event.raw_event.get("rawQueryString") or "", keep_blank_values=True)
    for name, _ in given:
        if name not in known:
            printable = "".join(c if c.isprintable() else "?" for c in name[:100])
            raise InvalidInputError(printable, "is not a parameter of this request")
    return next_middleware(api)


def _headers(api: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """What every answer carries: memories are nobody's to cache."""
    response: Response[Any] = next_middleware(api)
    response.headers.setdefault("cache-control", "no-store")
    response.headers.setdefault("x-content-type-options", "nosniff")
    return response
