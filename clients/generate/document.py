"""Reads the routes of ``docs/openapi.json`` as the client has them: a method each, with a name and arguments."""

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

NAMES = {
    "change_memory": "edit_memory",
    "delete_by_filter": "delete_memories",
    "get_history": "get_memory_history",
    "approve": "approve_memory",
    "restore": "restore_memory",
    "restore_v1_archive_restore_post": "restore_archived",
    "get_account": "get_account_settings",
    "set_account": "set_account_settings",
    "get_agent": "get_agent_settings",
    "set_agent": "set_agent_settings",
    "get_thread": "get_thread_settings",
    "set_thread": "set_thread_settings",
    "export_account": "export_part",
    "submit": "submit_job",
    "undo": "undo_job",
    "get_receipt": "get_erasure_receipt",
    "resume": "resume_erasure",
    "get_days": "get_usage_days",
    "preview": "preview_policy",
    "lift_account": "lift_account_hold",
    "lift_thread": "lift_thread_hold",
}
"""Names of methods that say more than the service's own names. A route without an entry keeps its own;
where two routes share one, the whole id of the operation tells which is meant."""

READING_POSTS = frozenset(("/v1/context", "/v1/memories/search", "/v1/undo/preview", "/v1/policies/preview"))
"""They change nothing, so a client may send them twice."""

CONTEXT = "/v1/context"
"""Has a method that is written by hand: it never raises."""


@dataclass(frozen=True)
class Argument:
    """Of a method. ``place``: path, query, header or body; ``wire``: its name there."""

    name: str
    wire: str
    place: str
    schema: Schema
    required: bool


@dataclass(frozen=True)
class Operation:
    """A route and its method."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    arguments: tuple[Argument, ...]
    body: str
    """``json``, ``text`` or nothing."""
    answer: str
    """The name of its model, ``text``, or nothing."""

    @property
    def keyed(self) -> bool:
        """Whether it takes an ``Idempotency-Key``."""
        return any(argument.wire == "idempotency-key" for argument in self.arguments)

    @property
    def reads(self) -> bool:
        """Whether it is a POST that only reads."""
        return self.method == "POST" and self.path in READING_POSTS


def operations(document: Schema) -> list[Operation]:
    """Every route but the context's.

    Raises:
        ValueError: two methods would have one name: add one of them to `NAMES`.
    """
    found = [
        _operation(document, path, method, route)
        for path, methods in document["paths"].items()
        if path != CONTEXT
        for method, route in methods.items()
    ]
    names = [operation.name for operation in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two routes would have one method: {sorted(twice)}")
    return sorted(found, key=lambda operation: (operation.path, operation.method))


def resolved(document: Schema, schema: Schema) -> Schema:
    """``schema``, or the one it refers to."""
    reference = schema.get("$ref")
    found: Schema = document["components"]["schemas"][name_of(reference)] if reference else schema
    return found


def name_of(reference: str) -> str:
    """The name of the schema that is referred to."""
    return reference.rpartition("/")[2]


def _operation(document: Schema, path: str, method: str, route: Schema) -> Operation:
    content = route.get("requestBody", {}).get("content", {})
    body = "json" if "application/json" in content else "text" if content else ""
    arguments = [_parameter(parameter) for parameter in route.get("parameters", ())]
    if body == "json":
        taken = {argument.name for argument in arguments}
        fields = _fields(resolved(document, content["application/json"]["schema"]))
        arguments += [field for field in fields if field.name not in taken]
    elif body == "text":
        arguments.append(Argument("lines", "", "lines", {"type": "string"}, required=True))
    return Operation(
        _name(route["operationId"], path, method),
        method.upper(),
        path,
        route["summary"],
        route.get("description", ""),
        tuple(arguments),
        body,
        _answer(route["responses"]),
    )


def _name(operation_id: str, path: str, method: str) -> str:
    own = operation_id.removesuffix(f"{re.sub('[^0-9A-Za-z]', '_', path)}_{method}")
    return NAMES.get(operation_id, NAMES.get(own, own))


def _parameter(parameter: Schema) -> Argument:
    wire = parameter["name"]
    name = {"if-match": "version"}.get(wire, wire.replace("-", "_"))
    name = f"{name}_" if keyword.iskeyword(name) else name
    schema = {"type": "integer"} if wire == "if-match" else parameter["schema"]
    return Argument(name, wire, parameter["in"], schema, required=parameter.get("required", False))


def _fields(schema: Schema) -> Iterator[Argument]:
    for name, field in schema["properties"].items():
        yield Argument(name, name, "body", field, required=name in schema.get("required", ()))


def _answer(responses: Schema) -> str:
    found = [response.get("content", {}) for status, response in responses.items() if status.startswith("2")]
    if any("application/x-ndjson" in content for content in found):
        return "text"
    names = {name_of(content["application/json"]["schema"]["$ref"]) for content in found if content}
    if len(names) > 1:
        raise ValueError(f"a route with two kinds of answers: {sorted(names)}")
    return names.pop() if names else ""
