"""Lists of memories, page by page: one suite for the fake and for the real adapter on the embedded engine."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.listing import Page, Position, Sort, SortKey
from operator_memory.domain.memory.memory import Memory

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.qdrant.shelves import EVERYTHING, OTHER, ObservedClient, Shelf

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

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


def pages(shelf: Shelf, limit: int) -> Iterator[Page]:
    """The pages of the list, each read when it is asked for, from where the one before it ended."""
    after, read = None, 0
    while True:
        page = shelf.page(after=after, limit=limit)
        read += len(page.memories)
        assert read <= 60, "the list does not end"
        yield page
        after = page.next
        if after is None:
            return


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21])
def test_the_pages_of_a_list_are_the_list(shelf: Shelf, order: Sort, limit: int) -> None:
    shelf.order = order
    memories = [dated(n, n) for n in range(20)]
    shelf.put(*memories, replace(a_memory("theirs"), account_id=OTHER))
    read = list(pages(shelf, limit))
    assert [len(page.memories) for page in read[:-1]] == [limit] * (len(read) - 1)
    assert [memory.id for page in read for memory in page.memories] == ids_in_order(memories, order)


def test_the_oldest_come_first_and_what_is_deleted_meanwhile_leaves_no_gap(shelf: Shelf) -> None:
    memories = [dated(n, n) for n in range(8)]
    shelf.put(*memories)
    read: list[str] = []
    after: str | None = None
    for _ in range(9):
        page, after = shelf.library.oldest(ACCOUNT, EVERYTHING, after=after, limit=3, now=NOW)
        read += [memory.id for memory in page]
        shelf.library.delete(ACCOUNT, [memory.id for memory in page])
        if after is None:
            break
    assert read == ids_in_order(memories, Sort(descending=False))


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_takes_few_requests_however_many_have_the_same_value(
    qdrant_shelf: Shelf, library_client: ObservedClient, order: Sort
) -> None:
    qdrant_shelf.order = order
    qdrant_shelf.put(*(dated(n, n) for n in range(40)))
    for limit in (1, 5, 13, 14, 27, 40):
        after, pages = None, 0
        while after is not None or pages == 0:
            before = library_client.sent
            after, pages = qdrant_shelf.page(after=after, limit=limit).next, pages + 1
            assert library_client.sent - before <= 3


def test_a_first_page_of_memories_of_different_times_is_one_request(
    qdrant_shelf: Shelf, library_client: ObservedClient
) -> None:
    qdrant_shelf.put(*(a_memory(f"memory {n}", days_old=n) for n in range(9)))
    before = library_client.sent
    first = qdrant_shelf.page(limit=3)
    assert library_client.sent == before + 1
    assert [memory.text for memory in first.memories] == ["memory 0", "memory 1", "memory 2"]
    assert len(qdrant_shelf.page(after=first.next, limit=3).memories) == 3
    assert library_client.sent == before + 3


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
    steps = iter(changes)
    for page in pages(shelf, limit):
        seen += [memory.id for memory in page.memories]
        if page.next is None:
            break
        assert page.memories, "a page that is not the last has something on it"
        added, removed = next(steps, ([], []))
        if added:
            shelf.put(*added)
        gone = [first[n].id for n in removed if n < len(first)]
        shelf.library.delete(ACCOUNT, gone)
        stayed -= set(gone)
        ever |= {memory.id for memory in added}
    return seen, stayed, ever


def assert_each_exactly_once(shelf: Shelf, limit: int, history: Any) -> None:
    seen, stayed, ever = read_while_changing(shelf, limit, history)
    assert len(seen) == len(set(seen))
    assert stayed <= set(seen) <= ever


@given(histories(), st.integers(1, 7), st.sampled_from(ORDERS))
def test_the_fake_gives_each_memory_exactly_once_while_others_come_and_go(
    history: Any, limit: int, order: Sort
) -> None:
    memories = InMemoryMemories()
    assert_each_exactly_once(Shelf(InMemoryLibrary(memories), memories, memories, order=order), limit, history)


def test_qdrant_gives_each_memory_exactly_once_while_others_come_and_go(qdrant_shelf: Shelf) -> None:
    @settings(max_examples=60, deadline=None)
    @given(histories(), st.integers(1, 7), st.sampled_from(ORDERS))
    def holds(history: Any, limit: int, order: Sort) -> None:
        qdrant_shelf.library.delete_matching(ACCOUNT, EVERYTHING, now=NOW)
        qdrant_shelf.order = order
        assert_each_exactly_once(qdrant_shelf, limit, history)

    holds()


def test_what_changes_between_the_requests_of_one_page_does_not_matter(
    qdrant_shelf: Shelf, library_client: ObservedClient
) -> None:
    """The second request of a page finds that all of the value it asks for have been deleted."""
    memories = [dated(n, value) for n, value in enumerate([0, 0, 1, 1, 1, 2, 2])]
    qdrant_shelf.put(*memories)
    doomed = [memory.id for memory in memories[2:5]]

    def delete_in_between(method: str, path: str, body: Any) -> None:
        if "order_by" not in body and doomed:
            gone, doomed[:] = list(doomed), []
            qdrant_shelf.library.delete(ACCOUNT, gone)

    library_client.before = delete_in_between
    page = qdrant_shelf.page(limit=3)
    assert [memory.id for memory in page.memories] == [memories[0].id, memories[1].id, memories[5].id]
    assert [memory.id for memory in qdrant_shelf.page(after=page.next).memories] == [memories[6].id]
