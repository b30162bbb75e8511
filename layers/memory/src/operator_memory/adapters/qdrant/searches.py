"""A retrieval as ONE request to Qdrant, and the reading of its answer. Pure functions; standard library only.

REST reference: https://api.qdrant.tech/api-reference/search/query-batch-points
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.index_fields import (
    EMBEDDED_BY,
    SPOKEN_FROM,
    SPOKEN_UNTIL,
    STANDING,
    agent_number,
    keyword,
    pinned_number,
)
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import BELOW_PERSON
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText
from operator_memory.domain.shared.search_plan import PROFILE_MODES, AnyScope, Hit, Search, SearchMode, SearchPlan, Span

SEARCHED_FIELDS = (
    "access_count",
    "agent_id",
    "author_id",
    "created_at",
    "data",
    "importance",
    "kind",
    "last_accessed_at",
    "message_id",
    "pinned",
    "role",
    "run_id",
    "scope",
    "seq",
    "source_run_id",
    "speaker",
    "thread_id",
    "updated_at",
    "user_id",
    "when",
)
"""What a search brings along: what ranking and a context need. Other fields of the memories found are unset."""
_ORDER_BY = {
    SearchMode.PINNED: ("created_at", "desc"),
    SearchMode.IMPORTANT: ("importance", "desc"),
    SearchMode.RECENT: ("created_at", "desc"),
    SearchMode.WEAKEST: ("importance", "asc"),
}


def batch_query(account_id: AccountId, plan: SearchPlan, *, now: datetime) -> Json:
    """Body of ``points/query/batch``: one entry per search of ``plan``, in order."""
    return {"searches": [_search(account_id, search, plan, now) for search in plan.searches]}


def encoded(account_id: AccountId, plan: SearchPlan, *, now: datetime) -> bytes:
    """`batch_query` as it is sent. A vector is written once, however many searches ask for it, and with the seven
    digits that a stored number has: writing 1,536 of them in full takes a millisecond each time."""
    vector = plan.vector
    if vector is None or isinstance(vector, InferenceText):
        return compact(batch_query(account_id, plan, now=now))
    body = compact(batch_query(account_id, replace(plan, vector=_PLACEHOLDER), now=now))
    numbers = ",".join(["%.7g"] * len(vector)) % tuple(vector)
    return body.replace(compact(requests.dense(_PLACEHOLDER)), f"[{numbers}]".encode())


_PLACEHOLDER = InferenceText("vector", "place")
"""Stands for the vector. As JSON it has bare quotes, which no text of a person has in it once that is JSON."""


def compact(body: object) -> bytes:
    """``body`` as JSON without spaces."""
    return json.dumps(body, separators=(",", ":")).encode()


def _search(account_id: AccountId, search: Search, plan: SearchPlan, now: datetime) -> Json:
    condition = _filter(account_id, search, now)
    body: Json = {"filter": condition, "limit": search.limit, "with_payload": [*SEARCHED_FIELDS, EMBEDDED_BY]}
    if search.mode is SearchMode.DENSE:
        return {**body, "query": _vector(search, plan)}
    if search.mode is SearchMode.KEYWORD:
        return {**body, **_by_words(account_id, search, plan)}
    key, direction = _ORDER_BY[search.mode]
    return {**body, "query": {"order_by": {"key": key, "direction": direction}}}


def _filter(account_id: AccountId, search: Search, now: datetime) -> Json:
    # The engine looks first at what matches least, and of the nested conditions at the number first: of words that
    # are common in the whole store most points are another account's, and comparing ids was half of the time.
    conditions = [requests.equals(requests.TENANT, requests.tenant_number(account_id)), *_reach(search.key)]
    conditions += _standing(account_id, search)
    if search.during:
        conditions.append({"should": [either for span in search.during for either in _during(span)]})
    without = requests.gone_at(now)
    if search.mode is SearchMode.WEAKEST:
        without.append(requests.equals("pinned", True))
    if search.mode in PROFILE_MODES and _looks_at_agents(search.key):
        without.append(_NO_INSTRUCTIONS)
    return requests.tenant_filter(account_id, {"must": conditions}, must_not=without)


def _standing(account_id: AccountId, search: Search) -> list[Json]:
    """The number under which the engine finds at once what is looked up whatever the question."""
    if search.mode is SearchMode.PINNED:
        return [requests.equals(STANDING, pinned_number(account_id))]
    key = search.key
    if search.mode not in PROFILE_MODES or not isinstance(key, ScopeKey) or key.scope is not Scope.AGENT:
        return []
    return [requests.equals(STANDING, agent_number(account_id, key.owner_id))] if key.owner_id else []


def _during(span: Span) -> list[Json]:
    """Said then, or about then: what a fact speaks of begins before the end, and ends after the beginning."""
    began = {"key": SPOKEN_FROM, "range": {"lte": f"{span.last.isoformat()}T00:00:00Z"}}
    ended = {"key": SPOKEN_UNTIL, "range": {"gte": f"{span.first.isoformat()}T00:00:00Z"}}
    said = {"gte": requests.timestamp(span.start), "lt": requests.timestamp(span.end)}
    return [{"key": "created_at", "range": said}, {"must": [began, ended]}]


_NO_INSTRUCTIONS: Json = {
    "must": [
        requests.equals("scope", Scope.AGENT.value),
        {"key": "source_class", "match": {"any": [source.value for source in BELOW_PERSON]}},
    ]
}
"""What is no person's own word tells no agent how to work: it is found where it fits a question, never without one."""


def _looks_at_agents(key: ScopeKey | AnyScope) -> bool:
    keys = (key,) if isinstance(key, ScopeKey) else key.keys
    return any(one.scope is Scope.AGENT for one in keys)


def _vector(search: Search, plan: SearchPlan) -> Json | list[float]:
    vector = plan.vector if search.vector is None else search.vector
    if vector is None:
        raise ValueError("a dense search needs a vector")
    return requests.dense(vector)


def _by_words(account_id: AccountId, search: Search, plan: SearchPlan) -> Json:
    text = plan.text if search.text is None else search.text
    if text is None:
        raise ValueError("a keyword search needs a text")
    return by_account_words(account_id, text)


def by_account_words(account_id: AccountId, text: str) -> Json:
    """The parts of a search by words.

    Terms weigh by how rare they are in this account (Qdrant 1.19): in the store as a whole, what is common here may be
    rare, and what others store would change what an account finds.
    """
    return {
        "query": keyword(text),
        "using": requests.KEYWORD_VECTOR,
        "params": {"idf": {"corpus": requests.tenant_filter(account_id)}},
    }


def _reach(key: ScopeKey | AnyScope) -> list[Json]:
    if isinstance(key, ScopeKey):
        return _scope_conditions(key)
    either = [{"must": _scope_conditions(k)} for k in key.keys]
    if key.past_sessions:
        said = [requests.equals("scope", Scope.SESSION.value)]
        either.append({"must": said if key.withheld else [*said, {"is_empty": {"key": requests.WITHHELD}}]})
    return [{"should": either}]


def _scope_conditions(key: ScopeKey) -> list[Json]:
    conditions = [requests.equals("scope", key.scope.value)]
    if key.scope is Scope.AGENT:
        conditions.append(requests.equals("agent_id", key.owner_id))
    elif key.scope is Scope.SESSION:
        conditions.append(requests.equals(requests.SESSION, key.owner_id))
    return conditions


def hits_of(
    account_id: AccountId, answers: object, searches: Sequence[Search], *, embedder: str | None
) -> list[list[Hit]]:
    """What each of a batch's ``searches`` has found, best first. ``embedder``: the model in use, if it is known."""
    if not isinstance(answers, list) or len(answers) != len(searches):
        raise MalformedResponseError(requests.SYSTEM, f"expected {len(searches)} lists of points")
    known: dict[str, Memory] = {}  # most memories are found by more than one search, and read once
    hits = [[_hit(account_id, point, known, embedder) for point in requests.points_of(answer)] for answer in answers]
    for place, search in enumerate(searches):
        if search.mode is SearchMode.DENSE and not all(hit.comparable for hit in hits[place]):
            hits[place] = [hit if hit.comparable else replace(hit, score=0.0) for hit in hits[place]]
    return hits


def _hit(account_id: AccountId, point: object, known: dict[str, Memory], embedder: str | None) -> Hit:
    if not isinstance(point, dict):
        raise MalformedResponseError(requests.SYSTEM, "a point is not an object")
    identity = str(point.get("id"))
    if identity not in known:
        known[identity] = requests.memory_of(account_id, point)
    made_by = point["payload"].get(EMBEDDED_BY)
    return Hit(known[identity], _score(point), made_by is None or embedder is None or made_by == embedder)


def _score(point: Mapping[str, object]) -> float:
    score = point.get("score", 0.0)
    try:
        if isinstance(score, int | float) and math.isfinite(score):
            return float(score)
    except OverflowError:  # an integer beyond any float
        pass
    raise MalformedResponseError(requests.SYSTEM, "a score is not a number")
