"""The devstack's Qdrant front: collections, their definition, and every way to change points."""

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.support.qdrant.front import qdrant_client

_NAME = "memories"
_TENANT = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
_ONE = models.FieldCondition(key="user_id", match=models.MatchValue(value="one"))


@pytest.fixture(scope="module")
def shared() -> Iterator[QdrantClient]:
    with qdrant_client() as client:
        yield client


@pytest.fixture
def client(shared: QdrantClient) -> Iterator[QdrantClient]:
    shared.create_collection(
        _NAME,
        vectors_config=models.VectorParams(size=3, distance=models.Distance.COSINE),
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=1000),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5000),
        metadata={"version": 3},
    )
    points = [
        models.PointStruct(id=number, vector=[1.0, number, 0.0], payload={"user_id": user, "n": {"deep": number}})
        for number, user in enumerate(["one", "one", "two"])
    ]
    shared.upsert(_NAME, points, wait=True)
    yield shared
    shared.delete_collection(_NAME)


def _payloads(client: QdrantClient) -> dict[Any, Any]:
    return {point.id: point.payload for point in client.scroll(_NAME)[0]}


def test_a_collection_reports_what_it_was_given(client: QdrantClient) -> None:
    info = client.get_collection(_NAME)

    assert info.status is models.CollectionStatus.GREEN
    assert info.points_count == 3
    assert info.config.params.vectors == models.VectorParams(size=3, distance=models.Distance.COSINE)
    assert info.config.params.sparse_vectors == {"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    assert (info.config.hnsw_config.m, info.config.hnsw_config.payload_m) == (0, 16)
    assert info.config.optimizer_config.indexing_threshold == 5000
    assert info.config.strict_mode_config == models.StrictModeConfigOutput(enabled=True, max_query_limit=1000)
    assert info.config.metadata == {"version": 3}


def test_a_patch_changes_only_what_it_names(client: QdrantClient) -> None:
    client.update_collection(
        _NAME,
        hnsw_config=models.HnswConfigDiff(ef_construct=64),
        strict_mode_config=models.StrictModeConfig(max_query_limit=7),
        metadata={"owner": "memory"},
    )

    config = client.get_collection(_NAME).config
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct, config.hnsw_config.payload_m) == (0, 64, 16)
    assert config.strict_mode_config == models.StrictModeConfigOutput(enabled=True, max_query_limit=7)
    assert config.metadata == {"version": 3, "owner": "memory"}
    assert client.count(_NAME).count == 3


def test_collections_are_listed_made_once_and_deleted(client: QdrantClient) -> None:
    assert client.collection_exists(_NAME)
    assert not client.collection_exists("other")
    assert [entry.name for entry in client.get_collections().collections] == [_NAME]
    with pytest.raises(UnexpectedResponse, match="already exists") as refusal:
        client.create_collection(_NAME, vectors_config={})
    assert refusal.value.status_code == 409
    assert client.delete_collection("other") is False


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("user_id", _TENANT),
        ("created_at", models.DatetimeIndexParams(type=models.DatetimeIndexType.DATETIME, is_principal=True)),
        ("importance", models.FloatIndexParams(type=models.FloatIndexType.FLOAT)),
        ("seq", models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=False, range=True)),
        ("pinned", models.BoolIndexParams(type=models.BoolIndexType.BOOL, on_disk=True)),
        ("source", models.UuidIndexParams(type=models.UuidIndexType.UUID)),
        (
            "data",
            models.TextIndexParams(
                type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True, min_token_len=2
            ),
        ),
    ],
)
def test_a_payload_index_is_reported_as_defined(
    field: str, schema: models.PayloadSchemaParams, client: QdrantClient
) -> None:
    client.create_payload_index(_NAME, field, schema, wait=True)
    index = client.get_collection(_NAME).payload_schema[field]
    assert index.params == schema
    assert index.data_type.value == schema.type.value

    client.delete_payload_index(_NAME, field, wait=True)
    assert field not in client.get_collection(_NAME).payload_schema


def test_an_index_by_type_name_has_no_parameters_and_can_be_replaced(client: QdrantClient) -> None:
    client.create_payload_index(_NAME, "user_id", models.PayloadSchemaType.KEYWORD, wait=True)
    index = client.get_collection(_NAME).payload_schema["user_id"]
    assert (index.data_type, index.params, index.points) == (models.PayloadSchemaType.KEYWORD, None, 3)

    client.create_payload_index(_NAME, "user_id", _TENANT, wait=True)
    assert client.get_collection(_NAME).payload_schema["user_id"].params == _TENANT


def test_a_batch_of_columns_is_stored_as_points(client: QdrantClient) -> None:
    uid = "6f1c1b0e-58a2-4c0b-9d51-2a7f0e0d7a01"
    sparse = models.SparseVector(indices=[4], values=[0.5])
    columns: Any = {"": [[0.0, 1.0, 0.0]], "bm25": [sparse]}
    client.upsert(_NAME, models.Batch(ids=[uid], vectors=columns, payloads=[{"user_id": "three"}]), wait=True)

    (point,) = client.retrieve(_NAME, [uid], with_vectors=True)
    assert point.id == uid
    assert point.payload == {"user_id": "three"}
    assert point.vector == {"": [0.0, 1.0, 0.0], "bm25": sparse}


def test_an_upsert_replaces_the_whole_point_unless_its_filter_spares_it(client: QdrantClient) -> None:
    new = [models.PointStruct(id=number, vector=[0.0, 0.0, 1.0], payload={"new": True}) for number in (0, 2, 8)]
    client.upsert(_NAME, new, wait=True, update_filter=models.Filter(must=[_ONE]))
    assert _payloads(client) == {
        0: {"new": True},
        1: {"user_id": "one", "n": {"deep": 1}},
        2: {"user_id": "two", "n": {"deep": 2}},
        8: {"new": True},
    }


def test_payload_is_set_overwritten_and_removed(client: QdrantClient) -> None:
    client.set_payload(_NAME, {"seen": 1}, points=models.Filter(must=[_ONE]), wait=True)
    client.set_payload(_NAME, {"more": 2}, points=[2], key="n", wait=True)
    assert _payloads(client) == {
        0: {"user_id": "one", "n": {"deep": 0}, "seen": 1},
        1: {"user_id": "one", "n": {"deep": 1}, "seen": 1},
        2: {"user_id": "two", "n": {"deep": 2, "more": 2}},
    }

    client.overwrite_payload(_NAME, {"user_id": "one"}, points=[0], wait=True)
    client.delete_payload(_NAME, ["n"], points=models.Filter(must=[_ONE]), wait=True)
    client.clear_payload(_NAME, [2], wait=True)
    assert _payloads(client) == {0: {"user_id": "one"}, 1: {"user_id": "one", "seen": 1}, 2: {}}


def test_vectors_are_updated_and_removed_apart_from_the_payload(client: QdrantClient) -> None:
    sparse = models.SparseVector(indices=[7], values=[1.5])
    client.update_vectors(_NAME, [models.PointVectors(id=1, vector={"bm25": sparse})])
    (point,) = client.retrieve(_NAME, [1], with_vectors=True)
    assert isinstance(point.vector, dict)
    assert point.vector["bm25"] == sparse
    assert point.payload == {"user_id": "one", "n": {"deep": 1}}

    client.delete_vectors(_NAME, ["bm25"], points=[1])
    (point,) = client.retrieve(_NAME, [1], with_vectors=True)
    assert point.vector == pytest.approx([2**-0.5, 2**-0.5, 0.0])


def test_points_are_deleted_by_id_and_by_filter(client: QdrantClient) -> None:
    assert client.delete(_NAME, [1, 404], wait=True).status is models.UpdateStatus.COMPLETED
    assert set(_payloads(client)) == {0, 2}
    client.delete(_NAME, models.Filter(must=[_ONE]), wait=True)
    assert set(_payloads(client)) == {2}


def test_a_batch_of_updates_is_applied_in_order(client: QdrantClient) -> None:
    ids = models.PointIdsList(points=[0])
    results = client.batch_update_points(
        _NAME,
        [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"a": 1}, points=[0, 1])),
            models.ClearPayloadOperation(clear_payload=ids),
            models.DeleteOperation(delete=models.PointIdsList(points=[2])),
        ],
        wait=True,
    )
    assert [result.status for result in results] == [models.UpdateStatus.COMPLETED] * 3
    assert _payloads(client) == {0: {}, 1: {"user_id": "one", "n": {"deep": 1}, "a": 1}}


def test_text_becomes_a_bm25_vector_weighted_as_document_or_as_query(client: QdrantClient) -> None:
    def text(words: str, **options: float) -> models.Document:
        return models.Document(text=words, model="Qdrant/bm25", options=options or None)

    documents = ["The dogs run home", "A cat sleeps", "Cats and dogs: dogs bark"]
    points = [
        models.PointStruct(id=10 + number, vector={"bm25": text(words, avg_len=4.0)}, payload={"data": words})
        for number, words in enumerate(documents)
    ]
    client.upsert(_NAME, points, wait=True)

    found = client.query_points(_NAME, query=text("running dog"), using="bm25").points
    assert [point.id for point in found] == [10, 12]  # stemmed; point 10 has both words
    stored = client.retrieve(_NAME, [12], with_vectors=["bm25"])[0].vector
    assert isinstance(stored, dict)
    sparse = stored["bm25"]
    assert isinstance(sparse, models.SparseVector)
    assert len(sparse.indices) == 3  # cat, dog, bark: stop words are left out
    assert max(sparse.values) > min(sparse.values)  # "dogs" twice weighs more
