"""Text that tries to be more than text: in every id of every route, in cursors and in headers.

Nothing of it becomes a filter, a path, a header or another account's data, and nothing is answered with an error of
ours.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from devstack.qdrant import QdrantFront
from tests.support.attack.attempts import own_requests, tenants_of, token_for
from tests.support.attack.requests import Route, resolved, routes
from tests.support.attack.texts import MARK, assert_harmless
from tests.support.attack.world import AttackWorld, Request, Tenant

pytest_plugins = ["tests.support.attack.fixtures"]

HOSTILE_IDS: dict[str, str] = {
    "everything": "*",
    "everything, percent-encoded": "%2a",
    "the end of a filter": f'{MARK}"}}]}}',
    "a condition more": f'{MARK}"}},"should":[{{"key":"user_id","match":{{"any":["*"]}}}}],"x":{{"',
    "SQL": f"{MARK}') or 1=1--",
    "SQL, stacked": f"{MARK}'; delete from memory_events; --",
    "a PostgREST operator": f"eq.{MARK},or=(account_id.neq.x)",
    "a PostgREST parameter": f"{MARK}&select=*&account_id=neq.x",
    "a DynamoDB key": f"ACCOUNT#{MARK}",
    "a MongoDB operator": f'{{"$ne": "{MARK}"}}',
    "a path upwards": f"../../{MARK}",
    "a path upwards, encoded": f"..%2f..%2f{MARK}",
    "a path upwards, encoded twice": f"..%252f{MARK}",
    "another route's path": f"{MARK}/../../export",
    "a zero byte": f"{MARK}%00",
    "a line break": f"{MARK}%0d%0aset-cookie:%20a=b",
    "a line break as it is": f"{MARK}\r\nset-cookie: a=b",
    "a last line break": f"{MARK}\n",
    "a tab": f"{MARK}\t",
    "blanks": "   ",
    "a dot": ".",
    "look-alike letters": f"{MARK}аdmin",
    "full-width letters": f"{MARK}１２＊",
    "right to left": f"\u202e{MARK}",
    "nothing that is seen": f"{MARK}\u200b",
    "a script": f"<script>{MARK}</script>",
    "a template": f"{{{{{MARK}}}}}",
    "a format": f"{{0.__class__}}{MARK}",
    "an escape sequence": f"\x1b[31m{MARK}",
    "a long one": MARK + "a" * 200,
    "a very long one": MARK + "a" * 60_000,
    "a separator of ours": f"{MARK}\x1fagent",
}

HOSTILE_VALUES: dict[str, Any] = {
    "a condition": {"must": []},
    "an operator": {"$gt": ""},
    "a list": [MARK, "*"],
    "a number": 10**30,
    "a truth": True,
    "half a character": f"{MARK}\ud800",
    "a zero byte": f"{MARK}\x00",
    "a prototype": {"__proto__": {"admin": True}},
}


@pytest.fixture(scope="module")
def world(attacked_engine: QdrantFront) -> Iterator[AttackWorld]:
    """One for all tests here: each has accounts of its own in it."""
    made = AttackWorld(attacked_engine.url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def working(world: AttackWorld) -> dict[Route, Request]:
    """For every route a request that has worked for somebody."""
    return dict(own_requests(world, world.person()))


@pytest.fixture
def me(world: AttackWorld) -> Tenant:
    world.client.reset()
    return world.person()


def fields(schema: Mapping[str, Any], depth: int = 2) -> Iterator[tuple[str, ...]]:
    """The places of a body that take text, two objects deep."""
    for name, value in schema.get("properties", {}).items():
        named = resolved(value)
        if named.get("type") == "string":
            yield (name,)
        elif depth > 1:
            for inner in fields(named, depth - 1):
                yield (name, *inner)


def injected(route: Route, request: Request, value: Any) -> Iterator[tuple[str, Request]]:
    """The request with ``value`` in one place after another."""
    operation = routes()[route]
    template, path = route[1].split("/"), request.path.split("/")
    if isinstance(value, str) and "\ud800" not in value:  # which no URL can hold
        for n, part in enumerate(template):
            if part.startswith("{"):
                yield part, replace(request, path="/".join([*path[:n], value, *path[n + 1 :]]))
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                kept = tuple(pair for pair in request.query if pair[0] != parameter["name"])
                yield parameter["name"], replace(request, query=(*kept, (parameter["name"], value)))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for place in fields(resolved(content.get("schema", {}))):
        yield ".".join(place), replace(request, body=_with(request.body, place, value))


def _with(body: Any, place: tuple[str, ...], value: Any) -> dict[str, Any]:
    held = dict(body) if isinstance(body, dict) else {}
    held[place[0]] = value if len(place) == 1 else _with(held.get(place[0]), place[1:], value)
    return held


# --- ids


def about(tenant: Tenant, working: Mapping[Route, Request]) -> dict[Route, Request]:
    """For every route a request that works, about what the account has (still)."""
    found = {}
    for route, request in working.items():
        path = [tenant.ids[part[1:-1]][0] if part.startswith("{") else part for part in route[1].split("/")]
        query = tuple(pair for pair in request.query if pair[0] not in ("account_id", "cursor"))
        body = {**request.body, "account_id": tenant.account} if route[1] == "/v1/context" else request.body
        if isinstance(body, dict) and route[1] == "/v1/jobs":
            body = {name: value for name, value in body.items() if name != "account_id"}
        found[route] = replace(request, path="/".join(path), query=query, body=body)
    return found


def test_hostile_ids_in_every_place_of_every_route_escape_from_nothing(
    world: AttackWorld, me: Tenant, working: dict[Route, Request]
) -> None:
    other = world.person()
    before = world.held(other.account)
    requests = about(me, working)
    sent: list[Any] = []
    world.client.before = lambda _method, _path, body: sent.append(body)
    places: set[tuple[Route, str]] = set()
    for route, request in requests.items():
        for name, value in [*HOSTILE_IDS.items(), *HOSTILE_VALUES.items()]:
            for place, attempt in injected(route, request, value):
                places.add((route, place))
                world.management.clock.advance(milliseconds=1)
                assert_harmless(world.send(attempt, token_for(world, me, route)), other, (route, place, name))
    assert len(places) > 90
    assert {route for route, _ in places} >= {route for route in routes() if "{" in route[1]}
    assert {account for body in sent for account in tenants_of(body)} <= {me.account}
    assert world.held(other.account) == before


ID_PLACES = ("account_id", "agent_id", "session_id", "thread_id", "author_id")


@pytest.mark.parametrize("hostile", [name for name in HOSTILE_IDS if name not in ("a dot",)])
def test_a_hostile_id_is_refused_by_its_shape_before_anything_is_asked(
    world: AttackWorld, me: Tenant, hostile: str
) -> None:
    value, token = HOSTILE_IDS[hostile], world.management.user_token(me.owner)
    sent: list[Any] = []
    world.client.before = lambda _method, _path, body: sent.append(body)
    for name in ID_PLACES:
        answer = world.send(Request("GET", "/v1/memories", ((name, value),)), token)
        assert (answer.status, answer.json["field"]) == (422, name)
    for path in ("/v1/agents/{}/settings", "/v1/jobs/{}", "/v1/erasures/{}", "/v1/memories/{}", "/memory/user/{}"):
        assert world.send(Request("GET", path.format(value)), token).status in (403, 404, 422), path
    assert sent == []


CURSORS: dict[str, Any] = {
    "another order": ["importance", "0.5", str(uuid4())],
    "no place": ["-created_at", "", ""],
    "a time that is none": ["-created_at", "9999-99-99", str(uuid4())],
    "a time without end": ["-created_at", "9999-12-31T23:59:59-23:59", str(uuid4())],
    "a number that is none": ["-importance", "NaN", str(uuid4())],
    "infinity": ["-importance", "1e999", str(uuid4())],
    "an id that is a filter": ["-created_at", "2026-01-01T00:00:00Z", {"must": []}],
    "an id that is text": ["-created_at", "2026-01-01T00:00:00Z", f"{MARK}'*"],
    "a section that does not exist": ["secrets", None],
    "a section in a list": [["memories"], None],
    "a place that is a filter": ["memories", {"must": []}],
    "a place that is text": ["memories", f"{MARK} *"],
    "an empty place": ["memories", ""],
    "a job like all": ["jobs", "*"],
    "an event like all": ["events", "*"],
    "an archive like all": ["archive", "../"],
    "the archive's numbers": ["archive", "/-1"],
    "an object": {"section": "memories", "after": None},
    "a text": "ab",
    "a number": 7,
    "nothing": None,
    "deep": [[[[[[[[[[]]]]]]]]]],
}


@pytest.mark.parametrize("inside", CURSORS)
@pytest.mark.parametrize("path", ["/v1/memories", "/v1/export"])
def test_a_cursor_that_somebody_made_up_leads_nowhere(world: AttackWorld, me: Tenant, path: str, inside: str) -> None:
    other = world.person()
    text = base64.urlsafe_b64encode(json.dumps(CURSORS[inside]).encode()).decode().rstrip("=")
    for cursor in (text, text + "=", text[:-1], f"{text}\n", f"{MARK}%00{text}", "*" * 500, "é" * 50):
        answer = world.send(Request("GET", path, (("cursor", cursor),)), world.management.user_token(me.owner))
        assert_harmless(answer, other, (path, inside, cursor))
        assert answer.status in (200, 422)


def test_a_cursor_of_another_accounts_archive_is_none_of_ours(world: AttackWorld, me: Tenant) -> None:
    other, token = world.person(), world.management.user_token(me.owner)
    for cursor in other.export_cursors:
        answer = world.send(Request("GET", "/v1/export", (("cursor", cursor),)), token)
        assert_harmless(answer, other, cursor)


# --- headers

HEADER_TEXTS = {
    "a line break": f'"1"\r\nset-cookie: {MARK}=1',
    "a line feed": f"{MARK}\nx: y",
    "a zero byte": f"{MARK}\x00",
    "an escape sequence": f"\x1b[31m{MARK}",
    "not ASCII": f"{MARK}é\u202e",
    "very long": MARK * 5_000,
    "nothing": "",
    "a list": f'"1", "{MARK}"',
    "SQL": f"{MARK}' or 1=1 --",
    "a number beyond all": "9" * 5_000,
    "less than nothing": '"-1"',
}


@pytest.mark.parametrize("text", HEADER_TEXTS)
@pytest.mark.parametrize("header", ["if-match", "idempotency-key", "content-type", "accept", "user-agent", "host"])
def test_a_hostile_header_comes_back_in_none(
    world: AttackWorld, me: Tenant, working: dict[Route, Request], header: str, text: str
) -> None:
    other = world.person()
    for route, request in about(me, working).items():
        kept = [(name, value) for name, value in request.headers if name != header]
        headers = [("content-type", "application/json")] if header != "content-type" else []
        headers += [("authorization", f"Bearer {token_for(world, me, route)}"), *kept, (header, HEADER_TEXTS[text])]
        answer = world.deliver(request, headers)
        assert_harmless(answer, other, (route, header, text))
        assert MARK not in answer.body


NO_KEY = [name for name in HEADER_TEXTS if name not in ("less than nothing",)]
"""What is no idempotency key either, which is any one word of ASCII."""


@pytest.mark.parametrize("text", NO_KEY)
def test_a_hostile_precondition_or_key_changes_nothing(world: AttackWorld, me: Tenant, text: str) -> None:
    token = world.management.user_token(me.owner)
    before = world.held(me.account)
    memory, value = me.ids["memory_id"][0], HEADER_TEXTS[text]
    body = {"thread_id": "t", "status": "completed", "finished_at": "2026-11-24T09:00:00Z", "messages": []}
    for request in (
        Request("PATCH", f"/v1/memories/{memory}", body={"pinned": False}, headers=(("if-match", value),)),
        Request("DELETE", f"/v1/memories/{memory}", headers=(("if-match", value),)),
        Request("POST", "/v1/jobs", body=body, headers=(("idempotency-key", value),)),
    ):
        answer = world.send(request, token)
        assert answer.status in (412, 422), (request, answer)
    assert world.held(me.account) == before


OVERRIDES = (
    ("x-http-method-override", "DELETE"),
    ("x-http-method", "DELETE"),
    ("x-method-override", "DELETE"),
    ("x-original-url", "/v1/export"),
    ("x-rewrite-url", "/v1/export"),
    ("x-forwarded-host", f"{MARK}.example"),
    ("x-forwarded-proto", "javascript"),
    ("x-forwarded-prefix", f"/{MARK}"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-user", "admin"),
    ("x-amzn-oidc-identity", "admin"),
    ("forwarded", f"host={MARK}"),
    ("x-account-id", "*"),
)


@pytest.mark.parametrize(("name", "value"), OVERRIDES)
def test_headers_that_proxies_believe_are_not_believed(world: AttackWorld, me: Tenant, name: str, value: str) -> None:
    token = world.management.user_token(me.owner)
    before = world.held(me.account)
    for path in ("/v1/memories", f"/v1/memories/{me.ids['memory_id'][0]}", "/v1/settings", "/v1/usage"):
        plain, claimed = (world.send(Request("GET", path, headers=h), token) for h in ((), ((name, value),)))
        assert claimed == plain
    body = {"thread_id": "t", "status": "completed", "finished_at": "2026-11-24T09:00:00Z", "job_id": str(uuid4())}
    submitted = world.send(Request("POST", "/v1/jobs", body=body, headers=((name, value),)), token)
    assert submitted.headers["location"] == f"/v1/jobs/{body['job_id']}"
    assert world.held(me.account)["memories"] == before["memories"]
    assert world.send(Request("GET", "/v1/settings", headers=((name, value),))).status == 401


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "DELETE\r\n", "*"])
def test_methods_that_no_route_has_do_nothing(
    world: AttackWorld, me: Tenant, working: dict[Route, Request], method: str
) -> None:
    before = world.held(me.account)
    for route, request in about(me, working).items():
        if route[1] != "/v1/context":  # whose one method API Gateway chooses
            answer = world.send(replace(request, method=method), world.management.user_token(me.owner))
            assert answer.status in (404, 405), (route, method)
    assert world.held(me.account) == before
