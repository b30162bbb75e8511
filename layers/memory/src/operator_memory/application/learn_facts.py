"""The part of an extraction that finds, judges and stores facts: one model call a chunk of the conversation."""

import math
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from operator_memory.application.guarded_writer import GuardedWriter
from operator_memory.application.ports import (
    Clock,
    FactExtractor,
    MemorySearch,
    ProposedFact,
    Redactor,
    TokenUsage,
)
from operator_memory.domain.conversation import Turn, chunked, said_at
from operator_memory.domain.erasure import Target, TargetKind
from operator_memory.domain.errors import AnswerTooLongError, MalformedResponseError, UpstreamError
from operator_memory.domain.gate import Known, Room, Verdict, holds_since, judge, route
from operator_memory.domain.grounding import Grounding
from operator_memory.domain.importance import importance_of
from operator_memory.domain.jobs import FactOutcome, Outcome, RunJob, without_erased
from operator_memory.domain.models import EmbeddedMemory, Memory, memory_id, normalised_text
from operator_memory.domain.retrieval import Hit, Search, SearchMode, SearchPlan
from operator_memory.domain.scopes import AccountId, Kind, ScopeKey
from operator_memory.domain.vectors import InferenceText, Vector

NEIGHBOURS = 8
"""Memories of its scope that a fact is compared with: the nearest by meaning."""

SEARCH_TIMEOUT = 10.0
PATIENCE = 5
"""Attempts after which a model that answers nothing of use is not asked the same again."""

MOST_FAILED_CALLS = 24
"""Calls of one job that may fail while it looks for what the model makes nothing of."""

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


@dataclass(slots=True)
class FactsReport:
    """What came of it."""

    outcomes: list[FactOutcome] = field(default_factory=list)
    llm_calls: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)
    answered: int = 0  # calls that were of use
    failed: int = 0  # calls that were not, and were made again about less
    passed_over: list[UpstreamError] = field(default_factory=list)
    """Why turns were, one each, of which the model makes nothing while it copes with the rest."""


class LearnFacts:
    """Learns the facts of one conversation at a time. A repetition stores nothing twice."""

    def __init__(self, ports: FactPorts, *, chunk_characters: int, quota: int) -> None:
        """``chunk_characters``: most of a conversation in one model call. ``quota``: most facts of an account."""
        self._ports = ports
        self._chunk_characters = chunk_characters
        self._quota = quota

    def __call__(self, job: RunJob, turns: Sequence[Turn], *, attempt: int = 1) -> FactsReport:
        """Find, judge and store the facts of ``turns``. ``attempt``: the how manieth try of the job this is.

        Raises:
            MemoryServiceError: of the kind that stopped it. What the model makes nothing of stops it too, unless it
                is a part of the conversation, and the model copes with another part.
        """
        report = FactsReport()
        for part, until in self._parts(job, turns):
            for chunk in chunked(part, self._chunk_characters):
                self._learn(job, chunk, until, report, attempt)
        if report.passed_over and not report.answered:
            raise report.passed_over[-1]
        return report

    def _learn(self, job: RunJob, chunk: Sequence[Turn], until: datetime, report: FactsReport, attempt: int) -> None:
        """Learn from ``chunk``; in halves, where the model has more to say about it than it may say at once, or makes
        nothing of it: to ask the same again would give the same, until the job is given up, and the thread's next job
        after it, which reads the same messages.
        """
        try:
            extraction = self._ports.extractor.extract(
                job.account_id, chunk, observed_at=job.finished_at, agent_id=job.agent_id
            )
        except UpstreamError as error:
            too_long = isinstance(error, AnswerTooLongError) and len(chunk) > 1
            if not (too_long or _is_hopeless(error, attempt)) or report.failed == MOST_FAILED_CALLS:
                raise
            report.llm_calls += 1
            report.failed += 1
            if len(chunk) == 1:
                report.passed_over.append(error)
                return
            middle = len(chunk) // 2
            for half in (chunk[:middle], chunk[middle:]):
                self._learn(job, half, until, report, attempt)
            return
        report.answered += 1
        report.llm_calls += extraction.llm_calls
        report.tokens += extraction.tokens
        report.outcomes += _Chunk(self._ports, self._quota, job, chunk, until).store(extraction.facts)

    def _parts(self, job: RunJob, turns: Sequence[Turn]) -> Iterator[tuple[Sequence[Turn], datetime]]:
        """The turns that are read together, and until when they were said.

        A person may have cleared the user's or the agent's memory in the middle of the conversation. What was said
        before is read apart, so that its facts are known to be older: for the other scope they are still wanted.
        """
        targets = [Target(TargetKind.USER)] + ([Target(TargetKind.AGENT, job.agent_id)] if job.agent_id else [])
        for cleared_at in sorted(stone.erased_at for stone in self._ports.memories.find(job.account_id, targets)):
            before = [turn for turn in turns if said_at(turn, job.finished_at) <= cleared_at]
            turns = [turn for turn in turns if said_at(turn, job.finished_at) > cleared_at]
            yield before, min(cleared_at, job.finished_at)
        yield turns, job.finished_at


def _is_hopeless(error: UpstreamError, attempt: int) -> bool:
    """Whether it is the model, and to ask the same again is of no use: it refuses, or has been asked often."""
    refused = not error.retryable
    return error.system == "llm" and (refused or (isinstance(error, MalformedResponseError) and attempt >= PATIENCE))


class _Chunk:
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
            memory = replace(memory, **kept, author_id=memory.author_id or again.author_id)
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

    def _speaker_of(self, message_id: str | None) -> str | None:
        return next((turn.name for turn in self._turns if message_id and turn.message_id == message_id), None)

    def _write(self, probes: Sequence[Memory], stored: Mapping[str, Memory]) -> set[str]:
        """Store what is new, then put aside what it replaces: a worker that dies in between is repeated."""
        # What is known may be the work of an attempt that was killed after an erasure, before its second look.
        known = [probe for probe in probes if probe.id in stored and probe.id not in self._new]
        erased = self._ports.memories.enforce(self._account, known) if known else set()
        ended = [self._ended(embedded) for embedded in self._new.values()]
        if ended:
            erased |= self._ports.memories.upsert(self._account, ended)
        for newer in dict.fromkeys(self._replaced.values()):
            older = [i for i, by in self._replaced.items() if by == newer and i not in self._new]
            if older and newer not in erased:
                self._ports.memories.supersede(self._account, older, by=newer, at=self._said_at)
        return erased

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
