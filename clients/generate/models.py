"""Writes the models of answers and the types of arguments."""

from collections.abc import Iterator
from functools import partial

from clients.generate.annotations import answered, asked, literal, nullable
from clients.generate.document import CONTEXT, Operation, Schema, name_of, resolved
from clients.generate.layout import GENERATED, docstring

MODELS_HEAD = f'''"""The answers of the service. {GENERATED}

An answer may hold more than a model knows, of a newer service: that is kept in ``model_extra``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of all models. They are built when they are first used, not when this module is imported."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True, protected_namespaces=())
'''

TYPES_HEAD = f'''"""The types of arguments. {GENERATED}"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict
'''


def models_module(document: Schema, operations: list[Operation]) -> str:
    """The text of ``models.py``."""
    names = sorted(reached(document, {operation.answer for operation in operations} - {"", "text"}))
    schemas = document["components"]["schemas"]
    return MODELS_HEAD + "".join(_model(document, name) for name in names if "enum" not in schemas[name])


def reached(document: Schema, names: set[str]) -> set[str]:
    """``names``, and every schema that these refer to."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(document["components"]["schemas"][name])
    return found


def references(schema: object) -> Iterator[str]:
    """The names of the schemas that ``schema`` refers to."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield name_of(schema["$ref"])
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def _model(document: Schema, name: str) -> str:
    schema = document["components"]["schemas"][name]
    lines = [f"\n\nclass {name}(Answer):", *docstring(schema.get("description") or f"{schema['title']}.", 4), ""]
    for field, inner in schema["properties"].items():
        lines += _field(document, field, inner, required=field in schema.get("required", ()))
    return "\n".join(lines) + "\n"


def _field(document: Schema, name: str, schema: Schema, *, required: bool) -> Iterator[str]:
    annotation = answered(schema, partial(resolved, document))
    default = ""
    if not required and annotation.startswith(("list[", "dict[")):
        default = f" = Field(default_factory={annotation.partition('[')[0]})"
    elif not required:
        annotation = annotation if annotation.endswith("None") or annotation == "Any" else f"{annotation} | None"
        default = " = None"
    yield f"    {name}: {annotation}{default}"
    if "description" in schema:
        yield from docstring(schema["description"], 4)


def argument_types(document: Schema, operations: list[Operation]) -> list[str]:
    """The names of the types that arguments have; what a module does not use of them is taken out of its imports."""
    asked_for = [argument.schema for operation in operations for argument in operation.arguments]
    return sorted(reached(document, {name for schema in asked_for for name in references(schema)}))


def types_module(document: Schema, operations: list[Operation]) -> str:
    """The text of ``api/types.py``."""
    names = argument_types(document, operations)
    schemas = document["components"]["schemas"]
    enums = [f"\n{name} = {literal(schemas[name])}\n" for name in names if "enum" in schemas[name]]
    dicts = [_typed_dict(document, name, schemas[name]) for name in names if "enum" not in schemas[name]]
    body = document["paths"][CONTEXT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    options = {name: field for name, field in body["properties"].items() if name != "account_id"}
    context = {"description": "What a context can be asked with, beside the account.", "properties": options}
    return TYPES_HEAD + "".join([*enums, *dicts, _typed_dict(document, "ContextOptions", context)])


def _typed_dict(document: Schema, name: str, schema: Schema) -> str:
    lines = [f"\n\nclass {name}(TypedDict, total=False):", *docstring(schema["description"], 4), ""]
    for field, inner in schema["properties"].items():
        annotation = asked(inner, partial(resolved, document))
        none = "" if not nullable(inner) or "None" in annotation else " | None"
        lines.append(f"    {field}: {annotation}{none}")
        if "description" in inner:
            lines += docstring(inner["description"], 4)
    return "\n".join(lines) + "\n"
