"""What people do with their memories: one suite for the fake and for the real adapter on the embedded engine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.domain.errors import MalformedResponseError, MemoryServiceError
from operator_memory.domain.management.listing import Page, Position, Sort, SortKey
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.memory.scopes import Kind, Scope, ScopeKey
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.loopback import HttpServer, reply
from tests.support.qdrant.shelves import EVERYTHING, OTHER, ObservedClient, Shelf, vector_of
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

SECOND = timedelta(seconds=1)


def full_memory() -> Memory:
    memory = a_memory("Drinks \U0001f375 tea", key=AGENT_KEY, kind=Kind.FACT)
    past = PastVersion(1, "Drinks coffee", NOW - SECOND, "user:u1")
    return replace(
        memory, thread_id="t1", author_id="m1", attributed_to="user", role="user", seq=3, source_run_id="r1",
        importance=0.25, pinned=True, expires_at=NOW - SECOND, superseded_by="x", valid_until=NOW + SECOND,
        last_accessed_at=NOW, access_count=4, version=2, history=(past, replace(past, version=2)), imported_at=NOW,
        import_id="import-1",
    )  # fmt: skip


# ---- reading


def test_a_memory_is_read_with_all_its_fields_in_whatever_state(shelf: Shelf) -> None:
    memory = full_memory()
    shelf.put(memory)
    assert shelf.get(memory) == memory
    assert shelf.page().memories == (memory,)


NOBODYS = uuid5(NAMESPACE_OID, "a memory that nobody has")


@pytest.mark.parametrize("unknown", [str(NOBODYS), "not-a-uuid", "", "*", "1", str(NOBODYS).upper(), NOBODYS.hex])
def test_what_the_account_does_not_have_is_none(shelf: Shelf, unknown: str) -> None:
    theirs = replace(a_memory("their tea"), account_id=OTHER)
    shelf.put(theirs)
    assert shelf.library.get(ACCOUNT, unknown) is None
    assert shelf.library.get(ACCOUNT, theirs.id) is None
    assert shelf.get(theirs) == theirs


def test_an_id_that_no_memory_can_have_is_not_asked_for(qdrant_shelf: Shelf, library_client: ObservedClient) -> None:
    before = library_client.sent
    assert qdrant_shelf.library.get(ACCOUNT, "../secrets") is None
    qdrant_shelf.library.delete(ACCOUNT, ["../secrets"])
    assert qdrant_shelf.library.record_access(ACCOUNT, [("../secrets", NOW)]) == 0
    assert not qdrant_shelf.library.replace(replace(a_memory(id="x"), version=2), None, expected_version=1)
    assert library_client.sent == before


# ---- filters


def test_each_condition_narrows(shelf: Shelf) -> None:
    shelf.put(
        a_memory("user", author_id="m1", thread_id="t1"),
        a_memory("agent", key=AGENT_KEY, pinned=True),
        a_memory("agent 2", key=ScopeKey(Scope.AGENT, "agent-2"), author_id="m2"),
        a_memory("session", key=SESSION_KEY, kind=Kind.TURN, thread_id="t2"),
        replace(a_memory("theirs"), account_id=OTHER),
    )
    assert shelf.texts(MemoryFilter()) == {"user", "agent", "agent 2", "session"}
    assert shelf.texts(MemoryFilter(scope=Scope.AGENT)) == {"agent", "agent 2"}
    assert shelf.texts(MemoryFilter(kind=Kind.TURN)) == {"session"}
    assert shelf.texts(MemoryFilter(agent_id="agent-2")) == {"agent 2"}
    assert shelf.texts(MemoryFilter(session_id="session-1")) == {"session"}
    assert shelf.texts(MemoryFilter(thread_id="t1")) == {"user"}
    assert shelf.texts(MemoryFilter(author_id="m2")) == {"agent 2"}
    assert shelf.texts(MemoryFilter(pinned=True)) == {"agent"}
    assert shelf.texts(MemoryFilter(pinned=False)) == {"user", "agent 2", "session"}
    assert shelf.texts(MemoryFilter(scope=Scope.AGENT, author_id="m1")) == set()


def test_a_period_includes_its_beginning_and_not_its_end(shelf: Shelf) -> None:
    moments = [NOW - timedelta(days=days) for days in (3, 2, 1)]
    shelf.put(*(replace(a_memory(str(n)), created_at=moment) for n, moment in enumerate(moments)))
    assert shelf.texts(MemoryFilter(created_after=moments[1])) == {"1", "2"}
    assert shelf.texts(MemoryFilter(created_before=moments[1])) == {"0"}
    assert shelf.texts(MemoryFilter(created_after=moments[0], created_before=moments[2])) == {"0", "1"}
    assert shelf.texts(MemoryFilter(created_after=moments[1], created_before=moments[1])) == set()


def test_what_is_over_is_left_out_unless_it_is_asked_for(shelf: Shelf) -> None:
    shelf.put(
        a_memory("expired", expires_at=NOW),
        a_memory("expires soon", expires_at=NOW + SECOND),
        a_memory("superseded", valid_until=NOW - SECOND, superseded_by="x"),
        a_memory("lasting"),
    )
    assert shelf.texts(MemoryFilter()) == {"expires soon", "lasting"}
    assert shelf.texts(MemoryFilter(inactive=True)) == {"expires soon", "lasting", "expired", "superseded"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tea", {"Likes green TEA.", "Tea at 4, room 42"}),
        ("green tea", {"Likes green TEA."}),
        ("tea green", {"Likes green TEA."}),
        ("te", set()),
        ("42", {"Tea at 4, room 42"}),
        ("ROOM tea", {"Tea at 4, room 42"}),
        ("cafe", {"Das Café in Köln"}),
        ("café köln", {"Das Café in Köln"}),
        ("чай", {"Любит чай"}),
        ("coffee", set()),
        ("...", set()),
        ("", set()),
        ("tea \ud800", {"Likes green TEA.", "Tea at 4, room 42"}),
    ],
)
def test_every_word_of_the_text_must_occur(shelf: Shelf, text: str, expected: set[str]) -> None:
    shelf.put(*map(a_memory, ("Likes green TEA.", "Tea at 4, room 42", "Das Café in Köln", "Любит чай")))
    assert shelf.texts(MemoryFilter(text=text)) == expected


def test_nothing_in_a_filter_is_read_as_anything_but_a_value(shelf: Shelf) -> None:
    shelf.put(a_memory("tea", author_id="m1"))
    for odd in ("*", "m1' OR 1=1", '{"match": {"any": ["m1"]}}', "", "M1"):
        assert shelf.texts(MemoryFilter(author_id=odd)) == set()


# ---- searching


def test_a_search_finds_by_meaning_and_by_words_within_the_filter(shelf: Shelf) -> None:
    shelf.put(a_memory("green tea"), a_memory("fast bicycles"), a_memory("green tea", key=AGENT_KEY, version=3))
    shelf.put(replace(a_memory("green tea"), id=str(uuid4()), account_id=OTHER))
    vector = vector_of("green tea")
    where = MemoryFilter(scope=Scope.AGENT)
    dense, keyword = shelf.library.find(ACCOUNT, where, vector=vector, text="tea", limit=5, now=NOW)
    assert [[(h.memory.text, h.memory.agent_id, h.memory.version) for h in hits] for hits in (dense, keyword)] == [
        [("green tea", "agent-1", 3)]
    ] * 2
    dense, keyword = shelf.library.find(ACCOUNT, EVERYTHING, vector=vector, text="bicycles", limit=2, now=NOW)
    assert [hit.memory.text for hit in dense] == ["green tea", "green tea"]
    assert [hit.memory.text for hit in keyword] == ["fast bicycles"]
    assert dense[0].score == pytest.approx(1, abs=1e-3)


def test_a_search_is_one_request(qdrant_shelf: Shelf, library_client: ObservedClient) -> None:
    qdrant_shelf.put(a_memory("tea"))
    before = library_client.sent
    qdrant_shelf.library.find(ACCOUNT, MemoryFilter(), vector=vector_of("tea"), text="tea", limit=5, now=NOW)
    assert library_client.sent == before + 1


# ---- usage


def test_usage_counts_what_the_account_has(shelf: Shelf) -> None:
    shelf.put(
        a_memory("a", pinned=True),
        a_memory("b", key=AGENT_KEY),
        a_memory("c", key=AGENT_KEY, pinned=True, expires_at=NOW),
        a_memory("d", key=ScopeKey(Scope.AGENT, "agent-2"), valid_until=NOW),
        a_memory("e", key=SESSION_KEY, kind=Kind.TURN),
        replace(a_memory("theirs"), account_id=OTHER),
    )
    usage = shelf.library.usage(ACCOUNT, now=NOW)
    assert (usage.total, usage.active, usage.pinned) == (5, 3, 2)
    assert usage.by_scope == {"user": 1, "agent": 3, "session": 1}
    assert usage.by_kind == {"fact": 4, "turn": 1}
    assert usage.by_agent == {"agent-1": 2, "agent-2": 1}


def test_an_account_without_memories_uses_nothing(shelf: Shelf) -> None:
    usage = shelf.library.usage(ACCOUNT, now=NOW)
    assert (usage.total, usage.active, usage.by_scope, usage.by_agent) == (0, 0, {}, {})


def test_of_many_agents_the_hundred_with_the_most_are_named(shelf: Shelf) -> None:
    shelf.put(*(a_memory(f"m {n}", key=ScopeKey(Scope.AGENT, f"agent-{n}")) for n in range(101)))
    shelf.put(a_memory("one more", key=ScopeKey(Scope.AGENT, "agent-50")))
    by_agent = shelf.library.usage(ACCOUNT, now=NOW).by_agent
    assert len(by_agent) == 100
    assert by_agent["agent-50"] == 2


# ---- deleting


def test_deleted_memories_are_gone_and_only_the_accounts(shelf: Shelf) -> None:
    mine = [a_memory(f"memory {n}") for n in range(150)]
    theirs = replace(a_memory("theirs"), account_id=OTHER)
    shelf.put(*mine, theirs)
    shelf.library.delete(ACCOUNT, [*(memory.id for memory in mine[1:]), theirs.id, str(uuid4()), "no-uuid"])
    shelf.library.delete(ACCOUNT, [])
    assert shelf.texts(EVERYTHING) == {"memory 0"}
    assert shelf.get(theirs) == theirs


@pytest.mark.parametrize(
    "where",
    [
        MemoryFilter(),
        MemoryFilter(inactive=True),
        MemoryFilter(text="tea"),
        MemoryFilter(text="..."),
        MemoryFilter(scope=Scope.AGENT, agent_id="agent-1"),
        MemoryFilter(created_before=NOW - timedelta(days=2)),
    ],
)
def test_what_is_deleted_by_a_filter_is_what_was_counted_by_it(shelf: Shelf, where: MemoryFilter) -> None:
    shelf.put(
        a_memory("tea"),
        a_memory("green tea", key=AGENT_KEY, expires_at=NOW),
        a_memory("coffee", key=AGENT_KEY, days_old=5),
        replace(a_memory("tea of theirs"), account_id=OTHER),
    )
    doomed = shelf.texts(where)
    shelf.library.delete_matching(ACCOUNT, where, now=NOW)
    assert shelf.texts(EVERYTHING) == {"tea", "green tea", "coffee"} - doomed
    assert shelf.library.count(OTHER, EVERYTHING, now=NOW) == 1


# ---- accesses


def test_accesses_are_counted_once_and_in_time(shelf: Shelf) -> None:
    tea, coffee = a_memory("tea"), a_memory("coffee")
    shelf.put(tea, coffee)
    accesses = [(tea.id, NOW), (tea.id, NOW + SECOND), (coffee.id, NOW), (tea.id, NOW)]
    assert shelf.library.record_access(ACCOUNT, accesses) == 3
    assert shelf.library.record_access(ACCOUNT, accesses) == 0
    assert shelf.library.record_access(ACCOUNT, [(tea.id, NOW - SECOND), (tea.id, NOW + 2 * SECOND)]) == 1
    assert shelf.get(tea) == replace(tea, access_count=3, last_accessed_at=NOW + 2 * SECOND)
    assert shelf.get(coffee) == replace(coffee, access_count=1, last_accessed_at=NOW)
    assert shelf.library.record_access(ACCOUNT, []) == 0


def test_an_access_to_what_is_gone_or_anothers_makes_nothing(shelf: Shelf) -> None:
    theirs = replace(a_memory("theirs"), account_id=OTHER)
    shelf.put(theirs)
    accesses = [(theirs.id, NOW), (str(uuid4()), NOW), ("no-uuid", NOW)]
    assert shelf.library.record_access(ACCOUNT, accesses) == 0
    assert shelf.get(theirs) == theirs
    assert shelf.library.count(ACCOUNT, EVERYTHING, now=NOW) == 0


def test_more_accesses_than_one_request_can_carry_are_counted(shelf: Shelf) -> None:
    memories = [a_memory(f"memory {n}") for n in range(130)]
    shelf.put(*memories)
    assert shelf.library.record_access(ACCOUNT, [(memory.id, NOW) for memory in memories]) == 130
    assert {memory.access_count for memory in shelf.page(limit=500).memories} == {1}


def test_a_later_access_that_another_worker_has_noted_meanwhile_stays(
    qdrant_shelf: Shelf, library_client: ObservedClient
) -> None:
    memory = a_memory("tea")
    qdrant_shelf.put(memory)
    later: list[datetime] = [NOW + SECOND]

    def note_another_first(method: str, path: str, body: Any) -> None:
        if "/points/batch" in path and later:
            qdrant_shelf.library.record_access(ACCOUNT, [(memory.id, later.pop())])

    library_client.before = note_another_first
    qdrant_shelf.library.record_access(ACCOUNT, [(memory.id, NOW)])
    assert qdrant_shelf.get(memory) == replace(memory, access_count=1, last_accessed_at=NOW + SECOND)


# ---- failures

CALLS: dict[str, Callable[[MemoryLibrary], object]] = {
    "page": lambda library: library.page(ACCOUNT, EVERYTHING, Sort(), after=None, limit=3, now=NOW),
    "find": lambda library: library.find(ACCOUNT, EVERYTHING, vector=[1.0], text="tea", limit=3, now=NOW),
    "get": lambda library: library.get(ACCOUNT, str(UUID(int=1))),
    "count": lambda library: library.count(ACCOUNT, EVERYTHING, now=NOW),
    "usage": lambda library: library.usage(ACCOUNT, now=NOW),
    "replace": lambda library: library.replace(replace(a_memory(), version=2), None, expected_version=1),
    "record_access": lambda library: library.record_access(ACCOUNT, [(str(UUID(int=1)), NOW)]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "result",
    [None, [], {}, {"points": ["point"]}, {"points": [{"id": 1}]}, {"points": [{"payload": {"version": []}}]}],
    ids=str,
)
def test_an_answer_that_is_not_what_it_should_be_is_a_named_error(name: str, result: object) -> None:
    with HttpServer(lambda _: reply({"result": result})) as server:
        client = HttpClient(server.url, system="qdrant")
        with pytest.raises(MalformedResponseError):
            CALLS[name](QdrantLibrary(client, collection="memories", timeout=AMPLE))
        client.close()


@pytest.mark.parametrize("name", [*CALLS, "delete", "delete_matching"])
def test_a_server_that_cannot_serve_now_is_an_error_that_can_be_retried(name: str) -> None:
    calls: dict[str, Callable[[MemoryLibrary], object]] = {
        **CALLS,
        "delete": lambda library: library.delete(ACCOUNT, [str(UUID(int=1))]),
        "delete_matching": lambda library: library.delete_matching(ACCOUNT, EVERYTHING, now=NOW),
    }
    with HttpServer(lambda _: reply({"status": {"error": "tea"}}, 503)) as server:
        client = HttpClient(server.url, system="qdrant")
        with pytest.raises(MemoryServiceError, match="503") as caught:
            calls[name](QdrantLibrary(client, collection="memories", timeout=AMPLE))
        assert caught.value.retryable
        assert "tea" not in str(caught.value)
        client.close()


def test_strict_mode_passes_every_request_of_ours(qdrant_shelf: Shelf) -> None:
    where = MemoryFilter(
        Scope.AGENT, Kind.FACT, "agent-1", "s", "t", "m", True, NOW - SECOND, NOW, "tea", inactive=False
    )
    assert qdrant_shelf.texts(where) == set()
    for qdrant_shelf.order in (Sort(key, descending) for key in SortKey for descending in (True, False)):
        value = "0.5" if qdrant_shelf.order.key is SortKey.IMPORTANCE else NOW.isoformat()
        assert qdrant_shelf.page(where, after=Position(value, str(uuid4()))) == Page((), None)
