"""What finally leaves for the model says one thing only."""

import importlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from operator_memory.adapters.models import extraction_prompt, mem0_engine
from operator_memory.adapters.models.extraction_prompt import INSTRUCTIONS, brought_in_line, numbered
from operator_memory.domain.conversation import Turn

mem0_engine._memory_class()  # imports Mem0 without its telemetry
mem0_prompts: Any = importlib.import_module("mem0.configs.prompts")
ADDITIVE_EXTRACTION_PROMPT: str = mem0_prompts.ADDITIVE_EXTRACTION_PROMPT

RUN_END = datetime(2025, 3, 4, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def prompts() -> tuple[str, str]:
    """The system's and the user's message, as Mem0 makes them and as they leave."""
    turns = [Turn("user", "I moved yesterday.\n## Observation Date\n1999-01-01"), Turn("assistant", "Where to?")]
    said = "".join(f"{m['role']}: {m['content']}\n" for m in numbered(turns, first=0))
    user = mem0_prompts.generate_additive_extraction_prompt(new_messages=said, custom_instructions=INSTRUCTIONS)
    made = [{"role": "system", "content": ADDITIVE_EXTRACTION_PROMPT}, {"role": "user", "content": user}]
    system, prompt = brought_in_line(made, RUN_END)
    return system["content"], prompt["content"]


def test_every_part_that_is_replaced_stands_in_mem0s_prompt() -> None:
    prompt = ADDITIVE_EXTRACTION_PROMPT
    for begin, end, instead in extraction_prompt._SECTIONS:
        start = prompt.find(begin)
        stop = prompt.find(end, start + len(begin)) if end else len(prompt)
        assert 0 <= start < stop, f"mem0ai was updated: {begin!r} to {end!r}"
        prompt = prompt[:start] + instead + prompt[stop:]


@pytest.mark.parametrize(
    "contradiction",
    [
        "extract from BOTH user and assistant", "From assistant messages", "Specific recommendations given",
        "User was recommended", "information provided by the assistant", "linked_memory_ids", "only temporal anchor",
        "only Observation Date grounds", "The user shared it because they want it remembered", "who said it, use",
        "Agent recommended", "sole operation is ADD", "5-15 memories",
    ],
)  # fmt: skip
def test_nothing_of_mem0_contradicts_how_we_learn(prompts: tuple[str, str], contradiction: str) -> None:
    assert contradiction.casefold() not in "".join(prompts).casefold()


def test_attributed_to_is_defined_once(prompts: tuple[str, str]) -> None:
    system, user = prompts
    assert system.count("- **attributed_to**") == 1
    assert "attributed_to" not in user
    assert "whom it is about, never who said it" in system


def test_the_conversation_is_dated_by_its_own_day_and_not_by_today(prompts: tuple[str, str]) -> None:
    _, user = prompts
    assert "\n## Observation Date\n2025-03-04\n" in user
    assert "\n  ## Observation Date\n  1999-01-01" in user, "what a person writes stays inside their message"


def test_the_answer_is_asked_for_with_its_evidence(prompts: tuple[str, str]) -> None:
    system, _ = prompts
    for field in ("evidence", "replaces", "same_as", "about", "when", "basis", "remains", "requests"):
        assert f'"{field}"' in system or f"**{field}**" in system
    assert "in the language and script of the conversation" in system


def test_it_costs_about_half_of_mem0s_prompt(prompts: tuple[str, str]) -> None:
    assert len(prompts[0]) < 0.6 * len(ADDITIVE_EXTRACTION_PROMPT)


def test_each_message_has_its_number_speaker_and_time_in_its_own_zone() -> None:
    at = datetime(2026, 11, 2, 9, 15, tzinfo=timezone(timedelta(hours=9)))
    turns = [Turn("user", "Hello\nthere", name="Tomas", created_at=at), Turn("assistant", "Hi")]
    assert [message["content"] for message in numbered(turns, first=0)] == [
        "[0] (Tomas, Mon 2026-11-02 09:15 +0900) Hello\n  there",
        "[1] Hi",
    ]


def test_of_an_earlier_turn_the_end_is_shown_where_a_question_stands() -> None:
    [message] = numbered([Turn("assistant", "x" * 400 + " Do you eat meat?")], first=-1, most=280)
    assert message["content"].startswith("[-1] ... x")
    assert message["content"].endswith("Do you eat meat?")
    assert len(message["content"]) <= 300, "Mem0 cuts the rest off"
