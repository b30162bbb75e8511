"""Why something is remembered: the words it was learned from, and how far they can be trusted."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MOST_QUOTES = 8
"""Quotes that a memory keeps, the first."""


class SourceClass(StrEnum):
    """Whose words a memory is from, the most trusted first. When memories merge, the lowest wins."""

    PERSON = "person"
    """A person said it, in their own words."""
    BY_HAND = "by_hand"
    """A person wrote it into the memory, or has approved it. It counts as their own word."""
    IMPORT = "import"
    """It came with an import."""
    ASSISTANT = "assistant"
    """The assistant said it."""
    TOOL = "tool"
    """A tool returned it."""
    PASTED = "pasted"
    """A person pasted or quoted it."""


_TRUST = {source: rank for rank, source in enumerate(SourceClass)}


MAY_INSTRUCT = frozenset((SourceClass.PERSON, SourceClass.BY_HAND))
"""Whose words may tell an agent how to work, in every run. What a member of a team writes by hand for an agent waits
for an owner, so that what is in force was said by somebody to the agent, or written or approved by an owner."""

BELOW_PERSON = tuple(source for source in SourceClass if source not in MAY_INSTRUCT)
"""The others: found where they fit a question, never a standing instruction."""


def least_trusted(*sources: SourceClass) -> SourceClass:
    """The one that can be trusted least."""
    return max(sources, key=_TRUST.__getitem__)


@dataclass(frozen=True, slots=True)
class SaidWords:
    """A quote that a memory was learned from. ``run_id``: the job that learned it."""

    quote: str = field(repr=False)
    message_id: str | None = None
    role: str | None = None
    speaker: str | None = None
    author_id: str | None = None
    said_at: datetime | None = None
    run_id: str | None = None
