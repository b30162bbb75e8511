"""The memories for one run, as the client hands them out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operator_memory_client.errors import MalformedAnswerError, MemoryClientError


@dataclass(frozen=True)
class ContextMemory:
    """A memory in a context. ``text`` is as it was said: show it to people, put it into no prompt."""

    id: str
    text: str = field(repr=False)
    citation: str | None = None
    scope: str = "user"
    score: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Everything that the service says of it."""


@dataclass(frozen=True)
class Context:
    """What to put into the prompt. Empty, and saying why, where there is nothing or something went wrong.

    ``degraded``: codes of what did not work, the service's own and the client's: ``disabled``, ``not_configured``,
    ``deadline``, ``unreachable``, ``circuit_open``, ``rate_limited``, ``unauthorized``, ``forbidden``,
    ``invalid_request``, ``malformed_answer``, ``service_failed``, ``failed``. ``detail``: a sentence for the log.
    """

    text: str = field(default="", repr=False)
    memories: tuple[ContextMemory, ...] = ()
    token_count: int = 0
    tokenizer: str = "estimate"
    degraded: tuple[str, ...] = ()
    detail: str = ""
    timing_ms: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def reason(self) -> str:
        """The first code of ``degraded``, ``""`` if all went well."""
        return self.degraded[0] if self.degraded else ""

    def cited(self, citation: str) -> ContextMemory | None:
        """The memory that ``citation`` (``m335``) names in this context."""
        return next((memory for memory in self.memories if memory.citation == citation), None)


def empty(error: BaseException) -> Context:
    """A context that says what went wrong."""
    if isinstance(error, MemoryClientError):
        return Context(degraded=(error.reason,), detail=error.detail)
    return Context(degraded=("failed",), detail=f"unexpected error ({type(error).__name__})")


def read_context(body: bytes) -> Context:
    """The context in an answer.

    Raises:
        MalformedAnswerError: it is none.
    """
    try:
        return _context(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise MalformedAnswerError("the answer is not a context") from None


def _context(answer: Any) -> Context:  # noqa: ANN401  (decoded JSON)
    text, degraded = answer["context"], answer.get("degraded", [])
    if not isinstance(text, str) or not isinstance(degraded, list):
        raise TypeError
    return Context(
        text=text,
        memories=tuple(_memory(memory) for memory in answer["memories"]),
        token_count=int(answer.get("token_count", 0)),
        tokenizer=str(answer.get("tokenizer", "estimate")),
        degraded=tuple(map(str, degraded)),
        timing_ms=dict(answer.get("timing_ms", {})),
    )


def _memory(memory: Mapping[str, Any]) -> ContextMemory:
    identity, text, citation = memory["id"], memory["memory"], memory.get("citation")
    if not isinstance(identity, str) or not isinstance(text, str) or not isinstance(citation, str | None):
        raise TypeError
    return ContextMemory(identity, text, citation, str(memory.get("scope", "user")), memory.get("score"), memory)
