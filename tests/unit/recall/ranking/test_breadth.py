"""What is far behind the best memory is left out, as far as the caller wants."""

import pytest
from operator_memory.domain.recall.breadth import Breadth, within
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts

from tests.support.builders import a_memory


def ranked(*scores: float, standing: float = 0.0) -> list[RankedMemory]:
    return [
        RankedMemory(
            a_memory(f"memory {n}", id=f"{n}-{standing}"),
            score,
            ScoreParts(meaning=score - standing, standing=standing),
        )
        for n, score in enumerate(scores)
    ]


def scores(found: list[RankedMemory]) -> list[float]:
    return [r.score for r in found]


CLEAR = (1.0, 0.75, 0.5, 0.45, 0.41, 0.39, 0.2)


@pytest.mark.parametrize(
    ("breadth", "left"),
    [(Breadth.PRECISE, CLEAR[:3]), (Breadth.BALANCED, CLEAR[:5]), (Breadth.BROAD, CLEAR)],
)
def test_those_far_behind_the_best_are_left_out(breadth: Breadth, left: tuple[float, ...]) -> None:
    assert scores(within(ranked(*CLEAR), breadth)) == list(left)


@pytest.mark.parametrize(("breadth", "first"), [(Breadth.PRECISE, 3), (Breadth.BALANCED, 4)])
def test_the_first_ones_stay_however_far_behind(breadth: Breadth, first: int) -> None:
    """What was right once has the question's words, what is right now may have others."""
    assert len(within(ranked(2.0, 0.1, 0.1, 0.1, 0.1, 0.1), breadth)) == first


@pytest.mark.parametrize("breadth", list(Breadth))
def test_what_is_looked_up_for_every_question_stays(breadth: Breadth) -> None:
    pinned = ranked(0.1, standing=0.1)
    assert within([*ranked(1.0, 0.9), *pinned], breadth)[-1:] == pinned
    assert within(pinned, breadth) == pinned
    assert within([], breadth) == []
