"""A call of one route as it goes over the wire. Pure: arguments in, method, path, headers and body out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

from operator_memory_client.errors import InvalidCallError
from operator_memory_client.transport.retries import SAFE_METHODS

_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
"""What can be an account. A token is bound to nothing else: the service says then what is wrong with it."""

A_co = TypeVar("A_co", covariant=True)


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "left out"


UNSET = Unset.UNSET
"""Leaves a field of a change as it is. ``None`` would empty it."""


@dataclass(frozen=True)
class Route(Generic[A_co]):
    """A route of the API. ``answer``: the model of its answer, ``""`` for none, ``text`` for lines of text."""

    method: str
    path: str
    answer: str
    keyed: bool = False
    """Whether it takes an ``Idempotency-Key``."""
    reads: bool = False
    """Whether it only reads, whatever its method."""

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice is doing it once."""
        return self.method in SAFE_METHODS or self.keyed or self.reads


@dataclass(frozen=True)
class Call(Generic[A_co]):
    """What is sent, but for the token. ``account_id``: whose memory, where the arguments say so."""

    route: Route[A_co]
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    account_id: str | None = None


def make_call(
    route: Route[A_co],
    path: Mapping[str, object],
    query: Mapping[str, object],
    headers: Mapping[str, object],
    body: object = UNSET,
) -> Call[A_co]:
    """The call of ``route``. ``None`` in ``query`` and ``headers`` and `UNSET` in ``body`` are left out.

    Raises:
        InvalidCallError: an argument has no form on the wire.
    """
    try:
        return _call(route, path, query, headers, body)
    except (TypeError, ValueError) as error:  # a lone surrogate, a number that is none, an object of another kind
        raise InvalidCallError(f"an argument cannot be sent ({type(error).__name__})") from None


def _call(
    route: Route[A_co],
    path: Mapping[str, object],
    query: Mapping[str, object],
    headers: Mapping[str, object],
    body: object,
) -> Call[A_co]:
    target = route.path.format_map({name: quote(_segment(name, value), safe="") for name, value in path.items()})
    given = [(name, _plain(value)) for name, value in query.items() if value is not None]
    sent = {name: str(value) for name, value in headers.items() if value is not None}
    if route.keyed:
        sent.setdefault("idempotency-key", str(uuid4()))
    if any(not value.isascii() or not value.isprintable() for value in sent.values()):
        raise InvalidCallError("a header holds characters that headers cannot carry")
    raw = b""
    if isinstance(body, str | bytes):
        raw, sent["content-type"] = body.encode() if isinstance(body, str) else body, "application/x-ndjson"
    elif body is not UNSET:
        raw, sent["content-type"] = _json(body), "application/json"
    account = query.get("account_id") or (body.get("account_id") if isinstance(body, Mapping) else None)
    return Call(
        route,
        target + ("?" + urlencode(given) if given else ""),
        sent,
        raw,
        account if isinstance(account, str) and _ID.fullmatch(account) else None,
    )


def _segment(name: str, value: object) -> str:
    if not isinstance(value, str) or value in ("", ".", ".."):
        raise InvalidCallError(f"{name} is no id")
    return value


def _json(body: object) -> bytes:
    if isinstance(body, Mapping):
        body = {name: value for name, value in body.items() if value is not UNSET}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False).encode()


def _plain(value: object) -> Any:  # noqa: ANN401  (JSON)
    """A value as JSON or a query string has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.astimezone(timezone.utc)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
