"""A start with another embedding model goes on with the memories that are there."""

from collections.abc import Iterator

import pytest

from devstack.kept_collection import collection_in_use
from devstack.qdrant import QdrantFront
from tests.support.qdrant.front import Rest

MINILM, NANO = "memories_minilm", "memories_nano"
VECTORS = {"vectors": {"size": 2, "distance": "Cosine"}}


@pytest.fixture
def front() -> Iterator[QdrantFront]:
    with QdrantFront() as running:
        yield running


def make(front: QdrantFront, name: str, points: int = 0) -> None:
    rest = Rest(front.url)
    assert rest("PUT", f"/collections/{name}", VECTORS)[0] == 200
    body = {"points": [{"id": n, "vector": [0.1, 0.2], "payload": {}} for n in range(points)]}
    assert not points or rest("PUT", f"/collections/{name}/points?wait=true", body)[0] == 200
    rest.close()


def test_an_empty_server_gets_the_models_own(front: QdrantFront) -> None:
    assert collection_in_use(front.url, "", MINILM) == MINILM


def test_the_models_own_is_used_where_it_is_there(front: QdrantFront) -> None:
    make(front, MINILM)
    make(front, NANO, points=3)
    assert collection_in_use(front.url, "", MINILM) == MINILM


def test_else_the_one_that_holds_most_and_nobody_elses(front: QdrantFront) -> None:
    make(front, MINILM, points=2)
    make(front, NANO, points=3)
    make(front, f"{NANO}_entities", points=5)
    make(front, "bookshop", points=5)
    assert collection_in_use(front.url, "", "memories_other") == NANO
