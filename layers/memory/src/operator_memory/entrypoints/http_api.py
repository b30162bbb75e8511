"""API Gateway HTTP API (payload 2.0) in, JSON or problem+json (RFC 9457) out. Standard library only."""

import base64
import binascii
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from operator_memory.domain.errors import (
    ConflictError,
    ErasureIncompleteError,
    HeldError,
    InvalidInputError,
    MemoryServiceError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnauthenticatedError,
    VersionConflictError,
    where,
)

MAX_BODY_BYTES = 1024 * 1024

Event = Mapping[str, Any]
HttpResponse = dict[str, Any]
_LOG = logging.getLogger("operator_memory.http")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the caller sees it; ``detail`` is for the person who has the problem."""

    status: int
    title: str
    detail: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As problem+json."""
        shown = {name: value for name, value in self.extra.items() if name != "retry_after"}
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail, **shown}


_TITLES: dict[type[MemoryServiceError], tuple[int, str]] = {
    UnauthenticatedError: (401, "Not authenticated"),
    PermissionDeniedError: (403, "Not allowed"),
    NotFoundError: (404, "Not found"),
    ConflictError: (409, "Conflict"),
    VersionConflictError: (412, "Changed meanwhile"),
    ErasureIncompleteError: (503, "Not finished"),
}


def problem_of(error: Exception) -> Problem:
    """What to tell the caller. What they cannot mend is logged with its type and told without particulars."""
    if isinstance(error, InvalidInputError):
        return Problem(422, "Invalid request", str(error), {"field": error.field})
    if isinstance(error, HeldError):
        follows = {} if error.erasure_id is None else {"erasure_id": error.erasure_id}
        return Problem(409, "Held", f"A legal hold keeps this: {error.hold_reason}", follows)
    if isinstance(error, RateLimitedError):
        return Problem(429, "Too many requests", str(error), {"retry_after": error.retry_after})
    known = _TITLES.get(type(error))  # type: ignore[arg-type]  # an error that is not in the table is not known
    if known is not None:
        return Problem(*known, str(error))
    if isinstance(error, MemoryServiceError):
        _LOG.error("request failed", extra={"reason": error.reason, "where": where(error)})
        detail = "Memory cannot answer now; try again in a moment."
        return Problem(503, "Service unavailable", detail, {"retry_after": 1})
    _LOG.error("request failed unexpectedly", extra={"type": type(error).__name__, "where": where(error)})
    return Problem(500, "Internal error", "An unexpected error occurred; it has been logged.")


def json_response(status: int, body: Mapping[str, Any]) -> HttpResponse:
    """An answer that nobody may cache."""
    return _response(status, body, response_headers(status, {}))


def problem_response(problem: Problem) -> HttpResponse:
    """``problem`` as the answer."""
    headers = response_headers(problem.status, problem.extra) | {"content-type": "application/problem+json"}
    return _response(problem.status, problem.body(), headers)


def response_headers(status: int, extra: Mapping[str, Any]) -> dict[str, str]:
    """The headers of every answer, and those that its status asks for."""
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="operator-memory"'
    if "retry_after" in extra:
        headers["retry-after"] = str(extra["retry_after"])
    return headers


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
    return {"statusCode": status, "headers": dict(headers), "body": json_text(body), "isBase64Encoded": False}


def json_text(body: object) -> str:
    """``body`` as JSON for an answer.

    Characters outside ASCII stay as they are: the runtime makes JSON of the answer once more, in which each escaped
    emoji takes 14 bytes instead of 4, and a list of long memories is more than a function may return.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair can be sent as an escape only
        return json.dumps(body, separators=(",", ":"))
    return text


def bearer_token(event: Event) -> str:
    """The token of the ``Authorization: Bearer`` header.

    Raises:
        UnauthenticatedError: if there is none.
    """
    value = (event.get("headers") or {}).get("authorization") or ""
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("send the token in the header Authorization: Bearer <token>")
    return str(token.strip())


def json_body(event: Event) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        InvalidInputError: naming ``body`` and saying what is wrong with it.
    """
    raw = raw_body(event)
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidInputError("body", f"must be at most {MAX_BODY_BYTES} bytes, not {len(raw)}")
    if not raw.strip():
        raise InvalidInputError("body", "is empty: send a JSON object")
    try:
        decoded = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidInputError("body", "is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("body", "is not valid JSON") from error
    if not isinstance(decoded, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return decoded


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def text_body(event: Event) -> str:
    """The request's body as text.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return raw_body(event).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError("body", "is not UTF-8 text") from error


def raw_body(event: Event) -> bytes:
    """The request's body.

    Raises:
        InvalidInputError: it says that it is base64 and is not.
    """
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("body", "is not valid base64") from error


def answer(action: Callable[[], HttpResponse]) -> HttpResponse:
    """Run ``action``; turn every error into its problem+json answer. Never a stack trace."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  (the last line of defence; the message may hold user text)
        return problem_response(problem_of(error))
