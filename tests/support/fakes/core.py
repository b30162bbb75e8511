"""In-memory implementations of the ports. They pass the same contract tests as the real adapters."""

import hashlib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory.domain.conversation import RawMessage, Turn, Watermark
from operator_memory.domain.errors import JobInProgressError, MemoryServiceError
from operator_memory.domain.learning.jobs import (
    ClaimStatus,
    DeadLetter,
    FactOutcome,
    JobClaim,
    JobRecord,
    JobState,
    JobSubject,
    started,
)
from operator_memory.domain.learning.proposals import Extraction, MemoryRequest, ProposedFact, Quote
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.keyword_text import keyword_text
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.saying import Saying
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.memory.wording import Words, words_of
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan

DIMENSIONS = 32


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    time: datetime = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


def words(text: str) -> set[str]:
    return {word.strip(".,:!?'()").lower() for word in text.split()}


@dataclass
class FakeEmbedder:
    """Vectors from the words of a text: the same words, the same vector; shared words, similar vectors."""

    calls: list[list[str]] = field(default_factory=list)
    error: MemoryServiceError | None = None
    dimensions: int = DIMENSIONS

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        self.calls.append(list(texts))
        if self.error:
            raise self.error
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [1e-6] * self.dimensions
        for word in words(text):
            vector[hashlib.sha256(word.encode("utf-8", "replace")).digest()[0] % self.dimensions] += 1.0
        length = math.hypot(*vector)
        return [x / length for x in vector]


def _numbers(vector: Vector | None) -> Sequence[float]:
    """The vector itself: this store makes none of a text."""
    assert vector is not None
    assert not isinstance(vector, InferenceText)
    return vector


@dataclass
class InMemoryMemories:
    """Ports ``MemorySearch``, ``MemoryWriter``, ``TurnMarks`` and ``ExpiredMemories``."""

    points: dict[AccountId, dict[str, EmbeddedMemory]] = field(default_factory=dict)
    before_upsert: Callable[[], None] = lambda: None

    def of(self, account_id: AccountId) -> list[Memory]:
        """All memories of the account, by id."""
        return [self.points[account_id][i].memory for i in sorted(self.points.get(account_id, {}))]

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        visible = [
            e
            for e in self.points.get(account_id, {}).values()
            if not any(end is not None and end <= now for end in (e.memory.expires_at, e.memory.valid_until))
        ]
        return [self._hits(search, plan, visible) for search in plan.searches]

    def _hits(self, search: Search, plan: SearchPlan, visible: Sequence[EmbeddedMemory]) -> list[Hit]:
        of_scope = [e for e in visible if _within(e.memory, search.key)]
        if search.mode is SearchMode.PINNED:
            of_scope = [e for e in of_scope if e.memory.pinned]
        hits = [Hit(e.memory, self._score(search, plan, e)) for e in of_scope]
        if search.mode in (SearchMode.DENSE, SearchMode.KEYWORD):
            hits = sorted((h for h in hits if h.score > 0), key=lambda h: -h.score)
        elif search.mode is SearchMode.IMPORTANT:
            hits.sort(key=lambda h: -h.memory.importance)
        elif search.mode is SearchMode.WEAKEST:
            hits = sorted((h for h in hits if not h.memory.pinned), key=lambda h: h.memory.importance)
        else:
            hits.sort(key=lambda h: h.memory.created_at, reverse=True)
        return hits[: search.limit]

    def _score(self, search: Search, plan: SearchPlan, embedded: EmbeddedMemory) -> float:
        if search.mode is SearchMode.DENSE:
            vector = plan.vector if search.vector is None else search.vector
            return sum(a * b for a, b in zip(_numbers(vector), _numbers(embedded.vector), strict=True))
        if search.mode is SearchMode.KEYWORD:
            indexed = keyword_text(embedded.memory, embedded.before)
            return float(len(words(search.text or plan.text or "") & words(indexed)))
        return 0.0

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        return set(ids) & set(self.points.get(account_id, {}))

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        return {i: e.memory for i, e in self.points.get(account_id, {}).items() if i in ids}

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        mine = self.points.get(account_id, {})
        for identity in set(ids) & set(mine):
            if not mine[identity].memory.pinned:
                ended = replace(mine[identity].memory, superseded_by=by, valid_until=at)
                mine[identity] = replace(mine[identity], memory=ended)

    def withhold(self, account_id: AccountId, reasons: Mapping[str, Collection[str]]) -> None:
        for turn in self._turns(account_id):
            self._mark(turn, (*turn.withheld_by, *sorted(reasons.get(turn.id, ()))))

    def release(self, account_id: AccountId, reason: str) -> None:
        for turn in self._turns(account_id):
            self._mark(turn, tuple(r for r in turn.withheld_by if r != reason))

    def _turns(self, account_id: AccountId) -> list[Memory]:
        return [memory for memory in self.of(account_id) if memory.kind is Kind.TURN]

    def _mark(self, turn: Memory, reasons: tuple[str, ...]) -> None:
        mine = self.points[turn.account_id]
        marked = replace(turn, withheld_by=tuple(dict.fromkeys(reasons)))
        mine[turn.id] = replace(mine[turn.id], memory=marked)

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        return [m for m in self.of(account_id) if m.superseded_by in ids]

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        facts = [e.memory for e in self.points.get(account_id, {}).values() if e.memory.kind is Kind.FACT]
        return sum(not any(end is not None and end <= now for end in (m.expires_at, m.valid_until)) for m in facts)

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        if any(embedded.memory.account_id != account_id for embedded in memories):
            raise ValueError("a memory of another account")
        self.before_upsert()
        self.points.setdefault(account_id, {}).update({e.memory.id: e for e in memories})

    def delete_expired(self, account_id: AccountId, *, now: datetime, limit: int) -> int:
        mine = self.points.get(account_id, {})
        gone = [i for i, e in mine.items() if e.memory.expires_at is not None and e.memory.expires_at <= now][:limit]
        for identity in gone:
            del mine[identity]
        return len(gone)

    def next_expiry(self, account_id: AccountId, *, after: datetime) -> datetime | None:
        ends = [e.memory.expires_at for e in self.points.get(account_id, {}).values()]
        return min((end for end in ends if end is not None and end > after), default=None)


def _within(memory: Memory, key: ScopeKey | AnyScope) -> bool:
    if isinstance(key, ScopeKey):
        return memory.key == key
    said = memory.scope is Scope.SESSION and (key.withheld or not memory.withheld_by)
    return memory.key in key.keys or (key.past_sessions and said)


@dataclass
class InMemoryJobs:
    """Ports ``JobStore`` and ``JobHistory``.

    ``erased`` says which outcomes a record does not take again: those of a scope, or all.
    """

    records: dict[tuple[AccountId, str], JobRecord] = field(default_factory=dict)
    leases: dict[tuple[AccountId, str], datetime] = field(default_factory=dict)
    erased: dict[tuple[AccountId, str], Scope | None] = field(default_factory=dict)

    def enqueue(
        self, account_id: AccountId, job_id: str, *, content_hash: str, subject: JobSubject, now: datetime
    ) -> JobClaim:
        known = self.records.get((account_id, job_id))
        if known is None:
            record = JobRecord(
                account_id, job_id, JobState.QUEUED, content_hash, now, 0, subject=subject, queued_at=now
            )
            self.records[account_id, job_id] = record
            return JobClaim(ClaimStatus.CLAIMED, record)
        if known.content_hash != content_hash:
            return JobClaim(ClaimStatus.CONFLICT, known)
        done = known.state is JobState.DONE
        return JobClaim(ClaimStatus.ALREADY_DONE if done else ClaimStatus.IN_PROGRESS, known)

    def claim(
        self,
        account_id: AccountId,
        job_id: str,
        *,
        content_hash: str,
        subject: JobSubject,
        now: datetime,
        lease_seconds: int,
    ) -> JobClaim:
        key = (account_id, job_id)
        known = self.records.get(key)
        if known is not None:
            if known.content_hash != content_hash:
                return JobClaim(ClaimStatus.CONFLICT, known)
            if known.state is JobState.DONE:
                return JobClaim(ClaimStatus.ALREADY_DONE, known)
            lease = self.leases.get(key)
            if known.state is JobState.RUNNING and lease is not None and lease > now:
                return JobClaim(ClaimStatus.IN_PROGRESS, known)
        record = started(known, account_id, job_id, content_hash, subject, now)
        self.records[key] = record
        self.leases[key] = now + timedelta(seconds=lease_seconds)
        return JobClaim(ClaimStatus.CLAIMED, record)

    def save(self, record: JobRecord) -> None:
        key = (record.account_id, record.job_id)
        known = self.records.get(key)
        if known and (known.attempts, known.content_hash) == (record.attempts, record.content_hash):
            kept = self.without_outcomes(record, self.erased[key]) if key in self.erased else record
            self.records[key] = kept
            self.leases.pop(key, None)

    def keep(self, record: JobRecord, *, lease_seconds: int) -> None:
        key = (record.account_id, record.job_id)
        known, lease = self.records.get(key), self.leases.get(key)
        if known and (known.attempts, known.content_hash) != (record.attempts, record.content_hash):
            raise JobInProgressError(f"a later attempt has job {record.job_id}")
        self.save(record)
        if known and lease:
            self.leases[key] = lease

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        return self.records.get((account_id, job_id))

    def page(self, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[JobRecord], str | None]:
        mine = sorted(job for account, job in self.records if account == account_id and job > (after or ""))
        return [self.records[account_id, job] for job in mine[:limit]], mine[limit - 1] if len(mine) > limit else None

    @staticmethod
    def without_outcomes(record: JobRecord, scope: Scope | None) -> JobRecord:
        """The record without its facts of ``scope``; ``None``: without any outcome."""

        def left(outcomes: Iterable[FactOutcome]) -> tuple[FactOutcome, ...]:
            return tuple(outcome for outcome in outcomes if scope is not None and outcome.scope is not scope)

        chunks = {key: replace(chunk, outcomes=left(chunk.outcomes)) for key, chunk in record.chunks.items()}
        if scope is None:
            return replace(record, facts=(), turns=(), error_detail=None, chunks=chunks)
        return replace(record, facts=left(record.facts), chunks=chunks)


@dataclass
class InMemoryWatermarks:
    """Port ``WatermarkStore``."""

    marks: dict[tuple[AccountId, str], Watermark] = field(default_factory=dict)

    def get(self, account_id: AccountId, thread_id: str) -> Watermark | None:
        return self.marks.get((account_id, thread_id))

    def advance(self, account_id: AccountId, thread_id: str, watermark: Watermark) -> None:
        known = self.marks.get((account_id, thread_id))
        if known is None or watermark > known:
            self.marks[account_id, thread_id] = watermark


@dataclass
class InMemoryExpiryIndex:
    """Port ``ExpiryIndex``."""

    entries: dict[AccountId, DueAccount] = field(default_factory=dict)
    versions: dict[AccountId, int] = field(default_factory=dict)

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        known = self.entries.get(account_id)
        earliest = min(_whole_second(due_at), known.due_at) if known else _whole_second(due_at)
        self._put(account_id, earliest)

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:
        return [entry for entry in self.entries.values() if entry.due_at <= now][:limit]

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:
        if self.versions.get(entry.account_id) != entry.version:
            return False
        self._put(entry.account_id, None if next_due_at is None else _whole_second(next_due_at))
        return True

    def _put(self, account_id: AccountId, due_at: datetime | None) -> None:
        version = self.versions[account_id] = self.versions.get(account_id, 0) + 1
        if due_at is None:
            self.entries.pop(account_id, None)
        else:
            self.entries[account_id] = DueAccount(account_id, due_at, version)


def _whole_second(moment: datetime) -> datetime:
    """Rounded up, as the table does it: an account is never due before something has expired."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)


@dataclass
class FakeThreadMessages:
    """Port ``ThreadMessages`` on messages given by the test, each with a time and an id."""

    threads: dict[tuple[AccountId, str], list[RawMessage]] = field(default_factory=dict)

    def read(self, account_id: AccountId, thread_id: str, *, after: Watermark | None, limit: int) -> list[RawMessage]:
        found = [(_mark(message), message) for message in self.threads.get((account_id, thread_id), [])]
        found.sort(key=lambda pair: pair[0])
        return [message for mark, message in found if after is None or mark > after][:limit]


def _mark(message: RawMessage) -> Watermark:
    assert message.created_at is not None
    assert message.message_id is not None
    return Watermark(message.created_at, message.message_id)


@dataclass
class FakeJobQueue:
    """Port ``JobQueue``; notes what is asked of it."""

    retries: list[tuple[str, int]] = field(default_factory=list)
    holds: list[tuple[str, int]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    error: MemoryServiceError | None = None

    def hold(self, receipt_handle: str, *, seconds: int) -> None:
        self.holds.append((receipt_handle, seconds))
        if self.error:
            raise self.error

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        self.retries.append((receipt_handle, delay_seconds))
        if self.error:
            raise self.error

    def dead_letter(self, letter: DeadLetter) -> None:
        if self.error:
            raise self.error
        self.letters.append(letter)


@dataclass
class ScriptedExtractor:
    """Port ``FactExtractor``: a fact for every turn of the user's, or what the test says.

    It quotes as a good model does, what says the fact in most of its words, and names what a fact of where the user
    lives makes untrue.
    """

    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    calls: list[tuple[AccountId, tuple[Turn, ...], datetime, str | None]] = field(default_factory=list)
    facts: Callable[[Sequence[Turn]], list[tuple[str, str]]] | None = None
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the text of a fact other fields of it."""
    requests: tuple[MemoryRequest, ...] = ()
    only_said: bool = False
    """Whether a fact is proposed only for the call whose turns say it, in a run of many calls."""
    memories: "InMemoryMemories | None" = None
    """What the model is shown; ``None``: nothing."""
    earlier: list[tuple[Turn, ...]] = field(default_factory=list)
    error: Exception | None = None

    def extract(
        self,
        account_id: AccountId,
        turns: Sequence[Turn],
        *,
        observed_at: datetime,
        agent_id: str | None,
        earlier: Sequence[Turn] = (),
    ) -> Extraction:
        self.calls.append((account_id, tuple(turns), observed_at, agent_id))
        self.earlier.append(tuple(earlier))
        if self.error:
            raise self.error
        found = self.facts(turns) if self.facts else [(turn.text, "user") for turn in turns if turn.role == "user"]
        if self.only_said:
            found = [(text, about) for text, about in found if any(Saying(t.text).says(text) for t in turns)]
        vectors = self.embedder.embed([text for text, _ in found], timeout=1) if found else []
        facts = [
            replace(
                ProposedFact(
                    text, about, vector, quotes=quotes_of(text, turns), replaces=self._untrue(account_id, text)
                ),
                **self.details.get(text, {}),
            )
            for (text, about), vector in zip(found, vectors, strict=True)
        ]
        return Extraction(tuple(facts), llm_calls=1, requests=self.requests)

    def _untrue(self, account_id: AccountId, text: str) -> tuple[str, ...]:
        """The memories that ``text`` makes untrue: those of another home."""
        home = _HOME.match(text)
        shown = self.memories.of(account_id) if self.memories is not None else []
        homes = [(m, found[1]) for m in shown if m.valid_until is None and (found := _HOME.match(m.text))]
        return tuple(memory.id for memory, other in homes if home and other.casefold() != home[1].casefold())


_HOME = re.compile(r"User lives in (\w+)", re.IGNORECASE)


def quotes_of(fact: str, turns: Sequence[Turn]) -> tuple[Quote, ...]:
    """The turns that say ``fact``, and the question before the first; those that share most words with it, if none
    says it in most of its words."""
    known = list(words_of(fact))
    shares = [sum(map(Words([turn.text]).akin, known)) for turn in turns]
    asked = ["", *(turn.text if "?" in turn.text else "" for turn in turns)]
    says = [n for n, turn in enumerate(turns) if Saying(turn.text, asked=asked[n][-300:]).says(fact)]
    most = max(shares, default=0)
    found = says or [n for n, share in enumerate(shares) if share == most and most > 0]
    persons = [n for n in found if turns[n].role == "user"]
    chosen = persons or found
    if chosen and chosen[0] and turns[chosen[0] - 1].role == "assistant" and turns[chosen[0]].role == "user":
        chosen = [chosen[0] - 1, *chosen]
    return tuple(Quote(turns[n].text, n) for n in chosen)
