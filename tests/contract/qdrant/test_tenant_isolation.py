"""Nothing leaves for Qdrant without the account: every request that the adapter can send, and every body there is."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.adapters.net.http import HttpClient, Response
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant import searches as qdrant_searches
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.sizes import QdrantSizes
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.lifecycle.archived import WholeMemory
from operator_memory.domain.lifecycle.fates import Group, Place, Selection
from operator_memory.domain.management.listing import Position, Sort
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind
from qdrant_client import models

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.time_outs import AMPLE

PLAN = SearchPlan(
    tuple(Search(key, mode, 10) for key in (USER_KEY, AGENT_KEY, SESSION_KEY) for mode in SearchMode),
    vector=[0.1, 0.2],
    text="What do I drink?",
)


FILTERS = {SearchMode.KEYWORD: 2}
"""How many filters a search has, where there are more than one: words weigh by what the account has."""


def filters_in(body: Any) -> Iterator[Mapping[str, Any]]:
    """Every Qdrant filter in a body, however deep."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name in ("filter", "update_filter", "corpus"):
                yield value
            yield from filters_in(value)
    elif isinstance(body, list):
        for item in body:
            yield from filters_in(item)


def is_bound(body: Mapping[str, Any], account: str) -> bool:
    """Whether a body reads and writes memories of ``account`` alone."""
    operations = [update for operation in body.get("operations", []) for update in operation.values()]
    parts = body.get("searches", operations or [body])
    tenant = {"key": "user_id", "match": {"value": account}}
    payloads = [point["payload"] for point in body.get("points", [])]
    payloads += [body["payload"]] if "payload" in body else []
    # One with a text takes a whole payload's place; another only adds to what is there, and may not move it.
    mine = all(p["user_id"] == account if "data" in p else "user_id" not in p for p in payloads)
    parts = [*parts, *(stage for part in parts for stage in part.get("prefetch", []))]
    return (
        mine
        and all(("update_filter" if "points" in part else "filter") in part for part in parts)
        and all(f["must"][0] == tenant for f in filters_in(body))
    )


class Recorder(HttpClient):
    """Keeps what would be sent and answers as if there were one memory, whatever is asked for.

    What is looked for because it is to be changed is found once.
    """

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", system="qdrant")
        self.bodies: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: bytes | None = None, **_: Any) -> Response:
        decoded = json.loads(body or b"{}")
        changed = decoded in self.bodies and any(name in str(decoded) for name in ("follows", "withheld_by"))
        self.bodies.append(decoded)
        payload = requests.payload_of(replace(a_memory("tea"), expires_at=NOW))
        result: object = {"points": [] if changed else [{"id": ID, "payload": payload}], "count": 1, "hits": []}
        if "searches" in decoded:
            result = [{"points": []} for _ in decoded["searches"]]
        return Response(200, json.dumps({"result": result}).encode())


ID = str(UUID(int=7))
IDS = [str(UUID(int=n)) for n in range(250)]
EDITED = replace(a_memory("tea"), id=ID, version=2)
AFTER = Position(NOW.isoformat(), ID)
WHERE = MemoryFilter(Scope.AGENT, Kind.FACT, "a", "s", "t", "m", True, NOW, NOW, "tea")
SELECTION = Selection(NOW, False, Group(Scope.USER, Kind.FACT), pinned=False, important=False)
TARGETS = [Target(kind, None if kind in ("account", "user") else "x") for kind in TargetKind]

Call = Callable[[HttpClient], object]


def on_memories(call: Callable[[QdrantMemories], object]) -> Call:
    return lambda client: call(QdrantMemories(client, collection="memories", write_timeout=AMPLE))


def on_library(call: Callable[[QdrantLibrary], object]) -> Call:
    return lambda client: call(QdrantLibrary(client, collection="memories", timeout=AMPLE))


def on_erasure(call: Callable[[QdrantErasure, Target], object]) -> Call:
    collections = [("memories", "memories"), ("entities", "memories_entities")]

    def of_every_target(client: HttpClient) -> None:
        for target in TARGETS:
            call(QdrantErasure(client, collections=collections, write_timeout=AMPLE), target)

    return of_every_target


def on_marks(call: Callable[[QdrantTurnMarks], object]) -> Call:
    return lambda client: call(QdrantTurnMarks(client, collection="memories", write_timeout=AMPLE))


def on_policies(call: Callable[[QdrantPolicyMemories], object]) -> Call:
    return lambda client: call(QdrantPolicyMemories(client, collection="memories", timeout=AMPLE))


def on_learned(call: Callable[[QdrantLearnedMemories], object]) -> Call:
    return lambda client: call(QdrantLearnedMemories(client, collection="memories", timeout=AMPLE))


def on_whole(call: Callable[[QdrantWholeMemories, WholeMemory], object]) -> Call:
    whole = WholeMemory(replace(a_memory("tea"), id=ID), requests.payload_of(a_memory("tea")), {"": [0.1]})
    return lambda client: call(QdrantWholeMemories(client, collection="memories", timeout=AMPLE), whole)


def _without_vectors(read: Callable[[], object]) -> None:
    with pytest.raises(MalformedResponseError, match="without its vectors"):  # the recorder has none to give
        read()


CALLS: dict[str, Call] = {
    "read": on_whole(lambda store, _: _without_vectors(lambda: store.read(ACCOUNT, IDS))),
    "delete_unchanged": on_whole(lambda store, whole: store.delete_unchanged(ACCOUNT, [whole])),
    "touch": on_whole(lambda store, _: store.touch(ACCOUNT, IDS, at=NOW)),
    "put_back": on_whole(lambda store, whole: store.put_back(ACCOUNT, [whole], used_at=NOW, own_words=[ID])),
    "sizes": lambda client: QdrantSizes(client, collection="memories", timeout=AMPLE, dimensions=2).sizes(
        ACCOUNT, count=5
    ),
    "facts_of_run": on_learned(lambda learned: learned.facts_of_run(ACCOUNT, "run-1")),
    "facts_of_session": on_learned(lambda learned: learned.facts_of_session(ACCOUNT, "s")),
    "note_learning": on_learned(lambda learned: learned.note_learning(ACCOUNT, [EDITED])),
    "hold_again": on_learned(lambda learned: learned.hold_again(ACCOUNT, IDS, by=ID)),
    "oldest": on_library(lambda library: library.oldest(ACCOUNT, WHERE, after=None, limit=5, now=NOW)),
    "count of a policy": on_policies(lambda policies: policies.count(ACCOUNT, SELECTION)),
    "some": on_policies(lambda policies: policies.some(ACCOUNT, SELECTION, after=ID, limit=5)),
    "least": on_policies(
        lambda policies: policies.least(ACCOUNT, SELECTION, after=Place(0.5, False, NOW, ID), limit=5)
    ),
    "remove": on_policies(lambda policies: policies.remove(ACCOUNT, SELECTION, IDS)),
    "withhold": on_marks(lambda marks: marks.withhold(ACCOUNT, {identity: ["a fact"] for identity in [ID, *IDS]})),
    "release": on_marks(lambda marks: marks.release(ACCOUNT, "a fact")),
    "search": on_memories(lambda store: store.search(ACCOUNT, PLAN, now=NOW, timeout=AMPLE)),
    "existing_ids": on_memories(lambda store: store.existing_ids(ACCOUNT, IDS)),
    "upsert": on_memories(
        lambda store: store.upsert(ACCOUNT, [EmbeddedMemory(a_memory(f"m{n}"), [0.1]) for n in range(250)])
    ),
    "delete_expired": on_memories(lambda store: store.delete_expired(ACCOUNT, now=NOW, limit=10)),
    "stored": on_memories(lambda store: store.stored(ACCOUNT, IDS)),
    "supersede": on_memories(lambda store: store.supersede(ACCOUNT, IDS, by=ID, at=NOW)),
    "replaced_by": on_memories(lambda store: store.replaced_by(ACCOUNT, IDS)),
    "count_facts": on_memories(lambda store: store.count_facts(ACCOUNT, now=NOW)),
    "next_expiry": on_memories(lambda store: store.next_expiry(ACCOUNT, after=NOW)),
    "page": on_library(lambda library: library.page(ACCOUNT, WHERE, Sort(), after=AFTER, limit=5, now=NOW)),
    "find": on_library(lambda library: library.find(ACCOUNT, WHERE, vector=[0.1], text="tea", limit=5, now=NOW)),
    "get": on_library(lambda library: library.get(ACCOUNT, ID)),
    "count": on_library(lambda library: library.count(ACCOUNT, WHERE, now=NOW)),
    "usage": on_library(lambda library: library.usage(ACCOUNT, now=NOW)),
    "replace": on_library(
        lambda library: [library.replace(EDITED, vector, expected_version=1) for vector in (None, [0.1])]
    ),
    "delete": on_library(lambda library: library.delete(ACCOUNT, IDS)),
    "delete_matching": on_library(lambda library: library.delete_matching(ACCOUNT, WHERE, now=NOW)),
    "record_access": on_library(lambda library: library.record_access(ACCOUNT, [(ID, NOW)])),
    "count_erasable": on_erasure(lambda erasure, target: erasure.count_erasable(ACCOUNT, target, until=NOW)),
    "erase": on_erasure(lambda erasure, target: erasure.erase(ACCOUNT, target, until=NOW)),
}


def sent_by(name: str) -> list[dict[str, Any]]:
    recorder = Recorder()
    CALLS[name](recorder)
    assert recorder.bodies
    return recorder.bodies


def test_every_method_of_the_adapters_has_its_case_here() -> None:
    adapters = (
        *(QdrantMemories, QdrantLibrary, QdrantErasure, QdrantTurnMarks),
        *(QdrantPolicyMemories, QdrantWholeMemories, QdrantLearnedMemories, QdrantSizes),
    )
    public = {
        name for adapter in adapters for name, _ in inspect.getmembers(adapter, inspect.isfunction) if name[0] != "_"
    } - {"understood"}  # it asks for nothing
    assert public == {name.partition(" of ")[0] for name in CALLS}, (
        "a new method must show here that it is bound to the account"
    )


@pytest.mark.parametrize("name", CALLS)
def test_every_request_is_bound_to_the_account(name: str) -> None:
    assert all(is_bound(body, ACCOUNT) for body in sent_by(name))


@pytest.mark.parametrize(
    ("name", "operation"),
    [("replace", "points"), ("replace", "payload"), ("record_access", "operations")]
    + [
        (name, "operations")
        for name in ("replace", "delete", "delete_matching", "delete_expired", "withhold", "release")
    ],
)
def test_the_writes_are_among_the_requests(name: str, operation: str) -> None:
    assert any(operation in body for body in sent_by(name))


@pytest.mark.parametrize("name", CALLS)
def test_this_test_would_notice_a_missing_tenant_condition(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_account: AccountId, *must: Any, must_not: Any = ()) -> dict[str, Any]:
        return {"must": [{"key": "scope", "match": {"value": "user"}}, *must], "must_not": list(must_not)}

    monkeypatch.setattr(requests, "tenant_filter", careless)
    assert not any(is_bound(body, ACCOUNT) for body in sent_by(name))


def test_a_memory_of_another_account_is_refused_before_anything_is_sent() -> None:
    recorder = Recorder()
    store = QdrantMemories(recorder, collection="memories", write_timeout=AMPLE)
    mine = [EmbeddedMemory(a_memory(f"m{n}"), [0.1]) for n in range(150)]
    foreign = EmbeddedMemory(replace(a_memory("theirs"), account_id=AccountId("another")), [0.1])
    with pytest.raises(ValueError, match="another account"):
        store.upsert(ACCOUNT, [*mine, foreign])
    assert recorder.bodies == []


accounts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,30}", fullmatch=True).map(AccountId)
keys = st.sampled_from([USER_KEY, ScopeKey(Scope.AGENT, "a"), ScopeKey(Scope.SESSION, "s")])
searches = st.lists(st.builds(Search, keys, st.sampled_from(SearchMode), st.integers(1, 100)), max_size=12).map(tuple)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(accounts, searches, moments, st.text(max_size=50))
def test_whatever_is_searched_the_account_comes_first_and_the_server_understands_it(
    account: AccountId, chosen: tuple[Search, ...], now: datetime, text: str
) -> None:
    body = qdrant_searches.batch_query(account, SearchPlan(chosen, vector=[0.5], text=text), now=now)
    assert is_bound(body, account)
    assert len(list(filters_in(body))) == sum(FILTERS.get(search.mode, 1) for search in chosen)
    number = {"key": "tenant", "match": {"value": requests.tenant_number(account)}}
    assert all(search["filter"]["must"][1]["must"][0] == number for search in body["searches"])
    understood(models.QueryRequestBatch, body)


def understood(model: type[Any], body: dict[str, Any]) -> None:
    """The body is what Qdrant's own client would send: nothing is unknown, nothing is lost."""
    parsed = json.loads(model.model_validate(body).model_dump_json(by_alias=True, exclude_unset=True))
    assert _without_times(parsed) == _without_times(body)


def _without_times(value: Any) -> Any:
    """Times as moments, since text may spell one in several ways."""
    if isinstance(value, dict):
        return {name: _without_times(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    if isinstance(value, str) and len(value) >= 20 and value[4] == "-" and "T" in value:
        return datetime.fromisoformat(value)
    return value


@given(accounts, st.lists(st.uuids().map(str), min_size=1, max_size=5), moments, st.integers(1, 500))
def test_the_other_requests_are_understood_too(account: AccountId, ids: list[str], now: datetime, limit: int) -> None:
    bodies: list[tuple[type[Any], dict[str, Any]]] = [
        (models.ScrollRequest, requests.with_ids(account, ids)),
        (models.ScrollRequest, requests.expired(account, now=now, limit=limit)),
        (models.FilterSelector, requests.delete_expired(account, ids, now=now)),
        (models.ScrollRequest, requests.next_expiry(account, after=now)),
    ]
    for model, body in bodies:
        assert is_bound(body, account)
        understood(model, body)


def test_a_stored_point_is_understood_and_carries_mem0s_own_fields() -> None:
    memory = a_memory("User likes tea.")
    body = requests.upsert(ACCOUNT, [EmbeddedMemory(memory, [0.1, 0.2])])
    parsed = models.PointsList.model_validate(body).points[0]
    assert isinstance(parsed.vector, dict)
    assert parsed.vector[""] == [0.1, 0.2]
    assert parsed.vector["bm25"] == models.Document(text=keyword_text(memory), model="qdrant/bm25")
    assert parsed.payload is not None
    assert {"data", "hash", "created_at", "updated_at", "user_id"} <= set(parsed.payload)


def test_the_answer_is_checked_as_well_as_the_question() -> None:
    point = {"id": "i", "payload": requests.payload_of(replace(a_memory("theirs"), account_id=AccountId("another")))}
    with pytest.raises(MalformedResponseError, match="another account"):
        requests.memory_of(ACCOUNT, point)
    assert requests.memory_of(AccountId("another"), point).text == "theirs"
