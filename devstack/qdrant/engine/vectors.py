"""Vectors and points: the API's JSON into the engine's objects, checked before the write-ahead log sees them."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json
from devstack.qdrant.engine.definition import Definition
from devstack.qdrant.errors import format_error, validation_error, wrong_input
from devstack.qdrant.jsonio import as_list, as_object, known_keys, required
from devstack.qdrant.requests.filters import point_ids
from devstack.qdrant.requests.inference import embed, embed_dense, is_inference


def _dense(value: list[Json], size: int) -> list[Json]:
    if len(value) != size:
        raise wrong_input(f"Vector dimension error: expected dim: {size}, got {len(value)}")
    return value


def _sparse(value: Json) -> edge.SparseVector:
    parts = known_keys(value, ("indices", "values"), "sparse vector")
    indices = as_list(required(parts, "indices", "sparse vector"), "sparse vector.indices")
    values = as_list(required(parts, "values", "sparse vector"), "sparse vector.values")
    if len(indices) != len(values):
        raise validation_error("values: must be the same length as indices")
    if len(set(indices)) != len(indices):
        raise validation_error("indices: must be unique")
    return edge.SparseVector(indices, values)


def parse_vector(value: Json, name: str, definition: Definition, *, query: bool) -> EngineObject:
    """One vector for the vector called ``name``: dense, multi-dense, sparse, or text to embed.

    Raises:
        QdrantError: 400 if the name does not exist or the kind or the dimensions do not match, 422 for
            sparse indices that repeat.
    """
    if name in definition.sparse_vectors:
        if isinstance(value, dict):
            return embed(value, query=query) if is_inference(value) else _sparse(value)
        raise wrong_input("Conversion between sparse and regular vectors failed")
    params = definition.vectors.get(name)
    if params is None:
        raise wrong_input(f"Not existing vector name error: {name}")
    if isinstance(value, dict) and is_inference(value):
        value = embed_dense(value)
    if not isinstance(value, list):
        raise wrong_input("Conversion between sparse and regular vectors failed")
    if value and isinstance(value[0], list):
        if "multivector_config" not in params:
            raise wrong_input("Conversion between multi and regular vectors failed")
        return [_dense(as_list(part, "vector"), params["size"]) for part in value]
    dense = _dense(value, params["size"])
    return [dense] if "multivector_config" in params else dense


def parse_vectors(value: Json, definition: Definition) -> dict[str, EngineObject]:
    """A point's vectors by name; a list or an inference object is the unnamed one."""
    if isinstance(value, list) or is_inference(value):
        return {"": parse_vector(value, "", definition, query=False)}
    named = as_object(value, "vector")
    return {name: parse_vector(item, name, definition, query=False) for name, item in named.items()}


def _point(value: Json, definition: Definition) -> edge.Point:
    point = known_keys(value, ("id", "vector", "payload"), "point")
    (point_id,) = point_ids([required(point, "id", "point")])
    vectors = parse_vectors(required(point, "vector", "point"), definition)
    return edge.Point(point_id, vectors, point.get("payload"))


def parse_points(value: Json, definition: Definition) -> list[edge.Point]:
    """The ``points`` form of an upsert."""
    return [_point(item, definition) for item in as_list(value, "points")]


def parse_batch(value: Json, definition: Definition) -> list[edge.Point]:
    """The ``batch`` form of an upsert: ids, vectors and payloads side by side.

    Raises:
        QdrantError: 400 as for points, or if the lengths differ.
    """
    batch = known_keys(value, ("ids", "vectors", "payloads"), "batch")
    ids = point_ids(required(batch, "ids", "batch"), "batch.ids")
    vectors = required(batch, "vectors", "batch")
    if isinstance(vectors, dict):
        columns = {name: as_list(column, f"batch.vectors.{name}") for name, column in vectors.items()}
        if any(len(column) != len(ids) for column in columns.values()):
            raise format_error("batch: number of ids and vectors must be equal")
        vectors = [{name: column[row] for name, column in columns.items()} for row in range(len(ids))]
    payloads = batch.get("payloads") or [None] * len(ids)
    if len(as_list(vectors, "batch.vectors")) != len(ids) or len(payloads) != len(ids):
        raise format_error("batch: number of ids, vectors and payloads must be equal")
    return [
        edge.Point(point_id, parse_vectors(vector, definition), payload)
        for point_id, vector, payload in zip(ids, vectors, payloads, strict=True)
    ]


def parse_point_vectors(value: Json, definition: Definition) -> list[edge.PointVectors]:
    """The ``points`` of a vector update."""
    updates = []
    for item in as_list(value, "points"):
        point = known_keys(item, ("id", "vector"), "point")
        (point_id,) = point_ids([required(point, "id", "point")])
        updates.append(edge.PointVectors(point_id, parse_vectors(required(point, "vector", "point"), definition)))
    return updates
