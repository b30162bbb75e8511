"""What changes points: one function per operation, from its JSON body to the engine's update."""

from collections.abc import Callable

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.engine.vectors import parse_batch, parse_point_vectors, parse_points
from devstack.qdrant.errors import format_error, unsupported, wrong_input
from devstack.qdrant.jsonio import as_list, as_object, known_keys, required
from devstack.qdrant.requests.filters import optional_filter, parse_filter, point_ids

Update = Callable[[Collection, JsonObject], int]

_UPDATE_MODES: dict[str, EngineObject] = {
    "upsert": edge.UpdateMode.Upsert,
    "insert_only": edge.UpdateMode.InsertOnly,
    "update_only": edge.UpdateMode.UpdateOnly,
}


def upsert(collection: Collection, body: JsonObject) -> int:
    """Write whole points, given as a list or as a batch of columns.

    Every update returns the operation's number and raises ``QdrantError`` for a body that is malformed, does
    not fit the collection, or that its strict mode refuses; nothing is applied then.
    """
    known = known_keys(body, ("points", "batch", "update_filter", "update_mode"), "upsert")
    if ("points" in known) == ("batch" in known):
        raise format_error("upsert: expected either points or batch")
    mode = known.get("update_mode", "upsert")
    if mode not in _UPDATE_MODES:
        raise unsupported(f"update_mode {mode}")
    definition = collection.definition
    points = parse_points(known["points"], definition) if "points" in known else parse_batch(known["batch"], definition)
    collection.strict.upsert(len(points), collection.shard.info().points_count)
    condition = optional_filter(known.get("update_filter"))
    return collection.update(edge.UpdateOperation.upsert_points(points, condition, _UPDATE_MODES[mode]), len(points))


def _selected(collection: Collection, known: JsonObject) -> tuple[list[Json] | None, edge.Filter | None]:
    """The points an update is for: their ids, or the filter they match."""
    if ("points" in known) == ("filter" in known):
        raise format_error("expected either points or filter")
    if "points" in known:
        return point_ids(known["points"]), None
    condition = parse_filter(known["filter"])
    collection.strict.filtered_update(known["filter"])
    return None, condition


def _on_selected(
    collection: Collection,
    known: JsonObject,
    by_ids: Callable[..., EngineObject],
    by_filter: Callable[..., EngineObject],
    *rest: EngineObject,
) -> int:
    ids, condition = _selected(collection, known)
    if ids is not None:
        return collection.update(by_ids(ids, *rest), len(ids))
    return collection.update(by_filter(condition, *rest))


def delete_points(collection: Collection, body: JsonObject) -> int:
    """Delete points by id or by filter; ids that do not exist are no error."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("points", "filter"), "delete")
    return _on_selected(collection, known, operations.delete_points, operations.delete_points_by_filter)


def _payload(known: JsonObject) -> tuple[JsonObject, Json]:
    return as_object(required(known, "payload", "payload update"), "payload"), known.get("key")


def set_payload(collection: Collection, body: JsonObject) -> int:
    """Set payload fields, leaving the others. 404 for an id that does not exist."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("payload", "points", "filter", "key"), "set_payload")
    by = (operations.set_payload, operations.set_payload_by_filter)
    return _on_selected(collection, known, *by, *_payload(known))


def overwrite_payload(collection: Collection, body: JsonObject) -> int:
    """Replace the whole payload."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("payload", "points", "filter", "key"), "overwrite_payload")
    by = (operations.overwrite_payload, operations.overwrite_payload_by_filter)
    return _on_selected(collection, known, *by, *_payload(known))


def delete_payload(collection: Collection, body: JsonObject) -> int:
    """Remove payload fields."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("keys", "points", "filter"), "delete_payload")
    keys = as_list(required(known, "keys", "delete_payload"), "keys")
    by = (operations.delete_payload, operations.delete_payload_by_filter)
    return _on_selected(collection, known, *by, keys)


def clear_payload(collection: Collection, body: JsonObject) -> int:
    """Remove the whole payload."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("points", "filter"), "clear_payload")
    return _on_selected(collection, known, operations.clear_payload, operations.clear_payload_by_filter)


def update_vectors(collection: Collection, body: JsonObject) -> int:
    """Replace the named vectors of points, leaving their others and the payload."""
    known = known_keys(body, ("points", "update_filter"), "update_vectors")
    vectors = parse_point_vectors(required(known, "points", "update_vectors"), collection.definition)
    collection.strict.vectors_update(len(vectors))
    condition = optional_filter(known.get("update_filter"))
    return collection.update(edge.UpdateOperation.update_vectors(vectors, condition), len(vectors))


def delete_vectors(collection: Collection, body: JsonObject) -> int:
    """Remove named vectors from points."""
    operations = edge.UpdateOperation
    known = known_keys(body, ("points", "filter", "vector"), "delete_vectors")
    names = as_list(required(known, "vector", "delete_vectors"), "vector")
    for name in names:
        if name not in collection.definition.vectors and name not in collection.definition.sparse_vectors:
            raise wrong_input(f"Not existing vector name error: {name}")
    return _on_selected(collection, known, operations.delete_vectors, operations.delete_vectors_by_filter, names)


BATCH_OPERATIONS: dict[str, Update] = {
    "upsert": upsert,
    "delete": delete_points,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}


def batch(collection: Collection, body: JsonObject) -> list[int]:
    """Apply several operations in order, each as its own request would; their numbers.

    An operation that fails ends the batch; those before it stay applied.
    """
    numbers = []
    for item in as_list(required(body, "operations", "batch"), "operations"):
        operation = as_object(item, "operation")
        kind = next(iter(operation), "")
        if len(operation) != 1 or kind not in BATCH_OPERATIONS:
            raise unsupported(f"batch operation {', '.join(operation)}")
        numbers.append(BATCH_OPERATIONS[kind](collection, as_object(operation[kind], kind)))
    return numbers
