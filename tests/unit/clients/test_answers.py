"""Answers that are text, and locks that outlive a fork."""

import os

import pytest
from operator_memory_client.errors import MalformedAnswerError
from operator_memory_client.transport.answers import TextPart, lines_of, read_answer
from operator_memory_client.transport.calls import Route
from operator_memory_client.transport.exchange import Reply
from operator_memory_client.transport.locks import ForkSafeLock

EXPORT: Route[TextPart] = Route("GET", "/v1/export", "text")
USAGE: Route[object] = Route("GET", "/v1/usage", "UsageView")


def test_a_line_ends_where_a_line_feed_stands_and_nowhere_else() -> None:
    lines = ['{"text":"one\u2028two\u0085three"}', "{}"]
    assert lines_of(TextPart("\n".join(lines) + "\n")) == lines


def test_a_part_says_where_the_next_one_begins() -> None:
    assert read_answer(EXPORT, Reply(200, {"x-next-cursor": "c"}, b"{}")).next_cursor == "c"
    assert read_answer(EXPORT, Reply(200, {}, b"{}")).next_cursor is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"total": "my words"}', b"\xff"])
def test_an_answer_that_is_another_one_is_told_without_its_words(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError, match="UsageView") as raised:
        read_answer(USAGE, Reply(200, {}, body))
    assert "my words" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_text_that_is_none() -> None:
    with pytest.raises(MalformedAnswerError):
        read_answer(EXPORT, Reply(200, {}, b"\xff"))


def test_a_child_does_not_wait_for_a_thread_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ForkSafeLock()
    lock._lock.acquire()  # a thread holds it while another one forks
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with lock:
        pass
