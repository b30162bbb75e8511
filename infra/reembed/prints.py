"""Tells by a short hash whether a point is as it was when it was copied. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY
from operator_memory.adapters.qdrant.requests import KEYWORD_VECTOR, aware

Json = dict[str, Any]

COPIED_AS = "copied_as"
"""Payload field of a copy: the prints of the point that it was made from. Gone when the old collection is dropped."""

_OURS = (COPIED_AS, EMBEDDED_BY)
_ACCESS = ("last_accessed_at", "access_count")


def prints_of(point: Mapping[str, Any]) -> str:
    """The prints of a point: of its payload, without what names its copy and its model, and of its keyword vector;
    after a dot the same without how often it was used."""
    return f"{_print(point, ())}.{_print(point, _ACCESS)}"


def was_copied_as(point: Mapping[str, Any], made_of: object) -> bool:
    """Whether ``point`` is still as it was when the copy with these prints was made."""
    return str(made_of or "").partition(".")[0] == _print(point, ())


def says_what_was_copied(copy: Mapping[str, Any]) -> bool:
    """Whether nobody has changed ``copy`` since it was made. That it was used changes nothing."""
    made_of = str((copy.get("payload") or {}).get(COPIED_AS, ""))
    return made_of.partition(".")[2] == _print(copy, _ACCESS)


def _print(point: Mapping[str, Any], without: Sequence[str]) -> str:
    payload = {name: value for name, value in own_payload(point).items() if name not in without}
    held = json.dumps([payload, keyword_vector(point)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(held.encode()).hexdigest()[:32]


def own_payload(point: Mapping[str, Any]) -> Json:
    """Its payload, without what names its copy and its model."""
    return {name: value for name, value in (point.get("payload") or {}).items() if name not in _OURS}


def keyword_vector(point: Mapping[str, Any]) -> Any:  # noqa: ANN401  (JSON)
    """Its sparse vector, if it has one."""
    vectors = point.get("vector")
    return vectors.get(KEYWORD_VECTOR) if isinstance(vectors, dict) else None


def later(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether ``one`` was changed later than ``other``, two states of a memory: by its version, then by its time."""
    return _age(one) > _age(other)


def _age(point: Mapping[str, Any]) -> tuple[int, float]:
    payload = point.get("payload") or {}
    version = payload.get("version", 1)
    try:
        moment: datetime | None = aware(payload.get("updated_at") or payload["created_at"])
    except (KeyError, TypeError, ValueError):
        moment = None
    return version if isinstance(version, int) else 1, moment.timestamp() if moment else 0.0
