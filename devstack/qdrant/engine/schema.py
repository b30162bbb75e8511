"""Payload indexes: the API's field schema into the engine's, and what each can filter."""

import qdrant_edge as edge

from devstack.qdrant.aliases import EngineObject, Json, JsonObject
from devstack.qdrant.engine.text_options import TEXT_KEYS, enum_member, text_arguments
from devstack.qdrant.errors import format_error, unsupported
from devstack.qdrant.jsonio import as_object, known_keys

FieldSchema = str | JsonObject

_COMMON = frozenset({"type", "on_disk", "memory", "enable_hnsw", "nested"})
_PARAMETERS: dict[str, tuple[EngineObject, frozenset[str]]] = {
    "keyword": (edge.KeywordIndexParams, _COMMON | {"is_tenant", "prefix"}),
    "integer": (edge.IntegerIndexParams, _COMMON | {"lookup", "range", "is_principal"}),
    "float": (edge.FloatIndexParams, _COMMON | {"is_principal"}),
    "geo": (edge.GeoIndexParams, _COMMON),
    "text": (edge.TextIndexParams, _COMMON | TEXT_KEYS | {"phrase_matching", "scoring"}),
    "bool": (edge.BoolIndexParams, _COMMON),
    "datetime": (edge.DatetimeIndexParams, _COMMON | {"is_principal"}),
    "uuid": (edge.UuidIndexParams, _COMMON | {"is_tenant"}),
}
# What an index of each type answers, as strict mode names it; "any" marks a condition that any index serves.
_CAPABILITIES: dict[str, frozenset[str]] = {
    "keyword": frozenset({"keyword"}),
    "integer": frozenset({"integer_match", "integer_range"}),
    "float": frozenset({"float"}),
    "geo": frozenset({"geo"}),
    "text": frozenset({"text"}),
    "bool": frozenset({"bool"}),
    "datetime": frozenset({"datetime"}),
    "uuid": frozenset({"uuid"}),
}


def schema_type(schema: FieldSchema) -> str:
    """``keyword``, ``integer``, ... of a stored field schema."""
    return schema if isinstance(schema, str) else str(schema["type"])


def is_tenant(schema: FieldSchema) -> bool:
    """Whether the index separates tenants."""
    return not isinstance(schema, str) and schema.get("is_tenant") is True


def capabilities(schema: FieldSchema) -> frozenset[str]:
    """What the index can answer, in the vocabulary of ``strict``."""
    found = _CAPABILITIES[schema_type(schema)]
    if isinstance(schema, str):
        return found
    without = {
        f"integer_{name}" for name, flag in (("match", "lookup"), ("range", "range")) if schema.get(flag) is False
    }
    return found - without


def parse_schema(value: Json) -> tuple[FieldSchema, EngineObject]:
    """The schema to keep and report as given (nulls dropped), and the engine's form of it.

    Raises:
        QdrantError: 400 for an unknown type or parameter.
    """
    if isinstance(value, str):
        if value not in _PARAMETERS:
            raise format_error(f"field_schema: unknown variant `{value}`")
        return value, enum_member(edge.PayloadSchemaType, value, "field_schema")
    kind = as_object(value, "field_schema").get("type")
    if kind not in _PARAMETERS:
        raise format_error(f"field_schema.type: unknown variant `{kind}`")
    build, allowed = _PARAMETERS[kind]
    schema = known_keys(value, allowed, f"field_schema({kind})")
    arguments = {key: item for key, item in schema.items() if key != "type"}
    if "memory" in arguments:
        arguments["memory"] = enum_member(edge.Memory, arguments["memory"], "field_schema.memory")
    if kind == "text":
        arguments = text_arguments(arguments)
        if not isinstance(arguments.get("scoring", False), bool):
            raise unsupported("field_schema.scoring other than true or false")
    return schema, build(**arguments)


def describe(schema: FieldSchema, points: int) -> JsonObject:
    """The entry of ``payload_schema`` in a collection's info; ``points`` have the field."""
    if isinstance(schema, str):
        return {"data_type": schema, "points": points}
    return {"data_type": schema["type"], "params": schema, "points": points}
