"""Erasure in the store: one suite for the fake and for Qdrant, which must agree with what a tombstone covers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.ports.core import MemoryWriter
from operator_memory.application.ports.management import ErasableMemories
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from devstack.qdrant import QdrantFront
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import DIMENSIONS, InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.qdrant.collections import make_collection
from tests.support.time_outs import AMPLE

OTHER = AccountId("acct-other")
SECOND = timedelta(seconds=1)
COLLECTIONS = (("memories", "memories"), ("entities", "memories_entities"))
VECTOR = [1.0] + [0.0] * (DIMENSIONS - 1)

WHOLE, USER = Target(TargetKind.ACCOUNT), Target(TargetKind.USER)
AGENT, SESSION, THREAD, AUTHOR = (
    Target(TargetKind.AGENT, "agent-1"),
    Target(TargetKind.SESSION, "session-1"),
    Target(TargetKind.SESSION, "thread-1"),
    Target(TargetKind.AUTHOR, "member-1"),
)


class Entities:
    """The collection that Mem0 makes beside ours: its own payload, no index of ours, no strict mode."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def make(self, *payloads: dict[str, str]) -> None:
        if self._send("GET", "/exists") == {"exists": False}:
            self._send("PUT", "", {"vectors": {"size": DIMENSIONS, "distance": "Cosine"}})
        points = [{"id": str(uuid4()), "vector": VECTOR, "payload": payload | {"data": "Ann"}} for payload in payloads]
        self._send("PUT", "/points?wait=true", {"points": points})

    def drop(self) -> None:
        self._send("DELETE", "")

    def _send(self, method: str, path: str, body: object = None) -> object:
        content = json.dumps(body).encode() if body else b""
        answer = self._client.request(method, f"/collections/memories_entities{path}", content, timeout=AMPLE)
        assert answer.status == 200
        return json.loads(answer.body)["result"]


@dataclass
class Store:
    """What can be erased, and the ways in which it comes there."""

    erasure: ErasableMemories
    writer: MemoryWriter
    fake: InMemoryLibrary | None = None
    entities: Entities | None = None

    def put(self, *memories: Memory) -> None:
        for memory in memories:
            self.writer.upsert(memory.account_id, [EmbeddedMemory(memory, VECTOR)])

    def put_entities(self, account: AccountId, *payloads: dict[str, str]) -> None:
        if self.fake is not None:
            self.fake.entities.setdefault(account, []).extend(payloads)
        elif self.entities is not None:
            self.entities.make(*({"user_id": account, **payload} for payload in payloads))

    def erase(self, target: Target, *, until: datetime = NOW, account: AccountId = ACCOUNT) -> int:
        """Erase and count again; returns how many memories were counted before."""
        before = self.erasure.count_erasable(account, target, until=until)
        self.erasure.erase(account, target, until=until)
        assert self.erasure.count_erasable(account, target, until=until) == {"memories": 0, "entities": 0}
        return before["memories"]

    def left(self, memories: Sequence[Memory]) -> set[str]:
        """The texts of those that are still there."""
        there = {a: self.writer.existing_ids(a, [m.id for m in memories]) for a in (ACCOUNT, OTHER)}
        return {memory.text for memory in memories if memory.id in there[memory.account_id]}


@pytest.fixture(scope="module")
def front() -> Iterator[HttpClient]:
    with QdrantFront() as running:
        client = HttpClient(running.url, system="qdrant")
        make_collection(running.url, "memories", DIMENSIONS)
        yield client
        client.close()


@pytest.fixture
def qdrant(front: HttpClient) -> Iterator[Store]:
    erasure = QdrantErasure(front, collections=COLLECTIONS, write_timeout=AMPLE)
    entities = Entities(front)
    yield Store(erasure, QdrantMemories(front, collection="memories", write_timeout=AMPLE), entities=entities)
    entities.drop()
    for account in (ACCOUNT, OTHER):
        erasure.erase(account, WHOLE, until=NOW + timedelta(days=9999))


@pytest.fixture(params=["fake", "qdrant"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "qdrant":
        real: Store = request.getfixturevalue("qdrant")
        return real
    memories = InMemoryMemories()
    library = InMemoryLibrary(memories)
    return Store(library, memories, fake=library)


MEMORIES = (
    a_memory("user"),
    a_memory("user by member", author_id="member-1"),
    a_memory("user in thread", thread_id="thread-1"),
    a_memory("agent", key=AGENT_KEY),
    a_memory("agent in session", key=AGENT_KEY, thread_id="session-1"),
    a_memory("other agent", key=ScopeKey(Scope.AGENT, "agent-2"), author_id="member-2"),
    a_memory("session of an agent", key=SESSION_KEY, agent_id="agent-1"),
    a_memory("turn", key=SESSION_KEY, kind=Kind.TURN, thread_id="thread-1", author_id="member-1"),
    a_memory("other turn", key=ScopeKey(Scope.SESSION, "session-2"), kind=Kind.TURN, expires_at=NOW),
    replace(a_memory("theirs"), account_id=OTHER, author_id="member-1", thread_id="session-1"),
    replace(a_memory("agent of theirs", key=AGENT_KEY), account_id=OTHER),
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (WHOLE, {memory.text for memory in MEMORIES if memory.account_id == ACCOUNT}),
        (USER, {"user", "user by member", "user in thread"}),
        (AGENT, {"agent", "agent in session"}),
        (SESSION, {"agent in session", "session of an agent", "turn"}),
        (THREAD, {"user in thread", "turn"}),
        (AUTHOR, {"user by member", "turn"}),
        (Target(TargetKind.AGENT, "nobody"), set()),
        (Target(TargetKind.AUTHOR, "*"), set()),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else "",
)
def test_what_the_target_holds_is_erased_and_nothing_else(store: Store, target: Target, expected: set[str]) -> None:
    store.put(*MEMORIES)
    assert store.erase(target) == len(expected)
    assert store.left(MEMORIES) == {memory.text for memory in MEMORIES} - expected
    assert store.erase(target) == 0  # again
    assert store.left(MEMORIES) == {memory.text for memory in MEMORIES} - expected


def test_what_is_said_later_stays_and_what_was_imported_counts_from_then(store: Store) -> None:
    memories = (
        replace(a_memory("at the moment"), created_at=NOW),
        replace(a_memory("just after"), created_at=NOW + timedelta(microseconds=1)),
        a_memory("old, imported after", imported_at=NOW + SECOND),
        a_memory("old, imported before", imported_at=NOW - SECOND),
        a_memory("old, imported at the moment", imported_at=NOW),
        replace(a_memory("of the future, imported before"), created_at=NOW + SECOND, imported_at=NOW - SECOND),
    )
    store.put(*memories)
    assert store.erase(WHOLE) == 4
    assert store.left(memories) == {"just after", "old, imported after"}


def test_a_change_after_the_moment_saves_no_memory(store: Store) -> None:
    memory = replace(a_memory("edited"), updated_at=NOW + SECOND, last_accessed_at=NOW + SECOND)
    store.put(memory)
    assert store.erase(USER) == 1
    assert store.left([memory]) == set()


@pytest.mark.parametrize(
    ("target", "expected"),
    [(WHOLE, 4), (USER, 4), (AGENT, 1), (SESSION, 1), (Target(TargetKind.SESSION, "thread-9"), 0), (AUTHOR, 0)],
    ids=lambda value: value.name if isinstance(value, Target) else "",
)
def test_the_names_that_mem0_keeps_go_with_the_memories(store: Store, target: Target, expected: int) -> None:
    mine: tuple[dict[str, str], ...] = ({}, {"agent_id": "agent-1"}, {"agent_id": "agent-2"}, {"run_id": "session-1"})
    store.put_entities(ACCOUNT, *mine)
    store.put_entities(OTHER, *mine)
    assert store.erasure.count_erasable(ACCOUNT, target, until=NOW) == {"memories": 0, "entities": expected}
    store.erase(target)
    assert store.erasure.count_erasable(ACCOUNT, WHOLE, until=NOW)["entities"] == 4 - expected
    assert store.erasure.count_erasable(OTHER, WHOLE, until=NOW)["entities"] == 4


def test_a_memory_without_a_date_does_not_survive_an_erasure(qdrant: Store, front: HttpClient) -> None:
    memory = a_memory("undated")
    qdrant.put(memory)
    body = json.dumps({"keys": ["created_at"], "points": [memory.id]}).encode()
    path = "/collections/memories/points/payload/delete?wait=true"
    assert front.request("POST", path, body, timeout=AMPLE).status == 200
    assert qdrant.erase(WHOLE) == 1
    assert qdrant.left([memory]) == set()


names = st.none() | st.sampled_from(["a", "b"])
moments = st.sampled_from([NOW + timedelta(microseconds=n) for n in (-1, 0, 1)])
targets = st.sampled_from([WHOLE, USER]) | st.builds(
    Target, st.sampled_from([TargetKind.AGENT, TargetKind.SESSION, TargetKind.AUTHOR]), st.sampled_from(["a", "b"])
)


@st.composite
def any_memories(draw: st.DrawFn) -> list[Memory]:
    """Memories whose fields are in every combination, also those that nobody would make."""
    made = []
    for n in range(draw(st.integers(1, 12))):
        scope = draw(st.sampled_from(Scope))
        owner = st.sampled_from(["a", "b"])
        made.append(
            Memory(
                id=str(UUID(int=n + 1)),
                account_id=draw(st.sampled_from([ACCOUNT, OTHER])),
                scope=scope,
                kind=draw(st.sampled_from(Kind)),
                text=str(n),
                created_at=draw(moments),
                updated_at=NOW,
                agent_id=draw(owner if scope is Scope.AGENT else names),
                session_id=draw(owner if scope is Scope.SESSION else names),
                thread_id=draw(names),
                author_id=draw(names),
                imported_at=draw(st.none() | moments),
            )
        )
    return made


def assert_agrees_with_the_tombstone(store: Store, memories: list[Memory], target: Target) -> None:
    store.put(*memories)
    tombstone = Tombstone(target, NOW)
    covered = {memory.text for memory in memories if memory.account_id == ACCOUNT and tombstone.covers(memory)}
    assert store.erase(target) == len(covered)
    assert store.left(memories) == {memory.text for memory in memories} - covered


def test_qdrant_erases_exactly_what_the_tombstone_covers(qdrant: Store) -> None:
    @settings(max_examples=150, deadline=None)
    @given(any_memories(), targets)
    def holds(memories: list[Memory], target: Target) -> None:
        for account in (ACCOUNT, OTHER):
            qdrant.erasure.erase(account, WHOLE, until=NOW + SECOND)
        assert_agrees_with_the_tombstone(qdrant, memories, target)

    holds()


@given(any_memories(), targets)
def test_the_fake_erases_exactly_what_the_tombstone_covers(memories: list[Memory], target: Target) -> None:
    points = InMemoryMemories()
    assert_agrees_with_the_tombstone(Store(InMemoryLibrary(points), points), memories, target)


# ---- failures


def erasure_at(url: str, *, timeout: float = AMPLE) -> tuple[HttpClient, QdrantErasure]:
    client = HttpClient(url, system="qdrant")
    return client, QdrantErasure(client, collections=COLLECTIONS, write_timeout=timeout)


def test_without_the_collection_of_the_memories_nothing_is_said_to_be_erased() -> None:
    with HttpServer(lambda _: reply({"status": {"error": "Not found"}}, 404)) as server:
        client, erasure = erasure_at(server.url)
        with pytest.raises(UpstreamRejectedError):
            erasure.count_erasable(ACCOUNT, WHOLE, until=NOW)
        with pytest.raises(UpstreamRejectedError):
            erasure.erase(ACCOUNT, WHOLE, until=NOW)
        client.close()


@pytest.mark.parametrize("failing", ["memories", "memories_entities"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_serve_now_is_an_error_that_can_be_retried(failing: str, status: int) -> None:
    def answer(request: Any) -> bytes:
        return reply({"result": {"count": 0}}, status if f"/{failing}/" in request.path else 200)

    with HttpServer(answer) as server:
        client, erasure = erasure_at(server.url)
        for call in (erasure.count_erasable, erasure.erase):
            with pytest.raises(UpstreamUnavailableError):
                call(ACCOUNT, WHOLE, until=NOW)
        client.close()


def test_a_deletion_that_takes_too_long_can_be_repeated() -> None:
    with HttpServer(lambda _: None) as server:  # no answer
        client, erasure = erasure_at(server.url, timeout=0.1)
        with pytest.raises(UpstreamTimeoutError) as caught:
            erasure.erase(ACCOUNT, WHOLE, until=NOW)
        assert caught.value.retryable
        client.close()


def test_no_server_is_an_error_that_can_be_retried() -> None:
    client, erasure = erasure_at(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(UpstreamUnavailableError):
        erasure.count_erasable(ACCOUNT, USER, until=NOW)
    client.close()


@pytest.mark.parametrize("result", [None, {}, {"count": "many"}, {"count": None}, []], ids=str)
def test_a_count_that_is_none_is_not_zero(result: object) -> None:
    with HttpServer(lambda _: reply({"result": result})) as server:
        client, erasure = erasure_at(server.url)
        with pytest.raises(MalformedResponseError):
            erasure.count_erasable(ACCOUNT, WHOLE, until=NOW)
        client.close()
