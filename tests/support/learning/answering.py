"""Extraction with Mem0's real ``add`` and a model that answers as a test says, between in-memory ports."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.domain.learning.proposals import TokenUsage

from tests.support.learning.extraction import World

Fact = dict[str, Any]
_SHOWN = re.compile(r"^## Existing Memories\n(\[.*\])$", re.MULTILINE)


class AnsweringModel:
    """A language model as Mem0 calls it. It names existing memories by patterns of their texts."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.answer: Mapping[str, Any] = {"memory": []}

    def generate_response(self, messages: Sequence[Mapping[str, str]], *_: object, **__: object) -> str:
        """The answer, with ``{"~": pattern}`` put as the number of the memory whose text the pattern finds."""
        self.prompts.append(messages[-1]["content"])
        return json.dumps(_numbered(self.answer, self.shown()), ensure_ascii=False)

    def take_usage(self) -> TokenUsage:
        return TokenUsage()

    def shown(self) -> list[dict[str, str]]:
        """The existing memories that the last prompt shows."""
        [found] = _SHOWN.findall(self.prompts[-1])
        listed: list[dict[str, str]] = json.loads(found)
        return listed


def _numbered(value: object, shown: Sequence[Mapping[str, str]]) -> object:
    if isinstance(value, dict):
        if "~" in value:
            return next((m["id"] for m in shown if re.search(value["~"], m["text"])), "none")
        return {key: _numbered(inner, shown) for key, inner in value.items()}
    return [_numbered(inner, shown) for inner in value] if isinstance(value, list) else value


def fact(text: str, quote: str, message: int = 0, **fields: Any) -> Fact:
    """A fact as a model gives it, with one quote."""
    evidence = [{"message": message, "quote": quote}]
    return {"text": text, "attributed_to": "user", "evidence": evidence, **fields}


def answering_world(**fields: Any) -> tuple[World, Callable[..., None], AnsweringModel]:
    """A world whose extractor is Mem0's, what sets the model's next answer, and the model."""
    world, model = World(**fields), AnsweringModel()
    extractor = Mem0Extractor(model=model, embedder=world.embedder, memories=world.memories, clock=world.clock)
    world.extractor = extractor  # type: ignore[assignment]

    def answers(*facts: Fact, requests: Sequence[Fact] = ()) -> None:
        model.answer = {"memory": list(facts), "requests": list(requests)}

    return world, answers, model
