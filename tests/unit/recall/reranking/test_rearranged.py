"""What a reranker's judgement does to a ranking, and what it leaves alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts
from operator_memory.domain.recall.ranking import RankingRequest, choose, rank, score
from operator_memory.domain.recall.reranking import RerankingParameters, document_of, rearranged, to_judge

from tests.support.builders import NOW, SESSION_KEY, a_memory
from tests.support.recall.rankings import Found, findings, texts

ONLY_THE_RERANKER = RerankingParameters(weight=1.0)
SCORES = st.lists(st.floats(-1e6, 1e6), min_size=64, max_size=64)


def scored(text: str, **parts: float) -> RankedMemory:
    made = ScoreParts(**parts)
    return RankedMemory(a_memory(text), made.total, made)


def listed(*fits: float) -> list[RankedMemory]:
    """Memories named "0", "1" ..., best first."""
    return [scored(str(place), meaning=fit) for place, fit in enumerate(fits)]


def test_the_highest_fit_goes_to_what_the_reranker_puts_first() -> None:
    ranked = listed(0.9, 0.5, 0.3)
    found = rearranged(ranked, ranked, [0.1, 0.2, 0.9], ONLY_THE_RERANKER)
    assert texts(found) == ["2", "1", "0"]
    assert [r.score for r in found] == pytest.approx([0.9, 0.5, 0.3])


def test_as_much_as_the_reranker_is_trusted_and_the_rest_is_the_rankings_own() -> None:
    ranked = listed(0.9, 0.5, 0.3)
    found = rearranged(ranked, ranked, [0.1, 0.2, 0.9], RerankingParameters(weight=0.5))
    assert {r.memory.text: r.score for r in found} == pytest.approx({"0": 0.6, "1": 0.5, "2": 0.6})
    assert rearranged(ranked, ranked, [0.1, 0.2, 0.9], RerankingParameters(weight=0.0)) == ranked


@pytest.mark.parametrize("scores", [[3.0, 2.0, 1.0], [0.2, 0.1, 0.0], [-5.0, -6.0, -1e9], [0.5, 0.5, 0.5]])
def test_who_agrees_or_cannot_decide_changes_nothing(scores: list[float]) -> None:
    ranked = listed(0.9, 0.5, 0.3)
    assert rearranged(ranked, ranked, scores) == ranked


def test_the_scale_of_the_scores_does_not_matter() -> None:
    ranked = listed(0.9, 0.5, 0.3, 0.2)
    probabilities, numbers = [0.01, 0.99, 0.5, 0.98], [-11.0, 7.0, -0.3, 6.9]
    assert rearranged(ranked, ranked, probabilities) == rearranged(ranked, ranked, numbers)


def test_what_is_pinned_or_standing_or_of_the_time_asked_for_keeps_what_it_has_for_that() -> None:
    bonuses = {"time": 0.2, "pinned": 0.15, "standing": 0.1, "importance": 0.02, "recency": 0.03, "access": 0.01}
    first, second = scored("pinned", meaning=0.4, **bonuses), scored("plain", meaning=0.5)
    found = rearranged([first, second], [second, first], [0.9, 0.1], ONLY_THE_RERANKER)
    assert texts(found) == ["pinned", "plain"], "the bonuses are more than the difference in fit"
    assert found[0].parts == replace(first.parts, reranked=0.0)
    found = rearranged([first, second], [second, first], [0.1, 0.9], ONLY_THE_RERANKER)
    assert found[0].score == pytest.approx(0.5 + sum(bonuses.values()))


def test_what_nobody_judged_stays_as_it_was() -> None:
    ranked = listed(0.9, 0.5, 0.3, 0.2)
    found = rearranged(ranked, ranked[:2], [0.0, 1.0], ONLY_THE_RERANKER)
    assert texts(found) == ["1", "0", "2", "3"]
    assert found[2:] == ranked[2:]


def test_judged_are_the_best_that_the_question_found_and_twice_the_limit_at_least() -> None:
    ranked = [scored("pinned only", pinned=0.15), *listed(*(1 - n / 200 for n in range(150)))]
    assert texts(to_judge(ranked, 10)) == [str(n) for n in range(50)]
    assert len(to_judge(ranked, 40)) == 80
    assert len(to_judge(ranked, 10, RerankingParameters(pool=7))) == 20


def test_a_document_says_who_spoke_what_and_when_and_is_not_longer_than_one_reads() -> None:
    turn = a_memory("I went to Rome.", key=SESSION_KEY, kind=Kind.TURN, speaker="Ana", days_old=0)
    assert document_of(turn) == "Ana: I went to Rome. (24 November 2026)"
    assert document_of(a_memory("Likes tea.", days_old=0)) == "Likes tea. (24 November 2026)"
    assert document_of(a_memory("x" * 8_000, days_old=0)) == "x" * 1_000 + " (24 November 2026)"


def found_by(findings: Found) -> tuple[RankingRequest, list[RankedMemory]]:
    request = RankingRequest(NOW, None, SESSION_KEY.owner_id)
    return request, score([search for search, _ in findings], [hits for _, hits in findings], request)


@given(findings(), SCORES, st.integers(1, 12), st.floats(0, 1))
def test_whatever_it_says_nothing_is_lost_or_doubled_and_the_parts_are_the_score(
    found: Found, scores: Sequence[float], limit: int, weight: float
) -> None:
    _, ranked = found_by(found)
    judged = to_judge(ranked, limit)
    after = rearranged(ranked, judged, scores[: len(judged)], RerankingParameters(weight=weight))
    assert sorted(r.memory.id for r in after) == sorted(r.memory.id for r in ranked)
    assert all(r.score == r.parts.total for r in after if r.parts.reranked)
    assert [r.score for r in after] == sorted((r.score for r in after), reverse=True)
    assert sum(r.parts.reranked for r in after) == pytest.approx(0.0, abs=1e-6), "what one gains another loses"


@given(findings(), SCORES, st.integers(1, 12))
def test_no_source_is_crowded_out_by_it(found: Found, scores: Sequence[float], limit: int) -> None:
    request, ranked = found_by(found)
    judged = to_judge(ranked, limit)
    chosen = choose(rearranged(ranked, judged, scores[: len(judged)]), request, limit=limit)
    assert len(chosen) <= limit
    if limit >= 4:
        assert {r.source for r in chosen} == {r.source for r in choose(ranked, request, limit=limit)}


@given(findings(), st.integers(1, 12))
def test_the_two_halves_are_the_ranking(found: Found, limit: int) -> None:
    request, ranked = found_by(found)
    searches, hits = [search for search, _ in found], [hits for _, hits in found]
    assert choose(ranked, request, limit=limit) == rank(searches, hits, request, limit=limit)
