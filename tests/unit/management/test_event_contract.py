"""The message in the events queue: what is sent comes back, and what is no event is refused by the field's name."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.scopes import ID_PATTERN, AccountId
from operator_memory.domain.shared.audit_events import MAX_IDS, EventType, MemoryEvent
from operator_memory.entrypoints.contracts.event import (
    IDS_NOT_LISTED,
    MAX_QUERY,
    QUERY_SHORTENED,
    event_body,
    parse_event,
)

MAX_MESSAGE = 1024 * 1024
"""Bytes that SQS takes."""

EVENT = MemoryEvent(
    id="7d1f3a52-2d41-4b3c-9d39-3d4c0f1f8a11",
    account_id=AccountId("acct-1"),
    actor="user:acct-1",
    type=EventType.INJECT,
    occurred_at=datetime(2026, 11, 24, 9, 5, 7, 123456, tzinfo=UTC),
    agent_id="agent-1",
    thread_id="thread-1",
    memory_ids=("m-1", "m-2"),
    query="Which tea do I like? \u2615",
    result_count=2,
    metadata={"degraded": "embedder", "tokens": 120, "cached": True},
)

ids = st.from_regex(ID_PATTERN.removesuffix("$") + r"\Z")
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50)
events = st.builds(
    MemoryEvent,
    id=st.uuids().map(str),
    account_id=ids.map(AccountId),
    actor=ids.map("user:{}".format),
    type=st.sampled_from(EventType),
    occurred_at=st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001  (hypothesis adds the zone)
        datetime(2999, 12, 30),  # noqa: DTZ001
        timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
    agent_id=st.none() | ids,
    thread_id=st.none() | ids,
    memory_ids=st.lists(ids, max_size=5).map(tuple),
    query=st.none() | texts,
    result_count=st.none() | st.integers(0, 2**31 - 1),
    metadata=st.dictionaries(texts.filter(bool), texts | st.integers() | st.booleans(), max_size=4),
)


@given(events)
def test_what_is_sent_comes_back(event: MemoryEvent) -> None:
    body = event_body(event)
    assert parse_event(body) == event
    assert event_body(parse_event(body)) == body
    assert body.isascii(), "a queue takes no control characters and no half of a surrogate pair"
    assert body.isprintable()


def test_fields_without_a_value_are_left_out() -> None:
    bare = MemoryEvent("e-1", AccountId("a"), "system:sweep", EventType.CLEAR, EVENT.occurred_at)
    assert json.loads(event_body(bare)) == {
        "id": "e-1",
        "account_id": "a",
        "actor": "system:sweep",
        "type": "clear",
        "occurred_at": "2026-11-24T09:05:07.123456+00:00",
    }


def test_of_very_many_memories_the_first_are_listed_and_the_others_counted() -> None:
    body = event_body(replace(EVENT, memory_ids=tuple(f"m-{n}" for n in range(MAX_IDS + 7)), result_count=MAX_IDS + 7))
    parsed = parse_event(body)
    assert parsed.memory_ids == tuple(f"m-{n}" for n in range(MAX_IDS))
    assert parsed.metadata == {**EVENT.metadata, IDS_NOT_LISTED: 7}
    assert parsed.result_count == MAX_IDS + 7
    assert event_body(parsed) == body


def test_the_longest_event_fits_into_a_message() -> None:
    longest = replace(EVENT, memory_ids=("m" * 128,) * (MAX_IDS + 1), query="\U0001f375" * (MAX_QUERY + 1))
    body = event_body(longest)
    assert len(body.encode()) < MAX_MESSAGE / 2
    parsed = parse_event(body)
    assert parsed.query == "\U0001f375" * MAX_QUERY
    assert parsed.metadata[QUERY_SHORTENED] is True


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud83c\udf75", "\U0001f375"),
        ("\x01\n\u2028\ufffe", "\x01\n\u2028\ufffe"),
    ],
)
def test_a_query_that_the_database_cannot_store_is_on_record_all_the_same(query: str, kept: str) -> None:
    event = replace(EVENT, query=query, metadata={"where": query})
    parsed = parse_event(event_body(event))
    assert parsed.query == kept
    assert parsed.metadata == {"where": kept}
    assert kept.encode()


@given(st.text(st.characters(), max_size=30))
def test_any_query_can_be_sent_and_read(query: str) -> None:
    parsed = parse_event(event_body(replace(EVENT, query=query)))
    assert parsed.query is not None
    assert "\x00" not in parsed.query
    assert parsed.query.encode() is not None


def test_a_field_of_a_newer_sender_is_left_out() -> None:
    assert parse_event(json.dumps({**json.loads(event_body(EVENT)), "since_version_9": [1]})) == EVENT


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"id": None}, "id"),
        ({"id": "*"}, "id"),
        ({"account_id": None}, "account_id"),
        ({"account_id": "a b"}, "account_id"),
        ({"actor": ""}, "actor"),
        ({"actor": 7}, "actor"),
        ({"actor": "x" * 513}, "actor"),
        ({"actor": "user:\x00"}, "actor"),
        ({"type": "peek"}, "type"),
        ({"type": None}, "type"),
        ({"type": ["add"]}, "type"),
        ({"occurred_at": "2026-11-24T09:00:00"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+23:00"}, "occurred_at"),
        ({"occurred_at": "soon"}, "occurred_at"),
        ({"occurred_at": 1_780_000_000}, "occurred_at"),
        ({"agent_id": ""}, "agent_id"),
        ({"thread_id": "a/b"}, "thread_id"),
        ({"memory_ids": "m-1"}, "memory_ids"),
        ({"memory_ids": ["m-1", 2]}, "memory_ids[1]"),
        ({"memory_ids": ["m"] * (MAX_IDS + 1)}, "memory_ids"),
        ({"query": 5}, "query"),
        ({"query": "x" * (MAX_QUERY + 1)}, "query"),
        ({"query": "a\x00"}, "query"),
        ({"query": "a\ud800"}, "query"),
        ({"result_count": -1}, "result_count"),
        ({"result_count": 2**31}, "result_count"),
        ({"result_count": True}, "result_count"),
        ({"result_count": 1.0}, "result_count"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1.5}}, "metadata"),
        ({"metadata": {"a": None}}, "metadata"),
        ({"metadata": {"": 1}}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"metadata": {"a": {"b": 1}}}, "metadata"),
    ],
)
def test_what_is_no_event_is_refused_by_the_fields_name(changed: dict[str, Any], field: str) -> None:
    body = json.dumps({**json.loads(event_body(EVENT)), **changed})
    with pytest.raises(InvalidInputError) as refused:
        parse_event(body)
    assert refused.value.field == field


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "[" * 100_000, " " * (MAX_MESSAGE + 1)])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_event(body)
    assert refused.value.field == "body"


def test_a_refusal_repeats_nothing_of_the_message() -> None:
    secret = "my-secret-illness"
    for field in ("actor", "type", "occurred_at", "query"):
        with pytest.raises(InvalidInputError) as refused:
            parse_event(json.dumps({**json.loads(event_body(EVENT)), field: [secret]}))
        assert secret not in str(refused.value)
