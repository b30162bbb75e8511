"""Use case: turns a finished run's conversation into memories, and gives every fact and turn in it an outcome."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from uuid import UUID

from operator_memory.application.learning.chunk_facts import SEARCH_TIMEOUT
from operator_memory.application.learning.learn_facts import MOST_EARLIER, LearnFacts
from operator_memory.application.learning.progress import Progress
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.ports.core import Clock, MemorySearch
from operator_memory.application.ports.learning import JobStore, Redactor, ThreadMessages, WatermarkStore
from operator_memory.application.ports.management import SwitchReader
from operator_memory.application.ports.usage import UsageMeter
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.conversation import (
    MAX_CHARACTERS,
    MAX_MESSAGE_CHARACTERS,
    RawMessage,
    Turn,
    Watermark,
    read_conversation,
    said_at,
    with_positions,
)
from operator_memory.domain.errors import (
    ConfigurationError,
    JobConflictError,
    JobInProgressError,
    MemoryServiceError,
)
from operator_memory.domain.learning.job_counts import added_by, job_counts, replaced_by
from operator_memory.domain.learning.jobs import (
    ClaimStatus,
    FactOutcome,
    JobClaim,
    JobRecord,
    JobState,
    Outcome,
    RunJob,
    ended,
)
from operator_memory.domain.memory.scopes import Scope, ScopeKey
from operator_memory.domain.message_content import READ_ROLES, message_text
from operator_memory.domain.shared.audit_events import EventType, Touched, repeatable_event_id
from operator_memory.domain.shared.deletions import DELETED
from operator_memory.domain.shared.lease import LEASE_SECONDS
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan
from operator_memory.domain.shared.tombstones import Target, TargetKind

MAX_MESSAGES = 5_000
"""Messages of one job."""

CLOCK_SKEW = timedelta(seconds=2)
"""How far the platform's clock may be ahead of the runner's. A message later than the run's end by more than
this belongs to the next run, which may be one that is not to be remembered."""

SWITCHES_TIMEOUT = 5.0
"""Seconds for reading the switches."""

STORING_SECONDS = 45
"""Seconds that embedding, comparing and storing the facts of a chunk may take: three calls of ten seconds and some."""

_LAST_MESSAGE_ID = str(UUID(int=2**128 - 1))
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ExtractionPolicy:
    """What a deployment sets."""

    lease_seconds: int = LEASE_SECONDS
    chunk_seconds: float = 60 + STORING_SECONDS
    """What one chunk of a conversation may take: the model's answer, and storing what comes of it."""
    enabled: bool = True
    """``False``: the deployment's own switch; what it leaves out is learned when it is on again."""


@dataclass(frozen=True, slots=True)
class ExtractionPorts:
    """What an extraction needs. ``thread_messages`` may be absent: then jobs must carry their messages."""

    jobs: JobStore
    redactor: Redactor
    search: MemorySearch
    switches: SwitchReader
    watermarks: WatermarkStore
    thread_messages: ThreadMessages | None
    clock: Clock
    usage: UsageMeter | None = None


class ExtractRun:
    """Extracts one job at a time. Running a job again, whole or after a crash, changes nothing."""

    def __init__(
        self,
        ports: ExtractionPorts,
        policy: ExtractionPolicy,
        *,
        turns: StoreTurns,
        facts: LearnFacts,
        memories: GuardedWriter,
        trail: AuditTrail,
    ) -> None:
        self._ports = ports
        self._policy = policy
        self._turns = turns
        self._facts = facts
        self._memories = memories
        self._trail = trail

    def extract(self, job: RunJob, content_hash: str) -> JobRecord:
        """Extract ``job`` and return its record.

        Raises:
            JobConflictError: the job id was used before with other content.
            JobInProgressError: another worker has it.
            MemoryServiceError: of the kind that stopped it. The record says so, and a repetition completes what was
                begun.
        """
        claim = self._claimed(job, content_hash)
        if claim.status is ClaimStatus.ALREADY_DONE:
            return claim.record
        known = replace(claim.record, queued_at=claim.record.queued_at or job.sent_at)
        progress = self._progress(job, known)
        try:
            record, watermark = self._run(job, progress)
        except Exception as error:
            self._ports.jobs.save(ended(progress.record, error, self._ports.clock.now()))
            raise
        except BaseException as error:  # the worker is to stop: nothing may hold it up
            with suppress(MemoryServiceError):
                self._ports.jobs.save(ended(progress.record, error, self._ports.clock.now()))
            raise
        self._note(job, record)  # before the job counts as done: a repetition notes and counts the same
        if self._ports.usage is not None:
            self._ports.usage.count_job(job.account_id, job.job_id, job.agent_id, job_counts(record))
        self._ports.jobs.save(record)
        if watermark is not None:
            # Last: a worker that dies before this line costs one more reading of the same messages. The other
            # way round its job would be repeated on none, and its record would say that nothing was said.
            self._ports.watermarks.advance(job.account_id, job.thread_id, watermark)
        return record

    def _claimed(self, job: RunJob, content_hash: str) -> JobClaim:
        claim = self._ports.jobs.claim(
            job.account_id,
            job.job_id,
            content_hash=content_hash,
            subject=job.subject,
            now=self._ports.clock.now(),
            lease_seconds=self._policy.lease_seconds,
        )
        if claim.status is ClaimStatus.CONFLICT:
            raise JobConflictError(f"job {job.job_id} was submitted before with other content")
        if claim.status is ClaimStatus.IN_PROGRESS:
            raise JobInProgressError(f"job {job.job_id} is being worked on")
        return claim

    def _progress(self, job: RunJob, record: JobRecord) -> Progress:
        return Progress(
            record,
            self._ports.jobs,
            self._ports.clock,
            lease_seconds=self._policy.lease_seconds,
            chunk_seconds=self._policy.chunk_seconds,
            ends_at=job.ends_at,
        )

    def _run(self, job: RunJob, progress: Progress) -> tuple[JobRecord, Watermark | None]:
        now = self._ports.clock.now()
        if job.sent_at is not None:
            now = min(now, job.sent_at)  # a job that waited in the queue through an erasure tells of what was before it
        job = replace(job, finished_at=min(job.finished_at, now))
        off = self._switched_off(job)
        if off is not None:
            if off != "memory_disabled":
                self._pass_over(job)
            return replace(_done(progress.record), skipped={off: 1}, updated_at=self._ports.clock.now()), None
        messages, watermark = self._messages(job)
        messages = _not_later(messages, now)
        kept = self._not_erased(job, messages)
        redactions: Counter[str] = Counter()
        conversation = read_conversation(kept, redact=partial(self._redacted, redactions))
        said = self._turns.without_deleted(job, with_positions(conversation.turns, job.job_id))
        earlier = self._earlier(job, len(said)) if said else ()
        turns = self._turns.store(job, said)
        learned = self._facts.learn(job, said, progress, earlier=earlier)
        facts = self._replacing(job, learned.outcomes, said) if progress.record.attempts > 1 else learned.outcomes
        left_out = {
            "erased": len(messages) - len(kept),
            DELETED: len(conversation.turns) - len(said),
            "not_understood": len(learned.passed_over),
            "unreadable_facts": learned.unreadable,
        }
        done = replace(
            _done(progress.record),
            facts=tuple(facts),
            turns=tuple(turns),
            skipped={**conversation.skipped, **{reason: count for reason, count in left_out.items() if count}},
            skipped_at=conversation.skipped_at if len(kept) == len(messages) else {},  # else they count others
            llm_calls=learned.llm_calls,
            prompt_tokens=learned.tokens.prompt,
            completion_tokens=learned.tokens.completion,
            redactions=dict(redactions),
            updated_at=self._ports.clock.now(),
        )
        return done, watermark

    def _switched_off(self, job: RunJob) -> str | None:
        """Why the run is not to be remembered, or ``None``.

        People's switches come first: what the deployment's own left out is learned when it is on again.
        """
        if not job.memory_enabled:
            return "memory_disabled_run"
        switches = self._ports.switches.read(
            job.account_id,
            agent_id=job.agent_id,
            thread_id=job.thread_id,
            session_id=job.session_id,
            timeout=SWITCHES_TIMEOUT,
        )
        if switches.off:
            return f"memory_disabled_{switches.off}"
        return None if self._policy.enabled else "memory_disabled"

    def _pass_over(self, job: RunJob) -> None:
        """Have the thread read on after the end of a run that people keep out of memory: what was said in it is not
        learned later either, when memory is on again.

        It comes before the job's record, which ends the job for good, and reads nothing: no other failure undoes it.
        """
        if self._ports.thread_messages is not None:
            end = Watermark(job.finished_at + CLOCK_SKEW, _LAST_MESSAGE_ID)
            self._ports.watermarks.advance(job.account_id, job.thread_id, end)

    def _messages(self, job: RunJob) -> tuple[Sequence[RawMessage], Watermark | None]:
        if job.messages is not None:
            return job.messages, None
        source = self._ports.thread_messages
        if source is None:
            raise ConfigurationError(
                "The job carries no messages and SUPABASE_URL is not set: set it, or send the messages with the job."
            )
        found: list[RawMessage] = []
        watermark = self._ports.watermarks.get(job.account_id, job.thread_id)
        room = MAX_CHARACTERS
        while len(found) < MAX_MESSAGES:
            page = self._page_of_run(source, job, watermark)
            sizes = list(accumulate(map(_size, page)))
            fitting = page[: bisect_right(sizes, room)]
            if fitting:
                found += fitting
                watermark = _watermark_of(fitting[-1])
                room -= sizes[len(fitting) - 1]
            if not page or len(fitting) < len(page):
                break
        return found, watermark  # what is beyond the most is read by the thread's next job

    def _page_of_run(self, source: ThreadMessages, job: RunJob, after: Watermark | None) -> list[RawMessage]:
        page = source.read(job.account_id, job.thread_id, after=after, limit=_PAGE)
        end = job.finished_at + CLOCK_SKEW
        of_run = [message for message in page if message.created_at is not None and message.created_at <= end]
        return [_unless_too_large(message) for message in of_run]

    def _not_erased(self, job: RunJob, messages: Sequence[RawMessage]) -> Sequence[RawMessage]:
        """Without what was said before a person erased it. No model sees that again."""
        times = _times(messages, job.finished_at)
        for tombstone in self._memories.find(job.account_id, _targets(job)):
            kept = [m for m, moment in zip(messages, times, strict=True) if moment > tombstone.erased_at]
            times = [moment for moment in times if moment > tombstone.erased_at]
            if len(kept) < len(messages):
                # An attempt before the erasure may have died after a write: that goes too.
                self._memories.erase(job.account_id, tombstone)
            messages = kept
        return messages

    def _earlier(self, job: RunJob, count: int) -> list[Turn]:
        """The last turns of the session before the run, oldest first; ``count``: how many turns the run has.

        They are read from memory, where what people have erased is gone. An earlier attempt may have stored the run's
        own, which are left out.
        """
        key = ScopeKey(Scope.SESSION, job.effective_session_id)
        plan = SearchPlan((Search(key, SearchMode.RECENT, MOST_EARLIER + min(count, _PAGE)),))
        now = self._ports.clock.now()
        found = self._ports.search.search(job.account_id, plan, now=now, timeout=SEARCH_TIMEOUT)[0]
        before = [hit.memory for hit in found if hit.memory.source_run_id != job.job_id]
        before.sort(key=lambda memory: (memory.created_at, memory.seq or 0))
        return [
            Turn(m.role or "user", m.text, m.message_id, m.created_at, m.speaker)
            for m in before[-MOST_EARLIER:]
            if m.created_at <= job.finished_at
        ]

    def _replacing(self, job: RunJob, facts: Sequence[FactOutcome], turns: Sequence[Turn]) -> Sequence[FactOutcome]:
        """``facts`` of a repetition, with what they took the place of: what an earlier attempt marked so is not found
        any more, and its record was not written."""
        new = [o.memory_id for o in facts if o.outcome in (Outcome.ADDED, Outcome.SUPERSEDED)]
        moments = {job.finished_at, *(said_at(turn, job.finished_at) for turn in turns)}
        marked: dict[str, dict[str, None]] = {}
        for memory in self._memories.replaced_by(job.account_id, new) if new else ():
            if memory.superseded_by is not None and memory.valid_until in moments:
                marked.setdefault(memory.superseded_by, {})[memory.id] = None
        return [
            replace(o, outcome=Outcome.SUPERSEDED, others=tuple(dict.fromkeys((*o.others, *marked[o.memory_id]))))
            if o.memory_id in marked and o.outcome in (Outcome.ADDED, Outcome.SUPERSEDED)
            else o
            for o in facts
        ]

    def _note(self, job: RunJob, record: JobRecord) -> None:
        """One event for all that the job added, one for all that it put aside."""
        added, replaced = added_by(record), replaced_by(record)
        about: dict[str, str | int | bool] = {"job_id": job.job_id, "facts": len(record.facts)}
        if job.author_id:
            about["author_id"] = job.author_id
        for what, cause, ids in ((EventType.ADD, "job", added), (EventType.UPDATE, "superseded", replaced)):
            if ids:
                self._trail.note(
                    job.account_id,
                    "system:extraction",
                    what,
                    Touched(tuple(ids), job.agent_id, job.thread_id),
                    event_id=repeatable_event_id(job.account_id, cause, job.job_id),
                    metadata=about,
                )

    def _redacted(self, counts: Counter[str], text: str) -> str:
        """``text`` without secrets: nobody after this sees one, no model, no embedder and no store."""
        redacted = self._ports.redactor.redact(text)
        counts.update(redacted.counts)
        return redacted.text


def _done(record: JobRecord) -> JobRecord:
    """``record`` without what is known only while the job goes on."""
    return replace(record, state=JobState.DONE, error=None, error_detail=None, chunks={})


def _not_later(messages: Sequence[RawMessage], now: datetime) -> Sequence[RawMessage]:
    """``messages``, none later than ``now``: what claims to be said tomorrow would outlive an erasure today."""
    return [
        replace(m, created_at=now) if m.created_at is not None and m.created_at.tzinfo and m.created_at > now else m
        for m in messages
    ]


def _targets(job: RunJob) -> list[Target]:
    """What a person may have erased that holds everything said in the job's conversation."""
    targets = {Target(TargetKind.ACCOUNT), Target(TargetKind.SESSION, job.thread_id)}
    targets.add(Target(TargetKind.SESSION, job.effective_session_id))
    if job.author_id:
        targets.add(Target(TargetKind.AUTHOR, job.author_id))
    return sorted(targets, key=lambda target: target.name)


def _size(message: RawMessage) -> int:
    """The characters of ``message`` that a model is to read, at most."""
    return min(len(message_text(message.content)), MAX_CHARACTERS) if message.type in READ_ROLES else 0


def _unless_too_large(message: RawMessage) -> RawMessage:
    """``message``, without its content if no job can read that: the thread is not to stand still before it."""
    if len(message_text(message.content)) <= MAX_MESSAGE_CHARACTERS:
        return message
    return replace(message, content=None, unread=("content",))


def _watermark_of(message: RawMessage) -> Watermark:
    if message.created_at is None or message.message_id is None:
        raise ValueError("a message of the platform has no time or no id")
    return Watermark(message.created_at, message.message_id)


def _times(messages: Sequence[RawMessage], end: datetime) -> list[datetime]:
    """When each message was said at the latest: one without a time before the next that has one, or before ``end``."""
    times: list[datetime] = []
    for message in reversed(messages):
        end = min(end, said_at(message, end))
        times.append(end)
    return times[::-1]
