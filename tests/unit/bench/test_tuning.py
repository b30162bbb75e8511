"""How the ranking's and the gate's numbers are chosen: on other questions than those that judge them."""

import statistics
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import read_query
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.recall.relevance import RelevanceGate
from operator_memory.domain.shared.search_plan import Hit, SearchMode, SearchPlan

from bench.embedders.calibrate import HARDEST, IMPERSONAL_LOST_PERCENT, LOST_PERCENT, MARGIN, Seen, _worth, choose
from bench.retrieval.questions import Question
from bench.retrieval.score import EMPTY_GROUP, LOCOMO
from bench.retrieval.tuning import SPEAKER, Found, Recorder, cross_validated
from tests.support.builders import ACCOUNT, NOW, USER_KEY, a_hit
from tests.support.recall.rankings import cosine_for, searched
from tests.support.recall.retrieval_world import ManualClock, ScriptedSearch

LOW, _, HIGH = SPEAKER
BETWEEN_LOW_AND_MIDDLE, BETWEEN_MIDDLE_AND_HIGH = (SPEAKER[0] + SPEAKER[1]) / 2, (SPEAKER[1] + SPEAKER[2]) / 2
ANAS = ("Sold the canoe.", "Baked bread.", "Painted a fence.", "Lost an umbrella.", "Adopted a parrot.")
BENS = ("Went to Oslo.", "Fixed the radio.", "Ordered soup.", "Wrote a poem.", "Planted tulips.")

# --- the ranking's numbers


def asked(account: str, *hits: Hit) -> Found:
    """What the store gave for a question about Ana, whose answer is the reference ``right``."""
    search, found = searched(SearchMode.DENSE, *hits)
    return Found(Question(LOCOMO, account, "What did Ana do?", frozenset({"right"})), (search,), [found])


def said(text: str, meaning: float, by: str, ref: str = "") -> Hit:
    return a_hit(text, cosine_for(meaning), key=USER_KEY, speaker=by, message_id=ref or text)


def likes_a_low_bonus(account: str) -> Found:
    """Ben gave the answer. Five sentences of Ana's come before it unless her bonus is the lowest."""
    hits = [said(text, 0.3, "Ana") for text in ANAS]
    return asked(account, said("Mended the boat.", 0.3 + BETWEEN_LOW_AND_MIDDLE, "Ben", "right"), *hits)


def likes_a_high_bonus(account: str) -> Found:
    """Ana gave the answer. Five sentences of Ben's come before it unless her bonus is the highest."""
    hits = [said(text, 0.3 + BETWEEN_MIDDLE_AND_HIGH, "Ben") for text in BENS]
    return asked(account, said("Mended the boat.", 0.3, "Ana", "right"), *hits)


@pytest.mark.parametrize(("likes", "bonus"), [(likes_a_low_bonus, LOW), (likes_a_high_bonus, HIGH)])
def test_the_doctored_conversations_like_what_they_are_made_to_like(
    likes: Callable[[str], Found], bonus: float
) -> None:
    found = likes("talk-1")
    query = read_query(found.question.query)
    first_five = {}
    for tried in SPEAKER:
        numbers = RankingParameters(speaker_bonus=tried)
        ranked = rank(found.searches, found.hits, RankingRequest(NOW, query), limit=10, parameters=numbers)
        first_five[tried] = "right" in [r.memory.message_id for r in ranked[:5]]
    assert first_five == {tried: tried == bonus for tried in SPEAKER}


def test_a_conversation_is_judged_by_numbers_that_others_chose_even_where_its_own_would_be_right() -> None:
    """Numbers chosen on both would put one of the two answers among the first five."""
    answers = cross_validated([likes_a_low_bonus("talk-1"), likes_a_high_bonus("talk-2")], now=NOW)
    assert [(a.question.account, a.hit(5), a.hit(10)) for a in answers] == [
        ("talk-1", False, True),
        ("talk-2", False, True),
    ]


def test_what_others_like_too_is_found() -> None:
    for likes in (likes_a_low_bonus, likes_a_high_bonus):
        answers = cross_validated([likes("talk-1"), likes("talk-2"), likes("talk-3")], now=NOW)
        assert [answer.hit(5) for answer in answers] == [True, True, True]


def test_a_conversations_other_questions_do_not_choose_for_it_either() -> None:
    mine = [likes_a_low_bonus("talk-1") for _ in range(5)]
    answers = cross_validated([*mine, likes_a_high_bonus("talk-2")], now=NOW)
    assert [a.hit(5) for a in answers if a.question.account == "talk-1"] == [False] * 5


def test_every_question_about_a_conversation_is_answered_once_and_our_own_set_is_left_out() -> None:
    found = [likes_a_low_bonus("talk-1"), likes_a_high_bonus("talk-2"), likes_a_low_bonus("talk-1")]
    own = Found(Question("exact", "own", "?", frozenset("a")), found[0].searches, found[0].hits)
    answers = cross_validated([own, *found], now=NOW)
    assert sorted(a.question.account for a in answers) == ["talk-1", "talk-1", "talk-2"]
    assert all(len(a.refs) == len(set(a.refs)) for a in answers)
    assert cross_validated([own], now=NOW) == cross_validated([], now=NOW) == []


def test_the_recorder_passes_on_and_keeps_what_was_found_last() -> None:
    search, hits = searched(SearchMode.DENSE, a_hit("tea"))
    scripted = ScriptedSearch(ManualClock(), answers=lambda _: [hits])
    recorder, plan = Recorder(scripted), SearchPlan((search,), vector=[1.0], text="tea")
    assert recorder.search(ACCOUNT, plan, now=NOW, timeout=2.5) == [hits]
    assert scripted.calls == [(ACCOUNT, plan, NOW, 2.5)]
    assert recorder.last == ((search,), [hits])


# --- the gate's numbers


def seen(
    cosine: float = 0.5,
    right: float = 0.3,
    *,
    words: float = 0.0,
    group: str = HARDEST[0],
    in_ten: bool = True,
    impersonal: bool = False,
) -> Seen:
    """What a question has found: the right memory alone."""
    question = Question(group, "own", "Where do I live?", frozenset({"right"}))
    return Seen(question, cosine, words, right, (right,), in_ten, impersonal)


NOTHING = seen(0.3, words=0.08, group=EMPTY_GROUP, in_ten=False)
MANY = [seen(0.2 + n / 1000, 0.1 + n / 1000) for n in range(400)]


def test_the_gate_lets_all_but_half_a_percent_of_the_hardest_answers_through_at_each_step() -> None:
    gate = choose([*MANY, NOTHING])
    each = (gate.each - 0.0005) / MARGIN  # the file rounds to a thousandth
    steps = [(gate.similarity, [s.cosine for s in MANY]), (each, [s.right for s in MANY])]
    lost = [sum(value < limit for value in values) for limit, values in steps]
    assert all(0 < count <= len(MANY) * LOST_PERCENT / 100 for count in lost)


def test_words_must_be_more_than_any_that_were_found_for_nothing() -> None:
    by_chance = [seen(words=words, group=EMPTY_GROUP, in_ten=False) for words in (0.01, 0.2, 0.05)]
    assert choose([*MANY, *by_chance]).words == pytest.approx(0.25)


IGNORED = {
    "easier questions": [seen(0.01, 0.01, words=9.0, group=group) for group in ("exact", "when", LOCOMO)],
    "answers that are not found anyway": [seen(0.01, 0.01, in_ten=False)] * 20,
    "what nothing-questions come close to": [seen(0.99, 0.99, words=0.08, group=EMPTY_GROUP)] * 20,
}


@pytest.mark.parametrize("others", IGNORED.values(), ids=IGNORED)
def test_only_the_hardest_that_are_found_choose(others: list[Seen]) -> None:
    assert choose([*MANY, NOTHING, *others]) == choose([*MANY, NOTHING])


def test_both_of_the_hardest_groups_choose() -> None:
    together = [seen(0.1, 0.05, group=HARDEST[1]) for _ in range(100)]
    gate = choose([*MANY, NOTHING, *together])
    assert gate.similarity < choose([*MANY, NOTHING]).similarity
    assert gate.each < choose([*MANY, NOTHING]).each


ABOUT_NOBODY = [seen(0.3, 0.2 + n / 1000, impersonal=True) for n in range(100)]


def test_questions_about_nobody_may_lose_three_percent_of_all_the_hardest_answers() -> None:
    gate = choose([*MANY, *ABOUT_NOBODY, NOTHING])
    lost = [s for s in ABOUT_NOBODY if s.right < gate.impersonal]
    assert len(lost) == (len(MANY) + len(ABOUT_NOBODY)) * IMPERSONAL_LOST_PERCENT / 100


def test_but_half_a_percent_of_the_easier_questions() -> None:
    easier = [
        *(seen(right=0.7, group="exact") for _ in range(197)),
        *(seen(right=right, group="exact", impersonal=True) for right in (0.03, 0.208, 0.3)),
        seen(right=0.01, group="updates"),  # about somebody
        seen(right=0.01, group="when", impersonal=True, in_ten=False),  # not found anyway
    ]
    gate = choose([*MANY, *ABOUT_NOBODY, NOTHING, *easier])
    assert gate.impersonal == 0.208


def test_what_is_about_nobody_has_no_part_in_the_similarity_and_words_that_others_need() -> None:
    usual = choose([*MANY, NOTHING])
    far = [seen(0.01, 0.9, impersonal=True)] * 9
    near = seen(0.9, 0.9, words=1.0, group=EMPTY_GROUP, impersonal=True)
    gate = choose([*MANY, NOTHING, *far, near])
    assert (gate.similarity, gate.words) == (usual.similarity, usual.words)


def test_where_no_question_is_about_nobody_they_are_asked_no_more_than_others() -> None:
    gate = choose([*MANY, NOTHING])
    assert gate.impersonal == 0.0


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=60), st.randoms())
def test_the_order_of_the_questions_does_not_matter(cosines: list[float], random: Random) -> None:
    questions = [NOTHING, *(seen(cosine, cosine / 2) for cosine in cosines)]
    shuffled = random.sample(questions, len(questions))
    gate = choose(questions)
    assert choose(shuffled) == gate
    assert round(min(cosines), 3) <= gate.similarity <= statistics.median(cosines) + 0.001


def test_what_a_gate_is_worth_is_counted_with_it_and_not_with_another() -> None:
    found = [seen(0.5, 0.3), seen(0.2, 0.3), seen(0.5, 0.05), seen(0.5, 0.3, in_ten=False)]
    nothing = [seen(0.5, 0.3, group=EMPTY_GROUP), seen(0.2, 0.3, group=EMPTY_GROUP)]
    strict, open_ = RelevanceGate(0.4, 1.0, 0.1), RelevanceGate(0.0, 0.0, 0.0)
    hits = f"{HARDEST[0]}: hit at 10"
    assert _worth([(open_, [*found, *nothing])])[hits] == 75.0, "one is not in the first ten anyway"
    worth = _worth([(strict, [*found, *nothing])])
    assert (worth[hits], worth["nothing_answered_percent"], worth["nothing_memories_each"]) == (25.0, 50.0, 0.5)
    asking = RelevanceGate(0.0, 0.0, 0.0, impersonal=0.4)
    nobodys = [seen(0.5, right, impersonal=True) for right in (0.4, 0.39, 0.1)]
    worth = _worth([(asking, [*found[:1], *nobodys, seen(right=0.39, group=EMPTY_GROUP, impersonal=True), *nothing])])
    assert (worth[hits], worth["nothing_memories_each"]) == (50.0, 0.7)
    halves = _worth([(strict, found[:2]), (open_, [*found[2:], *nothing])])
    assert (halves[hits], halves["nothing_answered_percent"]) == (50.0, 100.0)
