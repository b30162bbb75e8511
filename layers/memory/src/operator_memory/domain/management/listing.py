"""A list of memories as data: its order, a position in it, a page of it; and how much an account has stored."""

from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.memory.memory import Memory


class SortKey(StrEnum):
    """What a list can be ordered by: fields that every memory has."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    IMPORTANCE = "importance"


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list; memories with the same value follow each other by id, ascending."""

    key: SortKey = SortKey.CREATED_AT
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a sorted list: just after the memory ``id``, whose sort value is ``value``.

    ``value`` is the text form of the sort field: RFC 3339 for times, a decimal number for importance. The place
    stays valid when memories are added or removed.
    """

    value: str
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and where the next part begins (``None``: there is no more)."""

    memories: tuple[Memory, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much an account has stored. Counts of memories."""

    total: int
    active: int
    pinned: int
    by_scope: dict[str, int]
    by_kind: dict[str, int]
    by_agent: dict[str, int]
    """The hundred agents with the most."""
