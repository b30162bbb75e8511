"""Changes of a memory by people: one suite for the fake and for the real adapter on the embedded engine."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from operator_memory.adapters.qdrant import library_requests as bodies
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.domain.memory.memory import Memory, PastVersion
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.qdrant.shelves import EVERYTHING, OTHER, ObservedClient, Shelf, vector_of
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

SECOND = timedelta(seconds=1)


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
    qdrant_shelf: Shelf, library_client: ObservedClient, vector: list[float] | None
) -> None:
    memory = a_memory("likes tea")
    qdrant_shelf.put(memory)

    def erase_before_writing(method: str, path: str, body: Any) -> None:
        if method == "PUT":
            qdrant_shelf.library.delete(ACCOUNT, [memory.id])

    library_client.before = erase_before_writing
    assert not qdrant_shelf.library.replace(edited(memory, "likes coffee"), vector, expected_version=1)
    assert qdrant_shelf.get(memory) is None
    assert qdrant_shelf.library.count(ACCOUNT, EVERYTHING, now=NOW) == 0


def test_a_point_from_before_there_were_versions_can_be_changed(
    qdrant_shelf: Shelf, library_client: ObservedClient
) -> None:
    memory = a_memory("likes tea")
    qdrant_shelf.put(memory)
    without = json.dumps({"keys": ["version"], "points": [memory.id]}).encode()
    path = "/collections/memories/points/payload/delete?wait=true"
    assert library_client.request("POST", path, without, timeout=AMPLE).status == 200
    assert qdrant_shelf.get(memory) == memory
    assert qdrant_shelf.library.replace(edited(memory, "likes coffee"), vector_of("coffee"), expected_version=1)
    assert not qdrant_shelf.library.replace(edited(memory, "likes milk"), vector_of("milk"), expected_version=1)


@pytest.mark.parametrize("with_vector", [False, True], ids=["payload", "text"])
def test_of_eight_who_change_a_memory_at_once_exactly_one_is_told_so(shelf: Shelf, with_vector: bool) -> None:
    memory = a_memory("version 1")
    shelf.put(memory)
    for version in range(1, 6):
        start = Barrier(8)

        def change(n: int, version: int = version, start: Barrier = start) -> bool:
            text = f"version {version + 1} by {n}"
            start.wait(AMPLE)
            new = replace(memory, text=text, version=version + 1)
            return shelf.library.replace(new, vector_of(text) if with_vector else None, expected_version=version)

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(change, range(8)))
        assert told.count(True) == 1
        stored = shelf.get(memory)
        assert stored is not None
        assert stored.text == f"version {version + 1} by {told.index(True)}"


def test_a_winner_is_told_so_even_if_others_have_changed_it_again_before_it_looks(
    qdrant_shelf: Shelf, library_client: ObservedClient
) -> None:
    memory = a_memory("likes tea")
    qdrant_shelf.put(memory)
    waiting = [2, 3, 4]

    def change_after_writing(method: str, path: str, body: Any) -> None:
        if method == "PUT" and waiting:
            versions, waiting[:] = list(waiting), []
            for version in versions:
                assert qdrant_shelf.library.replace(
                    replace(memory, version=version + 1), None, expected_version=version
                )

    library_client.after = change_after_writing
    assert qdrant_shelf.library.replace(edited(memory, "likes coffee"), vector_of("coffee"), expected_version=1)
    stored = qdrant_shelf.get(memory)
    assert stored is not None
    assert stored.version == 5


def test_a_memory_keeps_the_ids_of_its_last_edits_only(qdrant_shelf: Shelf) -> None:
    memory = a_memory("likes tea")
    qdrant_shelf.put(memory)
    for version in range(1, bodies.KEPT_EDITS + 5):
        assert qdrant_shelf.library.replace(replace(memory, version=version + 1), None, expected_version=version)
    assert isinstance(qdrant_shelf.library, QdrantLibrary)
    known = qdrant_shelf.library._stored(memory)
    assert known is not None
    assert (known.version, len(known.edits), len(set(known.edits))) == (
        bodies.KEPT_EDITS + 5,
        bodies.KEPT_EDITS,
        bodies.KEPT_EDITS,
    )
