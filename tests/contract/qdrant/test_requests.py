"""Every body that the builders for Qdrant can make: none forgotten, none that Qdrant would read differently.

What the adapter sends, and that it is bound to the account, is in ``test_tenant_isolation``; here the builders
are enumerated, and stored points are compared field by field.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.qdrant import library_requests as library
from operator_memory.adapters.qdrant import neighbour_words, requests, searches
from operator_memory.adapters.qdrant.erasure import erasable
from operator_memory.adapters.qdrant.lifecycle import policy_requests as policy
from operator_memory.domain.lifecycle.fates import Group, Selection
from operator_memory.domain.management.listing import Sort, SortKey
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, PastVersion
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind
from qdrant_client import models

from tests.contract.qdrant.test_tenant_isolation import FILTERS
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory

SEARCHES = tuple(Search(key, mode, 10) for key in (USER_KEY, AGENT_KEY, SESSION_KEY) for mode in SearchMode)
ID = "5a0b9f5e-6c0e-5d0f-9a53-8d8f4c1c2a77"
WHERE = MemoryFilter(Scope.AGENT, Kind.FACT, "agent-1", "s", "t", "m", False, NOW, NOW, "tea")
SELECTION = Selection(
    NOW,
    False,
    Group(Scope.AGENT, Kind.FACT, but_agents=("agent-2",)),
    created_by=NOW,
    created_after=NOW,
    idle_by=NOW,
    idle_after=NOW,
    pinned=False,
    important=False,
    held=False,
    threads=("t1",),
)
PLAN = SearchPlan(SEARCHES, vector=[0.1, 0.2], text="What do I drink?")

Build = Callable[[AccountId], requests.Json]
BODIES: dict[str, tuple[type[Any], Build]] = {
    "batch_query": (models.QueryRequestBatch, lambda account: searches.batch_query(account, PLAN, now=NOW)),
    "upsert": (models.PointsList, lambda account: requests.upsert(account, [EmbeddedMemory(owned(account), [0.1])])),
    "supersede": (models.SetPayload, lambda account: requests.supersede(account, ["1"], by="2", at=NOW)),
    "replaced_by": (models.ScrollRequest, lambda account: requests.replaced_by(account, ["1", "2"])),
    "facts": (models.CountRequest, lambda account: requests.facts(account, now=NOW)),
    "with_ids": (models.ScrollRequest, lambda account: requests.with_ids(account, ["1", "2"])),
    "expired": (
        models.ScrollRequest,
        lambda account: requests.expired(account, now=NOW, limit=7, kept=requests.of_threads(["t"])),
    ),
    "selected": (models.Filter, lambda account: policy.selected(account, SELECTION, {"has_id": [ID]})),
    "selected_count": (models.CountRequest, lambda account: policy.selected_count(account, SELECTION)),
    "selected_by_id": (
        models.ScrollRequest,
        lambda account: policy.selected_by_id(account, SELECTION, policy.at_moment(NOW), after=ID, limit=3),
    ),
    "lowest_importance": (
        models.ScrollRequest,
        lambda account: policy.lowest_importance(account, SELECTION, above=0.5),
    ),
    "selected_by_age": (
        models.ScrollRequest,
        lambda account: policy.selected_by_age(
            account, SELECTION, *policy.as_important(0.5, used=True), after=NOW, limit=3
        ),
    ),
    "selected_deletion": (models.FilterSelector, lambda account: policy.selected_deletion(account, SELECTION, [ID])),
    "delete_expired": (models.FilterSelector, lambda account: requests.delete_expired(account, ["1"], now=NOW)),
    "next_expiry": (models.ScrollRequest, lambda account: requests.next_expiry(account, after=NOW)),
    "tenant_filter": (models.Filter, lambda account: requests.tenant_filter(account, {"has_id": ["1"]})),
    "matching": (models.Filter, lambda account: library.matching(account, WHERE, now=NOW)),
    "ordered": (
        models.ScrollRequest,
        lambda account: library.ordered(account, WHERE, Sort(SortKey.IMPORTANCE), beyond=0.5, limit=3, now=NOW),
    ),
    "ties": (
        models.ScrollRequest,
        lambda account: library.ties(account, WHERE, SortKey.CREATED_AT, NOW, after_id=ID, limit=3, now=NOW),
    ),
    "find": (
        models.QueryRequestBatch,
        lambda account: library.find(account, WHERE, vector=[0.1], text="tea", limit=3, now=NOW),
    ),
    "those": (models.ScrollRequest, lambda account: library.those(account, [ID], fields=["version"])),
    "count": (models.CountRequest, lambda account: library.count(account, WHERE, now=NOW)),
    "facet": (models.FacetRequest, lambda account: library.facet(account, "scope", limit=9)),
    "replacement": (
        models.PointsList,
        lambda account: library.replacement(owned(account), [0.1], {"edit_ids": ["e"]}, expected_version=1),
    ),
    "payload_replacement": (
        models.SetPayload,
        lambda account: library.payload_replacement(owned(account), {"edit_ids": ["e"]}, expected_version=2),
    ),
    "unchanged": (models.Filter, lambda account: requests.unchanged(owned(account), 1)),
    "turns": (models.ScrollRequest, lambda account: library.turns(account, WHERE, start=ID, limit=3, now=NOW)),
    "following_turns": (
        models.ScrollRequest,
        lambda account: neighbour_words.following_turns(account, [ID], leaving=[{"has_id": [ID]}]),
    ),
    "own_words": (
        models.UpdateOperations,
        lambda account: neighbour_words.own_words([owned(account)]),
    ),
    "deletion": (models.FilterSelector, lambda account: library.deletion(account, [ID])),
    "deletion_matching": (models.FilterSelector, lambda account: library.deletion_matching(account, WHERE, now=NOW)),
    "access": (models.SetPayloadOperation, lambda account: library.access(account, ID, last=NOW, total=2)),
}
SEVERAL = {"batch_query": sum(FILTERS.get(search.mode, 1) for search in SEARCHES), "find": 3, "own_words": 2}
"""How many filters the bodies have that have more than one."""

accounts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,30}", fullmatch=True).map(AccountId)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.none() | texts


def owned(account: AccountId) -> Memory:
    return replace(a_memory("User likes tea."), account_id=account)


def memories(account: AccountId) -> st.SearchStrategy[Memory]:
    """Any memory of ``account``, with every field that it may have."""
    return st.builds(
        Memory,
        id=st.uuids().map(str),
        account_id=st.just(account),
        scope=st.sampled_from(Scope),
        kind=st.sampled_from(Kind),
        text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
        created_at=moments,
        updated_at=moments,
        agent_id=st.text("abc-", min_size=1, max_size=5),
        session_id=st.text("abc-", min_size=1, max_size=5),
        thread_id=names,
        author_id=names,
        attributed_to=names,
        role=names,
        speaker=names,
        message_id=names,
        seq=st.none() | st.integers(0, 2**53),
        source_run_id=names,
        follows=names,
        importance=st.floats(0, 1).map(lambda value: round(value, 6)),
        pinned=st.booleans(),
        expires_at=st.none() | moments,
        superseded_by=names,
        valid_until=st.none() | moments,
        last_accessed_at=st.none() | moments,
        access_count=st.integers(0, 2**53),
        version=st.integers(1, 2**53),
        history=st.lists(st.builds(PastVersion, st.integers(1, 99), texts, moments, texts), max_size=3).map(tuple),
        imported_at=st.none() | moments,
        import_id=names,
    )


def as_sent_by_the_client(model: type[Any], body: requests.Json) -> Any:
    """What Qdrant's own client would send after reading ``body``; unknown fields are an error there."""
    return json.loads(model.model_validate(body).model_dump_json(by_alias=True, exclude_unset=True))


def same_moments(value: Any) -> Any:
    """The value with times as moments, of which text may spell one in several ways."""
    if isinstance(value, dict):
        return {name: same_moments(item) for name, item in value.items()}
    if isinstance(value, list):
        return [same_moments(item) for item in value]
    if isinstance(value, str) and value[4:5] == "-" and "T" in value[10:11]:
        return datetime.fromisoformat(value)
    return value


def parts_without_account(value: Any, account: str) -> Iterator[Any]:
    """Every filter whose first ``must`` is not the account, and every part of a search that has no filter."""
    if isinstance(value, dict):
        if "must" in value or "should" in value or "must_not" in value:
            if (value.get("must") or [None])[0] != {"key": "user_id", "match": {"value": account}}:
                yield value
            return  # what is nested in a bound filter can only narrow it
        if ("query" in value or "prefetch" in value) and "filter" not in value:
            yield value
        for item in value.values():
            yield from parts_without_account(item, account)
    elif isinstance(value, list):
        for item in value:
            yield from parts_without_account(item, account)


def test_every_builder_of_a_body_has_its_case_here() -> None:
    builders = {
        name
        for module in (requests, searches, library, neighbour_words, policy)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and inspect.signature(function).return_annotation is requests.Json
    }
    assert builders - {
        "payload_of",
        "equals",
        "in_range",
        "withheld_otherwise",
        "keyword",
        "by_account_words",
        "at_moment",
    } == set(BODIES), "a new body must show here that Qdrant understands it"


@pytest.mark.parametrize("name", BODIES)
def test_qdrants_client_reads_each_body_and_loses_nothing(name: str) -> None:
    model, build = BODIES[name]
    body = build(ACCOUNT)
    assert same_moments(as_sent_by_the_client(model, body)) == same_moments(body)


@given(accounts)
def test_the_account_comes_first_in_every_filter_of_every_body(account: AccountId) -> None:
    for name, (_, build) in BODIES.items():
        body = build(account)
        assert list(parts_without_account(body, account)) == [], name
        assert json.dumps(body).count('{"key": "user_id"') == SEVERAL.get(name, 1)


@pytest.mark.parametrize("collection", ["memories", "entities"])
@pytest.mark.parametrize("kind", TargetKind)
def test_what_is_erased_is_the_accounts_and_qdrants_client_reads_the_same(collection: str, kind: TargetKind) -> None:
    target = Target(kind, None if kind in (TargetKind.ACCOUNT, TargetKind.USER) else "x")
    condition = erasable(collection, ACCOUNT, target, until=NOW)
    assert (condition is None) == (collection == "entities" and kind is TargetKind.AUTHOR)
    if condition is not None:
        assert list(parts_without_account(condition, ACCOUNT)) == []
        assert same_moments(as_sent_by_the_client(models.Filter, condition)) == same_moments(condition)


@pytest.mark.parametrize(
    "careless",
    [
        {"searches": [{"query": [0.1], "limit": 1}]},
        {"searches": [{"query": [0.1], "filter": {"must": [{"key": "scope", "match": {"value": "user"}}]}}]},
        {"filter": {"should": [{"key": "user_id", "match": {"value": ACCOUNT}}]}},
        {"filter": {"must_not": [{"has_id": ["1"]}]}},
        {"filter": {"must": [{"key": "user_id", "match": {"value": "another"}}]}},
        {"prefetch": [{"query": [0.1]}], "filter": requests.tenant_filter(ACCOUNT)},  # it does not reach the prefetch
    ],
)
def test_this_walk_would_notice(careless: requests.Json) -> None:
    assert list(parts_without_account(careless, ACCOUNT))


@given(st.data(), accounts)
def test_whatever_a_memory_holds_its_point_is_the_accounts_and_comes_back_the_same(
    data: st.DataObject, account: AccountId
) -> None:
    memory = data.draw(memories(account))
    body = json.loads(json.dumps(requests.upsert(account, [EmbeddedMemory(memory, [0.25, -1.0])])))
    assert as_sent_by_the_client(models.PointsList, body) == body
    [point] = body["points"]
    assert point["payload"]["user_id"] == account
    assert point["payload"]["tenant"] == requests.tenant_number(account) < 2**48
    assert requests.memory_of(account, point) == memory


def test_a_field_without_a_value_is_not_stored() -> None:
    payload = requests.payload_of(a_memory("tea"))
    assert None not in payload.values()
    assert {"agent_id", "run_id", "expires_at", "valid_until", "superseded_by"}.isdisjoint(payload)
    assert {"history", "imported_at"}.isdisjoint(payload)


def test_a_point_from_before_there_were_versions_is_the_first() -> None:
    payload = requests.payload_of(a_memory("tea"))
    assert payload.pop("version") == 1
    memory = requests.memory_of(ACCOUNT, {"id": "i", "payload": payload})
    assert (memory.version, memory.history, memory.imported_at) == (1, (), None)


@pytest.mark.parametrize(("mode", "lacking"), [(SearchMode.DENSE, "vector"), (SearchMode.KEYWORD, "text")])
def test_a_search_without_what_it_needs_is_not_built(mode: SearchMode, lacking: str) -> None:
    plan = SearchPlan((Search(USER_KEY, mode, 5),))
    with pytest.raises(ValueError, match=f"needs a {lacking}"):
        searches.batch_query(ACCOUNT, plan, now=NOW)


def test_a_time_of_another_zone_is_sent_in_utc() -> None:
    assert requests.timestamp(datetime.fromisoformat("2026-11-24T10:00:00.5+01:00")) == "2026-11-24T09:00:00.500000Z"
