"""Which lines to take when not all fit: the best ranked ones, in their order."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Line(Generic[H]):
    """A line to take or leave: its tokens, and the headings that it stands under."""

    tokens: int
    headings: frozenset[H]


def fitting_lines(lines: Sequence[Line[H]], budget: int, around: Callable[[AbstractSet[H]], int]) -> list[int]:
    """The indices, ascending, of the lines to take: each in turn, if it still fits.

    A line that is too long is passed over, not the end. The sum of the scores is no measure: many short weak lines
    drive out the few strong ones (benchmarks.md has the figures).

    Args:
        lines: best first.
        budget: most tokens of all lines taken, with what stands ``around`` them.
        around: tokens of what stands around lines under these headings; more headings take more.
    """
    taken: list[int] = []
    headings: frozenset[H] = frozenset()
    spent = 0
    for index, line in enumerate(lines):
        above = headings | line.headings
        if around(above) + spent + line.tokens <= budget:
            taken.append(index)
            headings, spent = above, spent + line.tokens
    return taken
