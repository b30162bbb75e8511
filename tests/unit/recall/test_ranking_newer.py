"""Of the two best about the same thing the newer one stands first, where a question asks about what holds now."""

import math
from collections import Counter
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import QueryWords, TimeFocus, read_query
from operator_memory.domain.recall.ranked_memory import RankedMemory
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.shared.search_plan import SearchMode

from tests.support.builders import NOW, SESSION_KEY, a_hit
from tests.support.recall.rankings import Found, P, bm25_for, findings, ranked, searched, texts

DENSE, KEYWORD, PINNED = SearchMode.DENSE, SearchMode.KEYWORD, SearchMode.PINNED
NOW_ASKED, THEN_ASKED = read_query("Where does Ana live?"), read_query("Where did Ana live before?")
MALMO, LUND, OSLO = "Ana lives in Malmo.", "Ana has settled in Lund.", "Ana works for a bank."
NEVER = RankingParameters(same_thing_words=math.inf)
"""Numbers with which no two are about the same thing."""


def told(
    older: float = 0.5,
    newer: float = 0.4,
    *,
    words: tuple[float, float] = (0.2, 0.2),
    age: tuple[float, float] = (30.0, 2.0),
    **fields: bool,
) -> Found:
    """Malmo, then Lund: their cosines, words parts and ages in days; ``fields``: further ones of Malmo."""
    texts_, cosines = (MALMO, LUND), (older, newer)
    more: list[dict[str, bool]] = [fields, {}]
    pairs = list(zip(texts_, cosines, words, age, more, strict=True))
    return [
        searched(DENSE, *(a_hit(text, cosine, days_old=days, **extra) for text, cosine, _, days, extra in pairs)),
        searched(
            KEYWORD, *(a_hit(text, bm25_for(part), days_old=days, **extra) for text, _, part, days, extra in pairs)
        ),
    ]


def order(found: Found, query: QueryWords | None = NOW_ASKED) -> list[str]:
    return texts(ranked(found, query=query))


def test_of_two_that_match_what_is_asked_for_the_newer_one_stands_first_though_it_scores_less() -> None:
    first, second = ranked(told(), query=NOW_ASKED)
    assert (first.memory.text, second.memory.text) == (LUND, MALMO)
    assert first.parts.newer > 0.0 == second.parts.newer
    assert first.score == pytest.approx(second.score)
    assert first.parts.total - first.parts.newer < second.score, "without it the older one would be first"


def test_what_is_first_anyway_needs_nothing() -> None:
    result = ranked(told(older=0.3, newer=0.6), query=NOW_ASKED)
    assert texts(result) == [LUND, MALMO]
    assert [r.parts.newer for r in result] == [0.0, 0.0]


STAYS: dict[str, tuple[Found, QueryWords | None]] = {
    "the second is the older one": (told(age=(2.0, 30.0)), NOW_ASKED),
    "both are of the same moment": (told(age=(5.0, 5.0)), NOW_ASKED),
    "the second hardly matches by words": (told(words=(0.1, P.same_thing_words * 0.99)), NOW_ASKED),
    "the first hardly matches by words": (told(0.9, 0.4, words=(P.same_thing_words * 0.99, 0.1)), NOW_ASKED),
    "neither matches by words": (told(words=(0.0001, 0.0001)), NOW_ASKED),
    "one matches far better by words": (told(words=(0.8, 0.8 * P.same_thing_share * 0.99)), NOW_ASKED),
    "the question is about the past": (told(), THEN_ASKED),
    "when": (told(), read_query("When did Ana move?")),
    "the question quotes a number": (told(), read_query("Where does Ana live, at number 12?")),
    "it quotes a code": (told(), read_query("Who has order A7-F?")),
    "a person pinned the first": (told(pinned=True), NOW_ASKED),
    "there is no question": (told(), None),
}


@pytest.mark.parametrize(("found", "query"), STAYS.values(), ids=STAYS)
def test_the_better_one_stays_first_where(found: Found, query: QueryWords | None) -> None:
    result = ranked(found, query=query)
    assert texts(result) == [MALMO, LUND]
    assert {r.parts.newer for r in result} == {0.0}


def test_just_enough_words_are_enough() -> None:
    barely = P.same_thing_words * 1.001
    assert order(told(words=(barely, barely))) == [LUND, MALMO]
    assert order(told(words=(0.8, 0.8 * P.same_thing_share * 1.001))) == [LUND, MALMO]


def test_a_pinned_newer_one_may_come_first() -> None:
    found = told(0.9, 0.1)
    pinned = [
        (s, [replace(h, memory=replace(h.memory, pinned=h.memory.text == LUND)) for h in hits]) for s, hits in found
    ]
    assert order(pinned) == [LUND, MALMO]


def test_only_the_two_best_are_looked_at() -> None:
    """Further down "about the same thing" is guesswork: the newest of many is not what was asked for."""
    best = a_hit(OSLO, 0.9, days_old=1), a_hit(OSLO, bm25_for(0.5), days_old=1)
    meaning, words = told()
    found = [(meaning[0], [best[0], *meaning[1]]), (words[0], [best[1], *words[1]])]
    assert order(found) == [OSLO, MALMO, LUND]
    assert [r.parts.newer for r in ranked(found, query=NOW_ASKED)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "found", [[], [searched(DENSE)], [searched(KEYWORD, a_hit(MALMO, 40.0))]], ids=["none", "nothing", "one"]
)
def test_of_fewer_than_two_nothing_is_turned(found: Found) -> None:
    assert {r.parts.newer for r in ranked(found, query=NOW_ASKED)} <= {0.0}


# --- whatever is found

ENOUGH_PLACES = st.integers(5, 16)
"""With fewer, each of several sources is sure of one place, and who stands first decides whose it is."""
queries = st.sampled_from([None, NOW_ASKED, THEN_ASKED, read_query("What is 4711?"), read_query("hello")])


def both_ways(found: Found, limit: int, query: QueryWords | None) -> tuple[list[RankedMemory], list[RankedMemory]]:
    """Ranked as usual, and without ever preferring the newer one."""
    searches, hits = [search for search, _ in found], [hits for _, hits in found]

    def ranked_with(numbers: RankingParameters) -> list[RankedMemory]:
        request = RankingRequest(NOW, query, SESSION_KEY.owner_id)
        return rank(searches, hits, request, limit=limit, parameters=numbers)

    return ranked_with(P), ranked_with(NEVER)


@given(findings(), st.integers(1, 16), queries)
def test_parts_sum_to_the_score_and_the_list_is_sorted_by_it(
    found: Found, limit: int, query: QueryWords | None
) -> None:
    result, _ = both_ways(found, limit, query)
    for memory in result:
        assert memory.score == pytest.approx(memory.parts.total) == pytest.approx(sum(asdict(memory.parts).values()))
    scores = [memory.score for memory in result]
    assert scores == sorted(scores, reverse=True)


@given(findings(), ENOUGH_PLACES, queries)
def test_which_memories_are_in_the_list_does_not_depend_on_it(
    found: Found, limit: int, query: QueryWords | None
) -> None:
    usual, never = both_ways(found, limit, query)
    assert Counter(r.memory.id for r in usual) == Counter(r.memory.id for r in never)


def test_of_one_place_the_newer_one_gets_it() -> None:
    """The list would change only here and below: the two compete for one place."""
    assert texts(ranked(told(), 1, query=NOW_ASKED)) == [LUND]
    assert texts(ranked(told(), 1, query=THEN_ASKED)) == [MALMO]


def test_of_near_duplicates_the_newer_wording_stays() -> None:
    old, new = "Ana lives in the old town of Malmo.", "Ana lives in the old town of Malmo, Ana."
    hits = [a_hit(old, 0.9, days_old=30), a_hit(new, 0.8, days_old=1)]
    words = [replace(hit, score=bm25_for(0.3)) for hit in hits]
    found = [searched(DENSE, *hits), searched(KEYWORD, *words)]
    assert texts(ranked(found, query=NOW_ASKED)) == [new]
    assert texts(ranked(found, query=THEN_ASKED)) == [old]


@given(findings(), ENOUGH_PLACES, queries)
def test_at_most_the_two_first_change_places_and_only_one_gets_something(
    found: Found, limit: int, query: QueryWords | None
) -> None:
    usual, never = both_ways(found, limit, query)
    raised = [r for r in usual if r.parts.newer]
    assert len(raised) <= 1
    if not raised:
        assert usual == never
        return
    assert usual[0] is raised[0]
    assert raised[0].parts.newer > 0.0
    assert query is not None
    assert query.focus is TimeFocus.PRESENT
    assert not query.exact
    assert [r.memory.id for r in usual[2:]] == [r.memory.id for r in never[2:]]
    assert [r.memory.id for r in usual[:2]] == [r.memory.id for r in (never[1], never[0])]
    assert usual[0].memory.created_at > usual[1].memory.created_at
    assert not usual[1].memory.pinned


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.06, 1), st.floats(0.06, 1), st.floats(0.5, 900))
def test_whatever_the_scores_the_newer_of_two_about_the_same_thing_is_first(
    older: float, newer: float, some: float, more: float, days: float
) -> None:
    words = (some, more) if min(some, more) >= 0.26 * max(some, more) else (some, some)
    assert order(told(older, newer, words=words, age=(days + 1.0, days)))[0] == LUND
