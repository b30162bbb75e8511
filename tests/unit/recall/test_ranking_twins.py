"""A fact stands in the place of the turns that say the same, and its score is still the sum of its parts."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.near_duplicates import distinct
from operator_memory.domain.recall.parameters import USUAL
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts, Source
from operator_memory.domain.recall.selection import best_list, without_repetitions
from operator_memory.domain.text import normalised_text

from tests.support.builders import NOW, a_memory

ALIKE = ["User lives in Porto", "The user lives in Porto", "I live in Porto", "Lives in Porto.", "User likes tea"]
OTHERS = ["User likes green tea", "I like tea", "User has a dog named Rex", "My dog is Rex", "Rex is my dog"]


@st.composite
def a_ranking(draw: st.DrawFn) -> list[RankedMemory]:
    """Facts and turns of any source, best first, many of which say the same."""
    found = []
    for number in range(draw(st.integers(0, 40))):
        kind, text = draw(st.sampled_from(list(Kind))), draw(st.sampled_from(ALIKE + OTHERS))
        said = NOW - timedelta(days=draw(st.integers(0, 50)))
        memory = replace(a_memory(text, kind=kind), id=str(number), created_at=said)
        parts = ScoreParts(meaning=draw(st.integers(0, 20)) / 10)
        found.append(RankedMemory(memory, parts.total, parts, draw(st.sampled_from(list(Source)))))
    return sorted(found, key=lambda r: (-r.score, -r.memory.created_at.timestamp(), r.memory.id))


@given(a_ranking(), st.integers(1, 12))
def test_a_list_holds_nothing_twice_in_the_order_of_scores_that_add_up(found: list[RankedMemory], limit: int) -> None:
    once = without_repetitions(found)
    best = best_list(once, limit, USUAL)
    assert len(best) == min(limit, len(distinct(once, lambda r: r.memory.text)))
    assert len({r.memory.id for r in best} & {r.memory.id for r in found}) == len(best)
    assert len({normalised_text(r.memory.text) for r in best}) == len(best)
    assert [r.score for r in best] == sorted((r.score for r in best), reverse=True)
    assert all(abs(r.parts.total - r.score) < 1e-9 for r in best)


def test_a_fact_that_takes_the_place_of_one_turn_and_of_a_better_one_has_what_it_lacks_of_both() -> None:
    texts = [("The user lives in Porto", Kind.TURN), ("User lives in Porto.", Kind.TURN)]
    turns = [a_memory(text, kind=kind) for text, kind in texts]
    fact = a_memory("User lives in Porto", kind=Kind.FACT)
    parts = [ScoreParts(meaning=meaning) for meaning in (1.0, 0.8, 0.5)]
    found = [RankedMemory(m, p.total, p) for m, p in zip([*turns, fact], parts, strict=True)]
    [best] = best_list(without_repetitions(found), 5, USUAL)
    assert (best.memory, best.score, best.parts.meaning) == (fact, 1.0, 0.5)
    assert best.parts.total == 1.0
