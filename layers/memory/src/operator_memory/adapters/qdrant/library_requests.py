"""The body of every request of the library, in Qdrant's REST API. Pure functions; see ``qdrant_requests``."""

import math
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY as EMBEDDED_BY
from operator_memory.adapters.qdrant.index_fields import INDEXED_AS, text_conditions
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.adapters.qdrant.searches import SEARCHED_FIELDS, by_account_words
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.listing import Sort, SortKey
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.memory.vectors import Vector
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.text import valid

EDITS = "edit_ids"
"""Payload field: the ids of the last writes that replaced the memory, newest last. Not a part of the memory."""
KEPT_EDITS = 20
OF_VECTORS = (EMBEDDED_BY, INDEXED_AS)
"""Payload fields that say how the point's vectors were made: they stay while the vectors do."""
FOUND_FIELDS = (*SEARCHED_FIELDS, "version", EMBEDDED_BY)

SortValue = datetime | float


def is_memory_id(value: str) -> bool:
    """Whether it is a UUID as Qdrant writes it; no memory has another id, and Qdrant refuses such."""
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def sort_value(memory: Memory, key: SortKey) -> SortValue:
    """The memory's value of the field that a list is sorted by."""
    value: SortValue = getattr(memory, key.value)
    return value


def value_text(value: SortValue) -> str:
    """The text form of a sort value, from which `value_of` makes the same value."""
    return requests.timestamp(value) if isinstance(value, datetime) else repr(value)


def value_of(text: str, key: SortKey) -> SortValue:
    """The sort value that ``text`` stands for.

    Raises:
        InvalidInputError: if it stands for none.
    """
    try:
        if key is not SortKey.IMPORTANCE:
            return requests.aware(text)
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInputError("cursor", "is not a place in this list")
    return number


def matching(account_id: AccountId, where: MemoryFilter, *beside: Json, now: datetime) -> Json:
    """The filter for the account's memories that ``where`` lets through at ``now``, and ``beside`` too."""
    exact = {
        "scope": where.scope and where.scope.value,
        "kind": where.kind and where.kind.value,
        "agent_id": where.agent_id,
        requests.SESSION: where.session_id,
        "thread_id": where.thread_id,
        "author_id": where.author_id,
        "source_run_id": where.source_run_id,
        "import_id": where.import_id,
        "pinned": where.pinned,
    }
    must = [requests.equals(key, value) for key, value in exact.items() if value is not None]
    period = {"gte": where.created_after, "lt": where.created_before}
    bounds = {name: bound for name, bound in period.items() if bound is not None}
    if bounds:
        must.append(requests.in_range("created_at", **bounds))
    if where.text is not None:
        must += text_conditions(valid(where.text))
    gone = [] if where.inactive else requests.gone_at(now)
    if where.quarantined is not None:
        (gone if where.quarantined else must).append({"is_empty": {"key": "rejected"}})
    return requests.tenant_filter(account_id, *must, *beside, must_not=gone)


def ordered(
    account_id: AccountId, where: MemoryFilter, sort: Sort, *, beyond: SortValue | None, limit: int, now: datetime
) -> Json:
    """Body of ``points/scroll``: the first of those whose value comes after ``beyond``. The order of those that
    have the same value is not defined."""
    direction = "desc" if sort.descending else "asc"
    beside = [] if beyond is None else [_compared(sort.key, "lt" if sort.descending else "gt", beyond)]
    return {
        "filter": matching(account_id, where, *beside, now=now),
        "limit": limit,
        "with_payload": True,
        "with_vector": False,
        "order_by": {"key": sort.key.value, "direction": direction},
    }


def ties(
    account_id: AccountId,
    where: MemoryFilter,
    key: SortKey,
    value: SortValue,
    *,
    after_id: str | None,
    limit: int,
    now: datetime,
) -> Json:
    """Body of ``points/scroll``: those that have ``value``, by id, from the one behind ``after_id`` on."""
    same = {"key": key.value, "range": {"gte": _sent(value), "lte": _sent(value)}}
    body: Json = {
        "filter": matching(account_id, where, same, now=now),
        "limit": limit,
        "with_payload": True,
        "with_vector": False,
    }
    if after_id is not None:
        body["offset"] = str(UUID(int=UUID(after_id).int + 1))  # an offset is inclusive and need not exist
    return body


def is_last_id(memory_id: str) -> bool:
    """Whether no id can come after it."""
    return UUID(memory_id).int == 2**128 - 1


def _compared(key: SortKey, bound: str, value: SortValue) -> Json:
    return {"key": key.value, "range": {bound: _sent(value)}}


def _sent(value: SortValue) -> str | float:
    return requests.timestamp(value) if isinstance(value, datetime) else value


def find(
    account_id: AccountId, where: MemoryFilter, *, vector: Vector | None, text: str, limit: int, now: datetime
) -> Json:
    """Body of ``points/query/batch``: a search by meaning, if there is a ``vector``, and one by words."""
    shared: Json = {
        "filter": matching(account_id, where, now=now),
        "limit": limit,
        "with_payload": list(FOUND_FIELDS),
    }
    by_words = by_account_words(account_id, valid(text))
    by_meaning = [] if vector is None else [{**shared, "query": requests.dense(vector)}]
    return {"searches": [*by_meaning, {**shared, **by_words}]}


def those(account_id: AccountId, ids: Sequence[str], *, fields: Sequence[str] | None = None) -> Json:
    """Body of ``points/scroll``: the account's memories of these ids, with all fields or some."""
    return {
        "filter": requests.tenant_filter(account_id, {"has_id": list(ids)}),
        "limit": max(1, len(ids)),
        "with_payload": True if fields is None else list(fields),
        "with_vector": False,
    }


def count(account_id: AccountId, where: MemoryFilter, *, now: datetime) -> Json:
    """Body of ``points/count``."""
    return {"filter": matching(account_id, where, now=now), "exact": True}


def facet(account_id: AccountId, key: str, *, limit: int) -> Json:
    """Body of ``facet``: how many of the account's memories have each value of ``key``."""
    return {"key": key, "limit": limit, "filter": requests.tenant_filter(account_id), "exact": True}


def replacement(memory: Memory, vector: Vector, beside: Json, *, expected_version: int) -> Json:
    """Body of ``PUT points``: payload and vectors at once, if the version is the expected one. ``beside``: what the
    payload has beside the memory.

    A filter alone would not do: it guards points that exist, and an absent one would be made. ``update_only``
    (Qdrant 1.17) makes none, so a memory that was erased meanwhile stays so.
    """
    made = requests.upsert(memory.account_id, [EmbeddedMemory(memory, vector)])
    [point] = made["points"]
    point["payload"] |= _given(beside)
    return {
        "points": [point],
        "update_filter": requests.unchanged(memory, expected_version),
        "update_mode": "update_only",
    }


def _given(beside: Json) -> Json:
    return {name: value for name, value in beside.items() if value is not None}


def payload_replacement(memory: Memory, beside: Json, *, expected_version: int) -> Json:
    """Body of ``PUT points/payload``: the payload alone, if the version is the expected one."""
    payload = _given({**requests.payload_of(memory), **beside})
    return {"payload": payload, "filter": requests.unchanged(memory, expected_version)}


def turns(account_id: AccountId, where: MemoryFilter, *, start: str | None, limit: int, now: datetime) -> Json:
    """Body of ``points/scroll``: ids of the turns among those that `count` counts, by id, from ``start`` on."""
    body: Json = {
        "filter": matching(account_id, where, requests.equals("kind", Kind.TURN.value), now=now),
        "limit": limit,
        "with_payload": False,
        "with_vector": False,
    }
    return body if start is None else {**body, "offset": start}


def deletion(account_id: AccountId, ids: Sequence[str]) -> Json:
    """Body of ``points/delete``: those of ``ids`` that the account has."""
    return {"filter": requests.tenant_filter(account_id, {"has_id": list(ids)})}


def deletion_matching(account_id: AccountId, where: MemoryFilter, *, now: datetime) -> Json:
    """Body of ``points/delete``: those that `count` counts."""
    return {"filter": matching(account_id, where, now=now)}


def access(account_id: AccountId, memory_id: str, *, last: datetime, total: int) -> Json:
    """An operation of ``points/batch``: a memory's last access and their number.

    Another worker may have noted one meanwhile: what is stored never goes back to an earlier access.
    """
    as_late = requests.in_range("last_accessed_at", gte=last)
    return {
        "set_payload": {
            "payload": {"last_accessed_at": requests.timestamp(last), "access_count": total},
            "filter": requests.tenant_filter(account_id, {"has_id": [memory_id]}, must_not=[as_late]),
        }
    }
