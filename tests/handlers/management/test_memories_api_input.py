"""Whatever is sent: a problem that names the field, and never a 500."""

import base64
import json
from typing import Any

import pytest
from operator_memory.domain.memory.scopes import AccountId

from devstack.aws.events import HttpRequest, api_event
from tests.support.management.api import Answer, FunctionContext, Management
from tests.support.management.checks import is_problem


def raw(
    platform: Management,
    method: str,
    path: str,
    *,
    user: str,
    query: str = "",
    content_type: str | None = None,
    **event_fields: object,
) -> Answer:
    """The answer to an event that is as given; ``event_fields`` are put into it as they are."""
    headers = [("authorization", f"Bearer {platform.user_token(user)}")]
    if content_type is not None:
        headers.append(("content-type", content_type))
    event = api_event(HttpRequest(method, path, query, headers, b"", "127.0.0.1"), "$default", {})
    response = platform.api.handle({**event, "body": "", **event_fields}, FunctionContext(platform))
    headers_sent = {name.lower(): str(value) for name, value in response["headers"].items()}
    return Answer(int(response["statusCode"]), headers_sent, response["body"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"memory": "with a byte order mark"}',
        b'{"memory": "I like tea", "importance": NaN}',
        b'{"memory": "I like tea", "importance": Infinity}',
        b'{"memory": "I like tea", "importance": ' + b"1" * 5_000 + b"}",
        b"[" * 100_000,
        b'{"memory": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"memory": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'{"memory": "I like tea", "\\ud800": 1}',
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/memories"),
        ("POST", "/v1/memories/search"),
        ("POST", "/v1/memories/delete"),
        ("PATCH", "/v1/memories/8b393649-fa6d-536b-8612-394070d5a19e"),
        ("PATCH", "/v1/settings"),
        ("PATCH", "/v1/agents/a/settings"),
        ("PATCH", "/v1/threads/t/settings"),
        ("POST", "/v1/erasures"),
        ("POST", "/v1/jobs"),
    ],
)
def test_a_body_that_is_no_such_object(platform: Management, user: str, method: str, path: str, body: bytes) -> None:
    answer = platform.call(method, path, user=user, body=body, headers={"if-match": '"1"'})
    assert answer.status == 422, answer.body
    is_problem(answer, 422, answer.json["field"])
    assert answer.json["field"]
    assert platform.memories.points.get(AccountId(user), {}) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory", None),
        ("memory", ""),
        ("memory", " \n\t"),
        ("memory", "\x00"),
        ("memory", "I like\x00 tea"),
        ("memory", "\ud800 tea"),
        ("memory", "x" * 8_001),
        ("memory", 7),
        ("memory", ["I like tea"]),
        ("scope", "team"),
        ("scope", None),
        ("agent_id", "*"),
        ("agent_id", "a b"),
        ("agent_id", "a\n"),
        ("agent_id", "ä"),
        ("thread_id", "x" * 129),
        ("thread_id", ""),
        ("importance", 1.01),
        ("importance", -1),
        ("importance", 10**400),
        ("importance", "high"),
        ("pinned", "perhaps"),
        ("expires_at", "tomorrow"),
        ("expires_at", "2027-01-01T00:00:00"),
        ("expires_at", "0001-01-01T00:00:00+23:59"),
        ("expires_at", "9999-12-31T23:59:59-23:59"),
        ("expires_at", "2999"),
        ("expires_at", 1_800_000_000),
        ("expires_at", 1e300),
        ("expires_at", 10**30),
        ("account_id", "somebody"),
        ("no_such_field", 1),
    ],
    ids=repr,
)
def test_a_field_that_is_wrong_is_named(platform: Management, user: str, field: str, value: object) -> None:
    answer = platform.call("POST", "/v1/memories", user=user, body={"memory": "I like tea", field: value})
    is_problem(answer, 422, field)
    assert field in [error["field"] for error in answer.json["errors"]]
    assert platform.memories.points.get(AccountId(user), {}) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "agent"},
        {"scope": "session"},
        {"agent_id": "a-1"},
        {"scope": "agent", "agent_id": "a-1", "session_id": "s-1"},
        {"scope": "user", "session_id": "s-1"},
    ],
)
def test_a_scope_and_its_owner_must_fit(platform: Management, user: str, body: dict[str, Any]) -> None:
    answer = platform.call("POST", "/v1/memories", user=user, body={"memory": "Be brief", **body})
    is_problem(answer, 422, "body")
    assert "the scope" in answer.json["detail"]


def test_all_that_is_wrong_is_told_at_once_and_nothing_of_it_repeated(platform: Management, user: str) -> None:
    body = {"memory": 7, "importance": "secret-1", "scope": "secret-2", "secret-3\n": 1}
    answer = platform.call("POST", "/v1/memories", user=user, body=body)
    assert [error["field"] for error in answer.json["errors"]] == ["memory", "scope", "importance", "secret-3?"]
    assert "secret-1" not in answer.body
    assert "secret-2" not in answer.body


def test_words_are_stored_as_a_person_sees_them(platform: Management, user: str) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    made = platform.call(
        "POST", "/v1/memories", user=user, body={"memory": f"I live in Ko\u0308ln \u2764\ufe0f{hidden}"}
    )
    assert (made.status, made.json["memory"]) == (201, "I live in K\u00f6ln \u2764\ufe0f")
    one, match = f"/v1/memories/{made.json['id']}", {"if-match": '"1"'}
    change = {"memory": f"I moved to Malmo\u0308{hidden}"}
    changed = platform.call("PATCH", one, user=user, body=change, headers=match)
    assert (changed.status, changed.json["memory"]) == (200, "I moved to Malm\u00f6")
    is_problem(platform.call("POST", "/v1/memories", user=user, body={"memory": hidden}), 422, "memory")


def test_a_body_may_come_as_base64(platform: Management, user: str) -> None:
    text = base64.b64encode(json.dumps({"memory": "I like tea"}).encode()).decode()
    answer = raw(platform, "POST", "/v1/memories", user=user, body=text, isBase64Encoded=True)
    assert answer.status == 201


@pytest.mark.parametrize("body", ["%%%", "abc", base64.b64encode(b"\xff\xfe").decode()])
def test_base64_that_is_none_or_holds_no_text(platform: Management, user: str, body: str) -> None:
    for path in ("/v1/memories", "/v1/import", "/v1/jobs"):
        is_problem(raw(platform, "POST", path, user=user, body=body, isBase64Encoded=True), 422, "body")


def test_half_a_surrogate_pair_in_the_event_itself(platform: Management, user: str) -> None:
    is_problem(raw(platform, "POST", "/v1/memories", user=user, body='{"memory": "\ud800"}'), 422, "body")


def test_a_body_beyond_five_megabytes(platform: Management, user: str) -> None:
    is_problem(platform.call("POST", "/v1/import", user=user, body=b"x" * (5 * 1024 * 1024 + 1)), 422, "body")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/jsonx",
        "application/vnd.api+json",
    ],
)
def test_another_content_type(platform: Management, user: str, content_type: str) -> None:
    answer = raw(platform, "POST", "/v1/memories", user=user, body='{"memory": "tea"}', content_type=content_type)
    is_problem(answer, 415)


@pytest.mark.parametrize("content_type", [None, "", "application/json", "Application/JSON; charset=UTF-8"])
def test_json_by_any_of_its_names(platform: Management, user: str, content_type: str | None) -> None:
    answer = raw(platform, "POST", "/v1/memories", user=user, body='{"memory": "tea"}', content_type=content_type)
    assert answer.status == 201


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("scope=", "scope"),
        ("scope=USER", "scope"),
        ("kind=*", "kind"),
        ("sort=text", "sort"),
        ("state=none", "state"),
        ("pinned=maybe", "pinned"),
        ("agent_id=*", "agent_id"),
        ("agent_id=a%0Ab", "agent_id"),
        ("author_id=" + "x" * 129, "author_id"),
        ("thread_id=%00", "thread_id"),
        ("session_id=a'b", "session_id"),
        ("account_id=%2A", "account_id"),
        ("created_after=2026-01-01", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"),
        ("created_before=yesterday", "created_before"),
        ("created_before=2026", "created_before"),
        ("created_after=1700000000.5", "created_after"),
        ("text=", "text"),
        ("text=%20", "text"),
        ("text=a%00b", "text"),
        ("text=" + "x" * 1_001, "text"),
        ("cursor=" + "x" * 513, "cursor"),
        ("agent=a-1", "agent"),
        ("limit=1&%0Afoo=2", "?foo"),
        ("user_id=other", "user_id"),
    ],
)
def test_a_condition_that_is_wrong_or_unknown_is_named(platform: Management, user: str, query: str, field: str) -> None:
    is_problem(raw(platform, "GET", "/v1/memories", user=user, query=query), 422, field)


@pytest.mark.parametrize(
    "query",
    [
        "text=%ff%fe",
        "text=na%C3%AFve%2C%20%F0%9F%8D%B5",
        "created_after=0001-01-01T00:00:00%2B23:59",
        "created_before=9999-12-31T23:59:59-23:59",
        "pinned=TRUE",
    ],
)
def test_conditions_that_are_unusual_but_right(platform: Management, user: str, query: str) -> None:
    assert raw(platform, "GET", "/v1/memories", user=user, query=query).status == 200


@pytest.mark.parametrize("path", ["/v1/agents/a'b/settings", "/v1/erasures/*", "/v1/jobs/a b", "/memory/user/$x"])
def test_an_id_in_the_path_that_is_none(platform: Management, user: str, path: str) -> None:
    answer = platform.call("GET", path, user=user)
    is_problem(answer, 422, answer.json["field"])
    assert answer.json["field"].endswith("_id")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/memories/a%2Fb"),
        ("GET", "/v1/memories/"),
        ("GET", "/v1/memories/%00"),
        ("PUT", "/v1/memories"),
        ("POST", "/v1/settings"),
        ("HEAD", "/v1/memories"),
        ("GET", "/v1/nothing?x=1"),
    ],
)
def test_no_such_route(platform: Management, user: str, method: str, path: str) -> None:
    is_problem(raw(platform, method, path, user=user), 404)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"a": "\x00"}, "null character"),
        ({"\x00": 1}, "null character"),
        ({"a": "\ud800"}, "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({"a": ["x" * 70_000]}, "65536 bytes"),
        ({str(n): n for n in range(101)}, "100"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_configuration_that_cannot_be_stored(
    platform: Management, user: str, values: dict[str, Any], says: str
) -> None:
    agent = platform.platform.new_agent(AccountId(user))
    answer = platform.call("PATCH", f"/v1/agents/{agent}/settings", user=user, body={"memory_config": values})
    is_problem(answer, 422, "memory_config")
    assert says in answer.json["detail"]


@pytest.mark.parametrize("values", [{}, {"spelt out": "\\u0000", "a": {"b": [1, 0.5, None, "é"]}}])
def test_a_configuration_that_can(platform: Management, user: str, values: dict[str, Any]) -> None:
    agent = platform.platform.new_agent(AccountId(user))
    path = f"/v1/agents/{agent}/settings"
    assert platform.call("PATCH", path, user=user, body={"memory_config": values}).status == 200
    assert platform.call("GET", path, user=user).json["settings"]["memory_config"] == values


def test_every_answer_forbids_caching_and_guessing(platform: Management, user: str) -> None:
    answers = [
        platform.call("GET", "/v1/memories", user=user),
        platform.call("GET", "/v1/memories/none", user=user),
        platform.call("GET", "/v1/memories", user=user, limit=0),
        platform.call("GET", "/v1/memories"),
        platform.call("GET", "/v1/export", user=user),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
