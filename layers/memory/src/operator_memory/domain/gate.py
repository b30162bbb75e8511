"""The gate: what becomes of each fact that the extractor proposes. Pure.

A fact is rejected, already known, or stored; stored, it may take the place of what it makes untrue. The model may
propose that a fact replaces a memory; the gate decides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from operator_memory.domain.conversation import Turn
from operator_memory.domain.grounding import Grounding
from operator_memory.domain.importance import importance_of
from operator_memory.domain.jobs import FactOutcome, Outcome
from operator_memory.domain.meaning import Relation, relate
from operator_memory.domain.models import Memory, memory_id
from operator_memory.domain.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.screening import command_reason, is_trivial

MAX_FACT_CHARACTERS = 1_000
"""A fact is a sentence or two; a longer one is a pasted text that the extractor failed to condense."""

NOT_KEPT = frozenset({"no_text", "too_long", "secret", "no_agent", "over_quota", "erased"})
"""Reasons whose facts are not put into quarantine: there is nothing to look at, or it must not be stored at all."""

_WORD = re.compile(r"\w{2}")
_REDACTED = re.compile(r"\[redacted: \w+\]")
# Who is meant by "assistant" is the model's word; what a sentence is about is its subject's.
_ABOUT_USER = re.compile(
    r"^(?:the )?user"
    r"(?:'s\b|\s+(?:is|was|has|had|lives|lived|works|worked|owns|moved|likes|loves|hates|enjoys|dislikes))",
    re.IGNORECASE,
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

    @property
    def replaces(self) -> tuple[str, ...]:
        """Ids of memories that the model says are out of date now."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A memory of the same scope that resembles a candidate. ``similarity``: cosine of their embeddings, -1..1."""

    memory: Memory
    similarity: float


@dataclass(frozen=True, slots=True)
class Room:
    """Whether the account may have one more fact; if not, the least important of its scope, which may give way."""

    left: bool = True
    weakest: Sequence[Memory] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A candidate's scope and outcome, and which memories it takes the place of.

    ``stored``: whether it is to be written (a rejected one into the quarantine). One that an earlier attempt of the
    same run has written is not written again, but what it takes the place of is named again.
    """

    key: ScopeKey
    outcome: FactOutcome
    stored: bool
    supersedes: tuple[Memory, ...] = ()
    revives: Memory | None = None
    """The memory of the same words that was replaced once and holds again."""


def route(account_id: AccountId, agent_id: str | None, candidate: Candidate) -> tuple[ScopeKey, str]:
    """The scope that ``candidate`` belongs to, and the id it has there.

    How the assistant is to work goes to the agent's memory of this account; everything about the person to the user's,
    whatever the model attributes it to: agent memory is no second copy of it.
    """
    about_agent = candidate.attributed_to == "assistant" and not _ABOUT_USER.match(candidate.text)
    key = ScopeKey(Scope.AGENT, agent_id) if about_agent and agent_id else ScopeKey(Scope.USER)
    return key, memory_id(account_id, key, candidate.text)


def judge(
    account_id: AccountId,
    agent_id: str | None,
    candidate: Candidate,
    *,
    turns: Sequence[Turn],
    said: Grounding,
    stored: Mapping[str, Memory],
    known: Sequence[Known],
    run_id: str,
    room: Room,
) -> Verdict:
    """What becomes of ``candidate``, which was found in ``turns``; ``said`` has read them.

    ``stored``: what the account has under the id that the candidate would get, in whatever state. ``known``: memories
    of its scope that resemble it, those of this run included. ``run_id``: what an earlier attempt of the same run has
    stored is not known but to be stored again. ``room``: whether the account may have more, else what may give way.
    """
    key, identity = route(account_id, agent_id, candidate)
    evidence = None
    reason = _unfit(candidate, agent_id)
    if reason is None:
        evidence = said.evidence(candidate.text, about_user=key.scope is Scope.USER)
        reason = None if evidence is not None else "not_grounded"
    source = None if evidence is None else turns[evidence.turn].message_id
    outcome = FactOutcome(identity, key.scope, Outcome.ADDED, source=source)
    twin = stored.get(identity)
    if twin is not None and twin.rejected is not None:
        return Verdict(key, replace(outcome, outcome=Outcome.DUPLICATE, reason="quarantined"), stored=False)
    if twin is not None and _holds(twin) and twin.source_run_id != run_id:
        return Verdict(key, replace(outcome, outcome=Outcome.DUPLICATE, others=(identity,)), stored=False)
    if reason is not None:
        rejected = replace(outcome, outcome=Outcome.REJECTED, reason=reason)
        return Verdict(key, rejected, stored=reason not in NOT_KEPT and twin is None)
    others = [k for k in known if k.memory.id != identity]
    return _compared(key, outcome, candidate, others, twin=twin, room=room)


def _compared(
    key: ScopeKey,
    outcome: FactOutcome,
    candidate: Candidate,
    known: Sequence[Known],
    *,
    twin: Memory | None,
    room: Room,
) -> Verdict:
    written = twin is not None and _holds(twin)  # by an earlier attempt of this run
    revives = twin if twin is not None and twin.superseded_by is not None else None
    replaced: list[Memory] = []
    for other in known:
        proposed = other.memory.id in candidate.replaces
        relation = relate(candidate.text, other.memory.text, similarity=other.similarity, proposed=proposed)
        if relation is Relation.SAME:
            same = replace(outcome, outcome=Outcome.DUPLICATE, others=(other.memory.id,))
            return Verdict(key, same, stored=False)
        if relation is Relation.REPLACES and not other.memory.pinned:  # a pin is a person's word
            replaced.append(other.memory)
    if replaced:
        ids = tuple(memory.id for memory in replaced)
        changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=ids)
        return Verdict(key, changed, stored=not written, supersedes=tuple(replaced), revives=revives)
    if room.left or written:
        return Verdict(key, outcome, stored=not written, revives=revives)
    outcome = replace(outcome, reason="over_quota")
    mine = importance_of(candidate.text, kind=Kind.FACT, scope=key.scope)
    weaker = next((m for m in room.weakest if m.importance < mine and not m.pinned and m.id != outcome.memory_id), None)
    if weaker is None:
        return Verdict(key, replace(outcome, outcome=Outcome.REJECTED), stored=False)
    changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=(weaker.id,))
    return Verdict(key, changed, stored=True, supersedes=(weaker,), revives=revives)


def _unfit(candidate: Candidate, agent_id: str | None) -> str | None:
    """Why the text itself is nothing to remember, or ``None``."""
    text = candidate.text
    if not _WORD.search(text):
        return "no_text"
    if len(text) > MAX_FACT_CHARACTERS:
        return "too_long"
    if _REDACTED.search(text):
        return "secret"
    if command_reason(text) is not None:
        return "instruction_like"
    if is_trivial(text):
        return "trivial"
    if candidate.attributed_to == "assistant" and not agent_id and not _ABOUT_USER.match(text):
        return "no_agent"
    return None


def _holds(memory: Memory) -> bool:
    """Whether it is in force: neither replaced nor put aside."""
    return memory.superseded_by is None and memory.valid_until is None
