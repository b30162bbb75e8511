"""``Idempotency-Key``: what a request is known by when it comes again."""

import hashlib
import json
from typing import Annotated
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler.openapi.params import Header

from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.keyed_requests import KeyedRequest
from operator_memory.entrypoints.contracts.account import IdempotencyKey
from operator_memory.entrypoints.http_api import Event, raw_body

OptionalKey = Annotated[
    IdempotencyKey | None,
    Header(alias="idempotency-key", description="Repeating a request with the same key does it once."),
]


def keyed_request(event: Event, caller: Caller, key: str | None) -> KeyedRequest | None:
    """Return what the request is known by; ``None`` without a key. Each caller has keys of its own."""
    if key is None:
        return None
    # the account is known by then, whether it was named or not
    query = sorted(pair for pair in parse_qsl(event.get("rawQueryString") or "") if pair[0] != "account_id")
    route = (event["requestContext"]["http"]["method"], event["rawPath"])
    asked = json.dumps([route, query, _content(raw_body(event))], sort_keys=True)
    return KeyedRequest(f"{caller.actor}\x1f{key}", hashlib.sha256(asked.encode()).hexdigest())


def _content(body: bytes) -> object:
    """JSON as what it says, whatever the order of its names; anything else as it is."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return hashlib.sha256(body).hexdigest()
