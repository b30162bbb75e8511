"""What a ranked memory's score is made of, and where it comes from."""

from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.memory.memory import Memory


class Source(StrEnum):
    """Where a candidate comes from. Each source that has candidates is sure of its reserved part of the list."""

    USER = "user"
    AGENT = "agent"
    SESSION = "session"
    """This session's turns."""
    PAST_SESSIONS = "past_sessions"
    """What was said in the account's other sessions."""


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What a memory's score is made of; the score is their sum. ``meaning`` and ``words`` decide its relevance."""

    meaning: float = 0.0
    words: float = 0.0
    neighbours: float = 0.0
    newer: float = 0.0
    """Of the two best, if both are about what the question names: what the newer one needs to stand first."""
    twin: float = 0.0
    """Of a fact: what a turn that says the same has more. The fact stands in its place."""
    speaker: float = 0.0
    time: float = 0.0
    """Of what was said at the time that the question names, or speaks of it."""
    asking: float = 0.0
    """Zero or less."""
    importance: float = 0.0
    recency: float = 0.0
    access: float = 0.0
    standing: float = 0.0
    pinned: float = 0.0
    reranked: float = 0.0
    """What a reranker's judgement adds or takes away."""

    @property
    def total(self) -> float:
        """The score."""
        return (
            self.meaning
            + self.words
            + self.neighbours
            + self.newer
            + self.twin
            + self.speaker
            + self.time
            + self.asking
            + self.importance
            + self.recency
            + self.access
            + self.standing
            + self.pinned
            + self.reranked
        )

    @property
    def relevance(self) -> float:
        """How much it has to do with the question: what the gate looks at."""
        return self.meaning + self.words

    @property
    def fit(self) -> float:
        """All that is about the question, except its time: what a reranker, which knows no calendar, may judge
        otherwise."""
        return self.meaning + self.words + self.neighbours + self.twin + self.speaker + self.asking


@dataclass(frozen=True, slots=True)
class RankedMemory:
    """A memory with its score (about 0 up to 3) and what that is made of."""

    memory: Memory
    score: float
    parts: ScoreParts = ScoreParts()
    source: Source = Source.USER
