"""The body of every request that we send to Qdrant, and the reading of its answers. Pure functions.

Each filter is made by `tenant_filter`, whose first condition is the account: there is no other way to build one
here. Standard library only (hot path). REST reference: https://api.qdrant.tech/api-reference
"""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from operator_memory.adapters.qdrant.evidence import evidence_of, learning_of
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY, index_fields, keyword, number_of
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, PastVersion
from operator_memory.domain.memory.provenance import SourceClass
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.text import valid

Json = dict[str, Any]

SYSTEM = "qdrant"
KEYWORD_VECTOR = "bm25"

# By name, which an enumeration's call takes ten times as long to find: a retrieval reads a hundred points.
_SCOPES = {scope.value: scope for scope in Scope}
_KINDS = {kind.value: kind for kind in Kind}
_SOURCE_CLASSES = {source.value: source for source in SourceClass}

ACCOUNT = "user_id"
SESSION = "run_id"
FOLLOWS = "follows"
WITHHELD = "withheld_by"
TENANT = "tenant"
"""Payload field: the account as a number (`tenant_number`). It is a search's cheap first look at a point: a number is
compared where it lies, an id of 36 characters is followed to where it is kept. It isolates nothing, `ACCOUNT` does."""


def tenant_filter(account_id: AccountId, *must: Json, must_not: Sequence[Json] = ()) -> Json:
    """A filter bound to the account: its first ``must`` is the tenant condition."""
    made: Json = {"must": [equals(ACCOUNT, account_id), *must]}
    if must_not:
        made["must_not"] = list(must_not)
    return made


def tenant_number(account_id: AccountId) -> int:
    """The account as a number, see `number_of`."""
    return number_of(account_id)


def unchanged(memory: Memory, version: int) -> Json:
    """The filter for ``memory`` if the stored ``version`` is this one, and it has not been withheld since.

    The first version is that of older points, too.
    """
    same = equals("version", version)
    if version == 1:
        same = {"should": [same, {"is_empty": {"key": "version"}}]}
    since = withheld_otherwise(memory.withheld_by)
    return tenant_filter(memory.account_id, {"has_id": [memory.id]}, same, must_not=[since])


def withheld_otherwise(reasons: Sequence[str]) -> Json:
    """The condition that a turn is withheld for another reason than these."""
    if reasons:
        return {"key": WITHHELD, "match": {"except": list(reasons)}}
    return {"must_not": [{"is_empty": {"key": WITHHELD}}]}


def dense(vector: Vector) -> Json | list[float]:
    """What stands for a dense vector, in a point and in a search: its numbers, or the text to make them of."""
    if isinstance(vector, InferenceText):
        return {"text": vector.text, "model": vector.model}
    return list(vector)


def upsert(account_id: AccountId, memories: Sequence[EmbeddedMemory], *, embedder: str | None = None) -> Json:
    """Body of ``PUT points``. A point that another account has under the same id is left as it is. ``embedder``: the
    model that made the vectors.

    Raises:
        ValueError: if a memory belongs to another account.
    """
    points = [_point(account_id, embedded, embedder) for embedded in memories]
    return {"points": points, "update_filter": tenant_filter(account_id)}


def _point(account_id: AccountId, embedded: EmbeddedMemory, embedder: str | None) -> Json:
    memory = embedded.memory
    if memory.account_id != account_id:
        raise ValueError("a memory of another account")
    return {
        "id": memory.id,
        "vector": {"": dense(embedded.vector), KEYWORD_VECTOR: keyword(keyword_text(memory, embedded.before))},
        "payload": {**payload_of(memory), **({EMBEDDED_BY: embedder} if embedder else {})},
    }


def with_ids(account_id: AccountId, ids: Sequence[str]) -> Json:
    """Body of ``points/scroll``: which of ``ids`` the account has. Ids only."""
    return {
        "filter": tenant_filter(account_id, {"has_id": list(ids)}),
        "limit": max(1, len(ids)),
        "with_payload": False,
        "with_vector": False,
    }


def supersede(account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> Json:
    """Body of ``points/payload``: of ``ids`` those that nobody has pinned are no longer valid from ``at`` on."""
    return {
        "payload": {"superseded_by": by, "valid_until": timestamp(at)},
        "filter": tenant_filter(account_id, {"has_id": list(ids)}, must_not=[equals("pinned", True)]),
    }


def replaced_by(account_id: AccountId, ids: Sequence[str]) -> Json:
    """Body of ``points/scroll``: what names one of ``ids`` as what took its place."""
    named = {"key": "superseded_by", "match": {"any": list(ids)}}
    return {"filter": tenant_filter(account_id, named), "limit": 1000, "with_payload": True, "with_vector": False}


def facts(account_id: AccountId, *, now: datetime) -> Json:
    """Body of ``points/count``: the facts that hold at ``now``."""
    return {"filter": tenant_filter(account_id, equals("kind", Kind.FACT.value), must_not=gone_at(now)), "exact": True}


def of_threads(names: Collection[str]) -> list[Json]:
    """What is of one of these threads or sessions, as conditions of which one is enough."""
    return [{"key": key, "match": {"any": sorted(names)}} for key in ("thread_id", SESSION)] if names else []


def expired(account_id: AccountId, *, now: datetime, limit: int, kept: Sequence[Json] = ()) -> Json:
    """Body of ``points/scroll``: ids of up to ``limit`` memories that have expired at ``now``, and are not ``kept``."""
    return {
        "filter": tenant_filter(account_id, in_range("expires_at", lte=now), must_not=kept),
        "limit": limit,
        "with_payload": False,
        "with_vector": False,
    }


def delete_expired(account_id: AccountId, ids: Sequence[str], *, now: datetime, kept: Sequence[Json] = ()) -> Json:
    """Body of ``points/delete``: of ``ids``, those that are the account's, (still) expired, and not ``kept``."""
    ended = in_range("expires_at", lte=now)
    return {"filter": tenant_filter(account_id, {"has_id": list(ids)}, ended, must_not=kept)}


def next_expiry(account_id: AccountId, *, after: datetime) -> Json:
    """Body of ``points/scroll``: the account's memory that expires first after ``after``."""
    return {
        "filter": tenant_filter(account_id, in_range("expires_at", gt=after)),
        "limit": 1,
        "with_payload": ["expires_at"],
        "with_vector": False,
        "order_by": {"key": "expires_at", "direction": "asc"},
    }


def gone_at(now: datetime) -> list[Json]:
    """What is not shown: expired, or no longer valid because something newer took its place."""
    return [in_range("expires_at", lte=now), in_range("valid_until", lte=now)]


def equals(key: str, value: object) -> Json:
    """The condition that the field ``key`` has this value."""
    return {"key": key, "match": {"value": value}}


def in_range(key: str, **bounds: datetime) -> Json:
    """The condition that the time in ``key`` is within ``bounds`` (gt, gte, lt, lte)."""
    return {"key": key, "range": {name: timestamp(value) for name, value in bounds.items()}}


def timestamp(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds, e.g. ``2026-11-24T09:00:00.000000Z``."""
    try:
        moment = value.astimezone(UTC)
    except OverflowError:  # less than a day from the calendar's end, where UTC has no such time: the day will do
        moment = value
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def payload_of(memory: Memory) -> Json:
    """The payload of a memory: Mem0's own fields and ours; fields without a value are left out.

    ``importance`` has six decimals: Qdrant may read a longer number with an error in its last bit, and a list that
    is ordered by it could then not go on at a value it had read.
    """
    values: Json = {
        "data": memory.text,
        # Mem0's duplicate check compares this; it is no security measure.
        "hash": hashlib.md5(memory.text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest(),
        "created_at": timestamp(memory.created_at),
        "updated_at": timestamp(memory.updated_at),
        "attributed_to": memory.attributed_to,
        "role": memory.role,
        "speaker": memory.speaker,
        "message_id": memory.message_id,
        **_owners(memory),
        "seq": memory.seq,
        FOLLOWS: memory.follows,
        "said_in": list(memory.said_in) or None,
        WITHHELD: list(memory.withheld_by) or None,
        "importance": round(memory.importance, 6),
        "expires_at": _optional_timestamp(memory.expires_at),
        "pinned": memory.pinned,
        "superseded_by": memory.superseded_by,
        "valid_until": _optional_timestamp(memory.valid_until),
        "last_accessed_at": _optional_timestamp(memory.last_accessed_at),
        "access_count": memory.access_count,
        "version": memory.version,
        "history": [_past(past) for past in memory.history] or None,
        **learning_of(memory),
        "source_class": memory.source_class.value if memory.source_class else None,
        "when": memory.when,
        "inferred": memory.inferred or None,
        "imported_at": _optional_timestamp(memory.imported_at),
        "import_id": memory.import_id,
        "rejected": memory.rejected,
        **index_fields(memory),
    }
    return {name: value for name, value in values.items() if value is not None}


def _owners(memory: Memory) -> Json:
    return {
        ACCOUNT: memory.account_id,
        TENANT: tenant_number(memory.account_id),
        "agent_id": memory.agent_id,
        SESSION: memory.session_id,
        "kind": memory.kind.value,
        "scope": memory.scope.value,
        "author_id": memory.author_id,
        "thread_id": memory.thread_id,
    }


def _past(past: PastVersion) -> Json:
    return {
        "version": past.version,
        "text": past.text,
        "changed_at": timestamp(past.changed_at),
        "changed_by": past.changed_by,
    }


def _optional_timestamp(value: datetime | None) -> str | None:
    return None if value is None else timestamp(value)


def points_of(result: object) -> list[Any]:
    """The points of a result that holds a list of them."""
    points = result.get("points") if isinstance(result, dict) else None
    if not isinstance(points, list):
        raise MalformedResponseError(SYSTEM, "the answer holds no list of points")
    return points


def point_id(point: Mapping[str, Any]) -> str:
    """The id of a point of an answer: Qdrant's are UUIDs or integers.

    Raises:
        KeyError: if it has none.
        TypeError: if it is anything else.
    """
    identity = point["id"]
    if not isinstance(identity, str | int):
        raise TypeError
    return str(identity)


def memory_of(account_id: AccountId, point: Mapping[str, Any]) -> Memory:
    """The memory that a point of an answer holds.

    Raises:
        MalformedResponseError: if it is incomplete, or, whatever the filter said, of another account.
    """
    try:
        payload: Mapping[str, Any] = point["payload"]
        if payload[ACCOUNT] != account_id:
            raise MalformedResponseError(SYSTEM, "the answer holds a point of another account")
        memory = _memory(account_id, point_id(point), payload)
        if not {Scope.AGENT: memory.agent_id, Scope.SESSION: memory.session_id}.get(memory.scope, True):
            raise ValueError("no owner")
        return memory
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MalformedResponseError(SYSTEM, "a point's payload is not that of a memory") from error


def _memory(account_id: AccountId, identity: str, payload: Mapping[str, Any]) -> Memory:
    created = aware(payload["created_at"])
    return Memory(
        id=identity,
        account_id=account_id,
        scope=_SCOPES[payload["scope"]],
        kind=_KINDS[payload["kind"]],
        text=_text(payload["data"]),
        created_at=created,
        updated_at=_optional_datetime(payload, "updated_at") or created,
        agent_id=payload.get("agent_id"),
        session_id=payload.get(SESSION),
        thread_id=payload.get("thread_id"),
        author_id=payload.get("author_id"),
        attributed_to=payload.get("attributed_to"),
        importance=_finite(payload.get("importance", 0.5)),
        pinned=bool(payload.get("pinned", False)),
        expires_at=_optional_datetime(payload, "expires_at"),
        superseded_by=payload.get("superseded_by"),
        valid_until=_optional_datetime(payload, "valid_until"),
        last_accessed_at=_optional_datetime(payload, "last_accessed_at"),
        access_count=int(payload.get("access_count", 0)),
        version=int(payload.get("version", 1)),
        history=tuple(_past_version(past) for past in payload.get("history", ())),
        imported_at=_optional_datetime(payload, "imported_at"),
        import_id=payload.get("import_id"),
        rejected=payload.get("rejected"),
        **_of_conversation(payload),
    )


def _of_conversation(payload: Mapping[str, Any]) -> Json:
    """What ties a memory to the conversation it is from."""
    return {
        "role": _optional_text(payload, "role"),
        "speaker": _optional_text(payload, "speaker"),
        "message_id": payload.get("message_id"),
        "seq": _optional_whole(payload, "seq"),
        "source_run_id": payload.get("source_run_id"),
        "follows": payload.get(FOLLOWS),
        "said_in": _ids(payload.get("said_in")),
        "withheld_by": _ids(payload.get(WITHHELD)),
        "evidence": evidence_of(payload.get("evidence")),
        "repeated_in": _ids(payload.get("repeated_in")),
        "source_class": _SOURCE_CLASSES.get(payload.get("source_class", "")),
        "when": _optional_text(payload, "when"),
        "inferred": bool(payload.get("inferred", False)),
    }


def _past_version(past: Mapping[str, Any]) -> PastVersion:
    return PastVersion(
        version=int(past["version"]),
        text=_text(past["text"]),
        changed_at=aware(past["changed_at"]),
        changed_by=_text(past["changed_by"]),
    )


def _optional_datetime(payload: Mapping[str, Any], field: str) -> datetime | None:
    value = payload.get(field)
    return None if value is None else aware(value)


def _optional_text(payload: Mapping[str, Any], field: str) -> str | None:
    value = payload.get(field)
    return None if value is None else _text(value)


def _optional_whole(payload: Mapping[str, Any], field: str) -> int | None:
    value = payload.get(field)
    if value is not None and not isinstance(value, int):
        raise TypeError
    return value


def aware(value: str) -> datetime:
    """A stored time; one without a zone is UTC, as Qdrant takes it.

    Raises:
        TypeError, ValueError: if ``value`` is no text in ISO 8601.
    """
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ids(value: object) -> tuple[str, ...]:
    if not value:
        return ()
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(item) for item in value)


def _finite(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return valid(value)
