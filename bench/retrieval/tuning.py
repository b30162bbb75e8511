"""Are the ranking's numbers fitted to the questions that they are judged by? Cross-validation by conversation.

What each question found in the store is kept while it is asked; ranking it again with other numbers asks nobody. For
each conversation the numbers are chosen on the others, and judged on it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from operator_memory.application.ports.core import MemorySearch
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import read_query
from operator_memory.domain.recall.ranking import RankingRequest, rank
from operator_memory.domain.shared.search_plan import Hit, Search, SearchPlan

from bench.retrieval.questions import Question
from bench.retrieval.score import LOCOMO, Answer, mean

SCALES, FOLLOWING, SPEAKER = (20.0, 22.0, 24.0, 28.0), (0.2, 0.4, 0.5), (0.1, 0.2, 0.3)
_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Found:
    """What the store gave for a question."""

    question: Question
    searches: tuple[Search, ...]
    hits: list[list[Hit]]


class Recorder:
    """Port ``MemorySearch``: passes on, and keeps the last answer."""

    def __init__(self, search: MemorySearch) -> None:
        self._search = search
        self.last: tuple[tuple[Search, ...], list[list[Hit]]] = ((), [])

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        """As the recorded one."""
        hits = self._search.search(account_id, plan, now=now, timeout=timeout)
        self.last = plan.searches, hits
        return hits


def cross_validated(found: Sequence[Found], *, now: datetime) -> list[Answer]:
    """An answer to each LoCoMo question, by numbers that were chosen on the other conversations."""
    about = [f for f in found if f.question.group == LOCOMO]
    tried: list[dict[str, list[Answer]]] = []
    for scale, following, speaker in product(SCALES, FOLLOWING, SPEAKER):
        numbers = RankingParameters(keyword_scale=scale, next_weight=following, speaker_bonus=speaker)
        answers: dict[str, list[Answer]] = defaultdict(list)
        for each in about:
            answers[each.question.account].append(_answer(each, numbers, now))
        tried.append(answers)
    chosen: list[Answer] = []
    for account in tried[0] if about else ():
        best = max(
            tried, key=lambda answers: _worth([a for who, given in answers.items() if who != account for a in given])
        )
        chosen += best[account]
    return chosen


def _answer(found: Found, numbers: RankingParameters, now: datetime) -> Answer:
    query = read_query(found.question.query)
    ranked = rank(found.searches, found.hits, RankingRequest(now, query), limit=_LIMIT, parameters=numbers)
    return Answer(found.question, tuple(dict.fromkeys(r.memory.message_id or "" for r in ranked)))


def _worth(answers: Sequence[Answer]) -> float:
    return mean([a.recall(5) for a in answers]) + mean([a.recall(10) for a in answers])
