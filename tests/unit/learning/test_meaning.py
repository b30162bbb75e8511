"""Does a new memory say the same as an old one, or replace it? Judged on labelled pairs and by properties."""

import re
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.learning.meaning import Relation, relate
from operator_memory.domain.learning.meaning_words import MAX_COMPARED

from tests.cases import meaning as meaning_cases
from tests.cases import meaning_pairs as more

_LINE = re.compile(r"(\w+)(!?) +(-?\d\.\d\d)  (.+) << (.+)")


@dataclass(frozen=True)
class Pair:
    label: Relation
    proposed: bool
    similarity: float
    new: str
    old: str

    @property
    def judged(self) -> Relation:
        return relate(self.new, self.old, similarity=self.similarity, proposed=self.proposed)

    def __str__(self) -> str:
        return f"{self.label}{'!' * self.proposed}: {self.new} << {self.old}"


def pairs_of(cases: str) -> list[Pair]:
    lines = [line for line in cases.splitlines() if line and not line.startswith("#")]
    matches = [_LINE.fullmatch(line) for line in lines]
    assert all(matches)
    return [Pair(Relation(m[1]), bool(m[2]), float(m[3]), m[4], m[5]) for m in matches if m]


_MORE = (
    more.NEAR_MISSES,
    more.PHRASINGS,
    more.SECOND_LOOK,
    more.LONG,
)
LEARNT = pairs_of("\n".join((meaning_cases.DEVELOPMENT, *_MORE)))
HELD_OUT = pairs_of(meaning_cases.HELD_OUT)
EVERY = [*LEARNT, *HELD_OUT]


@pytest.mark.parametrize("pair", LEARNT, ids=str)
def test_labelled_pairs_are_judged_as_labelled(pair: Pair) -> None:
    assert pair.judged is pair.label


def scores(pairs: list[Pair]) -> dict[Relation, tuple[float, float]]:
    """Precision and recall of each class."""
    right = Counter(pair.label for pair in pairs if pair.judged is pair.label)
    judged, labelled = Counter(pair.judged for pair in pairs), Counter(pair.label for pair in pairs)
    return {
        relation: (right[relation] / judged[relation], right[relation] / labelled[relation]) for relation in Relation
    }


def test_on_the_held_out_third_nothing_is_dropped_or_replaced_by_mistake() -> None:
    found = scores(HELD_OUT)
    for relation in (Relation.SAME, Relation.REPLACES):
        precision, recall = found[relation]
        assert precision == 1.0, found
        assert recall >= 0.88, found
    assert len(HELD_OUT) >= 70


def test_other_spelling_of_any_pair_changes_nothing() -> None:
    """Without capitals nothing counts as a name, which may hide a change but never invents one."""
    for pair in EVERY:
        dotted = relate(f"  {pair.new} ", pair.old.rstrip("."), similarity=pair.similarity, proposed=pair.proposed)
        assert dotted is pair.judged, str(pair)
        lowered = relate(pair.new.lower(), pair.old.lower(), similarity=pair.similarity)
        if lowered is Relation.REPLACES:
            assert pair.judged is Relation.REPLACES, str(pair)


def test_the_same_is_symmetric_and_needs_no_proposal() -> None:
    for pair in EVERY:
        one_way = relate(pair.new, pair.old, similarity=pair.similarity)
        other_way = relate(pair.old, pair.new, similarity=pair.similarity, proposed=True)
        assert (one_way is Relation.SAME) == (other_way is Relation.SAME), str(pair)


def test_every_text_is_the_same_as_itself() -> None:
    for pair in EVERY:
        assert relate(pair.new, pair.new, similarity=1.0) is Relation.SAME


@pytest.mark.parametrize(
    "present", ["lives in Rome", "works at Bosch", "is vegan", "is married", "drives a Fiat Panda"]
)
def test_the_past_replaces_nothing_and_is_replaced_by_nothing(present: str) -> None:
    past = {
        "lives in Rome": "used to live in Porto", "works at Bosch": "previously worked at Siemens",
        "is vegan": "was vegetarian", "is married": "was single", "drives a Fiat Panda": "used to drive a Skoda",
    }[present]  # fmt: skip
    for proposed in (False, True):
        assert relate(f"User {past}.", f"User {present}.", similarity=0.8, proposed=proposed) is Relation.NEITHER
        assert relate(f"User {present}.", f"User {past}.", similarity=0.8, proposed=proposed) is Relation.NEITHER


@pytest.mark.parametrize("wish", ["wants to live", "will live", "might live", "hopes to live", "would like to live"])
def test_what_is_only_wished_or_possible_replaces_nothing(wish: str) -> None:
    assert relate(f"User {wish} in Rome.", "User lives in Porto.", similarity=0.8) is Relation.NEITHER


def test_an_old_memory_that_also_says_something_else_stays() -> None:
    new = "User moved to Chicago."
    assert relate(new, "User lives in Boston.", similarity=0.5) is Relation.REPLACES
    assert relate(new, "User lives in Boston and works at Boeing.", similarity=0.5) is Relation.NEITHER
    both = "User lives in Chicago and works at Boeing."
    assert relate(both, "User lives in Boston and works at Boeing.", similarity=0.8) is Relation.REPLACES


def test_a_high_similarity_alone_is_no_reason() -> None:
    for old in ("User dislikes tea.", "User likes coffee.", "User's sister likes tea."):
        assert relate("User likes tea.", old, similarity=0.999) is not Relation.SAME


def test_a_proposal_about_somebody_else_is_not_believed() -> None:
    for old in ("User's sister lives in Porto.", "User likes jazz.", "Ana works at Bosch."):
        assert relate("User lives in Rome.", old, similarity=0.9, proposed=True) is Relation.NEITHER


@given(st.text(max_size=300), st.text(max_size=300), st.floats(-1, 1), st.booleans())
def test_any_two_texts_have_a_relation_and_the_same_is_symmetric(
    new: str, old: str, similarity: float, proposed: bool
) -> None:
    assert relate(new, new, similarity=similarity) is Relation.SAME
    there = relate(new, old, similarity=similarity, proposed=proposed)
    back = relate(old, new, similarity=similarity, proposed=proposed)
    assert (there is Relation.SAME) == (back is Relation.SAME)


_VOCABULARY = """user user's sister lives moved works is has likes not no longer used to in at as a Rome Porto Bosch
nurse vegan 3 10:00 and but now , . - ' name called meeting on Monday from asked answer German prefers over cancelled
trip 's"""
_WORDS = st.sampled_from(_VOCABULARY.split())


@given(st.lists(_WORDS, max_size=25), st.lists(_WORDS, max_size=25), st.floats(0, 1), st.booleans())
def test_any_mixture_of_the_words_that_rules_look_for_has_a_relation(
    new: list[str], old: list[str], similarity: float, proposed: bool
) -> None:
    a, b = " ".join(new), " ".join(old)
    there, back = (relate(x, y, similarity=similarity, proposed=proposed) for x, y in ((a, b), (b, a)))
    assert (there is Relation.SAME) == (back is Relation.SAME)
    assert relate(a, a, similarity=0.0) is Relation.SAME


@pytest.mark.parametrize(
    ("one", "other"), [("हिन्दी में", "हिन्दी मे"), ("User likes 🍕.", "User likes 🍣."), ("!!!", "???")]
)
def test_scripts_and_symbols_are_words_too(one: str, other: str) -> None:
    assert relate(one, other, similarity=0.9) is Relation.NEITHER


def test_texts_beyond_every_fact_are_the_same_only_word_by_word() -> None:
    long = "User likes tea. " * MAX_COMPARED
    assert relate(long, long.upper(), similarity=1.0) is Relation.SAME
    assert relate(long, f"{long}User dislikes tea.", similarity=1.0) is Relation.NEITHER


@pytest.mark.parametrize(
    "piece",
    [
        "user moved from ",
        "user 's ",
        "a",
        " ",
        "1,",
        "' ",
        "is in ",
        "asked to answer in ",
        "and is ",
        "not ",
        "é-",
        "like , not ",
    ],
)
@pytest.mark.timeout(60)
def test_no_text_keeps_it_busy(piece: str) -> None:
    """A fraction of a second in linear time."""
    text = (piece * MAX_COMPARED)[: MAX_COMPARED - 8]
    for new, old in ((f"User {text}x", f"User {text}y"), (text * 100, text * 101)):
        assert relate(new, old, similarity=0.96) in Relation
