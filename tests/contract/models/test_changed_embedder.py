"""What another embedding model has stored is told apart: found by words, never compared by meaning."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.ports.core import MemorySearch
from operator_memory.domain.errors import EmbeddingModelChangedError
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, NOW, USER_KEY, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.library import InMemoryLibrary
from tests.support.qdrant.shelves import EVERYTHING, ObservedClient, Shelf, vector_of
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

OLD = a_memory("Likes green tea.")
NEW = a_memory("Likes black tea.")


def shelf_of(client: ObservedClient, embedder: str | None) -> Shelf:
    memories = QdrantMemories(client, collection="memories", write_timeout=AMPLE, embedder=embedder)
    return Shelf(QdrantLibrary(client, collection="memories", timeout=AMPLE, embedder=embedder), memories, memories)


@pytest.fixture(params=["fake", "qdrant"])
def changed(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """A shelf on which ``OLD`` is another model's, and ``NEW`` is of the one in use."""
    if request.param == "fake":
        memories = InMemoryMemories(embedder="model-a")
        shelf = Shelf(InMemoryLibrary(memories), memories, memories)
        shelf.put(OLD)
        memories.embedder = "model-b"
        shelf.put(NEW)
        yield shelf
        return
    client: ObservedClient = request.getfixturevalue("library_client")
    shelf_of(client, "model-a").put(OLD)
    shelf = shelf_of(client, "model-b")
    shelf.put(NEW)
    yield shelf
    shelf.library.delete_matching(ACCOUNT, EVERYTHING, now=NOW)


def found(search: MemorySearch) -> dict[SearchMode, dict[str, tuple[bool, bool]]]:
    """Of each mode the texts, whether their score is above zero, and whether it can be compared."""
    modes = (SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.RECENT)
    plan = SearchPlan(
        tuple(Search(USER_KEY, mode, 10) for mode in modes), vector=vector_of("Likes green tea."), text="green tea"
    )
    lists = search.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    return {
        mode: {hit.memory.text: (hit.score > 0, hit.comparable) for hit in hits}
        for mode, hits in zip(modes, lists, strict=True)
    }


def test_it_has_no_cosine_and_is_found_by_words(changed: Shelf) -> None:
    hits = found(changed.search)
    assert hits[SearchMode.DENSE] == {OLD.text: (False, False), NEW.text: (True, True)}
    assert hits[SearchMode.KEYWORD] == {OLD.text: (True, False), NEW.text: (True, True)}
    assert {text: comparable for text, (_, comparable) in hits[SearchMode.RECENT].items()} == {
        OLD.text: False,
        NEW.text: True,
    }


def test_a_persons_search_tells_it_apart_too(changed: Shelf) -> None:
    vector = vector_of("Likes green tea.")
    dense, words = changed.library.find(ACCOUNT, MemoryFilter(), vector=vector, text="green tea", limit=9, now=NOW)
    assert {hit.memory.text: (hit.score > 0, hit.comparable) for hit in dense} == {
        OLD.text: (False, False),
        NEW.text: (True, True),
    }
    none, alone = changed.library.find(ACCOUNT, MemoryFilter(), vector=None, text="green tea", limit=9, now=NOW)
    assert none == []
    assert [hit.memory.text for hit in alone] == [hit.memory.text for hit in words]


def test_what_was_stored_before_models_were_noted_counts_as_this_ones(qdrant_shelf: Shelf) -> None:
    qdrant_shelf.put(OLD)  # without a model
    client: ObservedClient = qdrant_shelf.library._collection._client  # type: ignore[attr-defined]
    assert found(shelf_of(client, "model-b").search)[SearchMode.DENSE] == {OLD.text: (True, True)}


@pytest.mark.parametrize(("vector", "comparable"), [(None, False), (vector_of("Likes mint tea."), True)])
def test_a_correction_makes_it_this_models_and_a_pin_does_not(
    library_client: ObservedClient, vector: list[float] | None, comparable: bool
) -> None:
    shelf_of(library_client, "model-a").put(OLD)
    shelf = shelf_of(library_client, "model-b")
    again = replace(OLD, pinned=True, version=2)
    assert shelf.library.replace(again, vector, expected_version=1)
    assert found(shelf.search)[SearchMode.DENSE][OLD.text] == (comparable, comparable)
    shelf.library.delete_matching(ACCOUNT, EVERYTHING, now=NOW)


def test_vectors_of_another_length_are_named_for_what_they_are(library_client: ObservedClient) -> None:
    shelf = shelf_of(library_client, "model-b")
    plan = SearchPlan((Search(USER_KEY, SearchMode.DENSE, 10),), vector=[0.1, 0.2])
    with pytest.raises(EmbeddingModelChangedError, match="vectors of another length") as failure:
        shelf.search.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    assert (failure.value.reason, failure.value.retryable) == ("upstream_rejected", False)
    with pytest.raises(EmbeddingModelChangedError):
        shelf.library.find(ACCOUNT, MemoryFilter(), vector=[0.1], text="tea", limit=9, now=NOW)
    with pytest.raises(EmbeddingModelChangedError):
        shelf.writer.upsert(ACCOUNT, [EmbeddedMemory(NEW, [0.1, 0.2])])
