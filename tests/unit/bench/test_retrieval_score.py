"""What a list of references is worth in the retrieval benchmark, and the plot of what the variants are worth."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.retrieval.plot import HEIGHT, WIDTH, Point, scatter
from bench.retrieval.questions import Question
from bench.retrieval.score import EMPTY_GROUP, LOCOMO, UPDATES, Answer, by_conversation, locomo_table, mean, own_table


def an_answer(
    refs: str = "", relevant: str = "a", *, outdated: str = "", group: str = LOCOMO, account: str = "talk-1"
) -> Answer:
    """An answer with a reference a letter."""
    return Answer(Question(group, account, "?", frozenset(relevant), frozenset(outdated)), tuple(refs))


@pytest.mark.parametrize(
    ("refs", "relevant", "k", "recall"),
    [
        ("a", "a", 1, 1.0),
        ("xa", "a", 1, 0.0),
        ("xa", "a", 2, 1.0),
        ("xaxb", "ab", 3, 0.5),
        ("ab", "abcd", 10, 0.5),
        ("", "a", 10, 0.0),
        ("aa", "ab", 2, 0.5),
    ],
)
def test_recall_is_the_share_of_the_evidence_among_the_first(refs: str, relevant: str, k: int, recall: float) -> None:
    answer = an_answer(refs, relevant)
    assert answer.recall(k) == recall
    assert answer.hit(k) == (recall > 0)


@given(st.text("abcdef", max_size=12), st.text("abc", min_size=1, max_size=3), st.integers(1, 11))
def test_more_references_never_find_less(refs: str, relevant: str, k: int) -> None:
    answer = an_answer(refs, relevant)
    assert 0.0 <= answer.recall(k) <= answer.recall(k + 1) <= 1.0
    assert answer.hit(k) <= answer.hit(k + 1)


@pytest.mark.parametrize(
    ("refs", "newest_first"),
    [("ao", True), ("xao", True), ("oa", False), ("xo", False), ("x", False), ("", False), ("a", True)],
)
def test_an_update_is_right_if_no_outdated_answer_stands_before_the_newest(refs: str, newest_first: bool) -> None:
    assert an_answer(refs, "a", outdated="op").newest_first is newest_first


def test_a_mean_is_in_percent_and_of_nothing_zero() -> None:
    assert mean([True, False, True, True]) == 75.0
    assert mean([]) == 0.0


def rows(table: str) -> list[list[str]]:
    """The cells of a table's rows, without its header."""
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()[2:]]


def test_locomos_table_has_a_row_a_way_and_leaves_our_own_set_out() -> None:
    answers = {
        "ours": [an_answer("a"), an_answer("xxa"), an_answer("", group="exact")],
        "other": [an_answer("xxxxxa"), an_answer("x"), an_answer("a", group="exact")],
    }
    assert rows(locomo_table(answers)) == [["ours", "50.0", "100.0", "100.0"], ["other", "0.0", "0.0", "50.0"]]


def test_conversations_are_told_apart_and_our_own_set_is_none() -> None:
    one, other, again = an_answer(), an_answer(account="talk-2"), an_answer("a")
    assert by_conversation([one, other, again, an_answer(group="exact")]) == {"talk-1": [one, again], "talk-2": [other]}


def test_our_sets_table_has_a_row_for_each_group_and_way() -> None:
    answers = {
        way: [
            an_answer("a"),
            an_answer("xa", group="exact"),
            an_answer("oa", outdated="o", group=f"{UPDATES}, all in one account"),
            an_answer("xy", "", group=EMPTY_GROUP),
            an_answer("", "", group=EMPTY_GROUP),
        ]
        for way in ("ours", "other")
    }
    assert rows(own_table(answers)) == [
        [f"{group}, {way}", *cells]
        for group, cells in (
            ("exact (1)", ["0.0", "100.0", "100.0"]),
            ("nothing (2)", ["50 % (1.0 memories each)"]),
            ("updates, all in one account (1)", ["0.0", "100.0", "100.0", "0.0"]),
        )
        for way in ("ours", "other")
    ]


# --- the plot

SVG = "{http://www.w3.org/2000/svg}"
points = st.builds(Point, st.text("ab<&\"'> ", min_size=1, max_size=8), st.floats(0, 900), st.floats(20, 100))


def drawn(*variants: Point, across: str = "ms", up: str = "%") -> ET.Element:
    return ET.fromstring(scatter(variants, across=across, up=up))


@given(st.lists(points, min_size=1, max_size=12))
def test_the_plot_is_well_formed_with_a_point_and_a_label_for_each_variant_inside_the_picture(
    variants: list[Point],
) -> None:
    plot = drawn(*variants)
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in plot.iter(f"{SVG}circle")]
    assert len(circles) == len(variants)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in circles)
    labels = [text.text for text in plot.iter(f"{SVG}text") if "font-weight" in text.attrib]
    assert sorted(map(str, labels)) == sorted(variant.name for variant in variants)


def test_names_are_shown_as_they_are_whatever_they_hold() -> None:
    name, across, up = '<script>alert("x")</script> & "ours"', "p50 < 5 & more", "hit@10 <= 88 & falling"
    text = scatter([Point(name, 1, 2)], across=across, up=up)
    assert "<script" not in text
    shown = [element.text for element in ET.fromstring(text).iter() if element.text]
    assert {name, across, up, f"{up} against {across}"} <= set(shown)


def test_to_the_right_is_more_and_up_is_more() -> None:
    plot = drawn(Point("least", 10, 20), Point("middle", 40, 30), Point("most", 90, 80))
    most, middle, least = ((float(c.attrib["cx"]), float(c.attrib["cy"])) for c in plot.iter(f"{SVG}circle"))
    assert least[0] < middle[0] < most[0]
    assert least[1] > middle[1] > most[1]


def test_only_the_first_variant_is_emphasised_wherever_it_stands() -> None:
    plot = drawn(Point("ours", 5, 60), Point("best", 9, 80), Point("ours too", 5, 40))
    weights = {str(t.text): t.attrib["font-weight"] for t in plot.iter(f"{SVG}text") if "font-weight" in t.attrib}
    assert weights == {"ours": "bold", "best": "normal", "ours too": "normal"}


def test_labels_of_variants_at_one_place_do_not_lie_over_one_another() -> None:
    plot = drawn(*(Point(f"variant {n}", 10, 70) for n in range(6)), Point("far", 90, 20))
    labels = sorted(float(t.attrib["y"]) for t in plot.iter(f"{SVG}text") if str(t.text).startswith("variant"))
    assert all(below - above >= 12 for above, below in pairwise(labels)), "a line is 12 pixels high"
