"""Where a context goes in a prompt, and what an answer cites."""

import json
from copy import deepcopy
from typing import Any

import pytest
from operator_memory_client.context import Context, ContextMemory
from operator_memory_client.placement import as_system_section, before_last_user_message, citations, section
from operator_memory_client.shared.fence import CLOSING, OPENING

TEA, BEES, PORTO = (
    ContextMemory("id-1", "Drinks tea.", "m335"),
    ContextMemory("id-2", "Keeps bees.", "m020"),
    ContextMemory("id-3", "Lives in Porto.", "m1234"),
)
TEXT = f"{OPENING}\nUser Context:\n- Drinks tea. [m335]\n- Keeps bees. [m020]\n{CLOSING}"
CONTEXT = Context(TEXT, (TEA, BEES, PORTO))


class TestSystemSection:
    def test_it_comes_last_so_that_what_is_before_it_stays_the_same(self) -> None:
        assert as_system_section(CONTEXT, "You are Operator.") == f"You are Operator.\n\n{TEXT}"
        assert as_system_section(CONTEXT) == TEXT

    def test_an_empty_context_changes_nothing(self) -> None:
        assert as_system_section(Context(), "You are Operator.") == "You are Operator."
        assert as_system_section(Context()) == ""

    @pytest.mark.parametrize("text", ["{{agent_name}}", "{{{x}}}", "{% raw %}", "{{{{{{", "a }}}} b"])
    def test_no_template_finds_anything_in_it(self, text: str) -> None:
        shown = section(Context(f"- {text} [m335]"))
        assert not any(mark in shown for mark in ("{{", "}}", "{%", "%}"))


MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You are Operator."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": [{"type": "text", "text": "What do I drink?"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
    {"role": "tool", "content": "42"},
    {"role": "user", "content": [{"type": "tool_result", "content": "42"}]},
]


class TestMessage:
    def test_it_stands_before_what_the_person_said_last(self) -> None:
        placed = before_last_user_message(MESSAGES, CONTEXT)
        assert placed[3] == {"role": "user", "content": TEXT}
        assert placed[:3] + placed[4:] == MESSAGES

    def test_the_callers_list_is_not_changed(self) -> None:
        before = deepcopy(MESSAGES)
        before_last_user_message(MESSAGES, CONTEXT)
        assert before == MESSAGES

    def test_the_beginning_is_the_same_bytes_in_the_next_run(self) -> None:
        later = [*MESSAGES[:4], {"role": "assistant", "content": "Tea."}, {"role": "user", "content": "And he?"}]
        first, second = before_last_user_message(MESSAGES[:4], CONTEXT), before_last_user_message(later, CONTEXT)
        assert json.dumps(first[:3]) == json.dumps(second[:3])

    def test_without_a_person_it_goes_to_the_end(self) -> None:
        assert before_last_user_message(MESSAGES[:1], CONTEXT, role="system")[1] == {"role": "system", "content": TEXT}

    def test_an_empty_context_changes_nothing(self) -> None:
        placed = before_last_user_message(MESSAGES, Context())
        assert placed == MESSAGES
        assert placed is not MESSAGES

    def test_messages_of_any_library_will_do(self) -> None:
        class Message:
            role, content = "user", "Hello"

        one, other = Message(), Message()
        assert before_last_user_message([one, other], CONTEXT)[0] is one


@pytest.mark.parametrize(
    ("answer", "cited"),
    [
        ("You drink tea [m335].", [TEA]),
        ("Tea [m335], bees [m020] and tea again [m335].", [TEA, BEES]),
        ("Both [m020, m335].", [BEES, TEA]),
        ("Both [m020;m335] and [m1234].", [BEES, TEA, PORTO]),
        ("Nothing, m335 is no citation, nor is [335].", []),
        ("Of another context [m999].", []),
        (f"It says: {TEXT} [m1234]", [PORTO]),
        ("<function_calls>[m335]</function_calls> Done [m020].", [BEES]),
        ({"role": "assistant", "content": "You drink tea [m335]."}, [TEA]),
        ([{"type": "text", "text": "Tea [m335]."}, {"type": "tool_use", "input": "[m020]"}], [TEA]),
        (json.dumps({"role": "assistant", "content": "Tea [m335]."}), [TEA]),
        ("", []),
        (None, []),
        (7, []),
    ],
)
def test_what_an_answer_cites(answer: object, cited: list[ContextMemory]) -> None:
    assert citations(answer, CONTEXT) == cited
