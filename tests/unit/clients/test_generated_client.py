"""The client follows the contract: every route and every field of ``docs/openapi.json``, in both clients."""

import inspect
import json
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from operator_memory_client import models
from operator_memory_client.api import routes, types
from operator_memory_client.async_client import AsyncMemoryClient
from operator_memory_client.client import MemoryClient
from operator_memory_client.transport.calls import Route

from clients.generate import __main__ as generate
from clients.generate.document import CONTEXT, Operation, operations

DOCUMENT = json.loads((generate.ROOT / "docs" / "openapi.json").read_text("utf-8"))
CLIENTS = (MemoryClient, AsyncMemoryClient)
OPERATIONS = operations(DOCUMENT)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


def test_generating_again_changes_nothing() -> None:
    assert generate.stale() == []


def described_routes() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


def test_every_route_has_a_method() -> None:
    table = {name: route for name, route in vars(routes).items() if isinstance(route, Route)}
    assert {(r.method, r.path) for r in table.values()} | {("POST", CONTEXT)} == described_routes()
    for client in CLIENTS:
        assert [name for name in table if not callable(getattr(client, name.lower(), None))] == []
        assert callable(client.context)


@each_operation
def test_every_parameter_and_field_has_an_argument(operation: Operation) -> None:
    for client in CLIENTS:
        taken = inspect.signature(getattr(client, operation.name)).parameters
        assert [argument.name for argument in operation.arguments if argument.name not in taken] == []


def test_every_field_of_a_context_can_be_asked_for() -> None:
    body = DOCUMENT["paths"][CONTEXT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(types.ContextOptions.__annotations__) | {"account_id"} == set(body["properties"])


@each_operation
def test_every_field_of_an_answer_is_in_its_model(operation: Operation) -> None:
    for name in reached(operation.answer):
        schema = DOCUMENT["components"]["schemas"][name]
        if "enum" not in schema:
            assert set(getattr(models, name).model_fields) == set(schema["properties"])


def reached(answer: str) -> Iterator[str]:
    """The models that an answer holds."""
    waiting, seen = ([] if answer in ("", "text") else [answer]), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            text = json.dumps(DOCUMENT["components"]["schemas"][name])
            waiting += [part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]]


def own_methods(client: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(client, callable) if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    blocking, on_loops = own_methods(MemoryClient), own_methods(AsyncMemoryClient)
    assert set(blocking) - {"close"} == set(on_loops) - {"aclose"}
    for name in set(blocking) & set(on_loops):
        one, other = inspect.signature(blocking[name]), inspect.signature(on_loops[name])
        assert list(one.parameters) == list(other.parameters), name
        assert [p.default for p in one.parameters.values()] == [p.default for p in other.parameters.values()], name


def test_answers_are_built_from_what_the_contract_shows() -> None:
    for name, model in vars(models).items():
        if isinstance(model, type) and issubclass(model, models.Answer) and model is not models.Answer:
            assert typing.get_type_hints(model), name


def test_an_answer_of_a_newer_service_is_read() -> None:
    read = models.ClearedView.model_validate({"mood": "good", **dict.fromkeys(models.ClearedView.model_fields, "x")})
    assert read.model_extra == {"mood": "good"}


def test_two_routes_with_one_name_are_told() -> None:
    route = {"operationId": "undo_v1_x_post", "summary": "X", "responses": {"204": {}}}
    other = {**route, "operationId": "undo_v1_y_post"}
    with pytest.raises(ValueError, match="undo_job"):
        operations({"paths": {"/v1/x": {"post": route}, "/v1/y": {"post": other}}})
