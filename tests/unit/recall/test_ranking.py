"""A memory's score: parts that can be shown, each of which counts upwards, and none that depends on the others'."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.query_words import QueryWords, read_query
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.shared.search_plan import PROFILE_MODES, Hit, Search, SearchMode

from tests.support.builders import NOW, SESSION_KEY, USER_KEY, a_hit
from tests.support.recall.rankings import (
    PAST_KEY,
    Found,
    P,
    a_turn,
    bm25_for,
    cosine_for,
    findings,
    ranked,
    searched,
    texts,
)

DENSE, KEYWORD, PINNED, IMPORTANT, RECENT, _ = SearchMode
ASKS = {"nothing": None, "now": read_query("Where does Ana live now?"), "then": read_query("When did Ana move?")}
queries = st.sampled_from(list(ASKS.values()))


def parts_of(hit: Hit, mode: SearchMode = DENSE, query: QueryWords | None = None) -> ScoreParts:
    """What the score of the only memory found is made of."""
    [only] = ranked([searched(mode, hit)], query=query)
    return only.parts


def by_text(result: list[RankedMemory]) -> dict[str, ScoreParts]:
    return {r.memory.text: r.parts for r in result}


# --- what holds of every score


@given(findings(), st.integers(1, 12), queries)
def test_a_score_is_the_sum_of_its_parts_and_none_but_that_of_a_question_takes_away(
    found: Found, limit: int, query: QueryWords | None
) -> None:
    for memory in ranked(found, limit, query=query):
        parts = asdict(memory.parts)
        assert memory.score == pytest.approx(sum(parts.values()))
        assert -P.asking_malus <= parts.pop("asking") <= 0.0
        assert min(parts.values()) >= 0.0
        assert memory.parts.relevance == memory.parts.meaning + memory.parts.words
        assert -P.asking_malus <= memory.score <= 4.0


@pytest.mark.parametrize("score", [1e200, 1e308])
def test_words_beyond_all_measure_count_for_the_most(score: float) -> None:
    assert parts_of(a_hit("x", score=score), KEYWORD).words == P.keyword_weight * P.keyword_cap


def of_memory(**fields: object) -> Callable[[Hit], Hit]:
    return lambda hit: replace(hit, memory=replace(hit.memory, **fields))  # type: ignore[arg-type]


RAISED: dict[str, Callable[[Hit], Hit]] = {
    "hybrid": lambda hit: replace(hit, score=hit.score + 0.4),
    "keyword": lambda hit: replace(hit, score=hit.score + 5),
    "importance": of_memory(importance=1.0),
    "recency": of_memory(created_at=NOW + timedelta(days=30)),  # some of the others are from a clock that is ahead
    "pinned": of_memory(pinned=True),
    "access": of_memory(access_count=1000),
    "speaker": of_memory(speaker="Ana Lima"),
}


@given(findings(repeated=False), st.integers(1, 12), st.sampled_from(sorted(RAISED)), queries, st.data())
def test_more_of_any_signal_never_costs_a_memory_its_place(
    found: Found, limit: int, signal: str, query: QueryWords | None, data: st.DataObject
) -> None:
    gate = RelevanceGate(similarity=0.0, words=0.0, each=0.06)
    before = [r.memory.id for r in ranked(found, limit, query=query, gate=gate)]
    if not before:
        return
    chosen = data.draw(st.sampled_from(before))

    def raised(mode: SearchMode, hit: Hit) -> Hit:
        wrong_search = signal in ("hybrid", "keyword") and mode.value != signal
        return hit if hit.memory.id != chosen or wrong_search else RAISED[signal](hit)

    higher = [(s, [raised(s.mode, h) for h in hits]) for s, hits in found]
    after = [r.memory.id for r in ranked(higher, limit, query=query, gate=gate)]
    assert after.index(chosen) <= before.index(chosen)


# --- meaning and words


def test_meaning_is_the_cosine_and_words_the_keyword_score_each_by_its_weight() -> None:
    [only] = ranked([searched(DENSE, a_hit("x", 0.6)), searched(KEYWORD, a_hit("x", 7.0))])
    assert only.parts.meaning == pytest.approx(P.dense_weight * 0.6)
    assert only.parts.words == pytest.approx(P.keyword_weight * (7.0 / P.keyword_scale) ** 2)


@given(st.floats(0, 200), st.floats(0, 200))
def test_a_higher_keyword_score_never_counts_less_a_weak_one_next_to_nothing_and_an_endless_one_its_cap(
    one: float, other: float
) -> None:
    weak, strong = sorted((one, other))
    words = [parts_of(a_hit("x", bm25), KEYWORD).words for bm25 in (weak, strong)]
    assert words[0] <= words[1] <= P.keyword_weight * P.keyword_cap
    assert parts_of(a_hit("x", weak / 2), KEYWORD).words <= words[0] / 2 or weak > P.keyword_scale


def test_meaning_and_words_together_beat_either_alone() -> None:
    result = ranked(
        [
            searched(DENSE, a_hit("both", cosine_for(0.3)), a_hit("meaning", cosine_for(0.4)), a_hit("words", 0.1)),
            searched(KEYWORD, a_hit("both", bm25_for(0.2)), a_hit("words", bm25_for(0.25))),
        ]
    )
    assert texts(result) == ["both", "meaning", "words"]


def test_what_several_searches_find_counts_by_the_best_of_each_kind() -> None:
    result = ranked([searched(DENSE, a_hit("x", 0.2)), searched(DENSE, a_hit("x", 0.6)), searched(DENSE, a_hit("x"))])
    assert [r.parts.meaning for r in result] == [pytest.approx(P.dense_weight * 0.6)]


def test_opposite_meaning_is_no_worse_than_none() -> None:
    assert parts_of(a_hit("x", -0.9)) == parts_of(a_hit("x", 0.0))


def test_a_weak_best_hit_stays_weak() -> None:
    """Scores are not divided by the best of the query: one rare common word is no proof of relevance."""
    alone = parts_of(a_hit("words", bm25_for(0.01)), KEYWORD)
    assert alone.relevance == pytest.approx(0.01)
    beside = ranked([searched(KEYWORD, a_hit("words", bm25_for(0.01)), a_hit("more", 30.0))])
    assert by_text(beside)["words"] == alone


# --- neighbours


def to_give(parts: ScoreParts) -> float:
    """What a turn has of its own above the floor: what its neighbours get a share of."""
    return max(0.0, parts.relevance - P.neighbour_floor)


def test_a_turn_gets_a_share_of_what_the_turns_before_and_after_it_have_of_their_own_above_the_floor() -> None:
    said = [a_turn(f"turn {n}", score, seq=n) for n, score in enumerate((0.8, 0.5, 0.6, 0.1))]
    words = searched(KEYWORD, replace(said[2], score=bm25_for(0.2)))
    parts = by_text(ranked([searched(DENSE, *said), words]))
    first, second, third, weak = (parts[f"turn {n}"] for n in range(4))
    assert to_give(weak) == 0.0 < min(to_give(first), to_give(second), to_give(third))
    assert first.neighbours == pytest.approx(P.next_weight * to_give(second))
    assert second.neighbours == pytest.approx(P.previous_weight * to_give(first) + P.next_weight * to_give(third))
    assert third.neighbours == pytest.approx(P.previous_weight * to_give(second))
    assert weak.neighbours == pytest.approx(P.previous_weight * to_give(third))


def test_a_turn_never_gets_more_of_its_neighbour_than_that_has_itself() -> None:
    assert P.previous_weight + P.next_weight < 1.0


APART = {
    "two places away": a_turn("b", 0.9, seq=3),
    "at the same place": a_turn("b", 0.9, seq=1),
    "in another run": a_turn("b", 0.9, seq=2, source_run_id="run-2"),
    "in another session": a_turn("b", 0.9, seq=2, key=PAST_KEY),
    "at no place": a_hit("b", 0.9, key=SESSION_KEY, kind=Kind.TURN, source_run_id="run-1"),
    "a fact": a_hit("b", 0.9, key=SESSION_KEY, kind=Kind.FACT, seq=2, source_run_id="run-1"),
}


@pytest.mark.parametrize("other", APART.values(), ids=APART)
def test_turns_that_do_not_stand_beside_each_other_share_nothing(other: Hit) -> None:
    assert [r.parts.neighbours for r in ranked([searched(DENSE, a_turn("a", 0.9, seq=1), other)])] == [0.0, 0.0]


def test_of_two_turns_at_one_place_both_get_their_neighbours_share_and_the_better_one_gives() -> None:
    twins = [a_turn("weak", 0.5, seq=1), a_turn("strong", 0.8, seq=1)]
    result = by_text(ranked([searched(DENSE, *twins, a_turn("next", 0.7, seq=2))]))
    share = P.next_weight * to_give(result["next"])
    assert result["next"].neighbours == pytest.approx(P.previous_weight * to_give(result["strong"]))
    assert result["weak"].neighbours == result["strong"].neighbours == pytest.approx(share)


def test_a_neighbour_that_the_gate_leaves_out_gives_nothing() -> None:
    beside = [a_turn("relevant", 0.9, seq=1), a_turn("not", 0.6, seq=2)]
    assert all(r.parts.neighbours > 0 for r in ranked([searched(DENSE, *beside)], query=ASKS["now"]))
    gate = RelevanceGate(similarity=0.5, words=1.0, each=P.dense_weight * 0.7)
    [only] = ranked([searched(DENSE, *beside)], query=ASKS["now"], gate=gate)
    assert (only.memory.text, only.parts.neighbours) == ("relevant", 0.0)


# --- who said it


@pytest.mark.parametrize(
    ("question", "speakers", "bonus"),
    [
        ("What did Ana buy?", ["Ana", "Ben", None], {"Ana"}),
        ("what did ana buy?", ["ANA", "Ben"], {"ANA"}),
        ("What did Ana buy?", ["Ana Lima", "Ben Okri"], {"Ana Lima"}),
        ("What did Ms. Lima buy?", ["Ana Lima", "Ben Okri"], {"Ana Lima"}),
        ("What did Ana's brother say?", ["Ana Lima", "Ben Okri"], {"Ana Lima"}),
        ("What did Ana Lima buy?", ["Ana Lima", "Ben Lima"], {"Ana Lima"}),
        ("What did Lima buy?", ["Ana Lima", "Ben Lima"], set()),
        ("What did Ana tell Ben?", ["Ana", "Ben"], set()),
        ("What did Anabel buy?", ["Ana", "Ben"], set()),
        ("What did they buy?", ["Ana", "Ben"], set()),
        ("What did Ana buy?", [None], set()),
    ],
)
def test_what_the_one_named_speaker_has_said_gets_a_bonus(
    question: str, speakers: list[str | None], bonus: set[str]
) -> None:
    turns = [a_turn(f"turn {n}", seq=10 * n, speaker=speaker) for n, speaker in enumerate(speakers)]
    result = ranked([searched(DENSE, *turns)], query=read_query(question))
    assert {r.memory.speaker for r in result if r.parts.speaker} == bonus
    assert {r.parts.speaker for r in result} <= {0.0, P.speaker_bonus}


@pytest.mark.parametrize(
    ("said", "bonus"),
    [
        ("Ana bought a boat.", P.names_speaker_bonus),
        ("The boat is ana lima's.", P.names_speaker_bonus),
        ("Bought a boat with bananas.", P.speaker_bonus),
    ],
)
def test_a_fact_that_names_its_speaker_gets_less_for_it_than_one_that_does_not(said: str, bonus: float) -> None:
    fact = a_hit(said, 0.5, speaker="Ana Lima")
    [only] = ranked([searched(DENSE, fact)], query=read_query("What did Ana buy?"))
    assert only.parts.speaker == bonus
    turn = a_turn(said, speaker="Ana Lima")
    [only] = ranked([searched(DENSE, turn)], query=read_query("What did Ana buy?"))
    assert only.parts.speaker == P.speaker_bonus


def test_without_a_question_nobody_is_named() -> None:
    assert parts_of(a_turn("tea", speaker="Ana")).speaker == 0.0


# --- time


@pytest.mark.parametrize(
    ("kind", "half_life"), [(Kind.FACT, P.fact_half_life_days), (Kind.TURN, P.turn_half_life_days)]
)
def test_recency_halves_with_each_half_life_of_the_kind_and_a_clock_ahead_is_today(
    kind: Kind, half_life: float
) -> None:
    ages = (0.0, half_life, 2 * half_life, -5.0, 7e5)
    found = [parts_of(a_hit("x", kind=kind, days_old=age, key=SESSION_KEY)).recency for age in ages]
    assert found == pytest.approx([P.recency_weight * part for part in (1, 0.5, 0.25, 1, 0)])


@given(st.floats(0, 3000), st.floats(0.5, 3000), st.floats(0, 1), st.sampled_from(Kind))
def test_of_two_equally_relevant_answers_about_the_present_the_newer_one_wins(
    age: float, older_by: float, cosine: float, kind: Kind
) -> None:
    newer = a_hit("lives in Rome", cosine, days_old=age, kind=kind, key=SESSION_KEY)
    older = a_hit("lives in Oslo", cosine, days_old=age + older_by, kind=kind, key=SESSION_KEY)
    result = ranked([searched(DENSE, newer, older)], query=ASKS["now"])
    assert result[0].score >= result[1].score
    if result[0].score > result[1].score:  # beyond some 50 half-lives both are as old as can be told
        assert texts(result) == ["lives in Rome", "lives in Oslo"]


def test_about_the_present_a_year_outweighs_a_slightly_closer_meaning_and_about_the_past_it_does_not() -> None:
    slightly = cosine_for((P.present_weight + P.recency_weight) / 3)
    hits = a_hit("lives in Rome", 0.55, days_old=1), a_hit("lives in Oslo", 0.55 + slightly, days_old=366)
    found = [searched(DENSE, *hits)]
    assert texts(ranked(found, query=ASKS["now"]))[0] == "lives in Rome"
    assert texts(ranked(found, query=ASKS["then"]))[0] == "lives in Oslo"


@given(st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 0.9))
def test_about_the_past_no_age_outweighs_a_little_more_relevance(one: float, other: float, cosine: float) -> None:
    closer, farther = a_hit("closer", cosine + 0.02, days_old=one), a_hit("farther", cosine, days_old=other)
    result = ranked([searched(DENSE, closer, farther)], query=ASKS["then"])
    assert result[0].parts.meaning > result[1].parts.meaning


def test_an_hour_makes_no_visible_difference() -> None:
    search, hits = searched(DENSE, a_hit("x", 0.5))
    later = rank([search], [hits], RankingRequest(NOW + timedelta(hours=1)), limit=1)
    assert later[0].score == pytest.approx(ranked([(search, hits)])[0].score, abs=1e-3)


# --- what a memory has of its own


def test_what_was_injected_often_counts_more_but_never_much() -> None:
    found = [parts_of(a_hit("x", access_count=n)).access for n in (0, 10, 10**9)]
    assert found == pytest.approx([0.0, P.access_weight / 2, P.access_weight])


def test_what_matters_and_what_is_pinned_has_its_part_and_what_is_not_has_none() -> None:
    parts, bare = parts_of(a_hit("x", importance=1.0, pinned=True)), parts_of(a_hit("x", importance=0.0))
    assert (parts.importance, parts.pinned) == (P.importance_weight, P.pinned_bonus)
    assert (bare.importance, bare.pinned) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("hit", "malus"),
    [
        (a_turn("Which dog?"), P.asking_malus),
        (a_turn("\u54ea\u53ea\u72d7\uff1f"), P.asking_malus),
        (a_turn("Which dog? The brown one."), 0.0),
        (a_turn("The brown one."), 0.0),
        (a_hit("Likes the band Who?"), 0.0),
    ],
)
def test_a_turn_that_only_asks_is_worth_less_than_its_answer_and_a_fact_never_asks(hit: Hit, malus: float) -> None:
    assert parts_of(hit, query=read_query("Which dog is his?")).asking == -malus
    assert parts_of(hit).asking == 0.0, "without a question nothing has to answer one"


@pytest.mark.parametrize("mode", PROFILE_MODES)
def test_what_the_profile_finds_needs_no_relevance(mode: SearchMode) -> None:
    assert parts_of(a_hit("profile", 0.9), mode).relevance == 0.0


def test_a_profile_is_pinned_then_important_then_new() -> None:
    hits = [
        a_hit("plain", importance=0.5, days_old=60),
        a_hit("new", importance=0.5, days_old=0),
        a_hit("important", importance=1.0, days_old=40),
        a_hit("pinned", importance=0.0, days_old=900, pinned=True),
    ]
    assert texts(ranked([searched(RECENT, *hits)])) == ["pinned", "important", "new", "plain"]


def test_what_words_alone_find_is_taken_for_a_little_less_alike_than_the_last_that_meaning_finds() -> None:
    full = Search(USER_KEY, DENSE, 2)
    meant = [a_hit("close", 0.8), a_hit("closer than most", 0.5)]
    by_words = searched(KEYWORD, a_hit("named", 7.0))
    parts = by_text(ranked([(full, meant), by_words]))
    assert parts["named"].meaning == pytest.approx(P.dense_weight * P.unseen_share * 0.5)
    parts = by_text(ranked([(replace(full, limit=3), meant), by_words]))
    assert parts["named"].meaning == 0.0, "meaning has found all there is: this one it has not"
    parts = by_text(ranked([(full, meant), searched(RECENT, a_hit("new", 0.0))]))
    assert parts["new"].meaning == 0.0, "neither words nor meaning have found it"
