"""Why something is remembered: the words it was learned from, and how far they can be trusted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MOST_QUOTES = 8
"""Quotes that a memory keeps, the first."""

_PART = r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
WHEN = re.compile(rf"{_PART}(?:/{_PART})?\Z")
"""What time a fact speaks of: a date, month, year, or two of these with a slash."""


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


def without_run(evidence: Sequence[SaidWords], run_id: str) -> tuple[SaidWords, ...]:
    """``evidence`` without what a run said; nor what was said before it, which only explains that."""
    return tuple(said for said in evidence if said.run_id not in (run_id, None))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Why a fact is remembered, as far as the reader may see it."""

    inferred: bool
    source_class: SourceClass | None
    run_id: str | None
    """The job that learned it."""
    when: str | None
    quotes: tuple[SaidWords, ...] = ()
    hidden_quotes: int = 0
    """Quotes that are not shown: a person has withdrawn their turn, or it is an earlier one that is not known."""
    repeated_in: tuple[str, ...] = ()
    """Later jobs that said the same."""
