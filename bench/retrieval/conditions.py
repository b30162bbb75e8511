"""The same questions under what users meet every day: a token budget, and time that passes. Ours beside plain Mem0.

LoCoMo is stored with the default settings, so that turns expire as they do for users. Each conversation is asked about
relative to its own end. Tokens are those of ``o200k_base``; Mem0's memories are counted as bare lines without a fence.

Run: ``python -m bench.retrieval.conditions [--locomo FILE] [--ours-only]``.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from operator_memory.adapters.models.token_counter import counter_of
from operator_memory.application.recall.retrieve_context import ContextRequest
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.token_count import TokenCounter, encoding_of
from operator_memory.entrypoints.relevance import gate_for

from bench.report import machine_state, table, versions
from bench.retrieval.questions import Conversation, Question
from bench.retrieval.run import LOCOMO_FILE, ask, locomo_or_nothing
from bench.retrieval.score import Answer, mean
from bench.retrieval.store import Asked, start, store_conversations
from bench.retrieval.ways import Mem0Way, OurWay, Way

DAYS = (1, 31, 200)
BUDGETS = (500, 1_000, 2_000)
MODEL, WIDE = "gpt-4o", 50


class Later:
    """Our way so many days after the end of each conversation; within a token budget, if there is one."""

    def __init__(self, asked: Asked, ends: Mapping[str, datetime], days: int, budget: int | None = None) -> None:
        self.name = f"ours, {days} days later" if budget is None else f"ours, {budget} tokens"
        self._asked, self._ends, self._days, self._budget = asked, ends, days, budget
        self._way = OurWay(asked, gate_for(asked.parts.settings.embedding_model), counter_of=_counter_of)

    def ask(self, account: str, query: str) -> list[str]:
        """References of what would be injected."""
        self._asked.clock.time = self._ends[account] + timedelta(days=self._days)
        wide = ContextRequest(
            AccountId(account), query=query, limit=WIDE, token_budget=self._budget, model=MODEL, past_sessions=True
        )
        return self._way.ask(account, query) if self._budget is None else self._way.references(wide)


class Mem0WithinBudget:
    """Plain Mem0's memories in its own order, as many as fit."""

    def __init__(self, mem0: Mem0Way, budget: int) -> None:
        self.name = f"{mem0.name}, {budget} tokens"
        self._mem0, self._left = mem0, budget
        self._count = _counter_of(MODEL).count

    def ask(self, account: str, query: str) -> list[str]:
        """References of the memories that fit."""
        left, refs = self._left, []
        for ref, text in self._mem0.found(account, query, WIDE):
            left -= self._count(f"- {text}\n")
            if left < 0:
                break
            refs.append(ref)
        return refs


def main() -> None:
    """Store, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path, default=LOCOMO_FILE, help="a file in LoCoMo's format")
    parser.add_argument("--ours-only", action="store_true", help="leave Mem0 out")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-edge-py')}\n", flush=True)
    conversations = locomo_or_nothing(args.locomo)
    if not conversations:
        return
    ends = {c.account: max(session.finished_at for session in c.sessions) for c in conversations}
    questions = [question for c in conversations for question in c.questions]
    with ExitStack() as cleanup:
        asked = start(cleanup, os.environ, kept_days=None)
        store_conversations(asked, conversations)
        days = asked.parts.settings.session_memory_days
        later = [Later(asked, ends, after) for after in DAYS]
        print(table([f"turns kept for {days} days, % of the evidence", "at 5", "at 10"], _rows(later, questions)))
        budgets: list[Way] = [Later(asked, ends, 1, budget) for budget in BUDGETS]
        if not args.ours_only:
            budgets += _mem0(asked, conversations)
        header = [f"limit {WIDE}, % of the evidence", "within the budget"]
        print(f"\n{table(header, _rows(budgets, questions, (WIDE,)))}")


def _mem0(asked: Asked, conversations: Sequence[Conversation]) -> list[Mem0WithinBudget]:
    mem0 = Mem0Way(asked, keywords=True)
    mem0.store(conversations, [])
    return [Mem0WithinBudget(mem0, budget) for budget in BUDGETS]


def _rows(ways: Sequence[Way], questions: Sequence[Question], at: Sequence[int] = (5, 10)) -> list[list[str]]:
    given: list[tuple[Way, list[Answer]]] = [(way, ask(way, questions)) for way in ways]
    return [[way.name, *(f"{mean([a.recall(k) for a in answers]):.1f}" for k in at)] for way, answers in given]


def _counter_of(model: str) -> TokenCounter:
    return counter_of(encoding_of(model) or "")


if __name__ == "__main__":
    main()
