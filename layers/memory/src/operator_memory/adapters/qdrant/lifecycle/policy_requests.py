"""The bodies of requests about selections of a policy, in Qdrant's REST API. Pure functions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.lifecycle.fates import Group, Selection
from operator_memory.domain.lifecycle.policies import IMPORTANT
from operator_memory.domain.memory.scopes import AccountId

_LAST_ID = 2**128 - 1
_NOT_READ = ["history", "evidence", "repeated_in", "edit_ids", "letters"]
"""Payload fields that nothing here looks at, and that can be long."""
_NEVER_USED: Json = {"is_empty": {"key": "last_accessed_at"}}


def selected(account_id: AccountId, selection: Selection, *beside: Json) -> Json:
    """The filter for what ``selection`` describes, and ``beside`` too."""
    must: list[Json] = [*beside]
    must_not: list[Json] = []
    (must if selection.expired else must_not).append(requests.in_range("expires_at", lte=selection.now))
    if selection.group is not None:
        must += _of_group(selection.group)
        must_not += _not_of_group(selection.group)
    period = {"lte": selection.created_by, "gt": selection.created_after}
    bounds = {name: bound for name, bound in period.items() if bound is not None}
    if bounds:
        must.append(requests.in_range("created_at", **bounds))
    for edge, conditions in ((selection.idle_by, must), (selection.idle_after, must_not)):
        if edge is not None:
            conditions.append(_idle(edge))
    held = {"should": requests.of_threads(selection.threads)} if selection.threads else None
    states = (
        (selection.pinned, requests.equals("pinned", True)),
        (selection.important, {"key": "importance", "range": {"gte": IMPORTANT}}),
        (selection.held, None if selection.all_held else held),
    )
    for wanted, condition in states:
        if wanted is not None and condition is not None:
            (must if wanted else must_not).append(condition)
    return requests.tenant_filter(account_id, *must, must_not=must_not)


def _of_group(group: Group) -> list[Json]:
    of_agent = [] if group.agent_id is None else [requests.equals("agent_id", group.agent_id)]
    return [requests.equals("scope", group.scope.value), requests.equals("kind", group.kind.value), *of_agent]


def _not_of_group(group: Group) -> list[Json]:
    return [{"key": "agent_id", "match": {"any": list(group.but_agents)}}] if group.but_agents else []


def _idle(edge: datetime) -> Json:
    """The condition that a memory was used last, or else created, by ``edge``."""
    unused = {"must": [_NEVER_USED, requests.in_range("created_at", lte=edge)]}
    return {"should": [requests.in_range("last_accessed_at", lte=edge), unused]}


def selected_count(account_id: AccountId, selection: Selection) -> Json:
    """Body of ``points/count``."""
    return {"filter": selected(account_id, selection), "exact": True}


def selected_by_id(account_id: AccountId, selection: Selection, *beside: Json, after: str | None, limit: int) -> Json:
    """Body of ``points/scroll``: by id, those behind ``after``."""
    body = _page(selected(account_id, selection, *beside), limit)
    # an offset is inclusive and need not exist
    return body if after is None else {**body, "offset": str(UUID(int=min(UUID(after).int + 1, _LAST_ID)))}


def is_last_id(memory_id: str) -> bool:
    """Whether no id can come after it."""
    return UUID(memory_id).int == _LAST_ID


def lowest_importance(account_id: AccountId, selection: Selection, *, above: float | None) -> Json:
    """Body of ``points/scroll``: the least important one, of those more important than ``above``."""
    beside = [] if above is None else [{"key": "importance", "range": {"gt": above}}]
    body = _page(selected(account_id, selection, *beside), 1)
    return {**body, "with_payload": ["importance"], "order_by": {"key": "importance", "direction": "asc"}}


def as_important(importance: float, *, used: bool) -> list[Json]:
    """The conditions for memories of this importance that have been used, or never."""
    equal = {"key": "importance", "range": {"gte": importance, "lte": importance}}
    return [equal, {"must_not": [_NEVER_USED]} if used else _NEVER_USED]


def selected_by_age(
    account_id: AccountId, selection: Selection, *beside: Json, after: datetime | None, limit: int
) -> Json:
    """Body of ``points/scroll``: the oldest of those created later than ``after``. The order of those that were
    created at the same moment is not defined."""
    later = [] if after is None else [requests.in_range("created_at", gt=after)]
    body = _page(selected(account_id, selection, *beside, *later), limit)
    return {**body, "order_by": {"key": "created_at", "direction": "asc"}}


def at_moment(moment: datetime) -> Json:
    """The condition that it was created at this moment."""
    return requests.in_range("created_at", gte=moment, lte=moment)


def selected_deletion(account_id: AccountId, selection: Selection, ids: Sequence[str]) -> Json:
    """Body of ``points/delete``: those of ``ids`` that are (still) among them."""
    return {"filter": selected(account_id, selection, {"has_id": list(ids)})}


def _page(condition: Json, limit: int) -> Json:
    return {"filter": condition, "limit": limit, "with_payload": {"exclude": _NOT_READ}, "with_vector": False}
