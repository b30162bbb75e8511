"""What may not be remembered: texts that say nothing, and texts that command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.conversation import Turn
from operator_memory.domain.rules.extract import extract_facts
from operator_memory.domain.shared.screening import command_reason, is_trivial
from operator_memory.domain.shared.screening_patterns import REASONS

from tests.cases.rules import CASES
from tests.cases.rules_sentences import NEVER, STATED
from tests.cases.screening import HOSTILE, LEGITIMATE, TELLING, TRIVIAL

SECRET_WORDS = ("password", "API key", "card number", "token", "PIN")


def test_the_tables_are_large_enough_to_hold_the_rules() -> None:
    assert (len(HOSTILE) >= 60, len(LEGITIMATE) >= 60) == (True, True)
    assert {reason for _, reason in HOSTILE} == {reason for reason, _ in REASONS}


@pytest.mark.parametrize(("text", "reason"), HOSTILE)
def test_what_commands_the_reader_is_kept_out_with_the_reason(text: str, reason: str) -> None:
    assert command_reason(text) == reason


@pytest.mark.parametrize("text", [text for text in NEVER if not any(word in text for word in SECRET_WORDS)])
def test_what_the_rule_extractor_never_learns_is_a_command_too(text: str) -> None:
    assert command_reason(text) is not None


@pytest.mark.parametrize("text", [*LEGITIMATE, *TELLING])
def test_wishes_about_style_and_facts_of_life_are_no_commands(text: str) -> None:
    assert command_reason(text) is None


@pytest.mark.parametrize("text", TRIVIAL)
def test_what_says_nothing_is_trivial(text: str) -> None:
    assert is_trivial(text)


@pytest.mark.parametrize("text", [*TELLING, *LEGITIMATE])
def test_a_short_fact_is_not_trivial(text: str) -> None:
    assert not is_trivial(text)


@pytest.mark.parametrize(("said", "expected"), [case for case in CASES + STATED if case[1]])
def test_what_the_rule_extractor_learns_passes(said: str, expected: list[str]) -> None:
    turn = Turn("assistant", said[3:]) if said.startswith("A: ") else Turn("user", said)
    for fact in extract_facts([turn]):
        assert (command_reason(fact.text), is_trivial(fact.text)) == (None, False)


@given(st.sampled_from(HOSTILE), st.text(alphabet="abcdefghij ,.", max_size=30))
def test_a_command_stays_one_whatever_stands_around_it(hostile: tuple[str, str], around: str) -> None:
    assert command_reason(f"{around}.\n{hostile[0]}\n{around}") is not None


@given(st.sampled_from(HOSTILE))
def test_letter_case_and_width_hide_nothing(hostile: tuple[str, str]) -> None:
    text = hostile[0]
    if hostile[1] == "encoded_payload":
        return
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    assert [command_reason(text.upper()), command_reason(wide)] == [hostile[1]] * 2


@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text: str) -> None:
    assert command_reason(text) in {None, *(reason for reason, _ in REASONS)}
    assert is_trivial(text) in (True, False)


@pytest.mark.parametrize(
    "unit",
    ["ignore ", "send ", "a", "a ", "<", "{", "do not tell ", "1", "A1b", "you are ", "user asked ", "é", "always ",
     "the user is ", "http", "please, ", "-", "\n", "x@", "no ", "\U000e0041", "\u200b", "a.", "always recommend "],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_hostile_repetition_comes_to_an_end(unit: str) -> None:
    """A fraction of a second in linear time."""
    text = (unit * 32_000)[:32_000]
    assert command_reason(text) is None or isinstance(command_reason(text), str)
    assert is_trivial(text) in (True, False)
