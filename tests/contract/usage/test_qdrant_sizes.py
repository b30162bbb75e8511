"""How many bytes memories take, measured on the embedded engine."""

import json
from dataclasses import replace

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import sizes
from operator_memory.adapters.qdrant.sizes import QdrantSizes
from operator_memory.domain.errors import MalformedResponseError
from operator_memory.domain.usage.sizes import Sizes

from tests.support.builders import ACCOUNT, a_memory
from tests.support.fakes.core import DIMENSIONS
from tests.support.loopback import HttpServer, reply
from tests.support.qdrant.shelves import OTHER, ObservedClient, Shelf
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]


@pytest.fixture
def measured(library_client: ObservedClient) -> QdrantSizes:
    return QdrantSizes(library_client, collection="memories", timeout=AMPLE, dimensions=DIMENSIONS)


def stored_bytes(client: ObservedClient) -> Sizes:
    """What the store itself says it has of the account, added up."""
    body = {
        "filter": {"must": [{"key": "user_id", "match": {"value": ACCOUNT}}]},
        "limit": 1_000,
        "with_payload": True,
        "with_vector": True,
    }
    response = client.request("POST", "/collections/memories/points/scroll", json.dumps(body).encode(), timeout=AMPLE)
    points = json.loads(response.body)["result"]["points"]
    payload = sum(len(json.dumps(p["payload"], ensure_ascii=False, separators=(",", ":")).encode()) for p in points)
    dense = sum(4 * len(p["vector"][""]) for p in points)
    sparse = sum(4 * len(p["vector"]["bm25"][name]) for p in points for name in ("indices", "values"))
    return Sizes(payload, dense + sparse)


def test_a_small_account_is_measured_exactly(
    qdrant_shelf: Shelf, library_client: ObservedClient, measured: QdrantSizes
) -> None:
    texts = ("Likes tea.", "Lives in Porto \U0001f375 near the river, and has done so for years.", "x " * 200)
    qdrant_shelf.put(*(a_memory(text) for text in texts), replace(a_memory("theirs"), account_id=OTHER))
    expected = stored_bytes(library_client)
    library_client.reset()
    assert measured.sizes(ACCOUNT, count=3) == expected
    assert library_client.sent == 1
    assert expected.vectors > 3 * 4 * DIMENSIONS


def test_a_large_account_is_sampled_and_the_truth_is_within_the_error(
    qdrant_shelf: Shelf, library_client: ObservedClient, measured: QdrantSizes, monkeypatch: pytest.MonkeyPatch
) -> None:
    qdrant_shelf.put(*(a_memory(f"Fact {n}: " + "tea " * (n % 20)) for n in range(200)))
    truth = stored_bytes(library_client)
    monkeypatch.setattr(sizes, "SAMPLE", 100)
    found = measured.sizes(ACCOUNT, count=200)
    whole, guess = truth.payload + truth.vectors, found.payload + found.vectors
    assert 0 < found.error_percent < 10
    assert abs(guess - whole) <= whole * found.error_percent / 100 * 2
    assert measured.sizes(ACCOUNT, count=200) == found, "the same sample each time"


def test_an_account_without_memories_takes_nothing(measured: QdrantSizes) -> None:
    assert measured.sizes(ACCOUNT, count=0) == Sizes()


@pytest.mark.parametrize("point", [{}, {"payload": {}, "vector": [1]}, {"payload": {}, "vector": {"bm25": 7}}, 7])
def test_a_point_that_cannot_be_measured_is_an_error(point: object) -> None:
    server = HttpServer(lambda _: reply({"result": {"points": [point]}}))
    client = HttpClient(server.url, system="qdrant")
    try:
        with pytest.raises(MalformedResponseError):
            QdrantSizes(client, collection="m", timeout=AMPLE, dimensions=8).sizes(ACCOUNT, count=1)
    finally:
        client.close()
        server.close()
