"""Ports of learning in memory: jobs, their queue, watermarks, conversations, and an extractor that follows a script."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from operator_memory.application.ports.usage import UsageMeter
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
from operator_memory.domain.learning.proposals import Extraction, MemoryRequest, ProposedFact, Quote, TokenUsage
from operator_memory.domain.memory.saying import Saying
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.memory.wording import Words, words_of

from tests.support.fakes.core import FakeEmbedder, InMemoryMemories

_HOME = re.compile(r"User lives in (\w+)", re.IGNORECASE)


@dataclass
class InMemoryJobs:
    """Ports ``JobStore``, ``UndoableJobs`` and ``JobHistory``.

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
        done = known.state is JobState.DONE or known.undone_at is not None
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
            if known.state is JobState.DONE or known.undone_at is not None:
                return JobClaim(ClaimStatus.ALREADY_DONE, known)
            lease = self.leases.get(key)
            if known.state is JobState.RUNNING and lease is not None and lease > now:
                return JobClaim(ClaimStatus.IN_PROGRESS, known)
        record = started(known, account_id, job_id, content_hash, subject, now)
        self.records[key] = record
        self.leases[key] = now + timedelta(seconds=lease_seconds)
        return JobClaim(ClaimStatus.CLAIMED, record)

    def mark_undone(self, account_id: AccountId, job_id: str, *, now: datetime) -> JobClaim | None:
        key = (account_id, job_id)
        known = self.records.get(key)
        if known is None:
            return None
        if known.undone_at is not None:
            return JobClaim(ClaimStatus.ALREADY_DONE, known)
        lease = self.leases.get(key)
        held = known.state is JobState.RUNNING and lease is not None and lease > now
        if held or known.state is JobState.QUEUED:
            return JobClaim(ClaimStatus.IN_PROGRESS, known)
        self.records[key] = replace(known, undone_at=now)
        return JobClaim(ClaimStatus.CLAIMED, self.records[key])

    def save(self, record: JobRecord) -> None:
        key = (record.account_id, record.job_id)
        known = self.records.get(key)
        if known and known.undone_at is None and _same_attempt(known, record):
            kept = self.without_outcomes(record, self.erased[key]) if key in self.erased else record
            self.records[key] = kept
            self.leases.pop(key, None)

    def keep(self, record: JobRecord, *, lease_seconds: int) -> None:
        key = (record.account_id, record.job_id)
        known, lease = self.records.get(key), self.leases.get(key)
        if known and (known.undone_at is not None or not _same_attempt(known, record)):
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


def _same_attempt(one: JobRecord, other: JobRecord) -> bool:
    return (one.attempts, one.content_hash) == (other.attempts, other.content_hash)


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
    memories: InMemoryMemories | None = None
    """What the model is shown; ``None``: nothing."""
    earlier: list[tuple[Turn, ...]] = field(default_factory=list)
    error: Exception | None = None
    meter: UsageMeter | None = None
    tokens: TokenUsage = field(default_factory=lambda: TokenUsage(700, 30))
    """Of each call, where it is counted."""

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
        if self.meter is not None:
            prompt, completion = self.tokens.prompt, self.tokens.completion
            self.meter.count_calls(account_id, agent_id, calls=1, prompt_tokens=prompt, completion_tokens=completion)
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
