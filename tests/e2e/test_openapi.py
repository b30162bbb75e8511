"""The running system against its own OpenAPI document: whatever is sent, no answer breaks the contract or is a 5xx."""

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from operator_memory.entrypoints.api.openapi import document
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devstack.stack import ROOT
from tests.e2e.system import System
from tests.support.time_outs import AMPLE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS: list[APIOperation[Any, Any, Any, Any]] = [
    found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations() if isinstance(found, Ok)
]
schemathesis.serializer.alias("application/x-ndjson", "text/plain")
EXAMPLES = 25
TOKEN = re.compile(r"[A-Za-z0-9-]+")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
LINES = st.lists(
    st.fixed_dictionaries(
        {"id": st.uuids().map(str) | ANYTHING, "scope": st.sampled_from(["user", "agent", "session"]) | ANYTHING},
        optional={
            "type": st.just("memory") | ANYTHING,
            "kind": st.sampled_from(["fact", "turn"]) | ANYTHING,
            "text": st.text() | ANYTHING,
            "created_at": st.datetimes().map(lambda moment: moment.isoformat()) | ANYTHING,
            "expires_at": st.datetimes().map(lambda moment: moment.isoformat()) | ANYTHING,
            "agent_id": st.text() | ANYTHING,
            "importance": st.floats() | ANYTHING,
            "history": ANYTHING,
            "version": st.integers() | ANYTHING,
        },
    ).map(json.dumps)
    | st.text(max_size=30),
    max_size=5,
).map("\n".join)
"""The body of an import, which the document can only call text: lines that are nearly right, and others."""
EXPENSIVE = {"/v1/export", "/v1/import", "/v1/erasures", "/v1/memories/delete", "/v1/erasures/{erasure_id}/resume"}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


class Person:
    """Somebody with memories, a job and an erasure, whose ids the attack may hit on."""

    def __init__(self, system: System) -> None:
        self.id = system.new_user()
        self.token = system.at.user_token(self.id)
        added = [
            system.call(self.id, "POST", "/v1/memories", {"memory": text, "pinned": pinned}).json["id"]
            for text, pinned in (("I like tea", False), ("I live in Porto", True))
        ]
        erasure = system.call(self.id, "POST", "/v1/erasures", {"target": "agent", "id": "a", "confirm": "erase"}).json
        self.known = {"memory_id": added, "erasure_id": [erasure["id"]], "user_id": [self.id]}


@pytest.fixture(scope="module")
def person(system: System) -> Person:
    return Person(system)


def test_every_route_of_the_document_is_tried() -> None:
    assert len(OPERATIONS) == sum(len(path) for path in document()["paths"].values()) >= 31


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_no_answer_breaks_the_contract(
    system: System, person: Person, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> None:
    @seed(20261124)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def attack(data: st.DataObject) -> None:
        case: Case[Any] = data.draw(operation.as_strategy(generation_mode=mode))
        if data.draw(st.booleans()):
            case.query.pop("account_id", None)  # else nearly all would be told that the account is not theirs
        for name, ids in person.known.items():
            if name in case.path_parameters and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(ids))
        for name in [n for n, value in case.headers.items() if not (TOKEN.fullmatch(n) and str(value).isprintable())]:
            del case.headers[name]  # no HTTP: the server breaks the connection off
        if operation.path == "/v1/import":
            case.body = data.draw(LINES)
        case.call_and_validate(
            base_url=system.at.api_url,
            headers={"Authorization": f"Bearer {token_for(system, person, operation)}"},
            checks=CHECKS,
            timeout=AMPLE,
        )

    attack()


def token_for(system: System, person: Person, operation: APIOperation[Any, Any, Any, Any]) -> str:
    """A person's, or the runtime's where only that may call; a newcomer's where a person may not call often."""
    if operation.path == "/v1/context":
        return system.at.token()
    expensive = operation.path in EXPENSIVE or (operation.method == "delete" and operation.path.startswith("/memory/"))
    return system.at.user_token(system.new_user()) if expensive else person.token


def test_the_document_that_is_shipped_is_the_one_that_is_tried() -> None:
    assert json.loads((ROOT / "docs" / "openapi.json").read_text()) == document()
