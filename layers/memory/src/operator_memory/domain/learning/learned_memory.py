"""A fact as the memory that it becomes: where it belongs, what it was learned from, and what became of it. Pure."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta

from operator_memory.domain.conversation import Turn, answers, said_at
from operator_memory.domain.learning.evidence import Finding
from operator_memory.domain.learning.fact_gate import Verdict, holds_since
from operator_memory.domain.learning.jobs import Outcome, RunJob, turn_id
from operator_memory.domain.learning.moments import spoken_of
from operator_memory.domain.learning.proposals import ProposedFact
from operator_memory.domain.memory.memory import Memory, memory_id
from operator_memory.domain.memory.provenance import MOST_QUOTES, SaidWords
from operator_memory.domain.memory.scopes import Kind, ScopeKey

QUARANTINE = timedelta(days=30)
"""How long a rejected fact waits for a person to look at it."""

_MOST_SAID_IN = 100
"""Turns that a fact names which holds again and again; the latest stay."""

_MOST_RUNS = 100
"""Runs that a fact names which have said it again; the latest stay."""

_OF_PEOPLE = ("pinned", "importance", "version", "history", "access_count", "last_accessed_at", "expires_at")


def learned_memory(
    job: RunJob,
    turns: Sequence[Turn],
    until: datetime,
    place: tuple[ScopeKey, str],
    fact: ProposedFact,
    finding: Finding,
) -> Memory:
    """The memory that ``fact`` would be. ``place``: its scope and id. ``until``: when the turns were said at the
    latest; the time of the turn that says the fact counts where it is known."""
    key, identity = place
    source = None if finding.source is None else turns[finding.source]
    moment = until if source is None else min(until, said_at(source, until))
    return Memory(
        id=identity,
        account_id=job.account_id,
        scope=key.scope,
        kind=Kind.FACT,
        text=fact.text,
        created_at=moment,
        updated_at=moment,
        agent_id=key.owner_id,
        session_id=job.effective_session_id,  # where it was learned: it is erased with that session
        thread_id=job.thread_id,
        author_id=job.author_id,
        attributed_to=fact.attributed_to,
        speaker=None if source is None else source.name,
        message_id=None if source is None else source.message_id,
        source_run_id=job.job_id,
        said_in=tuple(_said_in(job, turns, finding)),
        evidence=tuple(_evidence(job, turns, until, finding)),
        source_class=finding.source_class,
        when=spoken_of(fact.when, finding.texts, moment.date()),
        inferred=fact.inferred,
    )


def _said_in(job: RunJob, turns: Sequence[Turn], finding: Finding) -> Iterator[str]:
    """The turns that say it, and the question before the first that it answers."""
    places = set(finding.turns)
    first = min(places, default=0)
    if first and answers(turns[first], turns[first - 1]):
        places.add(first - 1)
    yield from (turn_id(job, turns[place]) for place in sorted(places))


def _evidence(job: RunJob, turns: Sequence[Turn], until: datetime, finding: Finding) -> Iterator[SaidWords]:
    """Quotes of earlier turns are not kept: they may be another member's, and whoever erases what that one said would
    not find them."""
    for quote in [quote for quote in finding.quotes if quote.turn >= 0][:MOST_QUOTES]:
        turn = turns[quote.turn]
        yield SaidWords(
            quote.text,
            message_id=turn.message_id,
            role=turn.role,
            speaker=turn.name,
            author_id=job.author_id,
            said_at=said_at(turn, until),
            run_id=job.job_id,
        )


def with_verdict(memory: Memory, verdict: Verdict, *, now: datetime) -> Memory:
    """``memory`` as it is to be stored."""
    outcome = verdict.outcome
    if (again := verdict.revives) is not None:
        # It holds again, with all that people have done to it, as what this run has learned.
        kept = {name: getattr(again, name) for name in _OF_PEOPLE}
        said_in = tuple(dict.fromkeys((*again.said_in, *memory.said_in)))[-_MOST_SAID_IN:]
        memory = replace(memory, **kept, author_id=memory.author_id or again.author_id, said_in=said_in)
    if verdict.outdated_by is not None:
        until = min(holds_since(verdict.outdated_by), now)
        return replace(memory, superseded_by=verdict.outdated_by.id, valid_until=until)
    if outcome.outcome is Outcome.REJECTED:
        end = now + QUARANTINE
        return replace(memory, rejected=outcome.reason, valid_until=memory.created_at, expires_at=end)
    return memory


def said_again(memory: Memory, run_id: str, turns: AbstractSet[str]) -> Memory | None:
    """``memory`` with the note that the run said it, too; ``None`` if it has been noted, or taught by that run, or if
    the ids of its ``turns`` are those that it was learned from: a thread that is read twice says nothing twice."""
    if memory.kind is not Kind.FACT or run_id in (memory.source_run_id, *memory.repeated_in):
        return None
    if turns and turns <= set(memory.said_in):
        return None
    return replace(memory, repeated_in=(*memory.repeated_in, run_id)[-_MOST_RUNS:])


def remaining_memory(older: Memory, text: str, *, at: datetime) -> Memory:
    """What stays true of ``older``, as a memory of its own: said when that was, and changed now."""
    identity = memory_id(older.account_id, older.key, text)
    return replace(older, id=identity, text=text, updated_at=max(older.updated_at, at), version=1, history=())
