"""Messages of a job as many hands write them: read as far as they can be, never the end of the run."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Conversation, RawMessage, read_conversation
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory.entrypoints.contracts.message import moment_of, read_message

JOB = {
    "job_id": "job-1",
    "account_id": "account-1",
    "thread_id": "thread-1",
    "status": "completed",
    "finished_at": "2026-11-24T09:00:00Z",
}
GOOD: dict[str, Any] = {"role": "user", "content": "I live in Porto."}
NOVEMBER_3 = datetime(2026, 11, 3, tzinfo=UTC)


def messages_of(*items: object) -> tuple[RawMessage, ...]:
    job, _ = parse_job(json.dumps({**JOB, "messages": items}))
    assert job.messages is not None
    return job.messages


def read(*items: object) -> Conversation:
    return read_conversation(messages_of(*items), redact=str)


ODD: dict[str, tuple[object, dict[str, int]]] = {
    "a number as id": ({**GOOD, "id": 17}, {}),
    "an id that is none": ({**GOOD, "id": {"a": 1}}, {"message_id_not_read": 1}),
    "an id without end": ({**GOOD, "message_id": "x" * 129}, {"message_id_not_read": 1}),
    "an id that cannot be stored": ({**GOOD, "message_id": "\ud800"}, {"message_id_not_read": 1}),
    "seconds": ({**GOOD, "created_at": 1_793_000_000}, {}),
    "a date in words": ({**GOOD, "created_at": "Nov 3, 2026"}, {}),
    "no time": ({**GOOD, "created_at": ""}, {}),
    "a time that is none": ({**GOOD, "created_at": "yesterday"}, {"created_at_not_read": 1}),
    "a time that may be two": ({**GOOD, "created_at": "03.11.2026"}, {"created_at_not_read": 1}),
    "an upper-case role": ({**GOOD, "role": "USER"}, {}),
    "a role with space around it": ({**GOOD, "role": " User "}, {}),
    "a type that is null": ({**GOOD, "type": None}, {}),
    "a type that is no text": ({**GOOD, "type": 7}, {}),
    "an item of OpenAI's Responses": (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "I live in Porto."}]},
        {},
    ),
    "what their assistant says": (
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I live in Porto."}]},
        {},
    ),
}


@pytest.mark.parametrize(("item", "noted"), ODD.values(), ids=ODD.keys())
def test_what_is_odd_about_a_message_does_not_keep_it_from_being_read(item: object, noted: dict[str, int]) -> None:
    conversation = read(item, GOOD)
    assert [turn.text for turn in conversation.turns] == ["I live in Porto."] * 2
    assert conversation.skipped == noted
    assert conversation.skipped_at == dict.fromkeys(noted, (0,))


NONE: dict[str, tuple[object, str]] = {
    "a role that is null": ({"role": None, "content": "hi"}, "unreadable"),
    "no role": ({"content": "hi"}, "unreadable"),
    "a role that is no text": ({"role": ["user"], "content": "hi"}, "unreadable"),
    "an empty role": ({"role": "", "content": "hi"}, "unreadable"),
    "nobody's message": ({"type": "message", "content": "hi"}, "unreadable"),
    "text": ("hi", "unreadable"),
    "null": (None, "unreadable"),
    "a number": (7, "unreadable"),
    "a list": ([GOOD], "unreadable"),
    "an empty object": ({}, "unreadable"),
    "a tool's result under a person's role": (
        {"type": "tool", "role": "user", "content": "hi"},
        "not_user_or_assistant",
    ),
    "an item that is no message": ({"type": "function_call", "arguments": "{}"}, "not_user_or_assistant"),
    "an unknown role": ({"role": "robot", "content": "hi"}, "not_user_or_assistant"),
    "a role without end": ({"role": "user" * 100, "content": "hi"}, "not_user_or_assistant"),
    "no words": ({"role": "user", "content": {"data": [1]}}, "no_text"),
}


@pytest.mark.parametrize(("item", "reason"), NONE.values(), ids=NONE.keys())
def test_what_is_no_message_is_left_out_and_counted_by_its_number(item: object, reason: str) -> None:
    conversation = read(GOOD, item, GOOD)
    assert [turn.text for turn in conversation.turns] == ["I live in Porto."] * 2
    assert (conversation.skipped, conversation.skipped_at) == ({reason: 1}, {reason: (1,)})


def test_of_very_many_the_first_fifty_are_named() -> None:
    conversation = read(*[None] * 120, GOOD)
    assert conversation.skipped == {"unreadable": 120}
    assert conversation.skipped_at == {"unreadable": tuple(range(50))}


def test_ids_are_text_and_the_platforms_name_for_them_comes_first() -> None:
    given: list[dict[str, Any]] = [
        {"id": 17},
        {"message_id": "m"},
        {"message_id": "m", "id": "i"},
        {"message_id": None, "id": "i"},
        {"id": ""},
    ]
    assert [message.message_id for message in messages_of(*({**GOOD, **ids} for ids in given))] == [
        "17", "m", "m", "i", None,
    ]  # fmt: skip
    assert messages_of({**GOOD, "id": True})[0].message_id is None


MOMENTS: dict[object, datetime | None] = {
    "2026-11-03T00:00:00Z": NOVEMBER_3,
    "2026-11-03T02:00:00+02:00": NOVEMBER_3,
    "2026-11-03 00:00:00": NOVEMBER_3,
    "2026-11-03": NOVEMBER_3,
    " 2026-11-03 ": NOVEMBER_3,
    "Tue, 03 Nov 2026 01:00:00 +0100": NOVEMBER_3,
    "3 Nov 2026 00:00:00 GMT": NOVEMBER_3,
    "Tue Nov  3 00:00:00 2026": NOVEMBER_3,
    "Tue Nov 03 2026 01:00:00 GMT+0100 (Central European Standard Time)": NOVEMBER_3,
    "Nov 3, 2026": NOVEMBER_3,
    "November 3, 2026": NOVEMBER_3,
    "3 November 2026": NOVEMBER_3,
    "Nov 3, 2026, 12:00 AM": NOVEMBER_3,
    "Nov 3, 2026 09:30": NOVEMBER_3 + timedelta(hours=9, minutes=30),
    "2026/11/03": NOVEMBER_3,
    1_793_664_000: NOVEMBER_3,
    1_793_664_000.5: NOVEMBER_3 + timedelta(seconds=0.5),
    1_793_664_000_000: NOVEMBER_3,
    1_793_664_000_000_000: NOVEMBER_3,
    "1793664000": NOVEMBER_3,
    "1793664000000": NOVEMBER_3,
    **dict.fromkeys(
        [
            "", "yesterday", "11/03/2026", "03.11.2026", "3.11.26", "Nov 3", "2026", "2026-13-01T00:00:00Z",
            "2026-11-24T25:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z",
            "\ud800", "2026-11-24T\x0009:00:00Z", "9" * 5_000, "x" * 5_000, 0, 7, 1.5, -1, 1e300, float("nan"),
            float("inf"), True, None, (), 10**400,
        ]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("value", "moment"), MOMENTS.items(), ids=[repr(value)[:40] for value in MOMENTS])
def test_a_time_is_read_where_it_can_mean_only_one_moment(value: object, moment: datetime | None) -> None:
    assert moment_of(value) == moment


def test_a_time_keeps_the_offset_that_it_was_written_with() -> None:
    written = timezone(timedelta(hours=5, minutes=30))
    for text in ("2026-11-03T05:30:00+05:30", "Tue, 03 Nov 2026 05:30:00 +0530"):
        found = moment_of(text)
        assert found == NOVEMBER_3
        assert found.utcoffset() == written.utcoffset(None)


anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "type", "content", "id", "message_id", "created_at", "name"]), inner)
    ),
    max_leaves=10,
)


@given(anything)
def test_no_item_is_ever_an_error(item: object) -> None:
    message = read_message(item)
    assert message.message_id is None or message.message_id.encode()
    assert message.created_at is None or message.created_at.astimezone(UTC)
    conversation = read_conversation([message], redact=str)
    assert conversation.turns or conversation.skipped
