"""What a new fact makes untrue, what it repeats, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.rules.single_valued import Change, change_by, contradicts

from tests.cases.rules_changes import CHANGES

FACTS = sorted({text for pair in CHANGES for text in pair[:2]})


def label(change: Change) -> str:
    if change.replaces:
        return change.remains.get(0, "replaces")
    return "" if change.same_as is None else "same"


@pytest.mark.parametrize(("fact", "memory", "expected"), CHANGES)
def test_what_a_fact_does_to_a_memory(fact: str, memory: str, expected: str) -> None:
    assert label(change_by(fact, [memory])) == expected


def test_the_memories_are_named_by_their_place() -> None:
    memories = ["User has a cat.", "User lives in Porto.", "User's mother lives in Porto.", "User is based in Leeds."]
    assert change_by("User lives in Rome.", memories) == Change(replaces=(1, 3))
    assert change_by("User has a cat.", memories).same_as == 0


def test_of_two_people_nobody_changes_the_others_memories() -> None:
    memories = ["Eric lives in Oslo.", "Tomas lives in Oslo.", "User lives in Oslo."]
    assert change_by("Eric lives in Rome.", memories).replaces == (0,)
    assert change_by("Eric lives in Rome.", memories, names=["Eric"]).replaces == (0, 2)
    assert change_by("User lives in Rome.", memories, names=["Eric"]).replaces == (0, 2)


def test_a_memory_under_the_name_of_the_user_keeps_its_words_where_a_part_remains() -> None:
    change = change_by("User is vegan.", ["Priya is vegetarian and allergic to peanuts."], names=["Priya"])
    assert dict(change.remains) == {0: "Priya is allergic to peanuts."}


@given(st.sampled_from(FACTS), st.sampled_from(FACTS))
def test_no_fact_both_repeats_and_replaces_and_none_contradicts_itself(fact: str, memory: str) -> None:
    change = change_by(fact, [memory])
    assert not (change.replaces and change.same_as is not None)
    assert not contradicts(fact, fact)


@given(st.text(max_size=200), st.text(max_size=200) | st.sampled_from(FACTS))
def test_any_texts_get_an_answer(fact: str, memory: str) -> None:
    change = change_by(fact, [memory])
    assert set(change.remains) <= set(change.replaces) <= {0}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["User ", "User's ", "User is ", " and ", "User lives in ", "a-", "(", "x's y "])
def test_a_hostile_memory_is_compared_in_passing(piece: str) -> None:
    long = (piece * 20_000)[:20_000]
    assert change_by("User lives in Porto.", [long] * 20).same_as is None
    assert change_by(long, ["User lives in Porto."]).same_as is None
