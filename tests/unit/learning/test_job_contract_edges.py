"""The queue's contract at its edges: whatever arrives is a job, or an error that names a field and repeats nothing."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.application.learning.extract_run import MAX_MESSAGES
from operator_memory.domain.conversation import Turn, read_conversation
from operator_memory.domain.errors import InvalidInputError
from operator_memory.entrypoints.contracts.job import parse_job

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/run-job.schema.json").read_text(encoding="utf-8"))
JOB = {
    "job_id": "job-1",
    "account_id": "account-1",
    "thread_id": "thread-1",
    "status": "completed",
    "finished_at": "2026-11-24T09:00:00Z",
}
ID_FIELDS = ("job_id", "account_id", "thread_id", "agent_id", "session_id", "author_id")
NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECRET = "Zq-secret-words"


def body(**fields: Any) -> str:
    return json.dumps({**JOB, **fields})


def refusal(text: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as raised:
        parse_job(text)
    assert not raised.value.retryable
    return raised.value


def turns_of(text: str) -> tuple[Turn, ...]:
    turns, refused = fate(text)
    assert refused is None
    return turns


def fate(text: str) -> tuple[tuple[Turn, ...], str | None]:
    """The turns of a job, or the field for which it is refused."""
    try:
        job, _ = parse_job(text)
    except InvalidInputError as error:
        return (), error.field
    return read_conversation(job.messages or (), redact=str).turns, None


# --- times


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-24T09:00:00Z",
        "2026-11-24T09:00:00",
        "2026-11-24T09:00:00.000Z",
        "2026-11-24 09:00:00+00",
        "2026-11-24T14:30:00+05:30",
        "2026-11-23T21:00:00-12:00",
    ],
)
def test_times_are_utc_and_one_without_an_offset_is_taken_as_utc(time: str) -> None:
    job, _ = parse_job(body(finished_at=time))
    assert (job.finished_at, job.finished_at.tzinfo) == (NINE, UTC)


# --- ids


@pytest.mark.parametrize("field", ID_FIELDS)
@pytest.mark.parametrize(
    "value",
    [
        "*", "", " ", "a b", " a", "a ", "a\n", "a\t", "a\x00", "\x7fa", "a\u200b", "\u202ea", "a/b", "../a", "a'b",
        'a"b', "{a}", "é", "💥", "\ud800", "x" * 129, "x" * 10_000, "*" * 10_000, 7, 1.5, True, [], ["a"], {}, {"a": 1},
    ],
)  # fmt: skip
def test_an_id_of_any_other_form_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    error = refusal(body(**{field: value}))
    assert error.field == field
    assert len(str(error)) < 200


def test_a_uuid_in_capital_letters_is_the_one_that_the_platform_knows() -> None:
    known = "9f0c3c2e-2f6e-4f0f-8a55-0d8f4c1c2a77"
    job, _ = parse_job(body(**dict.fromkeys(ID_FIELDS, known.upper())))
    assert [getattr(job, field) for field in ID_FIELDS] == [known] * len(ID_FIELDS)


@pytest.mark.parametrize("value", ["a", "A-1", "0" * 128, "user@example.com", "a:b_c.d+e"])
def test_ids_as_platforms_make_them_are_accepted(value: str) -> None:
    assert parse_job(body(**dict.fromkeys(ID_FIELDS, value)))[0].account_id == value


# --- times


@pytest.mark.parametrize(
    "value",
    [
        "", "yesterday", "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z", "1700000000", 1_700_000_000, 1.5, True, [], {},
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T00:00:00Z", "1969-12-31T23:59:59Z",
        "\ud800", "2026-11-24T\x0009:00:00Z",
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_is_refused_by_the_name_of_its_field(value: object) -> None:
    assert refusal(body(finished_at=value)).field == "finished_at"


# --- bodies that are no job


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\x00", "null", "[]", "7", '"job"', "{", "{}}", "\ufeff{}", "{'a': 1}", "not json",
        base64.b64encode(bytes(range(256))).decode(), bytes(range(256)).decode("latin-1"),
        json.dumps(JOB).encode("utf-16").decode("latin-1"), json.dumps(JOB)[:-1], "\ud800", '{"a":' + "9" * 5_000 + "}",
        "[" * 100_000, '{"messages":' * 50_000, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused_as_the_body(text: str) -> None:
    assert refusal(text).field == "body"


@pytest.mark.parametrize("depth", range(100, 1_200, 25))
def test_json_of_any_depth_is_a_job_or_refused(depth: int) -> None:
    text = body(messages=[{"role": "user", "content": "DEEP"}])
    turns, refused = fate(text.replace('"DEEP"', "[" * depth + '"hi"' + "]" * depth))
    assert turns == ()
    assert refused in (None, "body"), "either is right: how deep is too deep, the interpreter says"


def test_six_megabytes_of_anything_else_are_refused() -> None:
    assert refusal("A" * 6_000_000).field == "body"
    assert refusal(body(job_id="x" * 6_000_000)).field == "job_id"
    assert refusal(body(messages=[{"role": "user"}] * 300_000)).field == "messages"


def test_there_may_be_as_many_messages_as_a_record_can_hold() -> None:
    assert len(turns_of(body(messages=[{"role": "user", "content": "hi"}] * MAX_MESSAGES))) == MAX_MESSAGES
    assert refusal(body(messages=[{"role": "user"}] * (MAX_MESSAGES + 1))).field == "messages"


# --- unknown fields, wrong types


@pytest.mark.parametrize("name", ["user_id", "filters", "", "a" * 10_000, "a\x00\x1b[31m", "\u202eb", "\n"])
def test_an_unknown_field_is_a_mistake_worth_telling_in_printable_words(name: str) -> None:
    error = refusal(body(**{name: SECRET}))
    assert error.field.startswith(name[:1]) or not name[:1].isprintable() or not name
    assert str(error).isprintable()
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": SECRET + "*"},
        {"finished_at": SECRET},
        {"status": SECRET * 10},
        {"messages": SECRET},
        {"messages": {SECRET: SECRET}},
        {"other": SECRET},
    ],
)
def test_no_error_repeats_what_was_sent(fields: dict[str, Any]) -> None:
    error = refusal(body(**fields))
    assert SECRET not in f"{error} {error!r} {error.args} {error.__cause__}"
    assert error.__suppress_context__ or error.__context__ is None, "pydantic's own error quotes its input"


# --- messages are lenient


def test_escaped_surrogates_are_put_together_or_dropped() -> None:
    text = body(messages=[{"role": "user", "content": "MARK tea"}]).replace("MARK", r"\ud83d\ude00 \ud83d \ude00")
    [turn] = turns_of(text)
    assert turn.text == "\U0001f600   tea"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "type", "content", "text", "message_id", "created_at", "x"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*JOB, "messages", "agent_id", "other"]), anything),
    st.lists(anything, max_size=3),
)
def test_whatever_arrives_is_a_job_whose_texts_can_be_stored_or_names_a_field(
    fields: dict[str, Any], messages: list[Any]
) -> None:
    said = [m if isinstance(m, dict) else {"role": "user", "content": m} for m in messages]
    for sent in ({**JOB, **fields}, {**JOB, "messages": said}, {**JOB, "messages": messages}):
        turns, refused = fate(json.dumps(sent))
        assert refused is None or (refused and refused.isprintable())
        for turn in turns:
            assert turn.text.encode("utf-8")
            assert "\x00" not in turn.text


@given(st.text(st.characters(exclude_categories=())))
def test_text_that_is_no_job_is_refused(text: str) -> None:
    assert refusal(text).field


# --- the published schema


def agrees(job: object) -> bool:
    """Whether the parser and the schema give the same verdict; returns it."""
    _, refused = fate(json.dumps(job))
    assert (refused is None) == jsonschema.Draft202012Validator(SCHEMA).is_valid(job)
    return refused is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": []},
        {"messages": None, "agent_id": None},
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": [{"type": "user", "content": [{"type": "text", "text": "hi"}]}]},
        {"messages": [{"type": "tool", "role": 7, "content": None, "extra": [1]}]},
        {"messages": [{"role": "assistant", "message_id": None, "created_at": None}]},
        {"messages": ["hi", None, 7, {}, {"content": "hi"}, {"role": 7}, {"type": None, "role": "user"}]},
        {"messages": [{"role": "user", "message_id": 7, "created_at": 7}, {"role": "x" * 65}]},
        {"agent_id": "a", "session_id": "s", "author_id": "u"},
    ],
)
def test_what_the_schema_allows_is_accepted(fields: dict[str, Any]) -> None:
    assert agrees({**JOB, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": "*"},
        {"account_id": "a b"},
        {"thread_id": "x" * 129},
        {"agent_id": 7},
        {"session_id": ""},
        {"status": ""},
        {"status": "x" * 65},
        {"finished_at": 7},
        {"finished_at": None},
        {"other": 1},
        {"messages": {}},
    ],
)
def test_what_the_schema_forbids_is_refused(fields: dict[str, Any]) -> None:
    assert not agrees({**JOB, **fields})
    assert not agrees({name: value for name, value in JOB.items() if name != "job_id"})


def test_the_example_event_carries_a_valid_job() -> None:
    event = json.loads((ROOT / "events/sqs-extraction.json").read_text(encoding="utf-8"))
    assert agrees(json.loads(event["Records"][0]["body"]))
