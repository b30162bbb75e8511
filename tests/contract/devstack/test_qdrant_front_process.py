"""The devstack's Qdrant front as a process that owns a folder: crashes, restarts, optimising beside its users."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from devstack.qdrant import FolderInUseError, QdrantFront
from devstack.qdrant.process import QdrantProcess
from tests.support.qdrant.front import Rest

_COLLECTION = {
    "vectors": {"size": 3, "distance": "Cosine"},
    "sparse_vectors": {"bm25": {"modifier": "idf"}},
    "hnsw_config": {"m": 0, "payload_m": 16},
    "strict_mode_config": {"enabled": True, "unindexed_filtering_retrieve": False},
}
_VECTOR = [1.0, 0.0, 0.0]
_TENANT = {"key": "user_id", "match": {"value": "one"}}
_INDEX = {"field_name": "user_id", "field_schema": {"type": "keyword", "is_tenant": True}}


def test_one_process_owns_the_folder(tmp_path: Path) -> None:
    with QdrantFront(tmp_path):
        with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
            QdrantFront(tmp_path)
        command = [sys.executable, "-m", "devstack.qdrant", "--data", str(tmp_path), "--port", "0"]
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 1
        assert second.stderr.startswith(f"error: {tmp_path} is in use by process {os.getpid()}")
    QdrantFront(tmp_path).close()


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    front = QdrantProcess(tmp_path)
    rest = Rest(front.url)
    for name in ("kept", "deleted"):
        rest("PUT", f"/collections/{name}", _COLLECTION)
    rest("PUT", "/collections/kept/index", _INDEX)
    for number in range(100):
        text = {"text": f"memory number {number}", "model": "qdrant/bm25"}
        point = {"id": number, "vector": {"": _VECTOR, "bm25": text}, "payload": {"user_id": "one", "n": number}}
        rest("PUT", "/collections/kept/points", {"points": [point]})
    # Refused before the write-ahead log: nothing of it may come back.
    assert rest("PUT", "/collections/kept/points", {"points": [{"id": 500, "vector": {"": [1.0]}}]})[0] == 400
    rest("POST", "/collections/kept/points/delete", {"points": [7]})
    rest("DELETE", "/collections/deleted")
    _, before = rest("GET", "/collections/kept")
    front.kill()
    rest.close()

    with QdrantProcess(tmp_path) as again:
        rest = Rest(again.url)
        status, after = rest("GET", "/collections/kept")
        assert status == 200
        assert (after["config"], after["payload_schema"]) == (before["config"], before["payload_schema"])
        assert rest("GET", "/collections") == (200, {"collections": [{"name": "kept"}]})
        scroll = {"limit": 50, "filter": {"must": [_TENANT]}, "with_payload": ["n"]}
        first = rest("POST", "/collections/kept/points/scroll", scroll)[1]
        second = rest("POST", "/collections/kept/points/scroll", scroll | {"offset": first["next_page_offset"]})[1]
        found = [point["payload"]["n"] for point in first["points"] + second["points"]]
        assert found == [number for number in range(100) if number != 7]
        query = {"query": {"text": "number 42", "model": "qdrant/bm25"}, "using": "bm25", "limit": 1}
        assert rest("POST", "/collections/kept/points/query", query)[1]["points"][0]["id"] == 42
        rest.close()


def _fill(rest: Rest, count: int) -> None:
    """A collection whose segments are worth optimising."""
    small = {"hnsw_config": {"m": 8, "full_scan_threshold": 10}, "optimizers_config": {"indexing_threshold": 10}}
    assert rest("PUT", "/collections/memories", _COLLECTION | small) == (200, True)
    assert rest("PUT", "/collections/memories/index", _INDEX)[0] == 200
    points = [
        {"id": number, "vector": {"": [1.0, number, number % 7]}, "payload": {"user_id": "one", "n": number}}
        for number in range(count)
    ]
    assert rest("PUT", "/collections/memories/points", {"points": points})[0] == 200


def test_optimising_stops_neither_searches_nor_updates(tmp_path: Path) -> None:
    with QdrantFront(tmp_path) as front:
        rest = Rest(front.url)
        _fill(rest, 3000)
        optimising = threading.Thread(target=front.optimize)
        optimising.start()
        written = 0
        while optimising.is_alive():
            point = {"id": 10_000 + written, "vector": {"": _VECTOR}, "payload": {"user_id": "two", "n": written}}
            assert rest("PUT", "/collections/memories/points", {"points": [point]})[0] == 200
            assert rest("POST", "/collections/memories/points/delete", {"points": [written]})[0] == 200
            written += 1
            assert rest("POST", "/collections/memories/points/count", {}) == (200, {"count": 3000})
        assert written >= 5, "answered while the engine was optimising, which a frozen server could not"
        page = {"filter": {"must": [_TENANT]}, "limit": 4000, "with_payload": ["n"]}
        _, found = rest("POST", "/collections/memories/points/scroll", page)
        assert {point["payload"]["n"] for point in found["points"]} == set(range(written, 3000))
        before = rest("GET", "/collections/memories")[1]
        rest.close()

    with QdrantFront(tmp_path) as front:
        rest = Rest(front.url)
        after = rest("GET", "/collections/memories")[1]
        rest.close()
    assert after["points_count"] == before["points_count"] == 3000
    assert after["payload_schema"] == before["payload_schema"]


def test_an_optimisation_cut_short_leaves_the_collection_as_it_was(tmp_path: Path) -> None:
    front = QdrantFront(tmp_path)
    rest = Rest(front.url)
    _fill(rest, 2000)
    rest.close()
    optimising = threading.Thread(target=front.optimize)
    optimising.start()
    front.close()
    optimising.join()

    with QdrantFront(tmp_path) as again:
        rest = Rest(again.url)
        assert rest("POST", "/collections/memories/points/count", {}) == (200, {"count": 2000})
        rest.close()
    (folder,) = (tmp_path / "collections").iterdir()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_it_stops_when_asked_to(tmp_path: Path) -> None:
    assert QdrantProcess(tmp_path).close() == 0


def test_a_kept_alive_connection_is_answered_at_once(tmp_path: Path) -> None:
    with QdrantProcess(tmp_path) as front:
        rest = Rest(front.url)
        waits = []
        for _ in range(50):
            started = time.monotonic()
            assert rest("GET", "/collections")[0] == 200
            waits.append(time.monotonic() - started)
        # Were small packets held back for an acknowledgement, each answer would take 40 ms, however quiet the machine.
        assert min(waits) < 0.03
        rest.close()
