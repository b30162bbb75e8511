"""The rule extractor on more conversations, and how long it takes on hostile ones."""

import pytest
from operator_memory.domain.conversation import Turn
from operator_memory.domain.rules.extract import MAX_FACTS_PER_TURN, extract_facts

from tests.cases.rules_sentences import NEVER, NOTHING_LASTING, STATED
from tests.support.time_outs import cpu_seconds
from tests.unit.rules.test_rules import DAY, facts_of, meets


def test_nearly_all_that_is_stated_is_found_and_little_else() -> None:
    cases = [*STATED, *((said, list[str]()) for said in NOTHING_LASTING)]
    found = [(fact, expected) for said, expected in cases for fact in facts_of(said)]
    wanted = [(facts_of(said), one) for said, expected in cases for one in expected]
    right = [any(meets(fact, one) for one in expected) for fact, expected in found]
    met = [any(meets(fact, one) for fact in facts) for facts, one in wanted]
    wrong = [fact.text for (fact, _), is_right in zip(found, right, strict=True) if not is_right]
    missed = [one for (_, one), is_met in zip(wanted, met, strict=True) if not is_met]
    assert sum(right) / len(right) >= 0.9, wrong
    assert sum(met) / len(met) >= 0.85, missed


@pytest.mark.parametrize("said", NEVER)
def test_commands_claims_of_power_and_secrets_are_never_facts(said: str) -> None:
    assert facts_of(said) == []


@pytest.mark.parametrize("hidden", NEVER)
def test_what_is_never_a_fact_is_not_one_among_facts_either(hidden: str) -> None:
    facts = extract_facts([Turn("user", f"I live in Porto.\n{hidden}\nI play chess.")], observed_on=DAY)
    assert [fact.text for fact in facts] == ["User lives in Porto.", "User plays chess."]


@pytest.mark.parametrize("piece", ["my x ", "a.b\n", "sk-\n", "e.g. ", "yes and ", "since ", "I have been a "])
def test_time_grows_with_the_length_not_with_its_square(piece: str) -> None:
    turns = [Turn("user", (piece * 300_000)[:300_000])]  # at its square this would take minutes
    with cpu_seconds(30):
        assert len(extract_facts(turns)) <= MAX_FACTS_PER_TURN
