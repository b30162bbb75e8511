"""The gate: what becomes of each fact that the extractor proposes. Pure.

A fact is rejected, already known, or stored; stored, it may take the place of what it makes untrue. The model says
what a fact replaces or repeats, in any language; the gate decides whether it may.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from operator_memory.domain.learning.evidence import NOT_OWN_WORDS, Finding
from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import FactOutcome, Outcome
from operator_memory.domain.learning.proposals import ProposedFact, Remaining
from operator_memory.domain.memory.memory import Memory, memory_id
from operator_memory.domain.memory.quantities import has_account_number
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.memory.wording import Words, same_statement, says_nothing_more, words_of
from operator_memory.domain.shared.deletions import DELETED
from operator_memory.domain.shared.screening import COMMAND, command_reason, is_trivial
from operator_memory.domain.text import normalised_text

MAX_FACT_CHARACTERS = 1_000
"""A fact is a sentence or two; a longer one is a pasted text that the extractor failed to condense."""

NOT_KEPT = frozenset(
    {"no_text", "too_long", "secret", "no_agent", "over_quota", "erased", "asked_not_to_remember", DELETED}
)
"""Reasons whose facts are not put into quarantine: there is nothing to look at, or it must not be stored at all."""

OUTDATED = "outdated"
"""The reason of what was said before something that contradicts it and was learned first."""

ALMOST_EQUAL = 0.97
"""Cosine of two facts in the same words, from which they say the same: a "not" more makes it smaller."""

_WORD = re.compile(r"\w{2}")
_REDACTED = re.compile(r"\[redacted: \w+\]")
# Who is meant by "assistant" is the model's word; what a sentence is about is its subject's.
_ABOUT_USER = re.compile(
    r"^(?:the )?user"
    r"(?:'s\b|\s+(?:is|was|has|had|lives|lived|works|worked|owns|moved|likes|loves|hates|enjoys|dislikes))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class KnownMemory:
    """A memory of the same scope that a fact is compared with. ``similarity``: cosine of their embeddings, -1..1."""

    memory: Memory
    similarity: float
    same_words_said: bool = False
    """Whether it was learned from the same words of the same run."""


@dataclass(frozen=True, slots=True)
class Room:
    """Whether the account may have one more fact; if not, the least important of its scope, which may give way."""

    left: bool = True
    weakest: Sequence[Memory] = ()
    owed: bool = False
    """An earlier attempt of the run has stored the fact in a full account, and died before another gave way."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed fact with all that is to be known to decide about it."""

    fact: ProposedFact
    key: ScopeKey
    identity: str
    finding: Finding
    said_at: datetime
    """When it was said; a run may come late, after what was said since."""
    run_id: str
    author_id: str | None = None
    speaker: str | None = None
    agent_id: str | None = None
    source: str | None = None
    """The id of the message that says it."""
    twin: Memory | None = None
    """What the account has under the same id, in whatever state."""
    known: Sequence[KnownMemory] = ()
    """Memories of its scope that resemble it or that it names, those of this run included."""
    room: Room = Room()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A candidate's outcome, and which memories it takes the place of.

    ``stored``: whether it is to be written (a rejected one into the quarantine). One that an earlier attempt of the
    same run has written is not written again, but what it takes the place of is named again.
    """

    key: ScopeKey
    outcome: FactOutcome
    stored: bool
    supersedes: tuple[Memory, ...] = ()
    remains: tuple[tuple[Memory, Remaining], ...] = ()
    """Of a superseded memory the part that stays true."""
    revives: Memory | None = None
    """The memory of the same words that was replaced once and holds again."""
    outdated_by: Memory | None = None
    """What was learned, or put right by a person, after this was said: it goes into history as replaced by that."""
    finding: Finding = field(default_factory=lambda: Finding(None))


def route(account_id: AccountId, agent_id: str | None, fact: ProposedFact) -> tuple[ScopeKey, str]:
    """The scope that ``fact`` belongs to, and the id it has there.

    How the assistant is to work goes to the agent's memory of this account; everything about the person to the user's,
    whatever the model attributes it to: agent memory is no second copy of it.
    """
    about_agent = fact.attributed_to == "assistant" and not _ABOUT_USER.match(fact.text)
    key = ScopeKey(Scope.AGENT, agent_id) if about_agent and agent_id else ScopeKey(Scope.USER)
    return key, memory_id(account_id, key, fact.text)


def judge(candidate: Candidate) -> Verdict:
    """What becomes of a proposed fact."""
    reason = _unfit(candidate.fact, candidate.agent_id) or candidate.finding.reason or _may_not_instruct(candidate)
    outcome = FactOutcome(candidate.identity, candidate.key.scope, Outcome.ADDED, source=candidate.source)
    twin = candidate.twin
    if twin is not None and twin.rejected is not None and reason is None and twin.source_run_id != candidate.run_id:
        twin = None  # nobody had said it then; now somebody has
    settled = None if twin is None else _settled(outcome, candidate, twin)
    if settled is not None:
        verdict = Verdict(candidate.key, settled, stored=False)
    elif reason is not None:
        rejected = replace(outcome, outcome=Outcome.REJECTED, reason=reason)
        verdict = Verdict(candidate.key, rejected, stored=reason not in NOT_KEPT and twin is None)
    else:
        verdict = _compared(outcome, replace(candidate, twin=twin))
    return replace(verdict, finding=candidate.finding)


def _may_not_instruct(candidate: Candidate) -> str | None:
    """Why a fact may not tell an agent how to work: it is not the person's own word alone."""
    return NOT_OWN_WORDS if candidate.key.scope is Scope.AGENT and not candidate.finding.may_instruct else None


def _settled(outcome: FactOutcome, candidate: Candidate, twin: Memory) -> FactOutcome | None:
    """The outcome of a candidate about which nothing is to be decided any more, because of its ``twin``."""
    mine = twin.source_run_id == candidate.run_id
    if twin.rejected is not None and mine:  # by an earlier attempt
        return replace(outcome, outcome=Outcome.REJECTED, reason=twin.rejected)
    if twin.rejected is not None:
        return replace(outcome, outcome=Outcome.DUPLICATE, reason="quarantined")
    if normalised_text(twin.text) != normalised_text(candidate.fact.text):  # a person has put it right since
        return replace(outcome, outcome=Outcome.DUPLICATE, others=(twin.id,))
    if _holds(twin):
        return None if mine else replace(outcome, outcome=Outcome.DUPLICATE, others=(twin.id,))
    if twin.superseded_by is not None and twin.valid_until is not None and twin.valid_until > candidate.said_at:
        return replace(outcome, outcome=Outcome.REJECTED, reason=OUTDATED, others=(twin.superseded_by,))
    return None


def _compared(outcome: FactOutcome, candidate: Candidate) -> Verdict:
    key, twin = candidate.key, candidate.twin
    written = twin is not None and _holds(twin)  # by an earlier attempt of this run
    revives = None if written else twin
    others = [known for known in candidate.known if known.memory.id != candidate.identity]
    if (same := _same_as(candidate, others)) is not None and not written:
        return Verdict(key, replace(outcome, outcome=Outcome.DUPLICATE, others=(same.id,)), stored=False)
    named = [k.memory for k in others if k.memory.id in candidate.fact.replaces and _same_person(k.memory, candidate)]
    newer = [memory for memory in named if holds_since(memory) > candidate.said_at]
    if newer and not written:
        late = replace(outcome, outcome=Outcome.REJECTED, reason=OUTDATED, others=tuple(m.id for m in newer))
        return Verdict(key, late, stored=twin is None, outdated_by=newer[0])
    replaced = [m for m in named if not m.pinned and m not in newer]  # a pin is a person's word
    if replaced:
        changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=tuple(m.id for m in replaced))
        remains = tuple(_remaining(replaced, candidate.fact))
        return Verdict(key, changed, not written, tuple(replaced), remains, revives)
    if candidate.room.left or (written and not candidate.room.owed):
        return Verdict(key, outcome, stored=not written, revives=revives)
    full = _in_full_account(outcome, candidate, revives)
    if written:
        return replace(full, stored=False) if full.supersedes else Verdict(key, outcome, stored=False)
    return full


def _same_as(candidate: Candidate, others: Sequence[KnownMemory]) -> Memory | None:
    """The memory that says the same: the one that the model names, or one in almost the same words."""
    for known in others:
        if not _same_person(known.memory, candidate):
            continue
        if known.memory.id == candidate.fact.same_as and known.memory.id not in candidate.fact.replaces:
            return known.memory
        if known.similarity >= ALMOST_EQUAL and same_statement(known.memory.text, candidate.fact.text):
            return known.memory
        said = candidate.finding.texts
        if known.same_words_said and says_nothing_more(candidate.fact.text, known.memory.text, said=said):
            return known.memory
    return None


def _same_person(memory: Memory, candidate: Candidate) -> bool:
    """Whether both are of one member of a team, and of one speaker, as far as that is known."""
    return _agree(memory.author_id, candidate.author_id) and _agree(memory.speaker, candidate.speaker)


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _remaining(replaced: Sequence[Memory], fact: ProposedFact) -> list[tuple[Memory, Remaining]]:
    """What stays true of replaced memories, where it adds nothing to them."""
    kept = [(memory, fact.remains[memory.id]) for memory in replaced if memory.id in fact.remains]
    return [(memory, rest) for memory, rest in kept if _is_part(rest.text, memory.text)]


def _is_part(part: str, whole: str) -> bool:
    known = Words([whole])
    return normalised_text(part) != normalised_text(whole) and all(map(known.akin, words_of(part)))


def _in_full_account(outcome: FactOutcome, candidate: Candidate, revives: Memory | None) -> Verdict:
    outcome = replace(outcome, reason="over_quota")
    mine = importance_of(candidate.fact.text, kind=Kind.FACT, scope=candidate.key.scope)
    weaker = next(
        (m for m in candidate.room.weakest if m.importance < mine and not m.pinned and m.id != outcome.memory_id), None
    )
    if weaker is None:
        return Verdict(candidate.key, replace(outcome, outcome=Outcome.REJECTED), stored=False)
    changed = replace(outcome, outcome=Outcome.SUPERSEDED, others=(weaker.id,))
    return Verdict(candidate.key, changed, stored=True, supersedes=(weaker,), revives=revives)


def holds_since(memory: Memory) -> datetime:
    """When it was said, or a person last changed it or brought it back."""
    return max(memory.created_at, memory.updated_at)


def _unfit(fact: ProposedFact, agent_id: str | None) -> str | None:
    """Why the text itself is nothing to remember, or ``None``."""
    text = fact.text
    if not _WORD.search(text):
        return "no_text"
    if len(text) > MAX_FACT_CHARACTERS:
        return "too_long"
    if _REDACTED.search(text) or has_account_number(text):
        return "secret"
    if command_reason(text) is not None:
        return COMMAND
    if is_trivial(text):
        return "trivial"
    if fact.attributed_to == "assistant" and not agent_id and not _ABOUT_USER.match(text):
        return "no_agent"
    return None


def _holds(memory: Memory) -> bool:
    """Whether it is in force: neither replaced nor put aside."""
    return memory.superseded_by is None and memory.valid_until is None
