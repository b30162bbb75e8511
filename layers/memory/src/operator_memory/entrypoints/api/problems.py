"""Errors of the API: each as problem+json (RFC 9457), each in the OpenAPI document."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
    ResponseValidationError,
)

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.entrypoints.http_api import Problem, problem_of, response_headers

PROBLEMS = "x-problems"
TITLES = {
    401: "No credential, or one that does not verify",
    403: "Not allowed",
    404: "Not found",
    409: "Contradicts what is stored",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Another content type is needed",
    422: "Invalid request",
    428: "A precondition is required",
    429: "Too many calls; Retry-After says when to come back",
    503: "Cannot answer now",
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For the person who has the problem."},
        "field": {"type": "string", "description": "Of a 422: the field that is wrong."},
        "erasure_id": {"type": "string", "description": "Of a 409: the erasure that waits for a hold to be lifted."},
        "errors": {
            "type": "array",
            "description": "Of a 422: everything that is wrong.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

_LOG = logging.getLogger("operator_memory.api")


class PreconditionRequiredError(MemoryServiceError):
    """A change without the version that it was made from."""


def documented(tag: str, *statuses: int) -> dict[str, Any]:
    """Keyword arguments of a route: its tag, and the problems it can answer with (read by ``openapi``)."""
    return {"tags": [tag], "openapi_extensions": {PROBLEMS: list(statuses)}}


def handle_problems(api: APIGatewayHttpResolver) -> None:
    """Let every error of ``api`` become a problem."""
    api.exception_handler(RequestValidationError)(_invalid)
    api.exception_handler(RequestUnsupportedContentType)(
        lambda _: _response(Problem(415, "Unsupported media type", "send the body as application/json"))
    )
    api.exception_handler(ResponseValidationError)(_misbuilt)
    api.not_found(lambda _: _response(Problem(404, "Not found", "there is no such route")))
    api.exception_handler(PreconditionRequiredError)(
        lambda error: _response(Problem(428, "Precondition required", str(error)))
    )
    api.exception_handler(RecursionError)(
        lambda _: _response(Problem(422, "Invalid request", "body: is nested too deeply", {"field": "body"}))
    )
    api.exception_handler(Exception)(lambda error: _response(problem_of(error)))


def _response(problem: Problem) -> Response[Any]:
    headers: dict[str, str | list[str]] = dict(response_headers(problem.status, problem.extra))
    del headers["content-type"]
    return Response(
        status_code=problem.status,
        content_type="application/problem+json",
        headers=headers,
        body=json.dumps(problem.body()),  # what an exception handler answers is not serialised for it
    )


def _invalid(error: RequestValidationError) -> Response[Any]:
    """All that is wrong, the first of it as ``field``. Nothing of what was sent is repeated."""
    found = [{"field": _field(e["loc"]), "detail": _detail(e)} for e in error.errors()][:20]
    first = found[0] if found else {"field": "body", "detail": "is not valid"}
    text = f"{first['field']}: {first['detail']}"
    return _response(Problem(422, "Invalid request", text, {"field": first["field"], "errors": found}))


def _field(loc: Sequence[object]) -> str:
    """``("body", "filter", "limit")`` as ``filter.limit``; names are the sender's text, so they are bounded."""
    parts = [str(part) for part in loc if not isinstance(part, int)]
    named = parts[1:] if len(parts) > 1 and parts[0] in ("query", "body", "path", "header") else parts
    text = ".".join(named)[:100]
    return "".join(c if c.isprintable() else "?" for c in text) or "body"


def _detail(error: Mapping[str, Any]) -> str:
    if error.get("type") == "string_pattern_mismatch":
        return "has characters that are not allowed there"
    return str(error.get("msg", "is not valid")).removeprefix("Value error, ")[:300]


def _misbuilt(error: ResponseValidationError) -> Response[Any]:
    places = [".".join(map(str, e["loc"])) for e in error.errors()][:5]
    _LOG.error("an answer breaks its own contract", extra={"places": places})
    return _response(Problem(500, "Internal error", "An unexpected error occurred; it has been logged."))
