"""Arguments as they go over the wire."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from operator_memory_client.errors import InvalidCallError
from operator_memory_client.transport.calls import UNSET, Route, make_call

ROUTE: Route[Any] = Route("PATCH", "/v1/memories/{memory_id}", "MemoryView")
KEYED: Route[Any] = Route("POST", "/v1/memories", "MemoryView", keyed=True)
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_what_is_left_out_is_not_sent_and_none_empties_a_field() -> None:
    call = make_call(ROUTE, {"memory_id": "m"}, {"account_id": None}, {"if-match": None}, {"a": UNSET, "b": None})
    assert (call.target, json.loads(call.body)) == ("/v1/memories/m", {"b": None})
    assert dict(call.headers) == {"content-type": "application/json"}


def test_ids_and_values_are_escaped() -> None:
    call = make_call(ROUTE, {"memory_id": "a/b?c"}, {"text": "tea & más", "pinned": True, "since": NOON}, {})
    assert call.target == (
        "/v1/memories/a%2Fb%3Fc?text=tea+%26+m%C3%A1s&pinned=true&since=2026-12-01T12%3A00%3A00%2B00%3A00"
    )


@pytest.mark.parametrize("identity", ["", ".", "..", None, 7])
def test_an_id_that_would_change_the_path_is_refused(identity: object) -> None:
    with pytest.raises(InvalidCallError, match="memory_id"):
        make_call(ROUTE, {"memory_id": identity}, {}, {})


def test_values_of_python_have_a_form_in_json() -> None:
    body = {"at": NOON, "day": date(2026, 12, 1), "scopes": ("user",), "nested": {"at": NOON}}
    assert json.loads(make_call(KEYED, {}, {}, {}, body).body) == {
        "at": "2026-12-01T12:00:00+00:00",
        "day": "2026-12-01",
        "scopes": ["user"],
        "nested": {"at": "2026-12-01T12:00:00+00:00"},
    }


@pytest.mark.parametrize("value", [object(), float("nan"), "\ud800", {1: {2}} | {"x": object()}])
def test_what_has_no_form_is_told_without_quoting_it(value: object) -> None:
    with pytest.raises(InvalidCallError, match="cannot be sent"):
        make_call(KEYED, {}, {}, {}, {"memory": value})


@pytest.mark.parametrize("header", ["a\r\nx: y", "k\u00e9y"])
def test_a_header_carries_nothing_but_itself(header: str) -> None:
    with pytest.raises(InvalidCallError, match="header"):
        make_call(KEYED, {}, {}, {"idempotency-key": header})


def test_a_post_that_changes_something_has_a_key_of_its_own() -> None:
    keys = [make_call(KEYED, {}, {}, {}).headers["idempotency-key"] for _ in range(2)]
    assert keys[0] != keys[1]
    assert make_call(KEYED, {}, {}, {"idempotency-key": "mine"}).headers["idempotency-key"] == "mine"


def test_the_account_is_known_from_the_query_or_the_body() -> None:
    assert make_call(KEYED, {}, {"account_id": "a"}, {}).account_id == "a"
    assert make_call(KEYED, {}, {}, {}, {"account_id": "b"}).account_id == "b"
    assert make_call(KEYED, {}, {}, {}).account_id is None


def test_secrets_and_words_stay_out_of_the_repr() -> None:
    assert "my words" not in repr(make_call(KEYED, {}, {}, {}, {"memory": "my words"}))
