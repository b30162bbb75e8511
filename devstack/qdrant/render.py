"""The engine's answers as the API's JSON."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject

PointId = int | str


def _vector(vector: EngineObject) -> Json:
    if isinstance(vector, dict):
        return {name: _vector(item) for name, item in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector


def point_id(value: EngineObject) -> PointId:
    """A point's id: the engine gives UUIDs as objects."""
    return value if type(value) is int else str(value)


def _optional_parts(point: EngineObject, rendered: JsonObject) -> JsonObject:
    payload = point.payload
    if payload is not None:
        rendered["payload"] = payload
    vector = point.vector
    if vector is not None:
        rendered["vector"] = _vector(vector)
    order_value = point.order_value
    if order_value is not None:
        rendered["order_value"] = order_value
    return rendered


def scored_points(points: list[edge.ScoredPoint]) -> list[JsonObject]:
    """Points of a query, best first: ``id, version, score`` and what was asked for of payload and vector."""
    return [
        _optional_parts(point, {"id": point_id(point.id), "version": point.version, "score": point.score})
        for point in points
    ]


def records(points: list[edge.Record]) -> list[JsonObject]:
    """Points of a retrieval or scroll: ``id`` and what was asked for of payload and vector."""
    return [_optional_parts(point, {"id": point_id(point.id)}) for point in points]
