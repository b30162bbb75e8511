"""The facts of one chunk of a conversation: compared with what is known, judged and stored."""

import math
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from operator_memory.application.ports.core import Clock, MemorySearch
from operator_memory.application.ports.learning import FactExtractor, Redactor
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.conversation import Turn, answers
from operator_memory.domain.learning.fact_gate import OUTDATED, Known, Room, Verdict, holds_since, judge, route
from operator_memory.domain.learning.grounding import Grounding
from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import FactOutcome, Outcome, RunJob, turn_id, without_erased
from operator_memory.domain.learning.proposals import ProposedFact
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.shared.search_plan import Hit, Search, SearchMode, SearchPlan
from operator_memory.domain.text import normalised_text

NEIGHBOURS = 8
"""Memories of its scope that a fact is compared with: the nearest by meaning."""

SEARCH_TIMEOUT = 10.0

QUARANTINE = timedelta(days=30)
"""How long a rejected fact waits for a person to look at it."""


@dataclass(frozen=True, slots=True)
class FactPorts:
    """What learning facts needs."""

    extractor: FactExtractor
    search: MemorySearch
    memories: GuardedWriter
    redactor: Redactor
    clock: Clock
    past_turns: TurnVisibility


class ChunkFacts:
    """The facts of one chunk, judged one after another: each is also compared with those before it."""

    def __init__(self, ports: FactPorts, quota: int, job: RunJob, turns: Sequence[Turn], until: datetime) -> None:
        self._ports = ports
        self._quota = quota
        self._job = job
        self._turns = turns
        self._said_at = until
        self._left = 0
        self._new: dict[str, EmbeddedMemory] = {}
        self._by_word: dict[str, deque[str]] = {}
        self._replaced: dict[str, str] = {}  # id of an older memory -> id of the one that took its place
        self._said = _WhatWasSaid()

    @property
    def _account(self) -> AccountId:
        return self._job.account_id

    def store(self, proposed: Sequence[ProposedFact]) -> list[FactOutcome]:
        """The outcome of each fact, in order; what is to be stored is stored."""
        facts = [self._redacted(fact) for fact in proposed]
        if not facts:
            return []
        routes = [route(self._account, self._job.agent_id, fact) for fact in facts]
        probes = [self._memory(key, identity, fact) for (key, identity), fact in zip(routes, facts, strict=True)]
        stored = self._stored(probes)
        neighbours = self._neighbours(probes, facts)
        self._left = self._quota - self._ports.memories.count_facts(self._account, now=self._ports.clock.now())
        weakest = self._weakest(probes) if self._left < len(facts) else {}
        # The model has seen what is known: a new fact may take a name from there.
        said = Grounding(self._turns, known=sorted({k.memory.text for known in neighbours for k in known}))
        outcomes = []
        for probe, fact, known in zip(probes, facts, neighbours, strict=True):
            verdict = self._judged(probe, fact, said, stored.get(probe.id), known, weakest.get(probe.key, ()))
            probe = replace(probe, said_in=self._said_in(verdict))
            self._said.note(verdict, probe, stored.get(probe.id))
            self._take(verdict, EmbeddedMemory(probe, fact.vector))
            outcomes.append(verdict.outcome)
        erased = self._write(probes, stored)
        return without_erased(outcomes, erased)

    def _stored(self, probes: list[Memory]) -> dict[str, Memory]:
        """What the account has under the ids of ``probes``. What has expired only waits for the sweep: it is not there.

        Where a person has changed the words since, what is said after that is another memory: it gets an id of its
        own in ``probes``, which is the same each time.
        """
        stored: dict[str, Memory] = {}
        places = list(range(len(probes)))
        for number in range(1, _PLACES):
            wanted = [probes[n] for n in places]
            found = self._ports.memories.stored(self._account, [probe.id for probe in wanted], wanted=wanted)
            now = self._ports.clock.now()
            stored |= {i: m for i, m in found.items() if m.expires_at is None or m.expires_at > now}
            places = [n for n in places if self._reworded(stored.get(probes[n].id), probes[n])]
            if not places:
                break
            for n in places:
                own = memory_id(self._account, probes[n].key, probes[n].text, position=f"again:{number}")
                probes[n] = replace(probes[n], id=own)
        return stored

    def _reworded(self, twin: Memory | None, probe: Memory) -> bool:
        """Whether ``twin``, which once said the same as ``probe``, said something else when this was said."""
        return (
            twin is not None
            and normalised_text(twin.text) != normalised_text(probe.text)
            and holds_since(twin) <= self._said_at
            and twin.source_run_id != self._job.job_id
        )

    def _redacted(self, fact: ProposedFact) -> ProposedFact:
        """What the model made of a conversation without secrets has none; should it, nothing of it is kept."""
        redacted = self._ports.redactor.redact(fact.text)
        return replace(fact, text=redacted.text) if redacted.counts else fact

    def _neighbours(self, probes: Sequence[Memory], facts: Sequence[ProposedFact]) -> list[list[Known]]:
        """For each fact the memories of its scope that resemble it; one request for all."""
        searches = tuple(
            Search(probe.key, SearchMode.DENSE, NEIGHBOURS, vector=fact.vector)
            for probe, fact in zip(probes, facts, strict=True)
        )
        return [[Known(hit.memory, hit.score) for hit in hits] for hits in self._search(searches)]

    def _weakest(self, probes: Sequence[Memory]) -> dict[ScopeKey, list[Memory]]:
        """The least important memories of each scope, as many as there are facts: a full account's give way."""
        scopes = list(dict.fromkeys(probe.key for probe in probes))
        searches = tuple(Search(key, SearchMode.WEAKEST, len(probes)) for key in scopes)
        found = self._search(searches)
        return {key: [hit.memory for hit in hits] for key, hits in zip(scopes, found, strict=True)}

    def _search(self, searches: tuple[Search, ...]) -> list[list[Hit]]:
        now = self._ports.clock.now()
        return self._ports.search.search(self._account, SearchPlan(searches), now=now, timeout=SEARCH_TIMEOUT)

    def _judged(
        self,
        probe: Memory,
        fact: ProposedFact,
        said: Grounding,
        twin: Memory | None,
        known: Sequence[Known],
        weakest: Sequence[Memory],
    ) -> Verdict:
        key, identity = probe.key, probe.id
        mine = [
            Known(new.memory, cosine(fact.vector, new.vector))
            for new in self._alike(fact)
            if new.memory.key == key and new.memory.rejected is None and new.memory.id not in self._replaced
        ]
        others = [k for k in known if k.memory.id not in self._replaced and k.memory.id not in self._new]
        if identity in self._new:
            twin = self._new[identity].memory
            if identity not in self._replaced:
                outcome = FactOutcome(identity, key.scope, Outcome.DUPLICATE, others=(identity,))
                return Verdict(key, outcome, stored=False)
        if twin is not None and identity in self._replaced:  # by a fact of this chunk, and now it is said again
            twin = self._put_aside(twin)
        return judge(
            key,
            identity,
            fact,
            agent_id=self._job.agent_id,
            turns=self._turns,
            said=said,
            said_at=self._said_at,
            twin=twin,
            known=[*mine, *others],
            run_id=self._job.job_id,
            room=self._room(identity, twin, [m for m in weakest if m.id not in self._replaced]),
        )

    def _room(self, identity: str, twin: Memory | None, weakest: Sequence[Memory]) -> Room:
        """Whether one more fact may be stored, what this chunk adds and puts aside included."""
        added = sum(new.memory.rejected is None and i not in self._replaced for i, new in self._new.items())
        left = self._left - added + sum(older not in self._new for older in self._replaced)
        mine = twin is not None and twin.source_run_id == self._job.job_id  # by an earlier attempt, which is counted
        owed = left < 0 and mine and not self._ports.memories.replaced_by(self._account, [identity])
        return Room(left > 0, weakest, owed)

    def _alike(self, fact: ProposedFact) -> list[EmbeddedMemory]:
        """Of the chunk's own new facts those that share most words with ``fact``: a long run has too many to compare
        it with all."""
        shared = Counter(identity for word in _words(fact.text) for identity in self._by_word.get(word, ()))
        return [self._new[identity] for identity, _ in shared.most_common(NEIGHBOURS)]

    def _take(self, verdict: Verdict, proposed: EmbeddedMemory) -> None:
        outcome = verdict.outcome
        for older in verdict.supersedes:
            self._replaced[older.id] = outcome.memory_id
        if not verdict.stored:
            return
        memory = replace(proposed.memory, message_id=outcome.source, speaker=self._speaker_of(outcome.source))
        if (again := verdict.revives) is not None:
            # It holds again, with all that people have done to it, as what this run has learned.
            kept = {name: getattr(again, name) for name in _OF_PEOPLE}
            said_in = tuple(dict.fromkeys((*again.said_in, *memory.said_in)))[-_MOST_SAID_IN:]
            memory = replace(memory, **kept, author_id=memory.author_id or again.author_id, said_in=said_in)
            self._replaced.pop(memory.id, None)
        if verdict.outdated_by is not None:
            self._replaced[memory.id] = verdict.outdated_by.id
            until = min(holds_since(verdict.outdated_by), self._ports.clock.now())
            memory = replace(memory, superseded_by=verdict.outdated_by.id, valid_until=until)
        elif outcome.outcome is Outcome.REJECTED:
            memory = replace(
                memory,
                rejected=outcome.reason,
                valid_until=self._said_at,
                expires_at=self._ports.clock.now() + QUARANTINE,
            )
        self._new[memory.id] = EmbeddedMemory(memory, proposed.vector)
        for word in _words(memory.text):
            self._by_word.setdefault(word, deque(maxlen=_LATEST)).append(memory.id)

    def _said_in(self, verdict: Verdict) -> tuple[str, ...]:
        """The turns that say it, and the question before that it answers."""
        places = set(verdict.turns)
        first = verdict.turns[0] if verdict.turns else 0
        if first and answers(self._turns[first], self._turns[first - 1]):
            places.add(first - 1)
        return tuple(turn_id(self._job, self._turns[place]) for place in sorted(places))

    def _speaker_of(self, message_id: str | None) -> str | None:
        return next((turn.name for turn in self._turns if message_id and turn.message_id == message_id), None)

    def _write(self, probes: Sequence[Memory], stored: Mapping[str, Memory]) -> set[str]:
        """Store what is new, then put aside what it replaces: a worker that dies in between is repeated."""
        # What is known may be the work of an attempt that was killed after an erasure, before its second look.
        known = [probe for probe in probes if probe.id in stored and probe.id not in self._new]
        erased = self._ports.memories.enforce(self._account, known) if known else set()
        self._have_sessions_follow()
        ended = [self._ended(embedded) for embedded in self._new.values()]
        if ended:
            erased |= self._ports.memories.upsert(self._account, ended)
        for newer in dict.fromkeys(self._replaced.values()):
            older = [i for i, by in self._replaced.items() if by == newer and i not in self._new]
            if older and newer not in erased:
                self._ports.memories.supersede(self._account, older, by=newer, at=self._said_at)
        return erased

    def _have_sessions_follow(self) -> None:
        """Other sessions are no longer to recall what was said and holds no more. First of all: what replaces a memory
        is not found to do so again."""
        said, turns = self._said, self._ports.past_turns
        older = [identity for identity in said.replaced if identity not in self._new]
        whole = self._ports.memories.stored(self._account, older) if older else {}
        replaced = [*whole.values(), *(self._new[i].memory for i in said.replaced if i in self._new)]
        gone = [*(replace(m, said_in=(*m.said_in, *said.turns_of(m.id))) for m in replaced), *said.untrue]
        if gone:
            turns.withhold(self._account, gone, spare={m.id: said.turns_of(self._in_force(m.id)) for m in replaced})
        if said.agents:
            turns.withhold_sources(self._account, said.agents)
        for fact in said.again.values():
            turns.release(self._account, fact)

    def _in_force(self, identity: str) -> str:
        """What holds in the place of a memory that something of this chunk replaced."""
        seen: set[str] = set()
        while identity in self._replaced and identity not in seen:
            seen.add(identity)
            identity = self._replaced[identity]
        return identity

    def _ended(self, embedded: EmbeddedMemory) -> EmbeddedMemory:
        """With its end, if a later fact of the same chunk took its place."""
        memory = embedded.memory
        if memory.superseded_by is not None or memory.id not in self._replaced:
            return embedded
        return EmbeddedMemory(self._put_aside(memory), embedded.vector)

    def _put_aside(self, memory: Memory) -> Memory:
        return replace(memory, superseded_by=self._replaced[memory.id], valid_until=self._said_at)

    def _memory(self, key: ScopeKey, identity: str, fact: ProposedFact) -> Memory:
        job = self._job
        return Memory(
            id=identity,
            account_id=job.account_id,
            scope=key.scope,
            kind=Kind.FACT,
            text=fact.text,
            created_at=self._said_at,
            updated_at=self._said_at,
            agent_id=key.owner_id,
            session_id=job.effective_session_id,  # where it was learned: it is erased with that session
            thread_id=job.thread_id,
            author_id=job.author_id,
            attributed_to=fact.attributed_to,
            source_run_id=job.job_id,
            importance=importance_of(fact.text, kind=Kind.FACT, scope=key.scope),
        )


class _WhatWasSaid:
    """Which facts of a chunk hold, and which do not, as far as the turns that say them are concerned."""

    def __init__(self) -> None:
        self.replaced: dict[str, None] = {}  # ids of what something of this chunk made untrue
        self.untrue: list[Memory] = []
        self.agents: list[Memory] = []
        self.again: dict[str, Memory] = {}  # by id, what holds again
        self._turns: dict[str, dict[str, None]] = {}  # id of a memory -> of this chunk's turns those that say it

    def note(self, verdict: Verdict, fact: Memory, twin: Memory | None) -> None:
        """``twin``: what is stored under the fact's id."""
        outcome = verdict.outcome
        if outcome.reason != "over_quota":  # what gave way to it is not untrue
            self.replaced |= dict.fromkeys(older.id for older in verdict.supersedes)
        for older in verdict.supersedes:
            self.again.pop(older.id, None)
        if verdict.revives is not None and verdict.outdated_by is None:
            self.replaced.pop(fact.id, None)
            self.again[fact.id] = verdict.revives
        elif outcome.outcome is not Outcome.REJECTED and twin is not None and twin.rejected is not None:
            self.again |= {fact.id: twin} if verdict.stored else {}  # somebody's guess then, and now it is so
        if _does_not_hold(outcome, fact, twin):
            self.untrue.append(fact)
        elif outcome.outcome is not Outcome.REJECTED and outcome.reason != "quarantined":
            known = outcome.others[0] if outcome.outcome is Outcome.DUPLICATE and outcome.others else fact.id
            self._turns.setdefault(known, {}).update(dict.fromkeys(fact.said_in))
            if fact.scope is Scope.AGENT:
                self.agents.append(fact)

    def turns_of(self, identity: str) -> tuple[str, ...]:
        """The turns of this chunk that say what the memory says."""
        return tuple(self._turns.get(identity, ()))


def _does_not_hold(outcome: FactOutcome, fact: Memory, twin: Memory | None) -> bool:
    """Whether it is known to be out of date, was corrected by a person since, or waits in quarantine because nobody
    said so (the assistant may have) or it is a command."""
    if outcome.outcome is Outcome.REJECTED:
        return outcome.reason == OUTDATED or outcome.reason in _MISTRUSTED
    if outcome.outcome is not Outcome.DUPLICATE or twin is None:
        return False
    corrected = normalised_text(twin.text) != normalised_text(fact.text)
    return corrected or twin.rejected in _MISTRUSTED


_MISTRUSTED = ("instruction_like", "not_grounded")

_MOST_SAID_IN = 100
"""Turns that a fact names which holds again and again; the latest stay."""

_PLACES = 20
"""Ids under which the same words are looked for, should people have changed what was stored under each before."""
_OF_PEOPLE = ("pinned", "importance", "version", "history", "access_count", "last_accessed_at", "expires_at")

_WORD = re.compile(r"\w{3,}")
_LATEST = 50


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def cosine(a: Vector, b: Vector) -> float:
    """The cosine of two vectors of the same length; 0 if one is all zeros, or not known here.

    Two facts of one chunk whose vectors only the store knows are compared by their words alone.
    """
    if isinstance(a, InferenceText) or isinstance(b, InferenceText):
        return 0.0
    length = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0
