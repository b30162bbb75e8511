"""The store in full on the real engine, and every call of it against a Qdrant that answers wrongly.

What the in-memory store must do as well is in ``test_memory_store``.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, USER_KEY, a_memory
from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.front import Rest
from tests.support.time_outs import AMPLE

OTHER = AccountId("acct-other")
RECENT = SearchPlan((Search(USER_KEY, SearchMode.RECENT, 5),))
SECOND = timedelta(seconds=1)


class World:
    """The adapter, and the API beside it, on a collection of its own."""

    def __init__(self, front: QdrantFront) -> None:
        self.client = HttpClient(front.url, system="qdrant")
        self.rest = Rest(front.url)
        make_collection(front.url, "memories", 2)
        self.store = QdrantMemories(self.client, collection="memories", write_timeout=AMPLE)

    def put(self, *memories: Memory) -> None:
        self.store.upsert(memories[0].account_id, [EmbeddedMemory(memory, [1.0, 0.0]) for memory in memories])

    def point(self, identity: str) -> dict[str, Any]:
        status, point = self.rest("GET", f"/collections/memories/points/{identity}")
        assert status == 200
        found: dict[str, Any] = point
        return found

    def count(self) -> int:
        _, answer = self.rest("POST", "/collections/memories/points/count", {"exact": True})
        counted: int = answer["count"]
        return counted


@pytest.fixture
def world() -> Iterator[World]:
    with QdrantFront() as front:
        made = World(front)
        yield made
        made.rest.close()
        made.client.close()


def test_every_field_of_a_memory_is_kept(world: World) -> None:
    memory = replace(
        a_memory("User likes \U0001f375 tea.", key=AGENT_KEY, importance=0.8, pinned=True, access_count=3),
        session_id="s", thread_id="t", author_id="m", attributed_to="user", role="user", seq=7, source_run_id="r",
        superseded_by="x", expires_at=NOW + SECOND, valid_until=NOW + 2 * SECOND, last_accessed_at=NOW - SECOND,
    )  # fmt: skip
    world.put(memory)
    assert requests.memory_of(ACCOUNT, world.point(memory.id)) == memory


def test_a_redelivered_write_lands_on_the_same_point(world: World) -> None:
    memory = a_memory("tea")
    world.put(memory)
    world.put(memory)
    assert world.count() == 1
    world.put(*(a_memory(f"memory {n}") for n in range(250)))
    assert world.count() == 251


def test_one_accounts_sweep_leaves_the_others_alone(world: World) -> None:
    mine = a_memory("mine", expires_at=NOW)
    world.put(mine)
    world.put(replace(a_memory("theirs", expires_at=NOW), account_id=OTHER))
    assert world.store.existing_ids(OTHER, [mine.id]) == set()
    assert world.store.delete_expired(OTHER, now=NOW - SECOND, limit=10) == 0
    assert world.store.delete_expired(OTHER, now=NOW, limit=10) == 1
    assert world.store.existing_ids(ACCOUNT, [mine.id]) == {mine.id}


def test_a_memory_whose_expiry_was_put_off_is_not_deleted_by_a_sweep_that_had_seen_it(world: World) -> None:
    """Between reading the ids and deleting them, a person may have pinned the memory: the delete looks again."""
    memory = a_memory("tea", expires_at=NOW)
    world.put(replace(memory, expires_at=NOW + SECOND))
    body = requests.delete_expired(ACCOUNT, [memory.id], now=NOW)
    assert world.rest("POST", "/collections/memories/points/delete?wait=true", body)[0] == 200
    assert world.count() == 1


def test_an_expiry_that_another_writer_stored_without_a_zone_is_utc(world: World) -> None:
    memory = a_memory("tea", expires_at=NOW + SECOND)
    world.put(memory)
    changed = {"payload": {"expires_at": "2026-11-25T12:00:00"}, "points": [memory.id]}
    assert world.rest("POST", "/collections/memories/points/payload?wait=true", changed)[0] == 200
    assert world.store.next_expiry(ACCOUNT, after=NOW) == NOW + timedelta(days=1)


@contextmanager
def store_on(url: str, *, write_timeout: float = 10.0) -> Iterator[QdrantMemories]:
    client = HttpClient(url, system="qdrant")
    try:
        yield QdrantMemories(client, collection="memories", write_timeout=write_timeout)
    finally:
        client.close()


CALLS: dict[str, Callable[[QdrantMemories], object]] = {
    "search": lambda store: store.search(ACCOUNT, RECENT, now=NOW, timeout=AMPLE),
    "existing_ids": lambda store: store.existing_ids(ACCOUNT, ["i"]),
    "upsert": lambda store: store.upsert(ACCOUNT, [EmbeddedMemory(a_memory(), [1.0])]),
    "delete_expired": lambda store: store.delete_expired(ACCOUNT, now=NOW, limit=5),
    "next_expiry": lambda store: store.next_expiry(ACCOUNT, after=NOW),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (reply(b"<html>"), MalformedResponseError),
        (reply([]), MalformedResponseError),
        (reply({"status": "ok"}), MalformedResponseError),
        (reply({}, 408), UpstreamTimeoutError),
        (reply({}, 429), UpstreamUnavailableError),
        (reply({}, 500), UpstreamUnavailableError),
        (reply({}, 401), UpstreamRejectedError),
        (reply({}, 404), UpstreamRejectedError),
    ],
)
def test_every_call_names_what_went_wrong(name: str, wire: bytes, error: type[Exception]) -> None:
    with HttpServer(lambda _: wire) as server, store_on(server.url) as store, pytest.raises(error):
        CALLS[name](store)


@pytest.mark.parametrize("name", CALLS)
def test_a_server_that_is_not_there_is_unavailable(name: str) -> None:
    with store_on(f"http://127.0.0.1:{unused_port()}") as store, pytest.raises(UpstreamUnavailableError):
        CALLS[name](store)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"search"}))
def test_a_write_waits_as_long_as_it_was_told_to(name: str) -> None:
    silent = HttpServer(lambda _: None)
    with silent, store_on(silent.url, write_timeout=0.05) as store, pytest.raises(UpstreamTimeoutError):
        CALLS[name](store)


@pytest.mark.parametrize("name", ["existing_ids", "delete_expired"])
@pytest.mark.parametrize("point", ["i", {}, {"id": None}, {"id": ["i"]}, None])
def test_a_point_without_an_id_is_malformed_and_nothing_is_deleted(name: str, point: object) -> None:
    with HttpServer(lambda _: reply({"result": {"points": [point]}})) as server, store_on(server.url) as store:
        with pytest.raises(MalformedResponseError):
            CALLS[name](store)
        assert len(server.requests) == 1


@pytest.mark.parametrize("payload", [None, {}, {"expires_at": None}, {"expires_at": "soon"}, {"expires_at": 5}])
def test_an_expiry_that_cannot_be_read_is_malformed(payload: object) -> None:
    answer = reply({"result": {"points": [{"id": "i", "payload": payload}]}})
    with HttpServer(lambda _: answer) as server, store_on(server.url) as store, pytest.raises(MalformedResponseError):
        store.next_expiry(ACCOUNT, after=NOW)


PAYLOAD = json.loads(json.dumps(requests.payload_of(a_memory("tea"))))


@pytest.mark.parametrize(
    "point",
    [
        {"id": None, "score": 0.5, "payload": PAYLOAD},
        {"score": 0.5, "payload": PAYLOAD},
        {"id": "i", "score": None, "payload": PAYLOAD},
        {"id": "i", "score": 10**400, "payload": PAYLOAD},
        {"id": "i", "score": 0.5, "payload": None},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "importance": float("nan")}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "importance": None}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "importance": 10**400}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "access_count": float("inf")}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "speaker": 7}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "role": ["user"]}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "seq": "first"}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "created_at": "yesterday"}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "kind": "rumour"}},
        {"id": "i", "score": 0.5, "payload": {**PAYLOAD, "user_id": "acct-other"}},
    ],
)
def test_a_point_that_is_no_memory_of_the_account_is_malformed(point: object) -> None:
    answer = reply({"result": [{"points": [point]}]})
    with HttpServer(lambda _: answer) as server, store_on(server.url) as store, pytest.raises(MalformedResponseError):
        store.search(ACCOUNT, RECENT, now=NOW, timeout=AMPLE)


def test_half_of_a_long_write_that_fails_is_an_error() -> None:
    """The first hundred are stored by then; the ids make the retry harmless."""
    answers = iter([reply({"result": {"status": "completed"}}), reply({}, 503)])
    with HttpServer(lambda _: next(answers)) as server, store_on(server.url) as store:
        with pytest.raises(UpstreamUnavailableError):
            store.upsert(ACCOUNT, [EmbeddedMemory(a_memory(f"memory {n}"), [1.0]) for n in range(150)])
        assert [len(request.json()["points"]) for request in server.requests] == [100, 50]
