"""JSON in and out, and small readers that refuse what they do not know."""

from collections.abc import Collection as Names

import pydantic_core

from devstack.qdrant.aliases import Json, JsonObject
from devstack.qdrant.errors import format_error, unsupported


def decode(body: bytes) -> JsonObject:
    """The JSON object in ``body``; an empty body is an empty object.

    pydantic's parser, because it is written in Rust as the server's is: as fast, and as strict.

    Raises:
        QdrantError: 400 if it is not UTF-8, not JSON (NaN is not), nested too deeply, or not an object.
    """
    if not body:
        return {}
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise format_error(str(error)) from error
    return as_object(value, "body")


def encode(value: object) -> bytes:
    """``value`` as compact UTF-8 JSON."""
    return pydantic_core.to_json(value)


def as_object(value: Json, where: str) -> JsonObject:
    """``value`` if it is a JSON object; 400 naming ``where`` if not."""
    if not isinstance(value, dict):
        raise format_error(f"{where}: expected an object, got {type(value).__name__}")
    return value


def as_list(value: Json, where: str) -> list[Json]:
    """``value`` if it is a JSON array; 400 naming ``where`` if not."""
    if not isinstance(value, list):
        raise format_error(f"{where}: expected an array, got {type(value).__name__}")
    return value


def known_keys(value: Json, allowed: Names[str], where: str) -> JsonObject:
    """``value`` without its nulls, once it is an object whose keys are all in ``allowed``.

    Raises:
        QdrantError: 400 naming the first key this front does not know.
    """
    for key in as_object(value, where):
        if key not in allowed:
            raise unsupported(f"{where}.{key}" if where else key)
    return {key: item for key, item in value.items() if item is not None}


def required(value: JsonObject, key: str, where: str) -> Json:
    """``value[key]``; 400 as the server words it if it is missing."""
    try:
        return value[key]
    except KeyError:
        raise format_error(f"{where}: missing field `{key}`") from None
