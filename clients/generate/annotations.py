"""JSON Schema as annotations of Python 3.10."""

from collections.abc import Callable, Iterator

from clients.generate.document import Schema, name_of

Resolve = Callable[[Schema], Schema]

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def answered(schema: Schema, resolve: Resolve) -> str:
    """What a field of an answer holds. Values of an enumeration are text: a newer service may know more of them."""
    if "$ref" in schema:
        return "str" if "enum" in resolve(schema) else name_of(schema["$ref"])
    if "enum" in schema or "const" in schema:
        return _PLAIN.get(schema.get("type", ""), "str")
    return _annotation(schema, lambda inner: answered(inner, resolve), moment="datetime")


def asked(schema: Schema, resolve: Resolve) -> str:
    """What an argument takes."""
    if "$ref" in schema:
        return name_of(schema["$ref"])
    if "enum" in schema or "const" in schema:
        return literal(schema)
    return _annotation(schema, lambda inner: asked(inner, resolve), moment="datetime | str")


def literal(schema: Schema) -> str:
    """The values of an enumeration."""
    values = schema["enum"] if "enum" in schema else [schema["const"]]
    return f"Literal[{', '.join(quoted(value) for value in values)}]"


def quoted(value: object) -> str:
    """A value as Python code."""
    if not isinstance(value, str):
        return repr(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _annotation(schema: Schema, inner: Callable[[Schema], str], *, moment: str) -> str:
    kind = schema.get("type")
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_flat(map(inner, schema["anyOf"]))))
    if isinstance(kind, list):
        return " | ".join(inner({**schema, "type": one}) for one in kind)
    if kind == "string" and schema.get("format") == "date-time":
        return moment
    if kind == "array":
        return f"list[{inner(schema.get('items', {}))}]"
    if kind == "object":
        values = schema.get("additionalProperties", True)
        return f"dict[str, {'Any' if isinstance(values, bool) else inner(values)}]"
    return _PLAIN.get(kind or "", "Any")


def _flat(annotations: Iterator[str]) -> Iterator[str]:
    """``X`` and ``None``, the latter last."""
    found = [part for annotation in annotations for part in annotation.split(" | ")]
    yield from (part for part in found if part != "None")
    if "None" in found:
        yield "None"


def nullable(schema: Schema) -> bool:
    """Whether ``null`` is one of its values."""
    kind = schema.get("type")
    return any(one.get("type") == "null" for one in schema.get("anyOf", ())) or (
        isinstance(kind, list) and "null" in kind
    )
