"""Usage as text: a table with a line of sums, a sentence about the month, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from operator_memory.domain.usage.budget import Budget, Limit
from operator_memory.domain.usage.counts import MICRO_CENTS, Counts, DayUsage, total

_COLUMNS = (
    ("JOBS", "jobs"),
    ("RULES", "jobs_by_rules"),
    ("CALLS", "llm_calls"),
    ("PROMPT", "prompt_tokens"),
    ("ANSWER", "completion_tokens"),
    ("USD", "cost_micro_cents"),
    ("ADDED", "memories_added"),
    ("REPLACED", "memories_superseded"),
    ("REJECTED", "facts_rejected"),
    ("CONTEXTS", "contexts"),
    ("INJECTED", "memories_injected"),
    ("SEARCHES", "searches"),
)
_TEXTS = 2
"""Columns of text, on the left: the day and the agent."""

_GAP = "  "
_NONE = "-"
_LONGEST, _SHORT = 12, 8
"""Characters of an agent's id that are shown whole; of a longer one its beginning is, with an ellipsis."""


def table(rows: Sequence[DayUsage]) -> str:
    """One line a day and agent under a heading, and their sum; numbers stand under each other."""
    lines = [("DAY", "AGENT", *(heading for heading, _ in _COLUMNS))]
    lines += [(row.day.isoformat(), _agent(row.agent_id), *_cells(row.counts)) for row in rows]
    lines.append(("TOTAL", "", *_cells(total(row.counts for row in rows))))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def month_in_words(month: date, used: Counts, budget: Budget) -> str:
    """What was used this month, and what the account may use, as far as the table says."""
    said = f"{month:%B %Y}: {used.jobs:,} jobs, {used.tokens:,} tokens, {_usd(used.cost_micro_cents)} USD."
    limits = [f"granted {_limit(budget.granted)}", f"own {_limit(budget.own)}"]
    set_here = [text for text, limit in zip(limits, (budget.granted, budget.own), strict=True) if limit != Limit()]
    where = ", ".join(set_here) or "none of its own; the deployment's default holds"
    return f"{said}\nBudget: {where}."


def as_json(rows: Sequence[DayUsage]) -> str:
    """A JSON array of all counts, one object a row."""
    return json.dumps(
        [{"day": row.day.isoformat(), "agent_id": row.agent_id, **asdict(row.counts)} for row in rows], indent=2
    )


def _agent(identity: str | None) -> str:
    if identity is None:
        return _NONE
    return identity if len(identity) <= _LONGEST else f"{identity[:_SHORT]}\u2026"


def _cells(counts: Counts) -> list[str]:
    numbers = asdict(counts)
    return [_usd(numbers[name]) if heading == "USD" else f"{numbers[name]:,}" for heading, name in _COLUMNS]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:_TEXTS], widths, strict=False)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[_TEXTS:], widths[_TEXTS:], strict=True)]
    return _GAP.join([*texts, *numbers])


def _usd(micro_cents: int) -> str:
    return f"{micro_cents / MICRO_CENTS / 100:,.4f}"


def _limit(limit: Limit) -> str:
    parts = [] if limit.cents is None else [f"{limit.cents / 100:,.2f} USD"]
    parts += [] if limit.tokens is None else [f"{limit.tokens:,} tokens"]
    return " and ".join(parts)
