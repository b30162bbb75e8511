"""One ranked list out of many searches: each signal counts upwards, and no scope or repetition crowds out the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.ranking import RankedMemory, RankingParameters, rank
from operator_memory.domain.retrieval import Hit, Search, SearchMode
from operator_memory.domain.scopes import ScopeKey

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_hit

KEYS = (USER_KEY, AGENT_KEY, SESSION_KEY)
Found = list[tuple[Search, list[Hit]]]


def ranked(found: Sequence[tuple[Search, Sequence[Hit]]], limit: int = 10) -> list[RankedMemory]:
    return rank([search for search, _ in found], [hits for _, hits in found], now=NOW, limit=limit)


def searched(mode: SearchMode, *hits: Hit, key: ScopeKey = USER_KEY) -> tuple[Search, list[Hit]]:
    return Search(key, mode, 60), list(hits)


def texts(result: list[RankedMemory]) -> list[str]:
    return [r.memory.text for r in result]


@st.composite
def findings(draw: st.DrawFn) -> Found:
    """What a few searches may find: memories that overlap between searches, repeat texts, and tie."""
    found: Found = []
    for key in KEYS:
        pool = [
            a_hit(
                draw(st.sampled_from(["tea", "coffee", "Tea.", "water", "juice", "milk"])),
                key=key,
                id=f"{key.scope}-{n}",
                importance=draw(st.sampled_from([0.0, 0.5, 1.0])),
                days_old=draw(st.sampled_from([-1.0, 0.0, 3.0, 400.0])),
                pinned=draw(st.booleans()),
            )
            for n in range(4)
        ]
        for mode in (SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.PINNED):
            hits = draw(st.lists(st.sampled_from(pool), unique_by=lambda h: h.memory.id))
            score = st.sampled_from([-0.5, 0.0, 0.14, 0.15, 0.3, 0.9, 1.0])
            bm25 = st.sampled_from([0.0, 0.1, 3.0, 40.0])
            scores = {SearchMode.DENSE: score, SearchMode.KEYWORD: bm25}.get(mode, st.just(0.0))
            found.append((Search(key, mode, 60), [replace(hit, score=draw(scores)) for hit in hits]))
    return found


@given(findings(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_searches_and_of_their_hits_does_not_matter(found: Found, limit: int, random: Random) -> None:
    shuffled = [(search, random.sample(hits, len(hits))) for search, hits in found]
    random.shuffle(shuffled)
    assert ranked(shuffled, limit) == ranked(found, limit)


@given(findings(), st.integers(1, 12))
def test_at_most_limit_distinct_texts_come_back_best_first_out_of_what_was_found(found: Found, limit: int) -> None:
    result = ranked(found, limit)
    assert len(result) <= limit
    assert [r.score for r in result] == sorted((r.score for r in result), reverse=True)
    said = [r.memory.text.casefold().rstrip(".") for r in result]
    assert len(set(said)) == len(said)
    known = {hit.memory.id for _, hits in found for hit in hits}
    assert {r.memory.id for r in result} <= known
    assert all(0.0 <= r.score <= 1.25 for r in result)


RAISED = {
    "dense": lambda hit: replace(hit, score=hit.score + 0.4),
    "keyword": lambda hit: replace(hit, score=hit.score + 5),
    "importance": lambda hit: replace(hit, memory=replace(hit.memory, importance=1.0)),
    "recency": lambda hit: replace(hit, memory=replace(hit.memory, created_at=NOW)),
    "pinned": lambda hit: replace(hit, memory=replace(hit.memory, pinned=True)),
}


@given(findings(), st.integers(1, 12), st.sampled_from(sorted(RAISED)), st.data())
def test_more_of_any_signal_never_costs_a_memory_its_place(
    found: Found, limit: int, signal: str, data: st.DataObject
) -> None:
    before = [r.memory.id for r in ranked(found, limit)]
    if not before:
        return
    chosen = data.draw(st.sampled_from(before))

    def raised(search: Search, hit: Hit) -> Hit:
        wrong_search = signal in ("dense", "keyword") and search.mode.value != signal
        return hit if hit.memory.id != chosen or wrong_search else RAISED[signal](hit)

    after = [r.memory.id for r in ranked([(s, [raised(s, h) for h in hits]) for s, hits in found], limit)]
    assert after.index(chosen) <= before.index(chosen)


def test_meaning_and_words_together_beat_either_alone() -> None:
    result = ranked(
        [
            searched(SearchMode.DENSE, a_hit("both", 0.6), a_hit("meaning", 0.7)),
            searched(SearchMode.KEYWORD, a_hit("both", 6.0), a_hit("words", 8.0)),
        ]
    )
    assert texts(result) == ["both", "meaning", "words"]


def test_a_weak_best_hit_stays_weak() -> None:
    """Scores are not divided by the best of the query: one rare common word is no proof of relevance."""
    [only] = ranked([searched(SearchMode.KEYWORD, a_hit("words", 0.2))])
    assert only.score < 0.15


def test_with_a_query_what_is_neither_similar_nor_shares_a_word_is_left_out() -> None:
    noise, similar = a_hit("noise", 0.149), a_hit("similar", 0.15)
    assert texts(ranked([searched(SearchMode.DENSE, noise, similar)])) == ["similar"]
    assert texts(ranked([searched(SearchMode.DENSE, noise), searched(SearchMode.KEYWORD, a_hit("noise", 0.1))])) == [
        "noise"
    ]


@pytest.mark.parametrize("mode", [SearchMode.PINNED, SearchMode.IMPORTANT, SearchMode.RECENT])
def test_what_the_profile_finds_needs_no_score(mode: SearchMode) -> None:
    assert texts(ranked([searched(mode, a_hit("profile"))])) == ["profile"]


def test_pinned_then_important_then_new_among_equals() -> None:
    hits = [
        a_hit("plain", importance=0.5, days_old=60),
        a_hit("new", importance=0.5, days_old=0),
        a_hit("important", importance=1.0, days_old=40),
        a_hit("pinned", importance=0.0, days_old=900, pinned=True),
    ]
    assert texts(ranked([searched(SearchMode.RECENT, *hits)])) == ["pinned", "new", "important", "plain"]


def test_recency_halves_in_thirty_days_and_a_clock_ahead_is_today() -> None:
    p = RankingParameters()
    ages = (0.0, 30.0, 60.0, -5.0, 7e5)
    scores = [ranked([searched(SearchMode.RECENT, a_hit(importance=0.0, days_old=age))])[0].score for age in ages]
    assert scores == pytest.approx([p.recency_weight * part for part in (1, 0.5, 0.25, 1, 0)])


def test_the_same_words_in_two_scopes_are_injected_once_as_the_better_of_the_two() -> None:
    result = ranked(
        [
            searched(SearchMode.DENSE, a_hit("Likes tea", 0.4)),
            searched(SearchMode.DENSE, a_hit("likes  TEA.", 0.8, key=AGENT_KEY), key=AGENT_KEY),
        ]
    )
    assert texts(result) == ["likes  TEA."]


def test_a_scope_with_many_good_memories_does_not_crowd_out_the_others() -> None:
    crowd = [a_hit(f"user {n}", 0.9) for n in range(30)]
    few = [a_hit(f"agent {n}", 0.3, key=AGENT_KEY) for n in range(3)]
    found = [searched(SearchMode.DENSE, *crowd), searched(SearchMode.DENSE, *few, key=AGENT_KEY)]
    by_limit = {limit: sum(t.startswith("agent") for t in texts(ranked(found, limit))) for limit in (1, 4, 8, 20)}
    assert by_limit == {1: 0, 4: 1, 8: 2, 20: 3}
    assert all(len(ranked(found, limit)) == limit for limit in by_limit)


def test_a_share_is_no_reason_to_return_fewer_than_asked_for() -> None:
    crowd = [a_hit(f"user {n}", 0.9) for n in range(30)]
    found = [searched(SearchMode.DENSE, *crowd), searched(SearchMode.DENSE, key=AGENT_KEY)]
    assert len(ranked(found, 10)) == 10


def test_nothing_found_is_an_empty_list_and_a_missing_list_is_a_mistake() -> None:
    assert ranked([]) == []
    assert ranked([searched(SearchMode.DENSE), searched(SearchMode.KEYWORD)]) == []
    with pytest.raises(ValueError, match="zip"):
        rank([Search(USER_KEY, SearchMode.DENSE, 60)], [], now=NOW, limit=5)


def test_an_hour_makes_no_visible_difference() -> None:
    hit = a_hit("x", 0.5)
    later = rank([Search(USER_KEY, SearchMode.DENSE, 60)], [[hit]], now=NOW + timedelta(hours=1), limit=1)
    assert later[0].score == pytest.approx(ranked([searched(SearchMode.DENSE, hit)])[0].score, abs=1e-3)
