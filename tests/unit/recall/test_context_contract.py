"""The contract of ``POST /v1/context``: what is accepted, which field is named when not, and what is answered."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from operator_memory.application.recall.retrieve_context import ContextRequest, ContextResult, Timing
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.selection import Breadth
from operator_memory.entrypoints.contracts.context import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_MODEL,
    MAX_QUERY,
    MAX_TOKEN_BUDGET,
    REQUEST_SCHEMA,
    context_view,
    parse_context_request,
)

from tests.support.builders import AGENT_KEY, a_memory

FULL: dict[str, Any] = {
    "account_id": "acct-1",
    "agent_id": "agent-1",
    "session_id": "session-1",
    "thread_id": "thread-1",
    "memory_enabled": False,
    "past_sessions": True,
    "recall": "precise",
    "query": "What do I drink?",
    "limit": 5,
    "token_budget": 800,
    "model": "gpt-4o",
    "scopes": ["user", "agent", "session"],
    "now": "2026-11-24T23:30:00+01:00",
    "time_zone": "Europe/Berlin",
}
BAD_IDS = ["*", "", " ", "a b", "a\nb", "acct\n", "a\x00", "a\x1b", "x" * 10_000, "שלום", "😀", "../a", 'a"', "\ud800"]
NOT_STRINGS: list[Any] = [1, 1.5, True, [], {}, ["a"]]


def field_refused(body: dict[str, Any]) -> str:
    with pytest.raises(InvalidInputError) as refusal:
        parse_context_request(body)
    assert refusal.value.detail
    assert len(str(refusal.value)) < 300, "a huge value is not sent back"
    return refusal.value.field


# --- what is accepted


def test_an_account_is_all_that_is_needed() -> None:
    assert parse_context_request({"account_id": "acct-1"}) == ContextRequest(AccountId("acct-1"), limit=DEFAULT_LIMIT)


def test_every_field_is_taken_over() -> None:
    assert parse_context_request(FULL) == ContextRequest(
        account_id=AccountId("acct-1"),
        agent_id="agent-1",
        session_id="session-1",
        query="What do I drink?",
        limit=5,
        token_budget=800,
        model="gpt-4o",
        scopes=(Scope.USER, Scope.AGENT, Scope.SESSION),
        thread_id="thread-1",
        memory_enabled=False,
        past_sessions=True,
        recall=Breadth.PRECISE,
        now=datetime.fromisoformat("2026-11-24T23:30:00+01:00"),
        zone=ZoneInfo("Europe/Berlin"),
    )


def test_a_uuid_in_capital_letters_is_the_one_that_the_platform_knows() -> None:
    known = "9f0c3c2e-2f6e-4f0f-8a55-0d8f4c1c2a77"
    fields = ("account_id", "agent_id", "session_id", "thread_id")
    request = parse_context_request(dict.fromkeys(fields, known.upper()))
    assert [getattr(request, field) for field in fields] == [known] * len(fields)


@pytest.mark.parametrize(
    "field", ["agent_id", "session_id", "thread_id", "query", "token_budget", "model", "scopes", "now", "time_zone"]
)
def test_null_is_the_same_as_leaving_a_field_out(field: str) -> None:
    assert parse_context_request({"account_id": "a", field: None}) == parse_context_request({"account_id": "a"})


@pytest.mark.parametrize(
    "query",
    ["", "  ", "x" * MAX_QUERY, "null\x00byte", "😀" * 1000, "שלום עולם", "\u202e", "\ud800", "'; DROP TABLE x; --"],
)
def test_any_text_of_up_to_100_000_characters_is_a_query(query: str) -> None:
    assert parse_context_request({"account_id": "a", "query": query}).query == query


def test_the_order_of_scopes_does_not_matter() -> None:
    forwards = parse_context_request(FULL)
    assert parse_context_request({**FULL, "scopes": ["session", "user", "agent"]}) == forwards


# --- what is refused, naming the field


@pytest.mark.parametrize("field", ["account_id", "agent_id", "session_id", "thread_id"])
@pytest.mark.parametrize("value", [*BAD_IDS, *NOT_STRINGS], ids=lambda value: repr(value)[:12])
def test_a_malformed_id_is_refused_by_name(field: str, value: object) -> None:
    assert field_refused({**FULL, field: value}) == field


@pytest.mark.parametrize("value", [None, 0, 1, "false", [], {}])
def test_the_switch_of_a_run_is_true_or_false_and_nothing_like_it(value: object) -> None:
    assert field_refused({**FULL, "memory_enabled": value}) == "memory_enabled"


@pytest.mark.parametrize("value", [None, "", "PRECISE", "all", 1, True, [], {}, ["broad"]])
def test_how_much_is_recalled_is_one_of_three_words(value: object) -> None:
    assert field_refused({**FULL, "recall": value}) == "recall"


BAD_MOMENTS = [
    "yesterday",
    "2026-11-24",
    "2026-11-24T09:00:00",
    "2026-13-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "\ud800",
    "",
]
BAD_ZONES = [
    "Mars/Olympus",
    "",
    "../../etc/passwd",
    "/etc/passwd",
    "Europe",
    "Europe/Berlin\x00",
    "\ud800",
    "berlin " * 9,
]


@pytest.mark.parametrize("value", [*BAD_MOMENTS, 1, True, [], {}, "2026-11-24T09:00:00Z" + " " * 40], ids=repr)
def test_now_is_a_moment_with_an_offset(value: object) -> None:
    assert field_refused({**FULL, "now": value}) == "now"


@pytest.mark.parametrize("value", [*BAD_ZONES, 1, True, [], {}, "x" * 100], ids=repr)
def test_a_time_zone_is_one_that_there_is(value: object) -> None:
    assert field_refused({**FULL, "time_zone": value}) == "time_zone"


@pytest.mark.parametrize(
    ("now", "zone", "day"),
    [
        (None, None, "2026-11-24"),
        (None, "Pacific/Auckland", "2026-11-25"),
        ("2026-11-23T23:30:00-05:00", None, "2026-11-23"),
        ("2026-11-23T23:30:00-05:00", "Europe/Berlin", "2026-11-24"),
    ],
)
def test_the_askers_day_is_that_of_their_zone(now: str | None, zone: str | None, day: str) -> None:
    request = parse_context_request({"account_id": "a", "now": now, "time_zone": zone})
    assert request.asked_at(datetime(2026, 11, 24, 15, tzinfo=UTC)).date().isoformat() == day


@pytest.mark.parametrize("value", [1, True, [], {}, "x" * (MAX_MODEL + 1)])
def test_a_model_is_any_name_of_a_reasonable_length(value: object) -> None:
    assert field_refused({**FULL, "model": value}) == "model"
    assert parse_context_request({**FULL, "model": "x" * MAX_MODEL}).model == "x" * MAX_MODEL


def test_the_account_must_be_there() -> None:
    assert field_refused({}) == "account_id"
    assert field_refused({"account_id": None}) == "account_id"


@pytest.mark.parametrize("value", [1, True, [], {}, ["text"], "x" * (MAX_QUERY + 1), "😀" * (MAX_QUERY + 1)])
def test_a_query_is_one_text_of_bounded_length(value: object) -> None:
    assert field_refused({**FULL, "query": value}) == "query"


BAD_NUMBERS = [0, -1, 1.5, "5", True, False, [], {}, float("nan"), float("inf"), 10**400, -(10**400), 1e300, "", "\x00"]


@pytest.mark.parametrize("value", [*BAD_NUMBERS, None, MAX_LIMIT + 1], ids=lambda value: repr(value)[:12])
def test_a_limit_is_a_whole_number_from_1_to_50(value: object) -> None:
    assert field_refused({**FULL, "limit": value}) == "limit"


@pytest.mark.parametrize("value", [*BAD_NUMBERS, MAX_TOKEN_BUDGET + 1], ids=lambda value: repr(value)[:12])
def test_a_token_budget_is_a_whole_number(value: object) -> None:
    assert field_refused({**FULL, "token_budget": value}) == "token_budget"


@pytest.mark.parametrize(
    "value",
    [[], "user", {}, 1, True, ["*"], ["User"], ["user", "user"], [None], [["user"]], [{}], ["user", 1], ["user\n"]],
    ids=repr,
)
def test_scopes_are_a_list_of_different_scopes(value: object) -> None:
    assert field_refused({**FULL, "scopes": value}) == "scopes"


@pytest.mark.parametrize(("scope", "field"), [("agent", "agent_id"), ("session", "session_id")])
def test_a_scope_that_has_an_owner_needs_its_id(scope: str, field: str) -> None:
    for missing in ({}, {field: None}):
        assert field_refused({"account_id": "a", "scopes": [scope], **missing}) == field
    assert parse_context_request({"account_id": "a", "scopes": [scope], field: "x"}).scopes == (Scope(scope),)


@pytest.mark.parametrize("name", ["filters", "user_id", "Account_id", "", "\x00", "x" * 10_000, "💥"])
def test_a_field_that_does_not_exist_is_refused_not_ignored(name: str) -> None:
    """A caller that misspells ``session_id`` learns it; raw filters cannot be smuggled in."""
    assert field_refused({**FULL, name: 1}) == name[:100]


# --- the same contract as a schema


def ecma_pattern(_validator: object, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    """JSON Schema's regular expressions are ECMA-262's, whose ``$`` does not match before a final newline."""
    if isinstance(instance, str) and not re.search(pattern.removesuffix("$") + r"\Z", instance):
        yield ValidationError(f"does not match {pattern}")


Validator = extend(Draft202012Validator, {"pattern": ecma_pattern})  # type: ignore[no-untyped-call]

ids = st.sampled_from(["a", "acct-1", "x" * 128, "x" * 129, *BAD_IDS[:9]]) | st.text(max_size=5)
numbers = st.integers(-1, 60) | st.sampled_from([1.0, 5.0, 5.5, 50.0, 51.0, 1e6, 1e6 + 1, True, False, "5"])
scope_lists = st.lists(st.sampled_from(["user", "agent", "session", "session", "all", None, 1]), max_size=4)
anything = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
GOOD = {
    "account_id": ids,
    "agent_id": st.none() | ids,
    "session_id": st.none() | ids,
    "query": st.none() | st.text(max_size=20) | st.just("x" * (MAX_QUERY + 1)),
    "model": st.none() | st.text(max_size=20) | st.just("x" * (MAX_MODEL + 1)) | st.integers(),
    "limit": numbers,
    "token_budget": st.none() | numbers,
    "scopes": st.none() | scope_lists,
}
near_valid = st.fixed_dictionaries(
    {"account_id": st.just("acct-1") | ids},
    optional={
        field: st.one_of(values, values, values, anything) for field, values in GOOD.items() if field != "account_id"
    },
)
with_odd_fields = st.builds(
    lambda body, extra, dropped: {k: v for k, v in {**body, **extra}.items() if k not in dropped},
    near_valid,
    st.just({}) | st.dictionaries(st.sampled_from(["filters", "Query"]), anything),
    st.just(()) | st.just(("account_id",)),
)


@given(st.one_of(near_valid, near_valid, with_odd_fields))
@example({"account_id": "acct-1\n"})
@example({"account_id": "a", "scopes": ["agent"], "agent_id": None})
@example({"account_id": "a", "limit": 5.0, "token_budget": True})
def test_the_parser_accepts_exactly_what_the_schema_accepts(body: dict[str, Any]) -> None:
    try:
        parse_context_request(body)
        accepted = True
    except InvalidInputError:
        accepted = False
    assert accepted == Validator(REQUEST_SCHEMA).is_valid(body)


def test_the_schema_is_a_schema_and_describes_every_field() -> None:
    Draft202012Validator.check_schema(REQUEST_SCHEMA)
    assert set(REQUEST_SCHEMA["properties"]) == set(FULL)
    json.dumps(REQUEST_SCHEMA)


# --- what is answered


def test_the_answer_carries_text_citations_and_what_went_wrong() -> None:
    memory = a_memory("Likes tea.", key=AGENT_KEY, importance=0.7, thread_id="t1")
    result = ContextResult(
        text="the text",
        memories=(RankedMemory(memory, 0.123456),),
        token_count=3,
        degraded=("embeddings_timeout",),
        timing=Timing(total=12.5, embedding=4.0, search=6.0),
        tokenizer="o200k_base",
        citations={memory.id: "m123"},
    )
    assert context_view(result) == {
        "context": "the text",
        "memories": [
            {
                "id": memory.id,
                "citation": "m123",
                "memory": "Likes tea.",
                "scope": "agent",
                "kind": "fact",
                "score": 0.1235,
                "created_at": "2026-11-23T12:00:00+00:00",
                "updated_at": "2026-11-23T12:00:00+00:00",
                "agent_id": "agent-1",
                "thread_id": "t1",
                "importance": 0.7,
                "pinned": False,
            }
        ],
        "token_count": 3,
        "tokenizer": "o200k_base",
        "degraded": ["embeddings_timeout"],
        "timing_ms": {"total": 12.5, "embedding": 4.0, "search": 6.0},
    }


def test_what_a_memory_does_not_have_is_left_out_of_its_citation() -> None:
    turn = a_memory("hi", kind=Kind.TURN, role="user")
    [citation] = context_view(ContextResult("", (RankedMemory(turn, 0.0),), 0, (), Timing(0, 0, 0)))["memories"]
    assert None not in citation.values()
    assert "agent_id" not in citation
    assert citation["role"] == "user"
