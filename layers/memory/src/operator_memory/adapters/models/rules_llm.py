"""The rule extractor in a language model's place: answers the prompt that Mem0's ``Memory.add`` sends.

Only the prompt's format is known here (mem0ai 2.2.1); Mem0 itself is not imported. Our engine indents the further
lines of each message, so a line of user text never starts at the margin: there, ``user:`` and ``assistant:`` begin
turns, and ``## `` ends the section.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.rules.extract import extract_facts

_SECTION = "\n## New Messages\n"
_TURN = re.compile(r"^(user|assistant): ?(.*)$")
_DATE = re.compile(r"^The conversation took place on (\d{4}-\d{2}-\d{2})\.$", re.MULTILINE)


def answer_extraction_prompt(messages: Sequence[Mapping[str, str]]) -> str:
    """The JSON text of the extraction: ``{"memory": [{"id", "text", "attributed_to"}, ...]}``.

    Raises:
        UpstreamRejectedError: if ``messages`` is not Mem0's extraction prompt.
    """
    prompt = next((m.get("content") or "" for m in reversed(messages) if m.get("role") == "user"), "")
    _, found, rest = prompt.rpartition(_SECTION)  # the last: earlier sections quote older messages as they are
    if not found:
        raise UpstreamRejectedError("rules", "this is not a prompt to extract memories")
    turns, instructions = _read(rest)
    facts = extract_facts(turns, observed_on=_date_in(instructions))
    return json.dumps(
        {
            "memory": [
                {"id": str(number), "text": fact.text, "attributed_to": fact.attributed_to}
                for number, fact in enumerate(facts)
            ]
        }
    )


def _read(rest: str) -> tuple[list[Turn], str]:
    """The turns of the section, and what follows it."""
    turns: list[tuple[str, list[str]]] = []
    lines = rest.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("## "):
            return _turns(turns), "\n".join(lines[number:])
        if match := _TURN.match(line):
            turns.append((match[1], [match[2]]))
        elif turns:
            turns[-1][1].append(line.removeprefix("  "))
    return _turns(turns), ""


def _turns(parts: Sequence[tuple[str, Sequence[str]]]) -> list[Turn]:
    return [Turn(role, text) for role, lines in parts if (text := "\n".join(lines).strip())]


def _date_in(instructions: str) -> date | None:
    match = _DATE.search(instructions)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


class RulesLLM:
    """A language model as Mem0 calls one, for ``EXTRACTION=rules``: no network, no cost."""

    def generate_response(self, messages: Sequence[Mapping[str, str]], *_: object, **__: object) -> str:
        """The rules' answer to Mem0's extraction prompt."""
        return answer_extraction_prompt(messages)

    def take_usage(self) -> TokenUsage:
        """Rules cost nothing."""
        return TokenUsage()
