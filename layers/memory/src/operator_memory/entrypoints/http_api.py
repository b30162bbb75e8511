"""API Gateway HTTP API (payload 2.0) in, JSON or problem+json (RFC 9457) out. Standard library only."""

import base64
import binascii
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from operator_memory.domain.errors import (
    InvalidInputError,
    MemoryServiceError,
    PermissionDeniedError,
    UnauthenticatedError,
    where,
)

MAX_BODY_BYTES = 1024 * 1024

Event = Mapping[str, Any]
HttpResponse = dict[str, Any]
_LOG = logging.getLogger("operator_memory.http")


def json_response(status: int, body: Mapping[str, Any]) -> HttpResponse:
    """An answer that nobody may cache."""
    return _response(status, body, "application/json")


def problem(status: int, title: str, detail: str, **extra: Any) -> HttpResponse:  # noqa: ANN401  (JSON)
    """A problem+json answer; ``detail`` is for the person who has the problem."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return _response(status, body, "application/problem+json")


def _response(status: int, body: Mapping[str, Any], content_type: str) -> HttpResponse:
    headers = {
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="operator-memory"'
    return {
        "statusCode": status,
        "headers": headers,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


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
    raw = _raw_body(event)
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


def _raw_body(event: Event) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("body", "is not valid base64") from error


def answer(action: Callable[[], HttpResponse]) -> HttpResponse:
    """Run ``action``; turn every error into its problem+json answer. Never a stack trace.

    What the caller cannot mend is logged with its type and answered without particulars.
    """
    try:
        return action()
    except InvalidInputError as error:
        return problem(422, "Invalid request", str(error), field=error.field)
    except UnauthenticatedError as error:
        return problem(401, "Not authenticated", str(error))
    except PermissionDeniedError as error:
        return problem(403, "Not allowed", str(error))
    except MemoryServiceError as error:
        _LOG.error("request failed", extra={"reason": error.reason, "where": where(error)})
        return problem(503, "Service unavailable", "Memory cannot answer now; try again in a moment.")
    except Exception as error:  # noqa: BLE001  (the last line of defence; the message may hold user text)
        _LOG.error("request failed unexpectedly", extra={"type": type(error).__name__, "where": where(error)})
        return problem(500, "Internal error", "An unexpected error occurred; it has been logged.")
