"""The API as one thing to call: Powertools' resolver with all routes, and the last line of defence around it."""

import json
import logging
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from operator_memory.domain.errors import InvalidInputError, TimeIsUpError
from operator_memory.entrypoints.api.account import ErasureRoutes, SettingsRoutes, TransferRoutes
from operator_memory.entrypoints.api.jobs import JobRoutes
from operator_memory.entrypoints.api.lifecycle.archive import ArchiveRoutes
from operator_memory.entrypoints.api.lifecycle.holds import HoldRoutes
from operator_memory.entrypoints.api.lifecycle.policies import PolicyRoutes
from operator_memory.entrypoints.api.lifecycle.usage import UsageRoutes
from operator_memory.entrypoints.api.memories import MemoryRoutes
from operator_memory.entrypoints.api.platform_routes import PlatformRoutes
from operator_memory.entrypoints.api.problems import handle_problems
from operator_memory.entrypoints.api.reinstate import ReinstateRoutes
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.api.use import UseRoutes
from operator_memory.entrypoints.http_api import HttpResponse, Problem, answer, json_text, problem_response, raw_body
from operator_memory.entrypoints.stopping import stopped_in_time

MAX_BODY_BYTES = 5 * 1024 * 1024
"""What a function can be sent, base64 taken off; an import may use it up."""

MAX_DEPTH = 50
"""Objects and lists within each other. What is nested deeper has no use here, and breaks what handles it."""

ANSWERING_SECONDS = 1.5
"""Before the end of the function's time: so long it may take to say that the time is up."""

_TIME_IS_UP = "The time for one answer is up. Send the request again: repeating it is harmless."
_LOG = logging.getLogger("operator_memory.api")
_ANY_PATH = "^.*$"  # of the route that Powertools makes up for a path that has none


GROUPS = (
    MemoryRoutes,
    ReinstateRoutes,
    SettingsRoutes,
    UsageRoutes,
    TransferRoutes,
    ErasureRoutes,
    HoldRoutes,
    ArchiveRoutes,
    JobRoutes,
    PolicyRoutes,
    PlatformRoutes,
    UseRoutes,
)


def make_api(services: Services) -> APIGatewayHttpResolver:
    """All routes on a resolver."""
    api = APIGatewayHttpResolver(
        enable_validation=True, debug=False, serializer=json_text, json_body_deserializer=_json
    )
    api.use(middlewares=[_no_unknown_query, _headers])
    for routes in GROUPS:
        routes(services, api)
    handle_problems(api)
    return api


class MemoriesApi:
    """Answers API Gateway HTTP API events (payload 2.0). Never raises."""

    def __init__(self, services: Services) -> None:
        self._api = make_api(services)

    def handle(self, event: Mapping[str, Any], context: Any) -> HttpResponse:  # noqa: ANN401  (the runtime's object)
        """Answer one event of the API Gateway, in time: what takes longer than the function may is broken off."""
        try:
            with stopped_in_time(context.get_remaining_time_in_millis() / 1000, giving_back=ANSWERING_SECONDS):
                return answer(lambda: self._api.resolve(_decoded(event), context))
        except TimeIsUpError:
            _LOG.error("a request was broken off: its time was up")
            return problem_response(Problem(503, "Not finished", _TIME_IS_UP, {"retry_after": 1}))


def _decoded(event: Mapping[str, Any]) -> dict[str, Any]:
    """``event`` with its body as text: one that is no UTF-8 is refused here, with a sentence.

    The content type becomes its plain media type, and only JSON stays: the resolver would read a form as well, which
    no route documents, and takes ``application/jsonx`` for JSON but not ``Application/JSON``.
    """
    body = raw_body(event)
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInputError("body", f"must be at most {MAX_BODY_BYTES} bytes, not {len(body)}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError("body", "is not UTF-8 text") from None
    headers = dict(event.get("headers") or {})
    if "content-type" in headers:
        media_type = headers["content-type"].partition(";")[0].strip().lower()
        headers["content-type"] = media_type if media_type in ("", "application/json") else "*"
    return {**event, "headers": headers, "body": text, "isBase64Encoded": False}


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_no_json)
    except RecursionError:
        raise InvalidInputError("body", "is nested too deeply") from None
    except ValueError:  # also a number of thousands of digits
        raise InvalidInputError("body", "is not valid JSON") from None
    if not isinstance(found, dict):
        raise InvalidInputError("body", "must be a JSON object")
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
    if level:
        raise InvalidInputError("body", "is nested too deeply")
    return found


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


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
