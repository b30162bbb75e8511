"""What an account uses: counts of a day or a month, and what they cost."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from functools import reduce

MICRO_CENTS = 1_000_000
"""In a cent. A token's price is a whole number of them, so that sums are exact."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US cents for a million tokens; 0 where they are not known."""

    prompt: int = 0
    completion: int = 0

    @property
    def known(self) -> bool:
        """Whether costs can be estimated."""
        return self.prompt > 0 or self.completion > 0

    def micro_cents(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return what these tokens cost: cents for a million of them are micro-cents for one."""
        return prompt_tokens * self.prompt + completion_tokens * self.completion


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers only, which can be added."""

    jobs: int = 0
    """Runs whose extraction ended."""
    jobs_by_rules: int = 0
    """Of these: without the model, since the budget was used up."""
    llm_calls: int = 0
    """Calls of the model, those that failed included: they are paid for."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micro_cents: int = 0
    """Estimated when the call was made, with the prices of that day. 0 where they were not known."""
    memories_added: int = 0
    memories_superseded: int = 0
    facts_rejected: int = 0
    contexts: int = 0
    """Contexts that runs asked for."""
    memories_injected: int = 0
    searches: int = 0

    @property
    def tokens(self) -> int:
        """All tokens, of prompts and answers."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))

    def positive(self) -> dict[str, int]:
        """Return the counts that are not 0, by name."""
        return {name: number for name in COUNTED if (number := getattr(self, name))}


COUNTED = tuple(each.name for each in fields(Counts))
"""The names of all counts."""

NOTHING = Counts()


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of ``counts``."""
    return reduce(Counts.__add__, counts, NOTHING)


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """Something that is to be counted once. ``cause`` names it, however often it is told; ``None``: it is told once."""

    at: datetime
    counts: Counts
    agent_id: str | None = None
    cause: str | None = None

    @property
    def day(self) -> date:
        """The UTC day that it counts for."""
        return day_of(self.at)


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What was used on a UTC day by an agent; ``None``: without one."""

    day: date
    agent_id: str | None
    counts: Counts


def day_of(moment: datetime) -> date:
    """Return the UTC day of ``moment``."""
    return moment.astimezone(UTC).date()


def month_of(moment: datetime) -> date:
    """Return the first day of the UTC month of ``moment``."""
    return day_of(moment).replace(day=1)
