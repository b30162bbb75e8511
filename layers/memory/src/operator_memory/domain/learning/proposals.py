"""What a model proposes to remember, before anything is decided about it."""

from dataclasses import dataclass

from operator_memory.domain.memory.vectors import Vector


@dataclass(frozen=True, slots=True)
class ProposedFact:
    """A fact the extractor found, before any decision about it."""

    text: str
    attributed_to: str
    """``user`` or ``assistant``: whom the fact is about."""
    vector: Vector
    replaces: tuple[str, ...] = ()
    """Ids of existing memories that the model says are out of date now. It may be wrong: the gate decides."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model was sent and answered with; 0 where there is no model, or it does not say."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(self.prompt + other.prompt, self.completion + other.completion)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one extraction call gave: the facts and what it cost."""

    facts: tuple[ProposedFact, ...]
    llm_calls: int
    tokens: TokenUsage = TokenUsage()
