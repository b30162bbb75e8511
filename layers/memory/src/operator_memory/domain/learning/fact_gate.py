"""The gate: what becomes of each fact that the extractor proposes. Pure.

A fact is rejected, already known, or stored; stored, it may take the place of what it makes untrue. The model may
propose that a fact replaces a memory; the gate decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.grounding import Grounding
from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import FactOutcome, Outcome
from operator_memory.domain.learning.meaning import Relation, relate
from operator_memory.domain.learning.screening import command_reason, is_trivial
from operator_memory.domain.memory.memory import Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.text import normalised_text

MAX_FACT_CHARACTERS = 1_000
"""A fact is a sentence or two; a longer one is a pasted text that the extractor failed to condense."""

NOT_KEPT = frozenset({"no_text", "too_long", "secret", "no_agent", "over_quota", "erased"})
"""Reasons whose facts are not put into quarantine: there is nothing to look at, or it must not be stored at all."""

OUTDATED = "outdated"
"""The reason of what was said before something that contradicts it and was learned first."""

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
    owed: bool = False
    """An earlier attempt of the run has stored the fact in a full account, and died before another gave way."""


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
    turns: tuple[int, ...] = ()
    """The index of the turn that says it, if one was looked for and found, and of a second one that it takes."""
    outdated_by: Memory | None = None
    """What was learned, or put right by a person, after this was said: it goes into history as replaced by that."""


def route(account_id: AccountId, agent_id: str | None, candidate: Candidate) -> tuple[ScopeKey, str]:
    """The scope that ``candidate`` belongs to, and the id it has there.

    How the assistant is to work goes to the agent's memory of this account; everything about the person to the user's,
    whatever the model attributes it to: agent memory is no second copy of it.
    """
    about_agent = candidate.attributed_to == "assistant" and not _ABOUT_USER.match(candidate.text)
    key = ScopeKey(Scope.AGENT, agent_id) if about_agent and agent_id else ScopeKey(Scope.USER)
    return key, memory_id(account_id, key, candidate.text)


def judge(
    key: ScopeKey,
    identity: str,
    candidate: Candidate,
    *,
    agent_id: str | None,
    turns: Sequence[Turn],
    said: Grounding,
    said_at: datetime,
    twin: Memory | None,
    known: Sequence[Known],
    run_id: str,
    room: Room,
) -> Verdict:
    """What becomes of ``candidate``, which was found in ``turns``; ``said`` has read them.

    ``key``, ``identity``: where it belongs (see `route`). ``said_at``: until when the turns were said; a run may come
    late, after what was said since. ``twin``: what the account has under the same id, in whatever state. ``known``:
    memories of its scope that resemble it, those of this run included. ``run_id``: what an earlier attempt of the same
    run has stored is not known but to be stored again. ``room``: whether the account may have more, else what may
    give way.
    """
    evidence = None
    reason = _unfit(candidate, agent_id)
    if reason is None:
        evidence = said.evidence(candidate.text, about_user=key.scope is Scope.USER)
        reason = None if evidence is not None else "not_grounded"
    source = None if evidence is None else turns[evidence.turn].message_id
    outcome = FactOutcome(identity, key.scope, Outcome.ADDED, source=source)
    if twin is not None and twin.rejected == "not_grounded" and reason is None:
        twin = None  # somebody's guess then; now it has been said
    settled = None if twin is None else _settled(outcome, candidate, twin, said_at, run_id)
    if settled is not None:
        verdict = Verdict(key, settled, stored=False)
    elif reason is not None:
        rejected = replace(outcome, outcome=Outcome.REJECTED, reason=reason)
        verdict = Verdict(key, rejected, stored=reason not in NOT_KEPT and twin is None)
    else:
        others = [k for k in known if k.memory.id != identity]
        verdict = _compared(key, outcome, candidate, others, said_at=said_at, twin=twin, room=room)
    if evidence is None:
        return verdict
    return replace(verdict, turns=(evidence.turn,) if evidence.also is None else (evidence.turn, evidence.also))


def _settled(
    outcome: FactOutcome, candidate: Candidate, twin: Memory, said_at: datetime, run_id: str
) -> FactOutcome | None:
    """The outcome of a candidate about which nothing is to be decided any more, because of its ``twin``."""
    if twin.rejected is not None and twin.source_run_id == run_id:  # by an earlier attempt
        return replace(outcome, outcome=Outcome.REJECTED, reason=twin.rejected)
    if twin.rejected is not None:
        return replace(outcome, outcome=Outcome.DUPLICATE, reason="quarantined")
    if normalised_text(twin.text) != normalised_text(candidate.text):  # a person has put it right since
        return replace(outcome, outcome=Outcome.DUPLICATE, others=(twin.id,))
    if _holds(twin):
        known = replace(outcome, outcome=Outcome.DUPLICATE, others=(twin.id,))
        return known if twin.source_run_id != run_id else None
    if twin.superseded_by is not None and twin.valid_until is not None and twin.valid_until > said_at:
        return replace(outcome, outcome=Outcome.REJECTED, reason=OUTDATED, others=(twin.superseded_by,))
    return None


def _compared(
    key: ScopeKey,
    outcome: FactOutcome,
    candidate: Candidate,
    known: Sequence[Known],
    *,
    said_at: datetime,
    twin: Memory | None,
    room: Room,
) -> Verdict:
    written = twin is not None and _holds(twin)  # by an earlier attempt of this run
    revives = None if written else twin
    replaced: list[Memory] = []
    newer: list[Memory] = []
    for other in known:
        relation = _relation(candidate, other)
        if relation is Relation.SAME:
            same = replace(outcome, outcome=Outcome.DUPLICATE, others=(other.memory.id,))
            return Verdict(key, same, stored=False)
        if holds_since(other.memory) > said_at:
            backwards = relate(other.memory.text, candidate.text, similarity=other.similarity)
            if Relation.REPLACES in (relation, backwards):
                newer.append(other.memory)
        elif relation is Relation.REPLACES and not other.memory.pinned:  # a pin is a person's word
            replaced.append(other.memory)
    if newer and not written:
        late = replace(outcome, outcome=Outcome.REJECTED, reason=OUTDATED, others=tuple(m.id for m in newer))
        return Verdict(key, late, stored=twin is None, outdated_by=newer[0])
    if replaced:
        ids = tuple(memory.id for memory in replaced)
        changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=ids)
        return Verdict(key, changed, stored=not written, supersedes=tuple(replaced), revives=revives)
    if room.left or (written and not room.owed):
        return Verdict(key, outcome, stored=not written, revives=revives)
    full = _in_full_account(key, outcome, candidate, room.weakest, revives)
    if written:
        return replace(full, stored=False) if full.supersedes else Verdict(key, outcome, stored=False)
    return full


def _in_full_account(
    key: ScopeKey, outcome: FactOutcome, candidate: Candidate, weakest: Sequence[Memory], revives: Memory | None
) -> Verdict:
    outcome = replace(outcome, reason="over_quota")
    mine = importance_of(candidate.text, kind=Kind.FACT, scope=key.scope)
    weaker = next((m for m in weakest if m.importance < mine and not m.pinned and m.id != outcome.memory_id), None)
    if weaker is None:
        return Verdict(key, replace(outcome, outcome=Outcome.REJECTED), stored=False)
    changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=(weaker.id,))
    return Verdict(key, changed, stored=True, supersedes=(weaker,), revives=revives)


def _relation(candidate: Candidate, other: Known) -> Relation:
    proposed = other.memory.id in candidate.replaces
    return relate(candidate.text, other.memory.text, similarity=other.similarity, proposed=proposed)


def holds_since(memory: Memory) -> datetime:
    """When it was said, or a person last changed it or brought it back."""
    return max(memory.created_at, memory.updated_at)


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
