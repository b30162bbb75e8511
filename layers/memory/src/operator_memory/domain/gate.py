"""The gate: what becomes of each fact that the extractor proposes. Pure.

Rejected is what must not be remembered; a duplicate is already known; the rest is added to the scope it belongs to.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from operator_memory.domain.jobs import FactOutcome, Outcome
from operator_memory.domain.models import memory_id
from operator_memory.domain.scopes import AccountId, Scope, ScopeKey

MAX_FACT_CHARACTERS = 1_000
"""A fact is a sentence or two; a longer one is a pasted text that the extractor failed to condense."""

_WORD = re.compile(r"\w{2}")
_COMMANDS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|guidelines)\b"
    r"|\bsystem prompt\b|\byou are now\b|\bdeveloper mode\b|</?operator_memory\b",
    re.IGNORECASE | re.DOTALL,
)


class Candidate(Protocol):
    """What the gate looks at."""

    @property
    def text(self) -> str:
        """The fact, one sentence."""
        ...

    @property
    def attributed_to(self) -> str:
        """``user`` or ``assistant``."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """A candidate's scope, id and outcome."""

    key: ScopeKey
    outcome: FactOutcome


def decide(account_id: AccountId, agent_id: str | None, candidates: Sequence[Candidate]) -> list[Decision]:
    """One decision per candidate, in order, before it is known which of them are stored already.

    Facts about the assistant's way of working go to the agent's memory of this account, all others to the
    user's.
    """
    decisions: list[Decision] = []
    seen: set[str] = set()
    for candidate in candidates:
        about_agent = candidate.attributed_to == "assistant"
        key = ScopeKey(Scope.AGENT, agent_id) if about_agent and agent_id else ScopeKey(Scope.USER)
        identity = memory_id(account_id, key, candidate.text)
        reason = _rejection(candidate.text) or ("no_agent" if about_agent and not agent_id else None)
        outcome = Outcome.DUPLICATE if identity in seen else Outcome.ADDED
        if reason:
            outcome = Outcome.REJECTED
        seen.add(identity)
        decisions.append(Decision(key, FactOutcome(identity, key.scope, outcome, reason)))
    return decisions


def _rejection(text: str) -> str | None:
    if not _WORD.search(text):
        return "no_text"
    if len(text) > MAX_FACT_CHARACTERS:
        return "too_long"
    if is_command_like(text):
        return "instruction_like"
    return None


def is_command_like(text: str) -> bool:
    """Whether ``text`` tries to command whoever reads it, which no memory may do."""
    return _COMMANDS.search(text) is not None


def with_known(decisions: Sequence[Decision], known_ids: set[str]) -> list[Decision]:
    """``decisions``, where what would be added but is stored already becomes a duplicate."""
    return [
        Decision(d.key, FactOutcome(d.outcome.memory_id, d.key.scope, Outcome.DUPLICATE))
        if d.outcome.outcome is Outcome.ADDED and d.outcome.memory_id in known_ids
        else d
        for d in decisions
    ]
