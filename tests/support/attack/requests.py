"""Requests for every route of the API, made from its own OpenAPI document and filled with ids that an account has.

A route that is added is attacked without a word here: what its parameters and its body may hold follows from their
schemas, and which ids go where from their names.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID, uuid4

from operator_memory.domain.memory.memory import memory_id
from operator_memory.domain.memory.scopes import Scope, ScopeKey
from operator_memory.entrypoints.api.openapi import document

from tests.support.attack.world import KNOWN_TEXT, Request, Tenant

Schema = Mapping[str, Any]
Route = tuple[str, str]

NAMINGS = ("theirs", "theirs", "theirs", "own", "own", "nobody's", "both", "both, theirs first", "header")
"""Ways of saying whose memory is meant."""

_WORDS = ("tea", "drinks", "Keeps", "themselves", KNOWN_TEXT, "x")
_NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
_NOT_FILLED = ("account_id", "cursor")  # chosen by the way in which the account is named, and by the route


@cache
def routes() -> dict[Route, Schema]:
    """Every operation of the document, by method and path."""
    paths = document()["paths"]
    return {(method.upper(), path): operation for path, item in paths.items() for method, operation in item.items()}


@cache
def _schemas() -> Mapping[str, Schema]:
    found: Mapping[str, Schema] = document()["components"]["schemas"]
    return found


class RequestMaker:
    """Makes requests about ``target``'s things. ``own``: the account that the caller may name without lying."""

    def __init__(self, target: Tenant, own: str | None, rng: Random) -> None:
        self._target = target
        self._own = own
        self._rng = rng

    def make(self, route: Route, naming: str) -> Request:
        """A request that is well formed and asks for what the target has."""
        method, template = route
        operation = routes()[route]
        path = template
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", self._id(parameter["name"]))
        body, headers = self._body(operation), self._headers(operation)
        request = Request(method, path, self._query(route, operation), body, headers)
        return self._named(request, operation, naming)

    def _named(self, request: Request, operation: Schema, naming: str) -> Request:
        theirs, own = self._target.account, self._own or self._target.account
        accounts: dict[str, list[str]] = {
            "theirs": [theirs], "own": [own], "nobody's": [], "header": [],
            "both": [own, theirs], "both, theirs first": [theirs, own],
        }  # fmt: skip
        wanted = accounts[naming]
        if naming == "header":
            request = replace(request, headers=(*request.headers, ("x-account-id", theirs), ("x-user-id", theirs)))
        if any(p["name"] == "account_id" and p["in"] == "query" for p in operation.get("parameters", ())):
            request = replace(request, query=(*request.query, *(("account_id", account) for account in wanted)))
        if isinstance(request.body, dict) and "account_id" in _body_schema(operation).get("properties", {}):
            in_body = wanted[:1] if naming == "own" else [theirs]
            required = "account_id" in _body_schema(operation).get("required", ())
            if required or self._rng.random() < 0.5:
                request = replace(request, body={**request.body, "account_id": in_body[0]})
        return request

    def _query(self, route: Route, operation: Schema) -> tuple[tuple[str, str], ...]:
        chosen = []
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            if parameter["in"] == "query" and name not in _NOT_FILLED and self._rng.random() < 0.2:
                value = self._value(name, parameter["schema"])
                if value is not None:
                    chosen.append((name, value if isinstance(value, str) else json.dumps(value)))
            elif name == "cursor" and self._rng.random() < 0.4:
                of_export = route[1] == "/v1/export"
                cursors = self._target.export_cursors if of_export else self._target.cursors
                chosen.append((name, self._rng.choice(cursors)))
        return tuple(chosen)

    def _headers(self, operation: Schema) -> tuple[tuple[str, str], ...]:
        known: dict[str, Callable[[], str]] = {
            "if-match": lambda: self._rng.choice(('"1"', '"2"', "*")),
            "idempotency-key": lambda: self._rng.choice([*self._target.keys, str(uuid4())]),
        }
        names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"]
        return tuple((name, known[name]() if name in known else self._target.keys[0]) for name in names)

    def _body(self, operation: Schema) -> Any:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/x-ndjson" in content:
            return "\n".join(json.dumps(self._line()) for _ in range(self._rng.randint(1, 3))).encode()
        schema = _body_schema(operation)
        if not schema:
            return None
        body = self._value("body", schema)
        repair = _REPAIRS.get(schema.get("title", ""))
        return body if repair is None else repair(self, body)

    def _line(self) -> dict[str, Any]:
        """A line of an export that claims to be the target's."""
        return {
            "type": "memory", "id": self._uuid(), "account_id": self._target.account, "scope": "user", "kind": "fact",
            "text": f"Imported {uuid4().hex}.", "created_at": _NOW.isoformat(), "thread_id": self._id("thread_id"),
            "author_id": self._id("author_id"), "superseded_by": self._id("memory_id"),
        }  # fmt: skip

    def _uuid(self) -> str:
        """An id of the target's that is a UUID."""
        return self._rng.choice(self._target.ids["memory_id"])

    # ---- values by schema -------------------------------------------------------------------------------------

    def _value(self, name: str, schema: Schema) -> Any:
        schema = resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        of_type: dict[str, Callable[[str, Schema], Any]] = {
            "object": self._object,
            "array": self._list,
            "boolean": lambda *_: self._rng.random() < 0.5,
            "integer": lambda _, s: self._rng.randint(int(s.get("minimum", 0)), int(min(s.get("maximum", 50), 50))),
            "number": lambda *_: round(self._rng.random(), 3),
            "null": lambda *_: None,
        }
        return of_type.get(schema.get("type", "string"), self._text)(name, schema)

    def _list(self, name: str, schema: Schema) -> list[Any]:
        one = name.removesuffix("s")  # of memory_ids, each is a memory_id
        return [self._value(one, schema.get("items", {})) for _ in range(self._rng.randint(1, 2))]

    def _object(self, _: str, schema: Schema) -> dict[str, Any]:
        required = schema.get("required", ())
        properties: Mapping[str, Schema] = schema.get("properties", {})
        chosen = [name for name in properties if name in required or self._rng.random() < 0.35]
        return {name: self._value(name, properties[name]) for name in chosen if name not in _NOT_FILLED} or (
            {"tone": self._rng.choice(_WORDS)} if schema.get("additionalProperties") is True else {}
        )

    def _text(self, name: str, schema: Schema) -> str:
        if schema.get("format") == "date-time":
            return (_NOW + timedelta(days=self._rng.choice((-60, -1, 1, 60)))).isoformat()
        if name == "id" or name.endswith("_id"):
            return self._id(name)
        if "pattern" in schema and "A-Za-z0-9" in schema["pattern"]:
            return self._id(name)
        return self._rng.choice(_WORDS)

    def _id(self, name: str) -> str:
        """An id of the target's; now and then one that is guessed."""
        if name == "memory_id" and self._rng.random() < 0.15:
            return self._guessed()
        return self._target.pick(name, self._rng)

    def _guessed(self) -> str:
        """What an id would be if the same words were remembered there; or a neighbour of an id."""
        known = self._target.ids["memory_id"][0]
        key = ScopeKey(Scope.AGENT, self._target.ids["agent_id"][0])
        return self._rng.choice((
            memory_id(self._target.account, ScopeKey(Scope.USER), KNOWN_TEXT),
            memory_id(self._target.account, key, KNOWN_TEXT),
            str(UUID(int=UUID(known).int ^ 1)),
            known.upper(),
        ))  # fmt: skip

    # ---- what no schema says ----------------------------------------------------------------------------------

    def fit_scope(self, body: dict[str, Any]) -> dict[str, Any]:
        """An agent for the agent's scope, a session for the session's."""
        scope = body.get("scope", "user")
        kept = {name: value for name, value in body.items() if name not in ("agent_id", "session_id", "expires_at")}
        kept["memory"] = f"{self._rng.choice(_WORDS)} {self._rng.randint(1, 500)}"
        return kept if scope == "user" else {**kept, f"{scope}_id": self._id(f"{scope}_id")}

    def fit_target(self, body: dict[str, Any]) -> dict[str, Any]:
        """An id for the targets that need one."""
        kept = {name: value for name, value in body.items() if name != "id"}
        target = str(body["target"])
        return kept if target in ("account", "user") else {**kept, "id": self._id(f"{target}_id")}

    def fit_restore(self, body: dict[str, Any]) -> dict[str, Any]:
        """One of the ways to say what comes back."""
        ways = ("memory_ids", "agent_id", "thread_id", "everything")
        way = self._rng.choice([name for name in ways if name in body] or ["everything"])
        return {name: value for name, value in body.items() if name not in ways} | {way: body.get(way, True)}

    def fit_expectation(self, body: dict[str, Any]) -> dict[str, Any]:
        """At least one condition, and a number that might be right."""
        where = {k: v for k, v in body["filter"].items() if k != "state"} or {"scope": "user"}
        if not self._rng.randrange(3):
            where = {"author_id": self._id("author_id")}
        return {**body, "filter": where, "expected": self._rng.randint(0, 12)}

    def fit_messages(self, body: dict[str, Any]) -> dict[str, Any]:
        """Something that was said."""
        return {**body, "messages": [{"type": "user", "content": "I drink tea."}]}

    def fit_scopes(self, body: dict[str, Any]) -> dict[str, Any]:
        """Every scope has the id that it needs."""
        ids = {name: self._id(name) for name in ("agent_id", "session_id")}
        return {**body, **ids, "memory_enabled": True, "scopes": None}


_REPAIRS: dict[str, Callable[[RequestMaker, dict[str, Any]], dict[str, Any]]] = {
    "AddBody": RequestMaker.fit_scope,
    "RestoreBody": RequestMaker.fit_restore,
    "ErasureBody": RequestMaker.fit_target,
    "DeleteBody": RequestMaker.fit_expectation,
    "RunJob": RequestMaker.fit_messages,
    "ContextRequest": RequestMaker.fit_scopes,
}


def _body_schema(operation: Schema) -> Schema:
    content = operation.get("requestBody", {}).get("content", {})
    return resolved(content.get("application/json", {}).get("schema", {}))


def resolved(schema: Schema) -> Schema:
    """A schema with its reference followed, and the first of several possibilities that is not null chosen."""
    if "$ref" in schema:
        return resolved(_schemas()[schema["$ref"].rpartition("/")[2]])
    for choice in (c for c in schema.get("anyOf", ()) if c.get("type") != "null" and "properties" not in schema):
        return resolved(choice)
    if isinstance(schema.get("type"), list):
        return {**schema, "type": next(name for name in schema["type"] if name != "null")}
    return schema
