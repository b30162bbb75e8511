"""Which lines to take when not all fit: the set with the highest sum of scores, not the first ones that fit."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate, combinations

_PARTS = 10_000
"""Scores count to a ten-thousandth, as the answer shows them: sums of whole numbers have no rounding."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to take or leave: what it is worth, its tokens, and the heading that it stands under."""

    score: float
    tokens: int
    heading: str

    @property
    def worth(self) -> int:
        """The score in whole numbers. At least 1: a line that fits is better than none."""
        return max(1, round(self.score * _PARTS))


def best_lines(lines: Sequence[Line], budget: int, around: Callable[[AbstractSet[str]], int]) -> list[int]:
    """The indices, ascending, of the lines to take, so that the sum of their scores is the highest under ``budget``.

    The first line, the best ranked, is taken whenever it fits at all: scores are estimates, and an answer without
    what the ranking holds for the best would surprise more than one with a few memories less. Given that, the set
    is optimal, hence never worse than taking lines in their order while they fit. Equal input gives equal output.

    Args:
        lines: best first; few different headings (there are four).
        budget: most tokens of all lines taken, with what stands ``around`` them.
        around: tokens of what stands around lines under these headings; more headings take more.

    Takes O(n * min(2^n, budget)) steps a set of headings at worst; sums that cannot become the best are dropped on
    the way (the bound is that of the problem where a part of a line may be taken), which leaves few of them: fifty
    lines take 0.2 ms, and 50 ms in the hardest case tried, where every score is in proportion to the line's tokens.
    """
    headings = {line.heading for line in lines}
    if around(headings) + sum(line.tokens for line in lines) <= budget:
        return list(range(len(lines)))
    first = set()
    if lines and around({lines[0].heading}) + lines[0].tokens <= budget:
        first.add(0)
    spent = sum(lines[i].tokens for i in first)
    search = _Search()
    for under in _subsets(headings, {lines[i].heading for i in first}):
        free = [(line, i) for i, line in enumerate(lines) if line.heading in under and i not in first]
        search.run(free, budget - around(under) - spent)
    return sorted(first | search.best)


def _subsets(headings: AbstractSet[str], needed: AbstractSet[str]) -> Iterator[set[str]]:
    """All sets of ``headings`` with those ``needed``, but the empty one; the larger first, they hold most."""
    others = sorted(headings - needed)
    for size in range(len(others), -1, -1):
        for some in combinations(others, size):
            if needed or some:
                yield {*needed, *some}


class _Search:
    """The best set of lines so far: a knapsack by lists of undominated sums, cut by bounds."""

    def __init__(self) -> None:
        self.best: frozenset[int] = frozenset()
        self._worth = 0

    def run(self, free: Sequence[tuple[Line, int]], room: int) -> None:
        """Look for a better set among ``free`` (line, index) within ``room`` tokens."""
        items = sorted(
            ((line.worth, line.tokens, i) for line, i in free if line.tokens <= room),
            key=lambda item: (-item[0] / item[1], item[2]),
        )
        worth_up_to = list(accumulate((worth for worth, _, _ in items), initial=0))
        tokens_up_to = list(accumulate((tokens for _, tokens, _ in items), initial=0))

        def promising(sums: list[tuple[int, int, int]], done: int) -> list[tuple[int, int, int]]:
            """Those of ``sums`` (tokens, worth, lines as bits) that may still become better than the best."""
            kept = []
            for tokens, worth, taken in sums:
                # As many as fit in a row of the items that are left, and of the next one a part.
                end = bisect_right(tokens_up_to, room - tokens + tokens_up_to[done]) - 1
                whole = worth + worth_up_to[end] - worth_up_to[done]
                if whole > self._worth:
                    self._worth = whole
                    row = taken | ((1 << end) - (1 << done))
                    self.best = frozenset(item[2] for n, item in enumerate(items) if row >> n & 1)
                bound = whole
                if end < len(items):
                    left = room - tokens - tokens_up_to[end] + tokens_up_to[done]
                    bound += left * items[end][0] // items[end][1]
                if bound > self._worth:
                    kept.append((tokens, worth, taken))
            return kept

        sums = promising([(0, 0, 0)], 0) if room > 0 else []
        for n, (worth, tokens, _) in enumerate(items):
            more = [(t + tokens, w + worth, taken | 1 << n) for t, w, taken in sums if t + tokens <= room]
            sums = promising(_undominated(sums, more), n + 1)
            if not sums:
                return


def _undominated(
    one: Sequence[tuple[int, int, int]], other: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """Both lists by rising tokens, without sums for whose tokens or fewer there is one of the same worth or more."""
    kept: list[tuple[int, int, int]] = []
    most = -1
    for entry in sorted([*one, *other], key=lambda entry: (entry[0], -entry[1])):
        if entry[1] > most:
            most = entry[1]
            kept.append(entry)
    return kept
