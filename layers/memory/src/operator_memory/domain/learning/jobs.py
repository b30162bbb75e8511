"""An extraction job: what is asked, what became of it, and of every fact in it."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from operator_memory.domain.conversation import RawMessage, Turn
from operator_memory.domain.errors import MemoryServiceError, OutOfTimeError, TimeIsUpError
from operator_memory.domain.memory.memory import memory_id
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.shared.lease import LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class JobSubject:
    """Whose and which conversation a job is about; an erasure finds the records it concerns by it."""

    thread_id: str = ""
    session_id: str = ""
    agent_id: str | None = None
    author_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunJob:
    """A finished run whose conversation is to be remembered.

    ``messages`` is ``None`` when they are to be read from the platform (the thread after its watermark).
    """

    job_id: str
    account_id: AccountId
    thread_id: str
    status: str
    finished_at: datetime
    agent_id: str | None = None
    session_id: str | None = None
    author_id: str | None = None
    messages: tuple[RawMessage, ...] | None = None
    memory_enabled: bool = True
    """``False``: this one run is not to be remembered."""
    sent_at: datetime | None = None
    """When the job was put into the queue, by the queue's clock: the runner's may be wrong."""
    ends_at: float | None = None
    """When its worker's time ends, in seconds of the monotonic clock."""

    @property
    def effective_session_id(self) -> str:
        """The session of the thread; a thread without one of its own is its own session."""
        return self.session_id or self.thread_id

    @property
    def subject(self) -> JobSubject:
        """What the job's record says it is about."""
        return JobSubject(self.thread_id, self.effective_session_id, self.agent_id, self.author_id)


def turn_id(job: RunJob, turn: Turn) -> str:
    """The id that ``turn`` of the job's run has as a memory. It needs its position."""
    key = ScopeKey(Scope.SESSION, job.effective_session_id)
    return memory_id(job.account_id, key, turn.text, position=turn.position)


class Outcome(StrEnum):
    """What became of a fact or a turn."""

    ADDED = "added"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    """Added, in the place of an older memory that it contradicts or updates."""
    REJECTED = "rejected"
    FORGOTTEN = "forgotten"
    """A memory that was retired, because the person asked in the conversation to forget it."""
    KEPT = "kept"
    """A memory made of what stays true of one that was replaced; ``others`` names that one."""


@dataclass(frozen=True, slots=True)
class FactOutcome:
    """The outcome of one candidate. ``reason`` says why a rejected one was rejected, or a turn is withheld.

    Carries the memory's id, never its text: job records outlive an erasure check only by id.
    """

    memory_id: str
    scope: Scope
    outcome: Outcome
    reason: str | None = None
    source: str | None = None
    """The id of the message that it came from, where the messages have ids."""
    others: tuple[str, ...] = ()
    """Of a duplicate: the memory that says the same. Of one that supersedes: those that it took the place of.
    Of an outdated one: those, learned before it, that were said later."""


def outcome_counts(outcomes: Iterable[FactOutcome]) -> dict[str, int]:
    """How many of ``outcomes`` there are of each kind that occurs, e.g. ``{"added": 3, "duplicate": 1}``."""
    return dict(Counter(outcome.outcome.value for outcome in outcomes))


@dataclass(frozen=True, slots=True)
class FinishedChunk:
    """What a chunk of a job's conversation came to, kept so that no later attempt pays for it again.

    ``answered`` and ``failed`` count calls of the model; ``unreadable`` items of its answers that are no fact;
    ``passed_over`` turns of which it makes nothing.
    """

    outcomes: tuple[FactOutcome, ...] = ()
    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    answered: int = 0
    failed: int = 0
    unreadable: int = 0
    passed_over: int = 0


class JobState(StrEnum):
    """``queued`` (by the API) -> ``running`` -> ``done`` or ``failed``; a failed job that is retried runs again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The account of a job. Times are UTC; ``skipped`` counts messages left out or not read whole, by reason, and
    ``skipped_at`` has the numbers of the first of them, from 0."""

    account_id: AccountId
    job_id: str
    state: JobState
    content_hash: str
    updated_at: datetime
    attempts: int = 1
    facts: tuple[FactOutcome, ...] = ()
    turns: tuple[FactOutcome, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    skipped_at: Mapping[str, Sequence[int]] = field(default_factory=dict)
    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    redactions: Mapping[str, int] = field(default_factory=dict)
    """Secrets taken out of the conversation, by kind."""
    queued_at: datetime | None = None
    """When the API took it in; ``None`` for a job that came through the queue alone."""
    started_at: datetime | None = None
    """When the last attempt began."""
    undone_at: datetime | None = None
    """When a person took back what it taught. No worker takes it again."""
    error: str | None = None
    error_detail: str | None = None
    first_error: str | None = None
    """The reason of the first attempt that failed; ``error`` is that of the last."""
    subject: JobSubject = JobSubject()
    chunks: Mapping[str, FinishedChunk] = field(default_factory=dict)
    """Of a job that is not done: its chunks that are, by their keys."""
    notices: tuple[str, ...] = ()
    """What whoever reads the record should know of how the job was done, such as ``budget_used_up``."""

    def failed(self, *, error: str, detail: str, now: datetime) -> "JobRecord":
        """This record after an attempt that ended in ``error`` (a machine-readable reason)."""
        first = self.first_error or error
        return replace(
            self, state=JobState.FAILED, error=error, error_detail=detail[:500], first_error=first, updated_at=now
        )


def started(
    known: JobRecord | None, account_id: AccountId, job_id: str, content_hash: str, subject: JobSubject, now: datetime
) -> JobRecord:
    """The record of a job whose next attempt begins at ``now``; ``known``: what earlier ones left."""
    return JobRecord(
        account_id,
        job_id,
        JobState.RUNNING,
        content_hash,
        now,
        attempts=known.attempts + 1 if known else 1,
        subject=subject,
        queued_at=known.queued_at if known else None,
        started_at=now,
        first_error=known.first_error if known else None,
        chunks=known.chunks if known else {},
        notices=known.notices if known else (),
    )


def ended(record: JobRecord, error: BaseException, now: datetime) -> JobRecord:
    """The record of an attempt that ended in ``error``. Of a defect it keeps the type only: its message may quote the
    conversation."""
    if isinstance(error, TimeIsUpError):
        return record.failed(error="out_of_time", detail="the worker's time ended in the middle of it", now=now)
    if isinstance(error, OutOfTimeError) or not isinstance(error, Exception):  # not its fault: it goes on soon
        return replace(record, state=JobState.QUEUED, updated_at=now)
    if isinstance(error, MemoryServiceError):
        return record.failed(error=error.reason, detail=str(error), now=now)
    return record.failed(error="unexpected", detail=type(error).__name__, now=now)


class ClaimStatus(StrEnum):
    """The answer to a claim."""

    CLAIMED = "claimed"
    ALREADY_DONE = "already_done"
    IN_PROGRESS = "in_progress"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class JobClaim:
    """Whether this worker may run the job, and its record as stored."""

    status: ClaimStatus
    record: JobRecord


def content_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the job's canonical JSON: equal content gives an equal hash, whatever the key order."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def queue_text(body: Mapping[str, Any]) -> str:
    """Return a job's JSON for the queue, in about as many bytes of UTF-8 as its sender sees.

    Only characters that no queue message may hold are escaped.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _NOT_IN_A_MESSAGE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_NOT_IN_A_MESSAGE = re.compile("[\ud800-\udfff\ufffe\uffff]")

MAX_RECEIVES = 10
"""How often a message is tried before it is a dead letter: with the delays below for about an hour."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that is given up, with what is to be known about it. ``group_id``: its account."""

    body: str = field(repr=False)
    message_id: str
    group_id: str
    reason: str
    detail: str
    first_error: str
    receive_count: int
    sent_at: datetime | None


def without_erased(outcomes: Sequence[FactOutcome], erased: Collection[str]) -> list[FactOutcome]:
    """Those that were refused since a person erased their kind in the meantime are said to be so."""
    return [replace(o, outcome=Outcome.REJECTED, reason="erased") if o.memory_id in erased else o for o in outcomes]


def retry_delay_seconds(receive_count: int, *, leased: bool = False) -> int:
    """Seconds until a failed message is tried again: 5, 25, 125, then at most 600.

    ``leased``: another worker holds the job, or died with it; to come back earlier would only use up receives.
    """
    return LEASE_SECONDS if leased else min(600, int(5 ** min(max(receive_count, 1), 5)))
