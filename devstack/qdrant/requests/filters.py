"""The API's filter JSON into the engine's filter."""

import numpy as np
import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.errors import format_error, unsupported
from devstack.qdrant.jsonio import as_list, as_object, known_keys, required

_CLAUSES = ("must", "should", "must_not", "min_should")
_FIELD_KEYS = (
    "key",
    "match",
    "range",
    "geo_bounding_box",
    "geo_radius",
    "geo_polygon",
    "values_count",
    "is_empty",
    "is_null",
)
_BOUNDS = ("gte", "gt", "lte", "lt")


def _engine_bool(value: bool) -> EngineObject:
    """A boolean the engine takes as one: a Python bool is read as an integer by its MatchValue."""
    return np.bool_(value)


def point_ids(value: Json, where: str = "points") -> list[Json]:
    """A list of point ids: unsigned integers or UUID strings (the engine checks the strings)."""
    ids = as_list(value, where)
    for item in ids:
        if not isinstance(item, str) and (type(item) is not int or item < 0):
            raise format_error(
                f"value {item} is not a valid point ID, valid values are either an unsigned integer or a UUID"
            )
    return ids


def _match_value(value: Json) -> EngineObject:
    return edge.MatchValue(_engine_bool(value) if isinstance(value, bool) else value)


_MATCHERS: dict[str, EngineObject] = {
    "value": _match_value,
    "text": edge.MatchText,
    "text_any": edge.MatchTextAny,
    "phrase": edge.MatchPhrase,
    "prefix": edge.MatchPrefix,
    "substring": edge.MatchSubstring,
    "any": edge.MatchAny,
    "except": edge.MatchExcept,
}


def _match(value: Json) -> EngineObject:
    match = as_object(value, "match")
    if len(match) != 1:
        raise format_error("match: expected exactly one of " + ", ".join(_MATCHERS))
    ((kind, operand),) = match.items()
    build = _MATCHERS.get(kind)
    if build is None:
        raise unsupported(f"filter match.{kind}")
    return build(operand)


def _range(value: Json) -> EngineObject:
    bounds = known_keys(value, _BOUNDS, "range")
    if any(isinstance(bound, str) for bound in bounds.values()):
        return edge.RangeDateTime(**bounds)
    return edge.RangeFloat(**bounds)


def _geo_point(value: Json) -> EngineObject:
    point = known_keys(value, ("lon", "lat"), "geo point")
    return edge.GeoPoint(required(point, "lon", "geo point"), required(point, "lat", "geo point"))


def _geo_box(value: Json) -> EngineObject:
    box = known_keys(value, ("top_left", "bottom_right"), "geo_bounding_box")
    corners = (_geo_point(required(box, name, "geo_bounding_box")) for name in ("top_left", "bottom_right"))
    return edge.GeoBoundingBox(*corners)


def _geo_radius(value: Json) -> EngineObject:
    circle = known_keys(value, ("center", "radius"), "geo_radius")
    center = _geo_point(required(circle, "center", "geo_radius"))
    return edge.GeoRadius(center, required(circle, "radius", "geo_radius"))


def _field(condition: JsonObject) -> EngineObject:
    field = known_keys(condition, _FIELD_KEYS, "filter condition")
    if "geo_polygon" in field:
        raise unsupported("filter geo_polygon")
    if len(field) < 2:
        raise format_error("filter condition: at least one of match, range, geo, values_count, is_empty, is_null")
    return edge.FieldCondition(
        required(field, "key", "filter condition"),
        _match(field["match"]) if "match" in field else None,
        _range(field["range"]) if "range" in field else None,
        geo_bounding_box=_geo_box(field["geo_bounding_box"]) if "geo_bounding_box" in field else None,
        geo_radius=_geo_radius(field["geo_radius"]) if "geo_radius" in field else None,
        values_count=_values_count(field["values_count"]) if "values_count" in field else None,
        is_empty=field.get("is_empty"),
        is_null=field.get("is_null"),
    )


def _values_count(value: Json) -> EngineObject:
    return edge.ValuesCount(**known_keys(value, _BOUNDS, "values_count"))


def _key_of(value: Json, where: str) -> str:
    return str(required(known_keys(value, ("key",), where), "key", where))


def _nested(value: Json) -> EngineObject:
    nested = known_keys(value, ("key", "filter"), "nested")
    inner = parse_filter(required(nested, "filter", "nested"))
    return edge.NestedCondition(required(nested, "key", "nested"), inner)


_SPECIAL: dict[str, EngineObject] = {
    "is_empty": lambda value: edge.IsEmptyCondition(_key_of(value, "is_empty")),
    "is_null": lambda value: edge.IsNullCondition(_key_of(value, "is_null")),
    "has_id": lambda value: edge.HasIdCondition(set(point_ids(value, "has_id"))),
    "has_vector": edge.HasVectorCondition,
    "nested": _nested,
}


def parse_condition(value: Json) -> EngineObject:
    """One condition: on a field, a special one (is_empty, has_id, nested, ...) or a nested filter.

    Raises:
        QdrantError: 400 for an unknown or malformed condition.
    """
    condition = as_object(value, "filter condition")
    if "key" in condition:
        return _field(condition)
    if len(condition) == 1:
        ((kind, operand),) = condition.items()
        special = _SPECIAL.get(kind)
        if special is not None:
            return special(operand)
        if kind not in _CLAUSES:
            raise unsupported(f"filter condition {kind}")
    return parse_filter(condition)


def conditions_of(clause: Json) -> list[Json]:
    """The conditions of a clause, which the API writes as a list or as a single one."""
    if clause is None:
        return []
    return clause if isinstance(clause, list) else [clause]


def parse_filter(value: Json) -> edge.Filter:
    """A whole filter.

    Raises:
        QdrantError: 400 for an unknown clause or condition.
    """
    clauses = known_keys(value, _CLAUSES, "filter")
    parsed = {
        name: [parse_condition(item) for item in conditions_of(clauses[name])] if name in clauses else None
        for name in ("must", "should", "must_not")
    }
    return edge.Filter(min_should=_min_should(clauses["min_should"]) if "min_should" in clauses else None, **parsed)


def _min_should(value: Json) -> EngineObject:
    clause = known_keys(value, ("conditions", "min_count"), "min_should")
    conditions = as_list(required(clause, "conditions", "min_should"), "min_should.conditions")
    parsed = [parse_condition(item) for item in conditions]
    return edge.MinShould(parsed, required(clause, "min_count", "min_should"))


def optional_filter(value: Json) -> edge.Filter | None:
    """``parse_filter``, or None for a missing filter."""
    return None if value is None else parse_filter(value)
