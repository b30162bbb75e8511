"""One suite for the in-memory store and for the real adapter on the embedded engine, behind our collection."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.core import DIMENSIONS
from tests.support.loopback import HttpServer, reply
from tests.support.qdrant.stores import EMBEDDER, Store, put
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

OTHER = AccountId("acct-other")


def found(
    store: Store,
    mode: SearchMode,
    query: str = "tea",
    *,
    account: AccountId = ACCOUNT,
    key: Any = USER_KEY,
    limit: int = 10,
) -> list[str]:
    [vector] = EMBEDDER.embed([query], timeout=1)
    plan = SearchPlan((Search(key, mode, limit),), vector=vector, text=query)
    [hits] = store.search(account, plan, now=NOW, timeout=AMPLE)
    return [hit.memory.text for hit in hits]


def test_all_searches_are_answered_in_their_order(store: Store) -> None:
    put(store, a_memory("tea please"), a_memory("be brief", key=AGENT_KEY), a_memory("tea", key=SESSION_KEY))
    keys: Sequence[Any] = (SESSION_KEY, USER_KEY, AGENT_KEY)
    plan = SearchPlan(tuple(Search(key, SearchMode.RECENT, 5) for key in keys))
    hits = store.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    assert [[hit.memory.text for hit in of_one] for of_one in hits] == [["tea"], ["tea please"], ["be brief"]]


def test_a_memory_comes_back_as_it_was_stored_in_what_a_search_brings_along(store: Store) -> None:
    memory = a_memory(
        "User likes \U0001f375 tea",
        key=AGENT_KEY,
        kind=Kind.FACT,
        author_id="m1",
        thread_id="t1",
        importance=0.8,
        pinned=True,
        speaker="Ana",
        message_id="msg-1",
    )
    put(store, memory)
    plan = SearchPlan((Search(AGENT_KEY, SearchMode.RECENT, 1),))
    [[hit]] = store.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    assert hit.memory == memory


def test_by_meaning_the_nearest_comes_first_and_by_words_only_what_shares_one(store: Store) -> None:
    put(store, a_memory("green tea"), a_memory("green tea with honey and lemon"), a_memory("fast bicycles"))
    assert found(store, SearchMode.DENSE, "green tea")[0] == "green tea"
    assert set(found(store, SearchMode.KEYWORD, "bicycles")) == {"fast bicycles"}


def test_the_profile_is_pinned_important_and_recent(store: Store) -> None:
    old = a_memory("old", days_old=9, pinned=True, importance=0.1)
    new = a_memory("new", days_old=1, importance=0.2)
    big = a_memory("big", days_old=5, pinned=True, importance=0.9)
    put(store, old, new, big)
    assert found(store, SearchMode.PINNED) == ["big", "old"]
    assert found(store, SearchMode.IMPORTANT, limit=2) == ["big", "new"]
    assert found(store, SearchMode.RECENT) == ["new", "big", "old"]


def test_the_weakest_are_those_of_least_importance_that_nobody_pinned(store: Store) -> None:
    put(store, *(a_memory(f"m{n}", importance=n / 10, pinned=n == 1) for n in (3, 1, 2, 4)))
    assert found(store, SearchMode.WEAKEST, limit=2) == ["m2", "m3"]


def test_what_has_expired_or_is_no_longer_valid_is_hidden_at_that_moment(store: Store) -> None:
    second = timedelta(seconds=1)
    put(
        store,
        a_memory("expired", expires_at=NOW),
        a_memory("expires soon", expires_at=NOW + second),
        a_memory("replaced", valid_until=NOW - second),
        a_memory("lasting"),
    )
    for mode in (SearchMode.RECENT, SearchMode.IMPORTANT):
        assert set(found(store, mode)) == {"expires soon", "lasting"}
    assert set(found(store, SearchMode.DENSE, "expired replaced lasting")) <= {"expires soon", "lasting"}


def test_accounts_share_nothing(store: Store) -> None:
    mine = a_memory("my tea")
    theirs = replace(a_memory("their tea"), account_id=OTHER)
    put(store, mine)
    put(store, theirs)
    for mode in (SearchMode.RECENT, SearchMode.DENSE, SearchMode.KEYWORD):
        assert found(store, mode) == ["my tea"]
        assert found(store, mode, account=OTHER) == ["their tea"]
    assert store.existing_ids(ACCOUNT, [mine.id, theirs.id]) == {mine.id}
    with pytest.raises(ValueError, match="another account"):
        store.upsert(OTHER, [EmbeddedMemory(mine, [0.0] * DIMENSIONS)])


def test_a_write_under_the_id_of_another_accounts_memory_leaves_that_memory_alone(store: Store) -> None:
    mine = a_memory("my tea")
    put(store, mine)
    put(store, replace(mine, account_id=OTHER, text="their tea"))
    assert found(store, SearchMode.RECENT) == ["my tea"]
    assert store.existing_ids(ACCOUNT, [mine.id]) == {mine.id}


def test_sessions_and_agents_of_an_account_are_apart(store: Store) -> None:
    other_agent, other_session = replace(AGENT_KEY, owner_id="agent-2"), replace(SESSION_KEY, owner_id="session-2")
    put(store, a_memory("one", key=AGENT_KEY), a_memory("two", key=other_agent), a_memory("three", key=other_session))
    assert found(store, SearchMode.RECENT, key=AGENT_KEY) == ["one"]
    assert found(store, SearchMode.RECENT, key=SESSION_KEY) == []


def test_storing_a_memory_again_changes_it_in_place(store: Store) -> None:
    memory = a_memory("tea")
    put(store, memory)
    put(store, replace(memory, text="coffee"))
    assert found(store, SearchMode.RECENT) == ["coffee"]


def test_more_than_one_request_can_carry_is_stored_whole(store: Store) -> None:
    many = [a_memory(f"memory {n}") for n in range(250)]
    put(store, *many)
    ids = [memory.id for memory in many]
    assert store.existing_ids(ACCOUNT, [*ids, *(replace(m, text="x").id for m in many)]) == set(ids)
    assert store.existing_ids(ACCOUNT, []) == set()


def test_expired_memories_are_deleted_in_pages_and_only_the_accounts(store: Store) -> None:
    put(store, *(a_memory(f"old {n}", expires_at=NOW - timedelta(days=1)) for n in range(5)), a_memory("lasting"))
    put(store, replace(a_memory("their old", expires_at=NOW), account_id=OTHER))
    assert [store.delete_expired(ACCOUNT, now=NOW, limit=3) for _ in range(3)] == [3, 2, 0]
    assert found(store, SearchMode.RECENT) == ["lasting"]
    assert store.delete_expired(OTHER, now=NOW, limit=3) == 1


def test_expired_memories_of_threads_and_sessions_that_are_kept_stay(store: Store) -> None:
    ended = NOW - timedelta(days=1)
    held = [
        a_memory("of the thread", thread_id="t-1", expires_at=ended),
        a_memory("of the session", key=SESSION_KEY, expires_at=ended),
    ]
    put(store, *held, a_memory("old", expires_at=ended), a_memory("elsewhere", thread_id="t-2", expires_at=ended))
    kept = ("t-1", "session-1")
    assert store.delete_expired(ACCOUNT, now=NOW, limit=9, kept_threads=kept) == 2
    assert set(store.stored(ACCOUNT, [memory.id for memory in held])) == {memory.id for memory in held}
    assert store.delete_expired(ACCOUNT, now=NOW, limit=9) == 2


def test_the_next_expiry_is_the_earliest_that_is_still_to_come(store: Store) -> None:
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(days=1, microseconds=7)
    put(store, a_memory("a", expires_at=later), a_memory("b", expires_at=soon), a_memory("c", expires_at=NOW))
    assert store.next_expiry(ACCOUNT, after=NOW) == soon
    assert store.next_expiry(ACCOUNT, after=soon) == later
    assert store.next_expiry(ACCOUNT, after=later) is None
    assert store.next_expiry(OTHER, after=NOW) is None


GOOD_POINT = {
    "id": "i",
    "score": 0.5,
    "payload": {
        "user_id": ACCOUNT, "scope": "user", "kind": "fact", "data": "tea", "created_at": "2026-01-01T00:00:00Z"
    },
}  # fmt: skip


def answer(*points: object) -> bytes:
    return reply({"result": [{"points": list(points)}]})


def without(field: str) -> dict[str, Any]:
    return {**GOOD_POINT, "payload": {k: v for k, v in GOOD_POINT["payload"].items() if k != field}}  # type: ignore[attr-defined]


def with_field(**fields: object) -> dict[str, Any]:
    return {**GOOD_POINT, "payload": {**GOOD_POINT["payload"], **fields}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (reply(b"<html>"), MalformedResponseError),
        (reply({"status": "ok"}), MalformedResponseError),
        (reply({"result": []}), MalformedResponseError),
        (reply({"result": [{}]}), MalformedResponseError),
        (answer("point"), MalformedResponseError),
        (answer({"id": "i", "score": 1}), MalformedResponseError),
        (answer({**GOOD_POINT, "score": "high"}), MalformedResponseError),
        (answer({**GOOD_POINT, "score": float("nan")}), MalformedResponseError),
        (answer(without("data")), MalformedResponseError),
        (answer(without("created_at")), MalformedResponseError),
        (answer(with_field(data=7)), MalformedResponseError),
        (answer(with_field(scope="agent")), MalformedResponseError),
        (answer(with_field(user_id=OTHER)), MalformedResponseError),
        (reply({}, 429), UpstreamUnavailableError),
        (reply({}, 500), UpstreamUnavailableError),
        (reply({}, 401), UpstreamRejectedError),
        (reply({}, 404), UpstreamRejectedError),
    ],
)
def test_an_answer_that_is_not_what_it_should_be_is_a_named_error(wire: bytes, error: type[Exception]) -> None:
    with HttpServer(lambda _: wire) as server:
        client = HttpClient(server.url, system="qdrant")
        store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
        with pytest.raises(error):
            store.search(ACCOUNT, SearchPlan((Search(USER_KEY, SearchMode.RECENT, 1),)), now=NOW, timeout=AMPLE)
        client.close()


def test_a_good_answer_is_read() -> None:
    with HttpServer(lambda _: answer(GOOD_POINT)) as server:
        client = HttpClient(server.url, system="qdrant")
        store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
        [[hit]] = store.search(ACCOUNT, SearchPlan((Search(USER_KEY, SearchMode.RECENT, 1),)), now=NOW, timeout=AMPLE)
        assert (hit.memory.text, hit.score, hit.memory.importance) == ("tea", 0.5, 0.5)
        client.close()
