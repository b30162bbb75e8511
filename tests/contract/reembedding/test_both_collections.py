"""Deletions reach both collections, in the order in which the copier looks at them; nothing else does."""

import json
from collections.abc import Iterator

import pytest
from operator_memory.adapters.net.http import Response
from operator_memory.adapters.reembedding.both_collections import BothCollectionsClient
from operator_memory.domain.lifecycle.migration import OtherCollection

from tests.support.loopback import HttpServer, Request, reply
from tests.support.time_outs import AMPLE


class Store(HttpServer):
    """Answers every request with 200, except those to a collection that fails."""

    def __init__(self) -> None:
        self.fails: dict[str, int] = {}
        super().__init__(self._say)

    def _say(self, request: Request) -> bytes:
        collection = request.path.split("/")[2]
        return reply({"result": collection}, self.fails.get(collection, 200))

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        yield server


def send(store: Store, path: str, body: object, *, other: OtherCollection | None, method: str = "POST") -> Response:
    client = BothCollectionsClient(store.url, system="qdrant", collection="mine", other=lambda: other)
    try:
        return client.request(method, path, json.dumps(body).encode(), timeout=AMPLE)
    finally:
        client.close()


DELETE = "/collections/mine/points/delete?wait=true"


@pytest.mark.parametrize(("first", "order"), [(False, ["mine", "theirs"]), (True, ["theirs", "mine"])])
def test_a_deletion_is_made_in_both(store: Store, first: bool, order: list[str]) -> None:
    answer = send(store, DELETE, {"points": ["a"]}, other=OtherCollection("theirs", first))
    assert store.asked == [f"POST /collections/{name}/points/delete?wait=true" for name in order]
    assert [request.json() for request in store.requests] == [{"points": ["a"]}] * 2
    assert json.loads(answer.body)["result"] == "mine"


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("status", "answered"), [(404, 200), (503, 503), (400, 400)])
def test_a_failure_in_the_other_counts_unless_it_is_not_there(
    store: Store, first: bool, status: int, answered: int
) -> None:
    store.fails["theirs"] = status
    assert send(store, DELETE, {"points": ["a"]}, other=OtherCollection("theirs", first)).status == answered


def test_a_failure_in_the_own_collection_is_the_answer(store: Store) -> None:
    store.fails["mine"] = 404
    assert send(store, DELETE, {"points": ["a"]}, other=OtherCollection("theirs", first=False)).status == 404


def test_of_a_batch_the_deletions_are_repeated(store: Store) -> None:
    gone, kept = {"delete": {"points": ["a"]}}, {"set_payload": {"payload": {"b": 1}, "points": ["b"]}}
    send(store, "/collections/mine/points/batch", {"operations": [kept, gone]}, other=OtherCollection("theirs", False))
    assert [request.json()["operations"] for request in store.requests] == [[kept, gone], [gone]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/collections/mine/points?wait=true"),
        ("POST", "/collections/mine/points/scroll"),
        ("POST", "/collections/mine/points/payload/delete"),
        ("POST", "/collections/mine_entities/points/delete"),
        ("POST", "/collections/mine/points/batch"),
    ],
)
def test_nothing_else_is_repeated(store: Store, method: str, path: str) -> None:
    payload = {"operations": [{"delete_payload": {"keys": ["a"], "points": ["b"]}}]}
    send(store, path, payload, other=OtherCollection("theirs", False), method=method)
    assert store.asked == [f"{method} {path}"]


def test_while_nothing_is_moved_there_is_one_request(store: Store) -> None:
    send(store, DELETE, {"points": ["a"]}, other=None)
    assert store.asked == [f"POST {DELETE}"]
