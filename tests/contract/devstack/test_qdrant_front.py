"""The devstack's Qdrant front answers the real client as Qdrant does: compared with the client's own local mode
where that knows the feature, with the API's description where it does not."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from tests.support.qdrant.front import qdrant_client

Json = Any
_SIZE = 8
_POINTS = 60
_NAME = "memories"
_DAY = "2026-01-{:02d}T00:00:00Z"


def _points() -> list[models.PointStruct]:
    rng = random.Random(7)
    points = []
    for number in range(_POINTS):
        payload: dict[str, Any] = {
            "user_id": f"user-{number % 3}",
            "pinned": number % 4 == 0,
            "number": number,
            "weight": number / 7,
            "created_at": _DAY.format(1 + number % 28),
            "tags": ["even" if number % 2 == 0 else "odd", f"tag-{number % 5}"],
            "parts": [{"kind": "a", "size": number % 4}, {"kind": "b", "size": number % 3}],
            "nothing": None,
        }
        if number % 6 == 0:
            payload["expires_at"] = _DAY.format(1 + number % 20)
        words = rng.sample(range(20), 5)
        sparse = models.SparseVector(indices=words, values=[rng.uniform(0.5, 2) for _ in words])
        vector: models.VectorStruct = {"": [rng.gauss(0, 1) for _ in range(_SIZE)], "bm25": sparse}
        points.append(models.PointStruct(id=number, vector=vector, payload=payload))
    return points


def _fill(client: QdrantClient) -> None:
    client.create_collection(
        _NAME,
        vectors_config=models.VectorParams(size=_SIZE, distance=models.Distance.COSINE),
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    client.upsert(_NAME, _points(), wait=True)


@pytest.fixture(scope="module")
def local() -> Iterator[QdrantClient]:
    client = QdrantClient(":memory:")
    _fill(client)
    yield client
    client.close()


@pytest.fixture(scope="module")
def remote() -> Iterator[QdrantClient]:
    with qdrant_client() as client:
        _fill(client)
        schemas = {"user_id": "keyword", "number": "integer", "created_at": "datetime", "pinned": "bool"}
        for field, schema in schemas.items():
            client.create_payload_index(_NAME, field, models.PayloadSchemaType(schema))
        yield client


def _matches(key: str, match: models.Match) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=match)])


def _in_range(key: str, **bounds: Json) -> models.Filter:
    kind = models.DatetimeRange if any(isinstance(bound, str) for bound in bounds.values()) else models.Range
    return models.Filter(must=[models.FieldCondition(key=key, range=kind(**bounds))])


_USER = models.FieldCondition(key="user_id", match=models.MatchValue(value="user-1"))
_EVEN = models.FieldCondition(key="tags", match=models.MatchValue(value="even"))
_LATE = models.FieldCondition(key="number", range=models.Range(gt=30))
_FILTERS: dict[str, models.Filter] = {
    "a keyword": models.Filter(must=[_USER]),
    "an integer": _matches("number", models.MatchValue(value=17)),
    "true": _matches("pinned", models.MatchValue(value=True)),
    "false": _matches("pinned", models.MatchValue(value=False)),
    "any of": _matches("tags", models.MatchAny(any=["tag-1", "tag-2"])),
    "any of nothing": _matches("tags", models.MatchAny(any=[])),
    "none of": _matches("user_id", models.MatchExcept(**{"except": ["user-0", "user-1"]})),
    "text": _matches("user_id", models.MatchText(text="user-2")),
    "numbers between": _in_range("weight", gte=1, lt=4.5),
    "dates between": _in_range("created_at", gt=_DAY.format(4), lte=_DAY.format(9)),
    "should": models.Filter(should=[_USER, _EVEN]),
    "must not": models.Filter(must=[_EVEN], must_not=[_USER]),
    "two of three": models.Filter(min_should=models.MinShould(conditions=[_USER, _EVEN, _LATE], min_count=2)),
    "nested clauses": models.Filter(must=[models.Filter(should=[_USER, models.Filter(must_not=[_EVEN])]), _LATE]),
    "empty": models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="expires_at"))]),
    "null": models.Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="nothing"))]),
    "ids": models.Filter(must=[models.HasIdCondition(has_id=[1, 5, 999])]),
    "vector": models.Filter(must=[models.HasVectorCondition(has_vector="bm25")]),
    "count of values": models.Filter(must=[models.FieldCondition(key="tags", values_count=models.ValuesCount(gte=2))]),
    "one element": models.Filter(
        must=[
            models.NestedCondition(
                nested=models.Nested(
                    key="parts",
                    filter=models.Filter(
                        must=[
                            models.FieldCondition(key="kind", match=models.MatchValue(value="b")),
                            models.FieldCondition(key="size", match=models.MatchValue(value=2)),
                        ]
                    ),
                )
            )
        ]
    ),
}


@pytest.mark.parametrize("name", _FILTERS)
def test_a_filter_selects_the_same_points(name: str, local: QdrantClient, remote: QdrantClient) -> None:
    expected, _ = local.scroll(_NAME, scroll_filter=_FILTERS[name], limit=_POINTS)
    found, _ = remote.scroll(_NAME, scroll_filter=_FILTERS[name], limit=_POINTS)

    assert [point.id for point in found] == [point.id for point in expected]
    assert [point.payload for point in found] == [point.payload for point in expected]
    assert remote.count(_NAME, count_filter=_FILTERS[name]).count == len(expected)


_DENSE = [0.3, -1.0, 0.2, 0.9, -0.4, 0.1, 1.1, -0.7]
_SPARSE = models.SparseVector(indices=[1, 4, 9, 13], values=[1.0, 1.0, 1.0, 1.0])
_BOTH = [
    models.Prefetch(query=_DENSE, limit=20),
    models.Prefetch(query=_SPARSE, using="bm25", limit=20, filter=_FILTERS["true"]),
]
_RECENCY = models.FormulaQuery(
    formula=models.SumExpression(
        sum=[
            "$score",
            models.MultExpression(mult=[0.5, _USER]),
            models.ExpDecayExpression(
                exp_decay=models.DecayParamsExpression(
                    x=models.DatetimeKeyExpression(datetime_key="created_at"),
                    target=models.DatetimeExpression(datetime=_DAY.format(28)),
                    scale=86400 * 7,
                )
            ),
        ]
    ),
)
Query = Callable[[QdrantClient], models.QueryResponse]
_QUERIES: dict[str, Query] = {
    "dense": lambda client: client.query_points(_NAME, query=_DENSE, limit=12),
    "dense, filtered": lambda client: client.query_points(_NAME, query=_DENSE, query_filter=_FILTERS["a keyword"]),
    "sparse with idf": lambda client: client.query_points(_NAME, query=_SPARSE, using="bm25", limit=12),
    "of a point": lambda client: client.query_points(_NAME, query=5, limit=7),
    "second page": lambda client: client.query_points(_NAME, query=_DENSE, limit=5, offset=5),
    "threshold": lambda client: client.query_points(_NAME, query=_DENSE, score_threshold=0.4),
    "rrf": lambda client: client.query_points(
        _NAME, prefetch=_BOTH, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=40
    ),
    "rrf with k": lambda client: client.query_points(
        _NAME, prefetch=_BOTH, query=models.RrfQuery(rrf=models.Rrf(k=60)), limit=40
    ),
    "dbsf": lambda client: client.query_points(
        _NAME, prefetch=_BOTH, query=models.FusionQuery(fusion=models.Fusion.DBSF), limit=40
    ),
    "formula": lambda client: client.query_points(_NAME, prefetch=_BOTH[0], query=_RECENCY, limit=15),
    "mmr": lambda client: client.query_points(
        _NAME,
        query=models.NearestQuery(nearest=_DENSE, mmr=models.Mmr(diversity=0.6, candidates_limit=30)),
        limit=8,
    ),
}


@pytest.mark.parametrize("name", _QUERIES)
def test_a_query_finds_the_same_points_with_the_same_scores(
    name: str, local: QdrantClient, remote: QdrantClient
) -> None:
    expected = {point.id: point.score for point in _QUERIES[name](local).points}
    found = _QUERIES[name](remote).points

    assert {point.id: point.score for point in found} == pytest.approx(expected, abs=1e-5)
    if name != "mmr":  # picked one by one, each scored against the query alone
        assert [point.score for point in found] == sorted((point.score for point in found), reverse=True)


@pytest.mark.parametrize("direction", list(models.Direction))
@pytest.mark.parametrize("start", [None, 40])
def test_order_by_a_payload_field(
    direction: models.Direction, start: int | None, local: QdrantClient, remote: QdrantClient
) -> None:
    order = models.OrderBy(key="number", direction=direction, start_from=start)

    expected = [point.id for point in local.scroll(_NAME, order_by=order, limit=9)[0]]
    assert [point.id for point in remote.scroll(_NAME, order_by=order, limit=9)[0]] == expected
    by_query = remote.query_points(_NAME, query=models.OrderByQuery(order_by=order), limit=9)
    assert [point.id for point in by_query.points] == expected


@pytest.mark.parametrize(
    "selector",
    [
        True,
        False,
        ["number", "tags"],
        models.PayloadSelectorInclude(include=["weight"]),
        models.PayloadSelectorExclude(exclude=["parts", "tags"]),
    ],
)
def test_the_payload_is_selected(selector: Json, local: QdrantClient, remote: QdrantClient) -> None:
    asked: dict[str, Any] = {"query": _DENSE, "limit": 3, "with_payload": selector}
    expected = [(point.id, point.payload or {}) for point in local.query_points(_NAME, **asked).points]
    assert [(point.id, point.payload or {}) for point in remote.query_points(_NAME, **asked).points] == expected


def test_vectors_are_returned_when_asked_for(local: QdrantClient, remote: QdrantClient) -> None:
    (expected,) = local.retrieve(_NAME, [3], with_vectors=True)
    (found,) = remote.retrieve(_NAME, [3], with_vectors=True)
    assert isinstance(expected.vector, dict)
    assert isinstance(found.vector, dict)
    assert found.vector[""] == pytest.approx(expected.vector[""], abs=1e-6)

    (sparse_only,) = remote.retrieve(_NAME, [3], with_vectors=["bm25"], with_payload=False)
    assert sparse_only.payload is None
    assert isinstance(sparse_only.vector, dict)
    assert list(sparse_only.vector) == ["bm25"]


def test_a_batch_answers_each_query_in_its_place(remote: QdrantClient) -> None:
    sparse: dict[str, Any] = {"query": _SPARSE, "using": "bm25", "limit": 4}
    dense: dict[str, Any] = {"query": _DENSE, "limit": 3}
    searches = [
        models.QueryRequest(**dense, with_payload=False),
        models.QueryRequest(**sparse, filter=_FILTERS["a keyword"], with_payload=True),
    ]

    first, second = remote.query_batch_points(_NAME, searches)

    assert first == remote.query_points(_NAME, **dense, with_payload=False)
    assert second == remote.query_points(_NAME, **sparse, query_filter=_FILTERS["a keyword"])


def test_scrolling_visits_every_point_once(remote: QdrantClient) -> None:
    seen: list[Any] = []
    offset: Any = None
    while True:
        page, offset = remote.scroll(_NAME, limit=25, offset=offset, with_payload=False)
        seen += [point.id for point in page]
        if offset is None:
            break
    assert seen == list(range(_POINTS))


def test_facets_count_the_values_of_an_indexed_field(remote: QdrantClient) -> None:
    hits = remote.facet(_NAME, "pinned", exact=True).hits
    assert {hit.value: hit.count for hit in hits} == {True: 15, False: 45}
    among = remote.facet(_NAME, "user_id", facet_filter=_FILTERS["true"], exact=True)
    assert sum(hit.count for hit in among.hits) == 15


def test_idf_may_be_counted_over_one_tenant(remote: QdrantClient) -> None:
    corpus = models.SearchParams(idf=models.IdfCorpusParams(corpus=_FILTERS["a keyword"]))
    asked: dict[str, Any] = {"query": _SPARSE, "using": "bm25", "query_filter": _FILTERS["a keyword"]}
    of_tenant = remote.query_points(_NAME, **asked, search_params=corpus).points
    of_all = remote.query_points(_NAME, **asked).points
    assert {point.id for point in of_tenant} == {point.id for point in of_all}
    assert of_tenant[0].score != pytest.approx(of_all[0].score, abs=1e-6)
