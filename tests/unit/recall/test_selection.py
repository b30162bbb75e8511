"""The ranked list: the same whatever the order of what was found, gated, without repetition, and shared out fairly."""

import math
from collections import Counter
from dataclasses import fields, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.memory.scopes import Scope, ScopeKey
from operator_memory.domain.recall.query_words import QueryWords, read_query
from operator_memory.domain.recall.ranked_memory import RankedMemory, ScoreParts, Source
from operator_memory.domain.recall.ranking import RankingRequest, rank, source_of
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.recall.selection import Breadth, within
from operator_memory.domain.shared.search_plan import PROFILE_MODES, Hit, Search, SearchMode
from operator_memory.domain.text import normalised_text

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_hit, a_memory
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

DENSE, KEYWORD = SearchMode.DENSE, SearchMode.KEYWORD
ASKED = read_query("Where does Ana live now?")
ABOUT_NOBODY = read_query("Why is the sky blue?")
EVERYTHING = 1000
gates = st.builds(
    RelevanceGate,
    similarity=st.sampled_from([0.0, 0.15, 0.5]),
    words=st.sampled_from([0.0, 0.1, 0.5]),
    each=st.sampled_from([0.0, 0.075, 0.1, 0.4]),
    impersonal=st.sampled_from([0.0, 0.1, 0.4]),
)


def sources(result: list[RankedMemory]) -> Counter[Source]:
    return Counter(r.source for r in result)


# --- what holds of every list


@given(
    findings(),
    st.integers(1, 12),
    st.sampled_from([None, ASKED, ABOUT_NOBODY]),
    gates,
    st.randoms(use_true_random=False),
)
def test_the_order_of_searches_and_of_their_hits_does_not_matter(
    found: Found, limit: int, query: QueryWords | None, gate: RelevanceGate, random: Random
) -> None:
    shuffled = [(search, random.sample(hits, len(hits))) for search, hits in found]
    random.shuffle(shuffled)
    assert ranked(shuffled, limit, query=query, gate=gate) == ranked(found, limit, query=query, gate=gate)


@given(st.permutations([a_hit(f"memory {n}", 0.5) for n in range(5)]))
def test_equals_are_always_in_the_same_order(hits: list[Hit]) -> None:
    result = ranked([searched(DENSE, *hits)])
    assert len({r.score for r in result}) == 1
    assert [r.memory.id for r in result] == sorted(hit.memory.id for hit in hits)


@given(findings(), st.integers(1, 12))
def test_as_many_as_asked_for_come_back_best_first_no_text_twice_out_of_what_was_found(
    found: Found, limit: int
) -> None:
    result = ranked(found, limit)
    said = {normalised_text(hit.memory.text) for _, hits in found for hit in hits}
    assert len(result) == min(limit, len(ranked(found, EVERYTHING)))
    assert len({normalised_text(r.memory.text) for r in result}) == len(result) <= len(said)
    assert [r.score for r in result] == sorted((r.score for r in result), reverse=True)
    assert {r.memory.id for r in result} <= {hit.memory.id for _, hits in found for hit in hits}


@given(findings(repeated=False), st.integers(1, 16))
def test_no_source_is_crowded_out_and_this_sessions_turns_do_not_crowd_out_the_others(found: Found, limit: int) -> None:
    there, chosen = sources(ranked(found, EVERYTHING)), sources(ranked(found, limit))
    reserved = int(limit * P.reserved_share / len(there)) if there else 0
    assert all(chosen[source] >= min(reserved, there[source]) for source in there)
    others = there.total() - there[Source.SESSION]
    assert chosen[Source.SESSION] <= max(math.ceil(limit * P.session_share), limit - others)


@given(findings(repeated=False), st.integers(1, 16))
def test_what_is_left_out_of_a_source_is_never_better_than_what_is_taken_of_it(found: Found, limit: int) -> None:
    chosen = {r.memory.id for r in ranked(found, limit)}
    for source in Source:
        taken = [r.memory.id in chosen for r in ranked(found, EVERYTHING) if r.source is source]
        assert taken == sorted(taken, reverse=True)


def test_nothing_found_is_an_empty_list_and_a_missing_list_is_a_mistake() -> None:
    assert ranked([]) == []
    assert ranked([searched(DENSE), searched(KEYWORD)]) == []
    with pytest.raises(ValueError, match="zip"):
        rank([Search(USER_KEY, DENSE, 60)], [], RankingRequest(NOW), limit=5)


# --- the gate

GATE = RelevanceGate(similarity=0.4, words=0.2, each=0.1)
ENOUGH, TOO_LITTLE = cosine_for(GATE.each + 0.001), cosine_for(GATE.each - 0.001)


def gated(*found: tuple[Search, list[Hit]], query: str = "Where do I live?") -> list[str]:
    return texts(ranked(found, query=read_query(query), gate=GATE))


def test_the_closest_memory_opens_the_gate_for_all_that_are_relevant_enough_themselves() -> None:
    hits = [a_hit("close", 0.4), a_hit("related", ENOUGH), a_hit("noise", TOO_LITTLE)]
    assert gated(searched(DENSE, *hits)) == ["close", "related"]
    assert gated(searched(DENSE, *hits[1:])) == []


def test_words_beyond_doubt_open_it_too() -> None:
    hits = [a_hit("code", 0.1), a_hit("related", 0.3)]
    words = [searched(KEYWORD, a_hit("code", bm25_for(GATE.words + more))) for more in (0.001, -0.001)]
    assert gated(searched(DENSE, *hits), words[0]) == ["code", "related"]
    assert gated(searched(DENSE, *hits), words[1]) == []


def test_meaning_and_words_together_make_a_memory_relevant_enough() -> None:
    both = a_hit("both", cosine_for(GATE.each / 2)), a_hit("both", bm25_for(GATE.each / 2 + 0.001))
    assert gated(searched(DENSE, a_hit("close", 0.4), both[0])) == ["close"]
    assert gated(searched(DENSE, a_hit("close", 0.4), both[0]), searched(KEYWORD, both[1])) == ["close", "both"]


def test_recency_importance_and_neighbours_make_nothing_relevant() -> None:
    shining = a_turn("beside", 0.1, seq=2, importance=1.0, days_old=0, access_count=10**6, speaker="Ana")
    assert gated(searched(DENSE, a_turn("close", 0.9, seq=1), shining), query="Where does Ana live?") == ["close"]


@pytest.mark.parametrize("mode", PROFILE_MODES)
@pytest.mark.parametrize("query", ["Where do I live?", "thanks!"])
def test_what_is_pinned_or_of_the_profile_passes_a_closed_gate(query: str, mode: SearchMode) -> None:
    standing = searched(mode, a_hit("standing"))
    assert gated(searched(DENSE, a_hit("noise", 0.1), a_hit("standing", 0.05)), standing, query=query) == ["standing"]


def test_without_a_vector_there_are_only_words_to_go_by() -> None:
    hits = [a_hit("found", bm25_for(GATE.each + 0.001)), a_hit("noise", bm25_for(GATE.each - 0.001))]
    assert gated(searched(KEYWORD, *hits)) == ["found"]


def test_without_a_question_there_is_no_gate() -> None:
    assert texts(ranked([searched(DENSE, a_hit("noise", 0.01))], gate=GATE)) == ["noise"]


@given(findings(repeated=False), gates, gates, st.sampled_from([ASKED, ABOUT_NOBODY]))
def test_a_stricter_gate_lets_no_more_through(
    found: Found, one: RelevanceGate, other: RelevanceGate, query: QueryWords
) -> None:
    loose, strict = (
        RelevanceGate(*(pick(getattr(one, field.name), getattr(other, field.name)) for field in fields(RelevanceGate)))
        for pick in (min, max)
    )
    passed = [{r.memory.id for r in ranked(found, EVERYTHING, query=query, gate=gate)} for gate in (strict, loose)]
    assert passed[0] <= passed[1]


# --- repetition


def test_the_same_words_in_two_scopes_are_injected_once_as_the_better_of_the_two() -> None:
    both = a_hit("Likes tea", 0.4), a_hit("likes  TEA.", 0.8, key=AGENT_KEY)
    assert texts(ranked([searched(DENSE, *both)])) == ["likes  TEA."]


def near_duplicates(count: int) -> list[Hit]:
    """Hits that say the same in other words, each a little less relevant than the one before."""
    ways = ["The user likes green tea.", "User likes green tea", "the user also likes green tea", "Likes green tea!"]
    return [a_hit(ways[n % 4] + " " * n, 0.9 - n / 1000, id=f"tea-{n:03}") for n in range(count)]


def test_ten_memories_are_not_one_ten_times_however_often_it_is_stored() -> None:
    others = [a_hit(f"Drinks {what}", 0.3) for what in ("milk", "water", "juice")]
    result = ranked([searched(DENSE, *near_duplicates(60), *others)], 4)
    assert texts(result)[0] == "The user likes green tea."
    assert set(texts(result)[1:]) == {"Drinks milk", "Drinks water", "Drinks juice"}


def test_of_two_that_say_the_same_equally_well_the_newer_one_stays() -> None:
    age = 100_000.0  # days, after which age makes no difference to the score
    old, new = (
        a_hit("Likes green tea", 0.5, days_old=age + 1, id="a"),
        a_hit("Likes tea, green", 0.5, days_old=age, id="b"),
    )
    assert [r.memory.id for r in ranked([searched(DENSE, old, new)])] == ["b"]


def test_what_differs_in_a_number_or_a_not_is_not_the_same() -> None:
    different = ["Has 2 cats", "Has 3 cats", "Has no cats", "Likes tea", "Does not like tea"]
    assert len(ranked([searched(DENSE, *(a_hit(text, 0.5) for text in different))])) == len(different)


def test_near_duplicates_cost_no_source_its_part_and_this_sessions_turns_take_no_more_than_half() -> None:
    echoes = [replace(h, memory=replace(h.memory, scope=Scope.AGENT, agent_id="agent-1")) for h in near_duplicates(40)]
    far = [a_hit(f"agent {n}", 0.2, key=AGENT_KEY) for n in range(3)]
    user = [a_hit(f"user {n}", 0.3) for n in range(30)]
    result = ranked([searched(DENSE, *echoes, *OWN, *user, *far)])
    assert sources(result) == {Source.SESSION: 5, Source.USER: 4, Source.AGENT: 1}
    assert len(ranked([searched(DENSE, *echoes, *far)], 4)) == 4


# --- quotas

CROWD = [a_hit(f"user {n}", 0.9) for n in range(30)]


@pytest.mark.parametrize(("limit", "agents"), [(1, 0), (2, 1), (4, 1), (5, 1), (10, 2), (20, 3)])
def test_each_source_is_sure_of_its_part_of_the_reserved_share(limit: int, agents: int) -> None:
    few = [a_hit(f"agent {n}", 0.3, key=AGENT_KEY) for n in range(3)]
    result = ranked([searched(DENSE, *CROWD, *few)], limit)
    assert len(result) == limit
    assert sources(result)[Source.AGENT] == agents


def test_of_ten_every_one_of_four_sources_has_one_at_least() -> None:
    keys: list[ScopeKey] = [AGENT_KEY, SESSION_KEY, PAST_KEY]
    found = searched(DENSE, *CROWD, *(a_turn(f"{key}", 0.2, key=key, seq=9) for key in keys))
    assert sources(ranked([found])) == {
        Source.USER: 7,
        Source.AGENT: 1,
        Source.SESSION: 1,
        Source.PAST_SESSIONS: 1,
    }


def test_a_source_that_is_not_there_keeps_no_places() -> None:
    assert len(ranked([searched(DENSE, *CROWD)], 10)) == 10


OWN = [a_turn(f"session {n}", 0.9, seq=10 * n) for n in range(30)]


@pytest.mark.parametrize(("others", "own"), [(0, 10), (2, 8), (5, 5), (30, 5)])
def test_this_sessions_turns_take_half_at_most_while_there_are_others(others: int, own: int) -> None:
    result = ranked([searched(DENSE, *OWN, *(a_hit(f"user {n}", 0.2) for n in range(others)))])
    assert len(result) == 10
    assert sources(result)[Source.SESSION] == own


def test_past_sessions_turns_are_not_capped() -> None:
    past = [replace(h, memory=replace(h.memory, session_id=PAST_KEY.owner_id, id=f"p{n}")) for n, h in enumerate(OWN)]
    result = ranked([searched(DENSE, *past, *(a_hit(f"user {n}", 0.2) for n in range(30)))])
    assert sources(result) == {Source.PAST_SESSIONS: 8, Source.USER: 2}


def test_a_source_is_the_scope_and_of_sessions_whether_it_is_this_one() -> None:
    whose = {
        USER_KEY: Source.USER,
        AGENT_KEY: Source.AGENT,
        SESSION_KEY: Source.SESSION,
        PAST_KEY: Source.PAST_SESSIONS,
    }
    for key, source in whose.items():
        assert source_of(a_memory(key=key), SESSION_KEY.owner_id) is source
    assert source_of(a_memory(key=SESSION_KEY), None) is Source.PAST_SESSIONS
    found = [searched(DENSE, *(a_turn(f"{key}", 0.9, key=key) for key in whose))]
    assert {r.source for r in ranked(found)} == set(whose.values())


def test_a_person_who_tidies_up_sees_what_is_there_twice() -> None:
    hits = [a_hit("User likes green tea.", 0.9), a_hit("The user likes green tea", 0.8)]
    assert len(ranked([searched(DENSE, *hits)])) == 1
    search, found = searched(DENSE, *hits)
    shown = rank([search], [found], RankingRequest(NOW), limit=10, parameters=replace(P, near_duplicates_once=False))
    assert len(shown) == 2


# --- a fact and the turn that says it

FACT, SAID = "User is allergic to nuts.", "I am allergic to nuts."


@pytest.mark.parametrize("key", [SESSION_KEY, PAST_KEY])
def test_of_a_fact_and_a_turn_that_say_the_same_the_fact_stands_in_the_turns_place(key: ScopeKey) -> None:
    turn, other, fact = a_turn(SAID, 0.8, key=key), a_hit("Likes tea.", 0.7), a_hit(FACT, 0.6)
    result = ranked([searched(DENSE, turn, other, fact)])
    assert texts(result) == [FACT, "Likes tea."]
    [plain] = ranked([searched(DENSE, turn)])
    assert result[0].score == pytest.approx(plain.score) == pytest.approx(result[0].parts.total)
    assert result[0].source is Source.USER
    assert result[0].parts.twin == pytest.approx(0.12, abs=0.02)


def test_a_better_fact_stays_as_it_is() -> None:
    result = ranked([searched(DENSE, a_hit(FACT, 0.8), a_turn(SAID, 0.6))])
    assert [(r.memory.text, r.parts.twin) for r in result] == [(FACT, 0.0)]


def test_the_very_same_words_are_a_facts_too() -> None:
    result = ranked([searched(DENSE, a_turn("Likes tea.", 0.8), a_hit("Likes tea.", 0.5))])
    assert [(r.memory.scope, r.parts.twin > 0) for r in result] == [(Scope.USER, True)]


def test_of_two_facts_and_of_two_turns_the_first_stays() -> None:
    facts = a_hit("Is allergic to nuts.", 0.8), a_hit(FACT, 0.6, key=AGENT_KEY)
    assert texts(ranked([searched(DENSE, *facts)])) == ["Is allergic to nuts."]
    turns = a_turn(SAID, 0.8), a_turn("I'm allergic to nuts", 0.6, key=PAST_KEY)
    assert texts(ranked([searched(DENSE, *turns)])) == [SAID]


# ---- how far behind the best one -----------------------------------------------------------------------------------


def scored(*scores: float, standing: float = 0.0) -> list[RankedMemory]:
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
    assert scores(within(scored(*CLEAR), breadth)) == list(left)


@pytest.mark.parametrize(("breadth", "first"), [(Breadth.PRECISE, 3), (Breadth.BALANCED, 4)])
def test_the_first_ones_stay_however_far_behind(breadth: Breadth, first: int) -> None:
    """What was right once has the question's words, what is right now may have others."""
    assert len(within(scored(2.0, 0.1, 0.1, 0.1, 0.1, 0.1), breadth)) == first


@pytest.mark.parametrize("breadth", list(Breadth))
def test_what_is_looked_up_for_every_question_stays(breadth: Breadth) -> None:
    pinned = scored(0.1, standing=0.1)
    assert within([*scored(1.0, 0.9), *pinned], breadth)[-1:] == pinned
    assert within(pinned, breadth) == pinned
    assert within([], breadth) == []
