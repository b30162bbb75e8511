"""The devstack's Qdrant front: what it refuses, with the server's codes and words."""

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.qdrant import QdrantFront
from tests.support.qdrant.front import Rest

_COLLECTION = {
    "vectors": {"size": 3, "distance": "Cosine"},
    "sparse_vectors": {"bm25": {"modifier": "idf"}},
    "hnsw_config": {"m": 0, "payload_m": 16},
}
_STRICT = {
    "enabled": True,
    "unindexed_filtering_retrieve": False,
    "unindexed_filtering_update": False,
    "search_allow_exact": False,
    "max_query_limit": 50,
    "max_timeout": 10,
    "upsert_max_batchsize": 2,
    "search_max_batchsize": 2,
    "filter_max_conditions": 4,
    "condition_max_size": 3,
    "search_max_hnsw_ef": 64,
}
_VECTOR = [1.0, 0.0, 0.0]
_TENANT = {"key": "user_id", "match": {"value": "one"}}
_UNINDEXED = {"must": [_TENANT, {"key": "kind", "match": {"any": ["fact"]}}]}
_POINT = {"id": 1, "vector": {"": _VECTOR}, "payload": {"user_id": "one", "kind": "fact"}}


@pytest.fixture(scope="module")
def rest() -> Iterator[Rest]:
    with QdrantFront() as front:
        connection = Rest(front.url)
        for name, definition in {"open": _COLLECTION, "strict": _COLLECTION | {"strict_mode_config": _STRICT}}.items():
            assert connection("PUT", f"/collections/{name}", definition) == (200, True)
            index = {"field_name": "user_id", "field_schema": {"type": "keyword", "is_tenant": True}}
            assert connection("PUT", f"/collections/{name}/index?wait=true", index)[0] == 200
            assert connection("PUT", f"/collections/{name}/points?wait=true", {"points": [_POINT]})[0] == 200
        yield connection
        connection.close()


_QUERY = {"query": _VECTOR, "filter": {"must": [_TENANT]}}
_STRICT_REFUSALS: list[tuple[str, Any, str]] = [
    (
        "points/query",
        {**_QUERY, "filter": _UNINDEXED},
        (
            'Index required but not found for "kind" of one of the following types: [keyword]. '
            "Help: Create an index for this key or use a different filter."
        ),
    ),
    (
        "points/query",
        {"prefetch": [{**_QUERY, "filter": _UNINDEXED}], "query": {"fusion": "rrf"}},
        'Index required but not found for "kind" of one of the following types: [keyword].',
    ),
    (
        "points/query",
        {"prefetch": _QUERY, "query": {"formula": {"sum": ["$score", "importance"]}, "defaults": {"importance": 0}}},
        (
            'Index required but not found for "importance" of one of the following types: [float, integer]. '
            "Help: Create an index for this key or use a different formula expression."
        ),
    ),
    (
        "points/scroll",
        {"filter": {"must_not": [{"key": "expires_at", "range": {"lt": "2026-01-01T00:00:00Z"}}]}},
        'Index required but not found for "expires_at" of one of the following types: [datetime].',
    ),
    (
        "points/count",
        {"exact": False, "filter": {"must": [{"nested": {"key": "parts", "filter": {"must": [_TENANT]}}}]}},
        'Index required but not found for "parts[].user_id" of one of the following types: [keyword].',
    ),
    (
        "points/delete",
        {"filter": _UNINDEXED},
        'Index required but not found for "kind" of one of the following types: [keyword].',
    ),
    (
        "points/payload",
        {"payload": {"a": 1}, "filter": {"must": [{"is_empty": {"key": "kind"}}]}},
        'Index required but not found for "kind" of one of the following types: [bool, datetime,',
    ),
    ("points/query", {**_QUERY, "limit": 51}, 'Limit exceeded 51 > 50 for "limit". Help: Reduce the "limit"'),
    ("points/scroll", {"limit": 51}, 'Limit exceeded 51 > 50 for "limit".'),
    ("points/query?timeout=60", _QUERY, 'Limit exceeded 60 > 10 for "timeout".'),
    ("points/query/batch", {"searches": [_QUERY] * 3}, "Limit exceeded 3 > 2 for"),
    ("points/query", {**_QUERY, "params": {"hnsw_ef": 65}}, 'Limit exceeded 65 > 64 for "hnsw_ef".'),
    ("points/query", {**_QUERY, "params": {"exact": True}}, "Exact search disabled!. Help: Set exact=false."),
    ("points/count", {}, "Exact search disabled!"),
    ("points/query", {"query": _VECTOR}, "because global vector indexing is disabled (hnsw_config.m = 0)"),
    ("points/query", {**_QUERY, "filter": {"must": [_TENANT] * 5}}, "Filter condition limit reached (5 > 4)"),
    ("points/scroll", {"filter": {"must": [{"has_id": [1, 2, 3, 4]}]}}, "Condition size limit reached (4 > 3)"),
]


@pytest.mark.parametrize(("path", "body", "message"), _STRICT_REFUSALS)
def test_strict_mode_refuses_and_an_open_collection_does_not(path: str, body: object, message: str, rest: Rest) -> None:
    status, error = rest("POST", f"/collections/strict/{path}", body)
    assert status == 400
    assert error.startswith("Bad request: ")
    assert message in error
    assert rest("POST", f"/collections/open/{path}", body)[0] == 200


def test_strict_mode_bounds_an_upsert(rest: Rest) -> None:
    points = [{**_POINT, "id": number} for number in range(3)]
    status, error = rest("PUT", "/collections/strict/points", {"points": points})
    assert (status, error) == (
        400,
        (
            'Bad request: Limit exceeded 3 > 2 for "upsert limit". '
            'Help: Reduce the "upsert limit" parameter to or below 2.'
        ),
    )


def test_strict_mode_lets_through_what_is_indexed(rest: Rest) -> None:
    status, result = rest("POST", "/collections/strict/points/query", _QUERY)
    assert (status, [point["id"] for point in result["points"]]) == (200, [1])
    assert rest("POST", "/collections/strict/points/delete?wait=true", {"filter": {"must": [_TENANT]}})[0] == 200
    assert rest("POST", "/collections/strict/points/count", {"exact": False}) == (200, {"count": 0})
    assert rest("PUT", "/collections/strict/points?wait=true", {"points": [_POINT]})[0] == 200


_BAD: list[tuple[str, str, Any, int, str]] = [
    ("POST", "none/points/query", {}, 404, "Not found: Collection `none` doesn't exist!"),
    ("GET", "open/points/77", None, 404, "Not found: Point with id 77 does not exists!"),
    ("POST", "open/points/query", {"query": 77}, 404, "Not found: No point with id 77 found"),
    ("POST", "open/points/payload", {"payload": {}, "points": [77]}, 404, "Not found: No point with id 77 found"),
    ("POST", "open/points/query", {"query": [1.0]}, 400, "Vector dimension error: expected dim: 3, got 1"),
    ("POST", "open/points/query", {"query": _VECTOR, "using": "x"}, 400, "Not existing vector name error: x"),
    ("POST", "open/points/query", {"query": _VECTOR, "limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger"),
    ("POST", "open/points/query", {"query": {"recommend": {}}}, 400, "not supported by this front: query of recommend"),
    ("POST", "open/points/query", {"nonsense": 1}, 400, "not supported by this front: query.nonsense"),
    ("POST", "open/points/query", {"query": {"fusion": "magic"}}, 400, "not supported by this front: fusion magic"),
    ("POST", "open/points/query", {"filter": {"must": [{"key": "a", "match": {"re": "x"}}]}}, 400, "match.re"),
    ("POST", "open/points/query", {"filter": {"must": [{"key": "a[", "match": {"value": 1}}]}}, 400, "JSON path"),
    ("POST", "open/points/query", {"filter": {"must": [{"key": "a", "range": {"lt": "soon"}}]}}, 400, "date-time"),
    ("POST", "open/points/query", {"filter": [1]}, 400, "filter: expected an object, got list"),
    ("POST", "open/points/query", {"query": {"text": "a", "model": "other"}, "using": "bm25"}, 400, "model other"),
    ("POST", "open/points/query", {"query": {"text": "a", "model": "qdrant/bm25"}}, 400, "for a dense vector"),
    (
        "POST",
        "open/points/query/groups",
        {},
        400,
        "not supported by this front: POST /collections/open/points/query/gro",
    ),
    ("POST", "open/points/scroll", {"order_by": "a"}, 400, "No range index for `order_by` key: `a`"),
    ("POST", "open/points/scroll", {"order_by": "a", "offset": 1}, 400, "Cannot use an `offset` when using `order_by`"),
    ("POST", "open/facet", {"key": "a"}, 400, "No appropriate index for faceting: `a`"),
    ("POST", "open/points/delete", {}, 400, "expected either points or filter"),
    ("POST", "open/points/delete", {"points": ["*"]}, 400, "Format error in JSON body"),
    ("POST", "open/points/delete", {"points": [-1]}, 400, "value -1 is not a valid point ID"),
    ("PUT", "open/points", {"points": [{"id": 2}]}, 400, "point: missing field `vector`"),
    ("PUT", "open/points", {"points": [{"id": 2, "vector": {"": [1, 2]}}]}, 400, "expected dim: 3, got 2"),
    ("PUT", "open/points", {"points": [{"id": 2, "vector": {"x": [1]}}]}, 400, "Not existing vector name error: x"),
    ("PUT", "open/points", {"points": [{"id": 2, "vector": ["a", "b", "c"]}]}, 400, "Format error in JSON body"),
    (
        "PUT",
        "open/points",
        {"points": [{"id": 2, "vector": {"bm25": {"indices": [1, 1], "values": [1, 2]}}}]},
        422,
        "indices: must be unique",
    ),
    ("PUT", "open/index", {"field_name": "a", "field_schema": "number"}, 400, "unknown variant `number`"),
    ("PUT", "open/index", {"field_name": "a", "field_schema": {"type": "bool", "x": 1}}, 400, "field_schema(bool).x"),
    ("PUT", "new", {"vectors": {"size": 0, "distance": "Cosine"}}, 422, "size: value 0 invalid"),
    ("PUT", "new", {"vectors": {"size": 3, "distance": "Hamming"}}, 400, "unknown variant `Hamming`"),
    ("PUT", "new", {**_COLLECTION, "quantization_config": {}}, 400, "not supported by this front: quantization_config"),
    ("PUT", "new", {**_COLLECTION, "strict_mode_config": {"read_rate_limit": 1}}, 400, "strict_mode_config.read_rate"),
    ("PUT", "a%3Ab", _COLLECTION, 422, "collection_name"),
]


@pytest.mark.parametrize(("method", "path", "body", "code", "message"), _BAD)
def test_a_bad_request_is_refused_by_name(
    method: str,
    path: str,
    body: object,
    code: int,
    message: str,
    rest: Rest,
) -> None:
    before = rest("POST", "/collections/open/points/count", {})
    status, error = rest(method, f"/collections/{path}", body)
    assert (status, message in error) == (code, True), error
    assert rest("POST", "/collections/open/points/count", {}) == before
    assert rest("GET", "/collections/new/exists") == (200, {"exists": False})


@pytest.mark.parametrize("body", [b"{", b'{"limit": NaN}', b"\xff", b"[" * 100_000, b"[1]", b'{"query": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, rest: Rest) -> None:
    status, content = rest.raw("POST", "/collections/open/points/query", body)
    assert status == 400
    assert b"Format error in JSON body" in content


def test_keys_are_asked_for_and_a_read_only_key_may_not_write() -> None:
    with QdrantFront(api_key="secret", read_only_api_key="reader") as front:
        answers = {}
        for name, headers in {
            "none": {},
            "wrong": {"api-key": "guess"},
            "reader": {"api-key": "reader"},
            "bearer": {"authorization": "Bearer secret"},
        }.items():
            connection = Rest(front.url, headers)
            read, write = (connection.raw(*call)[0] for call in (("GET", "/collections"), ("PUT", "/collections/c")))
            answers[name] = (read, write, connection.raw("GET", "/healthz")[0])
            connection.close()
    assert answers == {
        "none": (401, 401, 200),
        "wrong": (401, 401, 200),
        "reader": (200, 403, 200),
        "bearer": (200, 400, 200),
    }
