"""Rows of the platform's ``messages``, read as the service reads them."""

import json
from typing import Any

import pytest
from operator_memory.domain.conversation import read_conversation
from operator_memory.entrypoints.contracts.message import read_message
from operator_memory_client.messages import conversation, in_order, last_question, latest_rows, run_messages, said

USER = {"message_id": "b", "type": "user", "content": json.dumps({"role": "user", "content": "I keep bees."})}
ASSISTANT = {"message_id": "c", "type": "assistant", "content": {"role": "assistant", "content": "Nice."}}
TOOL = {"message_id": "d", "type": "tool", "content": {"role": "user", "content": "<tool_result>42</tool_result>"}}
STATUS = {"message_id": "e", "type": "status", "content": {"status_type": "thread_run_start"}}
XML = {"type": "assistant", "content": {"role": "assistant", "content": "Yes. <function_calls>x</function_calls>"}}
UPLOAD = {"type": "user", "content": json.dumps({"role": "user", "content": "[Uploaded File: /a.pdf]"})}
PARTS = {"type": "user", "content": {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image"}]}}
ROWS: list[dict[str, Any]] = [USER, ASSISTANT, TOOL, STATUS, XML, UPLOAD, PARTS]


def test_a_conversation_is_what_the_two_sides_said() -> None:
    assert conversation(ROWS) == [
        {"role": "user", "content": "I keep bees."},
        {"role": "assistant", "content": "Nice."},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Look"},
    ]


def test_what_a_run_submits_is_read_by_the_service_as_the_rows_themselves() -> None:
    submitted = [read_message(message) for message in run_messages(ROWS)]
    read = read_conversation(submitted, redact=lambda text: text)
    assert [(turn.role, turn.text) for turn in read.turns] == [(t["role"], t["content"]) for t in conversation(ROWS)]
    assert [message.message_id for message in submitted[:2]] == ["b", "c"]


def test_the_query_is_what_the_person_said_last() -> None:
    assert last_question(ROWS) == "Look"
    assert last_question([USER, UPLOAD, TOOL]) == "I keep bees."
    assert last_question([ASSISTANT]) is None
    assert last_question([{"role": "user", "content": "Hello"}]) == "Hello"


@pytest.mark.parametrize("row", [{}, {"type": None}, {"type": "user"}, {"type": "user", "content": 7}, {"type": 3}])
def test_odd_rows_say_nothing(row: dict[str, Any]) -> None:
    assert said(row) == ""


def test_rows_are_ordered_by_time_and_then_by_id() -> None:
    rows = [{"created_at": "2", "message_id": "a"}, {"created_at": "1", "message_id": "c"}]
    rows.append({"created_at": "1", "message_id": "b"})
    assert [row["message_id"] for row in in_order(rows)] == ["b", "c", "a"]


class Query:
    """Notes how it is built, as Supabase's builders are."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def step(*args: Any, **options: Any) -> "Query":
            self.steps.append((name, *args, *sorted(options.items())))
            return self

        return step


def test_the_query_asks_for_the_latest_of_the_two_sides() -> None:
    query = Query()
    assert latest_rows(query, "t-1", 10) is query
    assert query.steps == [
        ("table", "messages"),
        ("select", "message_id,type,content,created_at"),
        ("eq", "thread_id", "t-1"),
        ("in_", "type", ["user", "assistant"]),
        ("order", "created_at", ("desc", True)),
        ("order", "message_id", ("desc", True)),
        ("limit", 10),
    ]
