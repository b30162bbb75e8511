"""What a model proposes to remember, before anything is decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from operator_memory.domain.memory.vectors import Vector


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that a model says were said, and the number of the message; ``None`` where it names none."""

    text: str
    message: int | None = None


@dataclass(frozen=True, slots=True)
class ProposedFact:
    """A fact that the extractor found, and what it says about it. All but the text may be missing or wrong."""

    text: str
    attributed_to: str
    """``user`` or ``assistant``: whom the fact is about."""
    vector: Vector
    quotes: tuple[Quote, ...] = ()
    replaces: tuple[str, ...] = ()
    """Ids of existing memories that it makes untrue."""
    same_as: str | None = None
    """Id of an existing memory that says the same."""
    about: str | None = None
    """The name of whom it is about, where that is not the user."""
    when: str | None = None
    """What time it speaks of: an ISO 8601 date, month, year or interval of these."""
    inferred: bool = False
    remains: Mapping[str, "Remaining"] = field(default_factory=dict)
    """By the id of a replaced memory: what of it stays true."""


class RequestKind(StrEnum):
    """What a person may ask of the memory in a conversation."""

    DO_NOT_REMEMBER = "do_not_remember"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class MemoryRequest:
    """A request about memory that the model found: its words, and the memories that it means."""

    kind: RequestKind
    quote: Quote
    memory_ids: tuple[str, ...] = ()
    messages: tuple[int, ...] = ()
    """Numbers of other messages that it is about."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What stays true of a memory whose other part does not."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model was sent and answered with; 0 where there is no model, or it does not say."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(self.prompt + other.prompt, self.completion + other.completion)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one extraction call gave: the facts, what could not be read of the answer, and what it cost."""

    facts: tuple[ProposedFact, ...]
    llm_calls: int
    tokens: TokenUsage = TokenUsage()
    requests: tuple[MemoryRequest, ...] = ()
    unreadable: int = 0
    """Items of the answer that are no fact."""
