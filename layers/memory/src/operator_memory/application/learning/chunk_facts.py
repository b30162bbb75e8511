"""The facts of one chunk of a conversation: compared with what is known, judged and stored."""

import math
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.application.learning.limits import AccountRoom
from operator_memory.application.ports.core import Clock, LearnedMemories, MemorySearch
from operator_memory.application.ports.learning import FactExtractor, Redactor
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.conversation import Turn, said_at
from operator_memory.domain.learning.evidence import Evidence, Finding
from operator_memory.domain.learning.fact_gate import Candidate, KnownMemory, Room, Verdict, judge, route
from operator_memory.domain.learning.importance import importance_of
from operator_memory.domain.learning.jobs import FactOutcome, Outcome, RunJob, turn_id, without_erased
from operator_memory.domain.learning.learned_memory import learned_memory, remaining_memory, said_again, with_verdict
from operator_memory.domain.learning.proposals import Extraction, ProposedFact
from operator_memory.domain.learning.requests import NOT_TO_REMEMBER, Wishes, wishes_of
from operator_memory.domain.learning.turns_and_facts import TurnsAndFacts, in_force
from operator_memory.domain.memory.memory import UNWANTED, EmbeddedMemory, Memory, memory_id
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.shared.deletions import DELETED
from operator_memory.domain.shared.search_plan import Hit, Search, SearchMode, SearchPlan
from operator_memory.domain.text import normalised_text

NEIGHBOURS = 8
"""Memories of its scope that a fact is compared with: the nearest by meaning."""

SEARCH_TIMEOUT = 10.0

_PLACES = 20
"""Ids under which the same words are looked for, should people have changed what was stored under each before."""

_WORD = re.compile(r"\w{3,}")
_LATEST = 50


@dataclass(frozen=True, slots=True)
class FactDependencies:
    """What learning facts needs."""

    extractor: FactExtractor
    search: MemorySearch
    memories: GuardedWriter
    redactor: Redactor
    clock: Clock
    visibility: TurnVisibility
    learned: LearnedMemories


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a run's conversation. ``until``: when it was said at the latest; ``earlier``: the turns before it."""

    job: RunJob
    turns: Sequence[Turn]
    until: datetime
    earlier: Sequence[Turn] = ()


class ChunkFacts:
    """The facts of one chunk, judged one after another: each is also compared with those before it."""

    def __init__(self, ports: FactDependencies, room: AccountRoom, chunk: Chunk) -> None:
        self._ports = ports
        self._room = room
        self._chunk = chunk
        self._job = chunk.job
        self._left = 0
        self._new: dict[str, EmbeddedMemory] = {}
        self._findings: dict[str, Finding] = {}
        self._by_word: dict[str, deque[str]] = {}
        self._replaced: dict[str, str] = {}  # id of an older memory -> id of the one that took its place
        self._said = TurnsAndFacts()
        self._repeated: dict[str, set[str]] = {}  # ids of what is known and was said again, and of the turns that did
        self._kept: list[FactOutcome] = []

    @property
    def _account(self) -> AccountId:
        return self._job.account_id

    def store(self, extraction: Extraction) -> list[FactOutcome]:
        """The outcome of each fact, in order, and of each memory that was to be forgotten; all of it is stored."""
        facts = [self._redacted(fact) for fact in extraction.facts]
        evidence = Evidence(self._chunk.turns, facts, earlier=self._chunk.earlier)
        wishes = wishes_of(extraction.requests, evidence, [turn.role for turn in self._chunk.turns])
        outcomes = self._store_facts(facts, evidence, wishes) if facts else []
        return [*outcomes, *self._kept, *self._grant(wishes)]

    def _store_facts(self, facts: Sequence[ProposedFact], evidence: Evidence, wishes: Wishes) -> list[FactOutcome]:
        routes = [route(self._account, self._job.agent_id, fact) for fact in facts]
        named = self._named(facts)
        findings = [self._finding(fact, evidence, named, wishes) for fact in facts]
        made = zip(routes, facts, findings, strict=True)
        probes = [self._memory(key, identity, fact, finding) for (key, identity), fact, finding in made]
        deleted = self._ports.memories.deleted(self._account, probes)
        findings = [
            replace(finding, reason=finding.reason or DELETED) if probe.id in deleted else finding
            for probe, finding in zip(probes, findings, strict=True)
        ]
        stored = self._stored(probes)
        neighbours = self._neighbours(probes, facts)
        known_facts = self._ports.memories.count_facts(self._account, now=self._ports.clock.now())
        self._left = self._room.look(known_facts, wanted=len(facts))
        weakest = self._weakest(probes) if self._left < len(facts) else {}
        outcomes = []
        for probe, fact, finding, near in zip(probes, facts, findings, neighbours, strict=True):
            twin = stored.get(probe.id)
            known = _with_named(near, fact, named, probe.key)
            verdict = self._judged(probe, fact, finding, twin, (known, weakest.get(probe.key, ())))
            self._said.note(verdict, probe, twin)
            if verdict.outcome.outcome is Outcome.DUPLICATE:
                for known_id in verdict.outcome.others:
                    self._repeated.setdefault(known_id, set()).update(probe.said_in)
            self._take(verdict, EmbeddedMemory(probe, fact.vector))
            outcomes.append(verdict.outcome)
        erased = self._write(probes, stored)
        return without_erased(outcomes, erased)

    def _named(self, facts: Sequence[ProposedFact]) -> dict[str, Memory]:
        """The memories that ``facts`` say they replace or repeat."""
        ids = dict.fromkeys(i for fact in facts for i in (*fact.replaces, fact.same_as) if i)
        return self._ports.memories.stored(self._account, list(ids)) if ids else {}

    def _finding(self, fact: ProposedFact, evidence: Evidence, named: Mapping[str, Memory], wishes: Wishes) -> Finding:
        replaced = [named[i] for i in fact.replaces if i in named]
        day = self._chunk.until.date()
        finding = evidence.examine(fact, day=day, replaced=[memory.text for memory in replaced])
        if replaced and finding.reason is None and evidence.examine(fact, day=day).reason is not None:
            classes = tuple(memory.source_class for memory in replaced if memory.source_class)
            finding = replace(finding, drawn_from=classes)  # something in it was not said in this run
        return replace(finding, reason=NOT_TO_REMEMBER) if wishes.forbids(finding) else finding

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
            and max(twin.created_at, twin.updated_at) <= probe.created_at
            and twin.source_run_id != self._job.job_id
        )

    def _redacted(self, fact: ProposedFact) -> ProposedFact:
        """What the model made of a conversation without secrets has none; should it, nothing of it is kept."""
        redacted = self._ports.redactor.redact(fact.text)
        return replace(fact, text=redacted.text) if redacted.counts else fact

    def _neighbours(self, probes: Sequence[Memory], facts: Sequence[ProposedFact]) -> list[list[KnownMemory]]:
        """For each fact the memories of its scope that resemble it; one request for all."""
        searches = tuple(
            Search(probe.key, SearchMode.DENSE, NEIGHBOURS, vector=fact.vector)
            for probe, fact in zip(probes, facts, strict=True)
        )
        return [[KnownMemory(hit.memory, hit.score) for hit in hits] for hits in self._search(searches)]

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
        finding: Finding,
        twin: Memory | None,
        around: tuple[Sequence[KnownMemory], Sequence[Memory]],
    ) -> Verdict:
        """``around``: the memories that it is compared with, and the weakest of its scope."""
        known, weakest = around
        if probe.id in self._new:
            twin = self._new[probe.id].memory
            if probe.id not in self._replaced:
                outcome = FactOutcome(probe.id, probe.scope, Outcome.DUPLICATE, others=(probe.id,))
                return Verdict(probe.key, outcome, stored=False)
        if twin is not None and probe.id in self._replaced:  # by a fact of this chunk, and now it is said again
            twin = self._put_aside(twin, probe.created_at)
        return judge(
            Candidate(
                fact,
                probe.key,
                probe.id,
                finding,
                said_at=probe.created_at,
                run_id=self._job.job_id,
                author_id=self._job.author_id,
                speaker=probe.speaker,
                agent_id=self._job.agent_id,
                source=probe.message_id,
                twin=twin,
                known=self._compared(probe, fact, finding, known),
                room=self._room_for(probe.id, twin, [m for m in weakest if m.id not in self._replaced]),
            )
        )

    def _compared(
        self, probe: Memory, fact: ProposedFact, finding: Finding, known: Sequence[KnownMemory]
    ) -> list[KnownMemory]:
        """What a fact is compared with: the new ones of this chunk, and of the ``known`` what is still in force."""
        mine = [
            KnownMemory(new.memory, cosine(fact.vector, new.vector), self._same_words(finding, new.memory.id))
            for new in self._alike(fact)
            if new.memory.key == probe.key and new.memory.rejected is None and new.memory.id not in self._replaced
        ]
        others = [
            replace(k, same_words_said=self._by_earlier_attempt(k.memory, probe))
            for k in known
            if k.memory.id not in self._replaced and k.memory.id not in self._new
        ]
        return [*mine, *others]

    def _by_earlier_attempt(self, memory: Memory, probe: Memory) -> bool:
        """Whether an earlier attempt of this run has read ``memory`` from what was said at the same time."""
        return memory.source_run_id == self._job.job_id and memory.created_at == probe.created_at

    def _same_words(self, finding: Finding, identity: str) -> bool:
        return identity in self._findings and finding.shares_words(self._findings[identity])

    def _added(self) -> int:
        """How many facts more the account will have, what this chunk adds and puts aside included."""
        added = sum(new.memory.rejected is None and i not in self._replaced for i, new in self._new.items())
        return added - sum(older not in self._new for older in self._replaced)

    def _room_for(self, identity: str, twin: Memory | None, weakest: Sequence[Memory]) -> Room:
        """Whether one more fact may be stored."""
        left = self._left - self._added()
        mine = twin is not None and twin.source_run_id == self._job.job_id  # by an earlier attempt, which is counted
        owed = left < 0 and mine and not self._ports.memories.replaced_by(self._account, [identity])
        return Room(left > 0, weakest, owed)

    def _alike(self, fact: ProposedFact) -> list[EmbeddedMemory]:
        """Of the chunk's own new facts those that share most words with ``fact``: a long run has too many to compare
        it with all."""
        shared = Counter(identity for word in _words(fact.text) for identity in self._by_word.get(word, ()))
        return [self._new[identity] for identity, _ in shared.most_common(NEIGHBOURS)]

    def _take(self, verdict: Verdict, proposed: EmbeddedMemory) -> None:
        for older in verdict.supersedes:
            self._replaced[older.id] = verdict.outcome.memory_id
        for older, rest in verdict.remains:
            kept = remaining_memory(older, rest.text, at=proposed.memory.created_at)
            self._new.setdefault(kept.id, EmbeddedMemory(kept, rest.vector))
            self._kept.append(FactOutcome(kept.id, kept.scope, Outcome.KEPT, others=(older.id,)))
        if not verdict.stored:
            return
        memory = with_verdict(proposed.memory, verdict, now=self._ports.clock.now())
        if verdict.revives is not None:
            self._replaced.pop(memory.id, None)
        if verdict.outdated_by is not None:
            self._replaced[memory.id] = verdict.outdated_by.id
        self._new[memory.id] = EmbeddedMemory(memory, proposed.vector)
        self._findings[memory.id] = verdict.finding
        for word in _words(memory.text):
            self._by_word.setdefault(word, deque(maxlen=_LATEST)).append(memory.id)

    def _write(self, probes: Sequence[Memory], stored: Mapping[str, Memory]) -> set[str]:
        """Store what is new, then put aside what it replaces: a worker that dies in between is repeated."""
        # What is known may be the work of an attempt that was killed after an erasure, before its second look.
        known = [probe for probe in probes if probe.id in stored and probe.id not in self._new]
        erased = self._ports.memories.enforce(self._account, known) if known else set()
        self._have_sessions_follow()
        self._room.make(self._added(), staying={*self._new, *self._replaced, *self._repeated, *stored})
        moments = {probe.id: probe.created_at for probe in probes}
        ended = [self._ended(embedded, moments) for embedded in self._new.values()]
        if ended:
            erased |= self._ports.memories.upsert(self._account, ended)
        for newer in dict.fromkeys(self._replaced.values()):
            older = [i for i, by in self._replaced.items() if by == newer and i not in self._new]
            if older and newer not in erased:
                at = moments.get(newer, self._chunk.until)
                self._ports.memories.supersede(self._account, older, by=newer, at=at)
        self._note_repetitions()
        return erased

    def _note_repetitions(self) -> None:
        """Note of what was known that this run said it again: it stays if only the other run is taken back."""
        ids = [identity for identity in self._repeated if identity not in self._new]
        known = self._ports.memories.stored(self._account, ids) if ids else {}
        again = [said_again(memory, self._job.job_id, self._repeated[memory.id]) for memory in known.values()]
        if noted := [memory for memory in again if memory is not None]:
            self._ports.learned.note_learning(self._account, noted)

    def _have_sessions_follow(self) -> None:
        """Other sessions are no longer to recall what was said and holds no more. First of all: what replaces a memory
        is not found to do so again."""
        said, turns = self._said, self._ports.visibility
        older = [identity for identity in said.replaced if identity not in self._new]
        whole = self._ports.memories.stored(self._account, older) if older else {}
        replaced = [*whole.values(), *(self._new[i].memory for i in said.replaced if i in self._new)]
        gone = [*(replace(m, said_in=(*m.said_in, *said.turns_of(m.id))) for m in replaced), *said.untrue]
        if gone:
            spare = {m.id: said.turns_of(in_force(m.id, self._replaced)) for m in replaced}
            turns.withhold(self._account, gone, spare=spare)
        if said.of_agents:
            turns.withhold_sources(self._account, said.of_agents)
        for fact in said.hold_again.values():
            turns.release(self._account, fact)

    def _grant(self, wishes: Wishes) -> list[FactOutcome]:
        """Do what the person asked of the memory: other sessions do not recall the turns, the memories are retired."""
        ids = {index: turn_id(self._job, turn) for index, turn in enumerate(self._chunk.turns)}
        if wishes.unwanted:
            reasons = {ids[index]: (UNWANTED,) for index in wishes.unwanted}
            self._ports.visibility.withhold_turns(self._account, reasons)
        found = self._ports.memories.stored(self._account, list(wishes.forgotten)) if wishes.forgotten else {}
        mine = [m for m in found.values() if not m.pinned and _may_forget(m, self._job.author_id)]
        if mine:
            self._ports.visibility.withhold(self._account, mine)
        for memory in mine:
            turn = wishes.forgotten[memory.id]
            at = said_at(self._chunk.turns[turn], self._chunk.until)
            self._ports.memories.bury(self._account, [memory], at=at)
            self._ports.memories.supersede(self._account, [memory.id], by=ids[turn], at=at)
        return [FactOutcome(m.id, m.scope, Outcome.FORGOTTEN) for m in mine]

    def _ended(self, embedded: EmbeddedMemory, moments: Mapping[str, datetime]) -> EmbeddedMemory:
        """With its end, if a later fact of the same chunk took its place."""
        memory = embedded.memory
        if memory.superseded_by is not None or memory.id not in self._replaced:
            return embedded
        at = moments.get(self._replaced[memory.id], self._chunk.until)
        return EmbeddedMemory(self._put_aside(memory, at), embedded.vector)

    def _put_aside(self, memory: Memory, at: datetime) -> Memory:
        return replace(memory, superseded_by=self._replaced[memory.id], valid_until=at)

    def _memory(self, key: ScopeKey, identity: str, fact: ProposedFact, finding: Finding) -> Memory:
        memory = learned_memory(self._job, self._chunk.turns, self._chunk.until, (key, identity), fact, finding)
        return replace(memory, importance=importance_of(fact.text, kind=memory.kind, scope=key.scope))


def _with_named(
    near: Sequence[KnownMemory], fact: ProposedFact, named: Mapping[str, Memory], key: ScopeKey
) -> list[KnownMemory]:
    """``near``, and what ``fact`` names of its scope, as far as it is in force."""
    ids = {known.memory.id for known in near}
    wanted = dict.fromkeys((*fact.replaces, fact.same_as or ""))
    also = [named[i] for i in wanted if i in named and i not in ids]
    in_scope = [m for m in also if m.key == key and m.superseded_by is None and m.rejected is None]
    return [*near, *(KnownMemory(memory, 0.0) for memory in in_scope)]


def _may_forget(memory: Memory, author_id: str | None) -> bool:
    """Whether it is this member's to be forgotten, and not already retired."""
    mine = memory.author_id is None or author_id is None or memory.author_id == author_id
    return mine and memory.superseded_by is None and memory.scope is not Scope.SESSION


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
