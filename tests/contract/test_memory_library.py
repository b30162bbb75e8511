"""What people do with their memories: one suite for the fake and for the real adapter on the embedded engine."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.adapters import qdrant_library_requests as bodies
from operator_memory.adapters.http import HttpClient, Response
from operator_memory.adapters.qdrant import QdrantMemories
from operator_memory.adapters.qdrant_library import QdrantLibrary
from operator_memory.application.management_ports import MemoryLibrary
from operator_memory.application.ports import MemoryWriter
from operator_memory.domain.errors import InvalidInputError, MalformedResponseError, MemoryServiceError
from operator_memory.domain.library import MemoryFilter, Page, Position, Sort, SortKey
from operator_memory.domain.models import EmbeddedMemory, Memory, PastVersion
from operator_memory.domain.scopes import AccountId, Kind, Scope, ScopeKey

from devstack.qdrant import QdrantFront
from infra.qdrant.apply import Collection, apply
from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.fakes import DIMENSIONS, FakeEmbedder, InMemoryMemories
from tests.support.fakes_library import InMemoryLibrary
from tests.support.loopback import HttpServer, reply

OTHER = AccountId("acct-other")
EVERYTHING = MemoryFilter(inactive=True)
SECOND = timedelta(seconds=1)
EMBEDDER = FakeEmbedder()


class CountingClient(HttpClient):
    """Counts the requests it sends, so that a test can say how many a call may need."""

    def __init__(self, url: str) -> None:
        super().__init__(url, system="qdrant")
        self.sent = 0

    def request(self, *arguments: Any, **options: Any) -> Response:
        self.sent += 1
        return super().request(*arguments, **options)


@dataclass
class Shelf:
    """A library, and the way in which memories come into it."""

    library: MemoryLibrary
    writer: MemoryWriter
    client: CountingClient | None = None
    account: AccountId = ACCOUNT
    order: Sort = field(default_factory=Sort)

    def put(self, *memories: Memory) -> None:
        for memory in memories:
            self.writer.upsert(memory.account_id, [EmbeddedMemory(memory, vector_of(memory.text))])

    def page(self, where: MemoryFilter = EVERYTHING, *, after: Position | None = None, limit: int = 10) -> Page:
        return self.library.page(self.account, where, self.order, after=after, limit=limit, now=NOW)

    def texts(self, where: MemoryFilter) -> set[str]:
        """The texts that ``where`` lets through; listing, counting and searching agree about them."""
        found = {memory.text for memory in self.page(where, limit=500).memories}
        assert self.library.count(self.account, where, now=NOW) == len(found)
        dense, _ = self.library.find(self.account, where, vector=vector_of("x"), text="x", limit=500, now=NOW)
        assert {hit.memory.text for hit in dense} == found
        return found

    def get(self, memory: Memory) -> Memory | None:
        return self.library.get(memory.account_id, memory.id)


def vector_of(text: str) -> list[float]:
    return EMBEDDER.embed([text], timeout=1)[0]


@pytest.fixture(scope="module")
def client() -> Iterator[CountingClient]:
    with QdrantFront() as running:
        client = CountingClient(running.url)
        assert apply(Collection(client, "memories"), DIMENSIONS, check=False) == []
        yield client
        client.close()


@pytest.fixture
def qdrant(client: CountingClient) -> Iterator[Shelf]:
    library = QdrantLibrary(client, collection="memories", timeout=10)
    yield Shelf(library, QdrantMemories(client, collection="memories", write_timeout=10), client)
    for account in (ACCOUNT, OTHER):
        library.delete_matching(account, EVERYTHING, now=NOW)


@pytest.fixture(params=["fake", "qdrant"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "qdrant":
        real: Shelf = request.getfixturevalue("qdrant")
        return real
    memories = InMemoryMemories()
    return Shelf(InMemoryLibrary(memories), memories)


def full_memory() -> Memory:
    memory = a_memory("Drinks \U0001f375 tea", key=AGENT_KEY, kind=Kind.FACT)
    past = PastVersion(1, "Drinks coffee", NOW - SECOND, "user:u1")
    return replace(
        memory, thread_id="t1", author_id="m1", attributed_to="user", role="user", seq=3, source_run_id="r1",
        importance=0.25, pinned=True, expires_at=NOW - SECOND, superseded_by="x", valid_until=NOW + SECOND,
        last_accessed_at=NOW, access_count=4, version=2, history=(past, replace(past, version=2)), imported_at=NOW,
    )  # fmt: skip


# ---- reading


def test_a_memory_is_read_with_all_its_fields_in_whatever_state(shelf: Shelf) -> None:
    memory = full_memory()
    shelf.put(memory)
    assert shelf.get(memory) == memory
    assert shelf.page().memories == (memory,)


@pytest.mark.parametrize("unknown", [str(uuid4()), "not-a-uuid", "", "*", "1", str(uuid4()).upper(), uuid4().hex])
def test_what_the_account_does_not_have_is_none(shelf: Shelf, unknown: str) -> None:
    theirs = replace(a_memory("their tea"), account_id=OTHER)
    shelf.put(theirs)
    assert shelf.library.get(ACCOUNT, unknown) is None
    assert shelf.library.get(ACCOUNT, theirs.id) is None
    assert shelf.get(theirs) == theirs


def test_an_id_that_no_memory_can_have_is_not_asked_for(qdrant: Shelf) -> None:
    assert qdrant.client is not None
    before = qdrant.client.sent
    assert qdrant.library.get(ACCOUNT, "../secrets") is None
    qdrant.library.delete(ACCOUNT, ["../secrets"])
    assert qdrant.library.record_access(ACCOUNT, [("../secrets", NOW)]) == 0
    assert not qdrant.library.replace(replace(a_memory(id="x"), version=2), None, expected_version=1)
    assert qdrant.client.sent == before


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


def test_a_search_is_one_request(qdrant: Shelf) -> None:
    qdrant.put(a_memory("tea"))
    assert qdrant.client is not None
    before = qdrant.client.sent
    qdrant.library.find(ACCOUNT, MemoryFilter(), vector=vector_of("tea"), text="tea", limit=5, now=NOW)
    assert qdrant.client.sent == before + 1


# ---- lists

DAYS = [NOW - timedelta(days=n, microseconds=n) for n in range(3)]
ORDERS = [Sort(key, descending) for key in SortKey for descending in (True, False)]


def dated(n: int, value: int, **fields: Any) -> Memory:
    """Memory ``n``; its sort values are one of three, so that many have the same."""
    moment = DAYS[value % 3]
    return replace(
        a_memory(f"memory {n}"), id=str(UUID(int=n * 7919 % 2**128)), created_at=moment, updated_at=moment,
        importance=(value % 3) / 3, **fields,
    )  # fmt: skip


def ids_in_order(memories: list[Memory], order: Sort) -> list[str]:
    by_id = sorted(memories, key=lambda memory: memory.id)
    by_id.sort(key=lambda memory: getattr(memory, order.key.value), reverse=order.descending)
    return [memory.id for memory in by_id]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21])
def test_the_pages_of_a_list_are_the_list(shelf: Shelf, order: Sort, limit: int) -> None:
    shelf.order = order
    memories = [dated(n, n) for n in range(20)]
    shelf.put(*memories, replace(a_memory("theirs"), account_id=OTHER))
    seen: list[str] = []
    after = None
    while True:
        page = shelf.page(after=after, limit=limit)
        seen += [memory.id for memory in page.memories]
        after = page.next
        if after is None:
            break
        assert len(page.memories) == limit
    assert seen == ids_in_order(memories, order)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_takes_few_requests_however_many_have_the_same_value(qdrant: Shelf, order: Sort) -> None:
    assert qdrant.client is not None
    qdrant.order = order
    qdrant.put(*(dated(n, n) for n in range(40)))
    for limit in (1, 5, 13, 14, 27, 40):
        after, pages = None, 0
        while after is not None or pages == 0:
            before = qdrant.client.sent
            after, pages = qdrant.page(after=after, limit=limit).next, pages + 1
            assert qdrant.client.sent - before <= 3


def test_a_first_page_of_memories_of_different_times_is_one_request(qdrant: Shelf) -> None:
    assert qdrant.client is not None
    qdrant.put(*(a_memory(f"memory {n}", days_old=n) for n in range(9)))
    before = qdrant.client.sent
    first = qdrant.page(limit=3)
    assert qdrant.client.sent == before + 1
    assert [memory.text for memory in first.memories] == ["memory 0", "memory 1", "memory 2"]
    assert len(qdrant.page(after=first.next, limit=3).memories) == 3
    assert qdrant.client.sent == before + 3


def test_an_empty_list_is_a_page_without_a_next(shelf: Shelf) -> None:
    assert shelf.page() == Page((), None)


@pytest.mark.parametrize("limit", [0, 501, -1])
def test_a_page_has_1_to_500_memories(shelf: Shelf, limit: int) -> None:
    with pytest.raises(ValueError, match=str(limit)):
        shelf.page(limit=limit)


@pytest.mark.parametrize("importance", [0.0, 1.0, 0.1, 1 / 3, 0.1 + 0.2, 2 / 3, 0.999999])
def test_a_list_goes_on_at_any_importance(shelf: Shelf, importance: float) -> None:
    shelf.order = Sort(SortKey.IMPORTANCE)
    shelf.put(*(replace(dated(n, 0), importance=importance) for n in range(5)))
    first = shelf.page(limit=2)
    second = shelf.page(after=first.next, limit=3)
    assert [memory.text for memory in (*first.memories, *second.memories)] == [f"memory {n}" for n in range(5)]
    assert second.next is None


def test_a_place_stays_valid_when_its_memory_and_all_of_its_time_are_gone(shelf: Shelf) -> None:
    shelf.put(*(dated(n, n) for n in range(9)))
    first = shelf.page(limit=2)
    shelf.library.delete(ACCOUNT, [dated(n, n).id for n in (0, 3, 6)])
    rest = shelf.page(after=first.next)
    assert len(rest.memories) == 6
    assert rest.next is None


@pytest.mark.parametrize("order", [Sort(), Sort(SortKey.IMPORTANCE)], ids=str)
@pytest.mark.parametrize("value", ["", "yesterday", "nan", "inf", "{}", "\x00"])
def test_a_place_that_is_none_is_the_callers_mistake(shelf: Shelf, order: Sort, value: str) -> None:
    shelf.order = order
    shelf.put(a_memory("tea"))
    with pytest.raises(InvalidInputError, match="cursor"):
        shelf.page(after=Position(value, str(uuid4())))
    with pytest.raises(InvalidInputError, match="cursor"):
        shelf.page(after=Position("0.5" if order.key is SortKey.IMPORTANCE else NOW.isoformat(), "no-uuid"))


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "2026-11-24", "9999-12-31"])
def test_a_place_at_the_end_of_the_calendar_is_one(shelf: Shelf, value: str) -> None:
    shelf.order = Sort(descending=False)
    shelf.put(a_memory("tea"))
    assert len(shelf.page(after=Position(value, str(UUID(int=2**128 - 1)))).memories) in (0, 1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Memory], list[tuple[list[Memory], list[int]]]]:
    """Memories that are there at first, and what is added and taken away after each page."""
    values = st.integers(0, 2)
    first = [dated(n, draw(values)) for n in range(draw(st.integers(0, 14)))]
    changes = []
    number = 100
    for _ in range(draw(st.integers(0, 6))):
        added = [dated(number + n, draw(values)) for n in range(draw(st.integers(0, 2)))]
        number += 10
        changes.append((added, draw(st.lists(st.integers(0, 13), max_size=3))))
    return first, changes


def read_while_changing(
    shelf: Shelf, limit: int, history: tuple[list[Memory], list[tuple[list[Memory], list[int]]]]
) -> tuple[list[str], set[str], set[str]]:
    """Ids in the order read, those that were there all the time, and all that ever were."""
    first, changes = history
    if first:
        shelf.put(*first)
    stayed, ever = {memory.id for memory in first}, {memory.id for memory in first}
    seen: list[str] = []
    after, steps = None, iter(changes)
    while True:
        page = shelf.page(after=after, limit=limit)
        seen += [memory.id for memory in page.memories]
        after = page.next
        if after is None:
            return seen, stayed, ever
        assert page.memories, "a page that is not the last has something on it"
        added, removed = next(steps, ([], []))
        if added:
            shelf.put(*added)
        gone = [first[n].id for n in removed if n < len(first)]
        shelf.library.delete(ACCOUNT, gone)
        stayed -= set(gone)
        ever |= {memory.id for memory in added}


def assert_each_exactly_once(shelf: Shelf, limit: int, history: Any) -> None:
    seen, stayed, ever = read_while_changing(shelf, limit, history)
    assert len(seen) == len(set(seen))
    assert stayed <= set(seen) <= ever


@given(histories(), st.integers(1, 7), st.sampled_from(ORDERS))
def test_the_fake_gives_each_memory_exactly_once_while_others_come_and_go(
    history: Any, limit: int, order: Sort
) -> None:
    memories = InMemoryMemories()
    assert_each_exactly_once(Shelf(InMemoryLibrary(memories), memories, order=order), limit, history)


def test_qdrant_gives_each_memory_exactly_once_while_others_come_and_go(qdrant: Shelf) -> None:
    @settings(max_examples=60, deadline=None)
    @given(histories(), st.integers(1, 7), st.sampled_from(ORDERS))
    def holds(history: Any, limit: int, order: Sort) -> None:
        qdrant.library.delete_matching(ACCOUNT, EVERYTHING, now=NOW)
        qdrant.order = order
        assert_each_exactly_once(qdrant, limit, history)

    holds()


def test_what_changes_between_the_requests_of_one_page_does_not_matter(qdrant: Shelf) -> None:
    """The second request of a page finds that all of the value it asks for have been deleted."""
    memories = [dated(n, value) for n, value in enumerate([0, 0, 1, 1, 1, 2, 2])]
    qdrant.put(*memories)
    assert qdrant.client is not None
    send: Callable[..., Response] = HttpClient.request
    doomed = [memory.id for memory in memories[2:5]]

    def delete_in_between(*arguments: Any, **options: Any) -> Response:
        body = json.loads(arguments[2])
        if "order_by" not in body and doomed:
            gone, doomed[:] = list(doomed), []
            qdrant.library.delete(ACCOUNT, gone)
        return send(qdrant.client, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qdrant.client, "request", delete_in_between)
        page = qdrant.page(limit=3)
    assert [memory.id for memory in page.memories] == [memories[0].id, memories[1].id, memories[5].id]
    assert [memory.id for memory in qdrant.page(after=page.next).memories] == [memories[6].id]


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


# ---- editing


def edited(memory: Memory, text: str) -> Memory:
    past = PastVersion(memory.version, memory.text, NOW, "user:u1")
    return replace(
        memory, text=text, version=memory.version + 1, history=(*memory.history, past), updated_at=NOW
    )  # fmt: skip


def test_an_edited_memory_is_found_by_its_new_words_and_meaning(shelf: Shelf) -> None:
    memory = a_memory("likes tea", author_id="m1")
    shelf.put(memory)
    new = edited(memory, "likes coffee")
    assert shelf.library.replace(new, vector_of(new.text), expected_version=1)
    assert shelf.get(memory) == new
    assert shelf.texts(MemoryFilter(text="coffee")) == {"likes coffee"}
    assert shelf.texts(MemoryFilter(text="tea")) == set()
    dense, keyword = shelf.library.find(
        ACCOUNT, MemoryFilter(), vector=vector_of("likes coffee"), text="coffee", limit=1, now=NOW
    )
    assert dense[0].score == pytest.approx(1, abs=1e-3)
    assert [hit.memory.version for hit in keyword] == [2]


def test_what_is_no_text_changes_without_a_vector(shelf: Shelf) -> None:
    memory = a_memory("likes tea")
    shelf.put(memory)
    pinned = replace(memory, pinned=True, version=2)
    assert shelf.library.replace(pinned, None, expected_version=1)
    unpinned = replace(memory, pinned=False, expires_at=NOW + SECOND, version=3)
    assert shelf.library.replace(unpinned, None, expected_version=2)
    assert shelf.library.replace(replace(memory, version=4), None, expected_version=3)
    assert shelf.get(memory) == replace(memory, version=4)
    [hit], _ = shelf.library.find(ACCOUNT, MemoryFilter(), vector=vector_of("likes tea"), text="tea", limit=1, now=NOW)
    assert hit.score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("vector", [None, vector_of("likes coffee")], ids=["payload", "text"])
def test_a_change_of_another_version_than_the_stored_changes_nothing(shelf: Shelf, vector: list[float] | None) -> None:
    memory = replace(a_memory("likes tea"), version=3)
    shelf.put(memory)
    for expected in (1, 2, 4):
        stale = replace(memory, text="likes coffee", version=expected + 1)
        assert not shelf.library.replace(stale, vector, expected_version=expected)
    assert shelf.get(memory) == memory
    with pytest.raises(ValueError, match="5"):
        shelf.library.replace(replace(memory, version=5), vector, expected_version=3)


@pytest.mark.parametrize("vector", [None, vector_of("likes coffee")], ids=["payload", "text"])
def test_what_is_gone_or_anothers_is_not_made_by_a_change(shelf: Shelf, vector: list[float] | None) -> None:
    memory = a_memory("likes tea")
    shelf.put(replace(memory, account_id=OTHER))
    assert not shelf.library.replace(edited(memory, "likes coffee"), vector, expected_version=1)
    assert shelf.library.get(OTHER, memory.id) == replace(memory, account_id=OTHER)
    shelf.library.delete(OTHER, [memory.id])
    assert not shelf.library.replace(edited(memory, "likes coffee"), vector, expected_version=1)
    assert shelf.library.count(ACCOUNT, EVERYTHING, now=NOW) == 0


@pytest.mark.parametrize("vector", [None, vector_of("likes coffee")], ids=["payload", "text"])
def test_a_memory_that_is_erased_in_the_middle_of_a_change_stays_erased(
    qdrant: Shelf, vector: list[float] | None
) -> None:
    memory = a_memory("likes tea")
    qdrant.put(memory)
    assert qdrant.client is not None
    send: Callable[..., Response] = HttpClient.request

    def erase_before_writing(method: str, *arguments: Any, **options: Any) -> Response:
        if method == "PUT":
            qdrant.library.delete(ACCOUNT, [memory.id])
        return send(qdrant.client, method, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qdrant.client, "request", erase_before_writing)
        assert not qdrant.library.replace(edited(memory, "likes coffee"), vector, expected_version=1)
    assert qdrant.get(memory) is None
    assert qdrant.library.count(ACCOUNT, EVERYTHING, now=NOW) == 0


def test_a_point_from_before_there_were_versions_can_be_changed(qdrant: Shelf) -> None:
    memory = a_memory("likes tea")
    qdrant.put(memory)
    assert qdrant.client is not None
    without = json.dumps({"keys": ["version"], "points": [memory.id]}).encode()
    path = "/collections/memories/points/payload/delete?wait=true"
    assert qdrant.client.request("POST", path, without, timeout=5).status == 200
    assert qdrant.get(memory) == memory
    assert qdrant.library.replace(edited(memory, "likes coffee"), vector_of("coffee"), expected_version=1)
    assert not qdrant.library.replace(edited(memory, "likes milk"), vector_of("milk"), expected_version=1)


@pytest.mark.parametrize("with_vector", [False, True], ids=["payload", "text"])
def test_of_eight_who_change_a_memory_at_once_exactly_one_is_told_so(shelf: Shelf, with_vector: bool) -> None:
    memory = a_memory("version 1")
    shelf.put(memory)
    for version in range(1, 6):
        start = Barrier(8)

        def change(n: int, version: int = version, start: Barrier = start) -> bool:
            text = f"version {version + 1} by {n}"
            start.wait(10)
            new = replace(memory, text=text, version=version + 1)
            return shelf.library.replace(new, vector_of(text) if with_vector else None, expected_version=version)

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(change, range(8)))
        assert told.count(True) == 1
        stored = shelf.get(memory)
        assert stored is not None
        assert stored.text == f"version {version + 1} by {told.index(True)}"


def test_a_winner_is_told_so_even_if_others_have_changed_it_again_before_it_looks(qdrant: Shelf) -> None:
    memory = a_memory("likes tea")
    qdrant.put(memory)
    assert qdrant.client is not None
    send: Callable[..., Response] = HttpClient.request
    waiting = [2, 3, 4]

    def change_after_writing(method: str, *arguments: Any, **options: Any) -> Response:
        answer = send(qdrant.client, method, *arguments, **options)
        if method == "PUT" and waiting:
            versions, waiting[:] = list(waiting), []
            for version in versions:
                assert qdrant.library.replace(replace(memory, version=version + 1), None, expected_version=version)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qdrant.client, "request", change_after_writing)
        assert qdrant.library.replace(edited(memory, "likes coffee"), vector_of("coffee"), expected_version=1)
    stored = qdrant.get(memory)
    assert stored is not None
    assert stored.version == 5


def test_a_memory_keeps_the_ids_of_its_last_edits_only(qdrant: Shelf) -> None:
    memory = a_memory("likes tea")
    qdrant.put(memory)
    for version in range(1, bodies.KEPT_EDITS + 5):
        assert qdrant.library.replace(replace(memory, version=version + 1), None, expected_version=version)
    assert isinstance(qdrant.library, QdrantLibrary)
    known = qdrant.library._edits(memory)
    assert known is not None
    assert (known[0], len(known[1]), len(set(known[1]))) == (
        bodies.KEPT_EDITS + 5,
        bodies.KEPT_EDITS,
        bodies.KEPT_EDITS,
    )


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


def test_a_later_access_that_another_worker_has_noted_meanwhile_stays(qdrant: Shelf) -> None:
    memory = a_memory("tea")
    qdrant.put(memory)
    assert qdrant.client is not None
    send: Callable[..., Response] = HttpClient.request
    later: list[datetime] = [NOW + SECOND]

    def note_another_first(method: str, path: str, *arguments: Any, **options: Any) -> Response:
        if "/points/batch" in path and later:
            qdrant.library.record_access(ACCOUNT, [(memory.id, later.pop())])
        return send(qdrant.client, method, path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qdrant.client, "request", note_another_first)
        qdrant.library.record_access(ACCOUNT, [(memory.id, NOW)])
    assert qdrant.get(memory) == replace(memory, access_count=1, last_accessed_at=NOW + SECOND)


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
            CALLS[name](QdrantLibrary(client, collection="memories", timeout=2))
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
            calls[name](QdrantLibrary(client, collection="memories", timeout=2))
        assert caught.value.retryable
        assert "tea" not in str(caught.value)
        client.close()


def test_strict_mode_passes_every_request_of_ours(qdrant: Shelf) -> None:
    where = MemoryFilter(
        Scope.AGENT, Kind.FACT, "agent-1", "s", "t", "m", True, NOW - SECOND, NOW, "tea", inactive=False
    )
    assert qdrant.texts(where) == set()
    for qdrant.order in ORDERS:
        value = "0.5" if qdrant.order.key is SortKey.IMPORTANCE else NOW.isoformat()
        assert qdrant.page(where, after=Position(value, str(uuid4()))) == Page((), None)
