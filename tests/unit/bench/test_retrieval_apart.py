"""The sets that are asked apart hold what they promise: enough questions, and answers that exist."""

from collections import Counter
from pathlib import Path

import pytest
from operator_memory.domain.recall.question_dates import asked_times
from operator_memory.domain.scripts import needs_a_dictionary

from bench.retrieval.apart import together
from bench.retrieval.questions import ALL_ACCOUNT, DATES, SCRIPTS, load_own
from bench.retrieval.store import ASKED_AT

LANGUAGES = {"Arabic", "Chinese", "Hindi", "Japanese", "Korean", "Thai"}


@pytest.mark.parametrize("folder", [SCRIPTS, DATES], ids=["scripts", "dates"])
def test_every_answer_is_there_and_every_memory_once(folder: Path) -> None:
    memories, questions = load_own(folder)
    refs = Counter(memory.ref for memory in memories if memory.account == ALL_ACCOUNT)
    assert set(refs.values()) == {1}
    assert all(question.relevant and question.relevant <= set(refs) for question in questions)
    assert all(memory.said_at < ASKED_AT for memory in memories)


def test_forty_questions_are_asked_in_each_of_six_languages() -> None:
    _, questions = load_own(SCRIPTS)
    counts = Counter(question.group.split(",")[0] for question in together(questions))
    assert set(counts) == LANGUAGES
    assert min(counts.values()) >= 40
    joined = {question.group.split(",")[0] for question in questions if needs_a_dictionary(question.query)}
    assert joined == {"Arabic", "Chinese", "Japanese", "Thai"}


def test_eighty_questions_name_a_time() -> None:
    _, questions = load_own(DATES)
    asked = together(questions)
    assert len(asked) >= 80
    assert len({question.query for question in asked}) == len(asked)
    assert all(asked_times(question.query, ASKED_AT).times for question in asked)
