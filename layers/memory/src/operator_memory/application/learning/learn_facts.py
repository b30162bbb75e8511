"""The part of an extraction that finds, judges and stores facts: one model call a chunk of the conversation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from operator_memory.application.learning.chunk_facts import Chunk, ChunkFacts, FactDependencies
from operator_memory.application.learning.limits import AccountLimits, AccountRoom
from operator_memory.application.learning.progress import Progress, chunk_key
from operator_memory.domain.conversation import Turn, chunked, said_at
from operator_memory.domain.errors import (
    AnswerTooLongError,
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
)
from operator_memory.domain.learning.jobs import FactOutcome, FinishedChunk, RunJob
from operator_memory.domain.learning.proposals import TokenUsage
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.domain.usage.budget import BUDGET_USED_UP
from operator_memory.domain.usage.quota import Quota

MOST_EARLIER = 10
"""Turns before those of one model call that the model is shown."""

PATIENCE = 5
"""Attempts after which a model that answers nothing of use is not asked the same again."""

MOST_FAILED_CALLS = 24
"""Calls of one job that may fail while it looks for what the model makes nothing of."""


@dataclass(slots=True)
class FactsReport:
    """What came of it."""

    outcomes: list[FactOutcome] = field(default_factory=list)
    llm_calls: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)
    answered: int = 0  # calls that were of use
    failed: int = 0  # calls that were not, and were made again about less
    unreadable: int = 0  # items of the answers that are no fact
    passed_over: list[UpstreamError] = field(default_factory=list)
    """Why turns were, one each, of which the model makes nothing while it copes with the rest."""

    def add(self, chunk: FinishedChunk) -> None:
        """Count what an earlier attempt has finished."""
        self.outcomes += chunk.outcomes
        self.llm_calls += chunk.llm_calls
        self.tokens += TokenUsage(chunk.prompt_tokens, chunk.completion_tokens)
        self.answered += chunk.answered
        self.failed += chunk.failed
        self.unreadable += chunk.unreadable
        self.passed_over += [UpstreamRejectedError("llm", "passed over")] * chunk.passed_over

    def since(self, before: "FactsReport") -> FinishedChunk:
        """What came of what was learned since the report was as ``before``, a copy."""
        return FinishedChunk(
            tuple(self.outcomes[len(before.outcomes) :]),
            self.llm_calls - before.llm_calls,
            self.tokens.prompt - before.tokens.prompt,
            self.tokens.completion - before.tokens.completion,
            self.answered - before.answered,
            self.failed - before.failed,
            self.unreadable - before.unreadable,
            len(self.passed_over) - len(before.passed_over),
        )


@dataclass(frozen=True, slots=True)
class _Means:
    """What one job's facts are learned by, and how many its account may have."""

    ports: FactDependencies
    quota: Quota
    by_rules: bool = False
    """In place of the model, which is not called then."""


class LearnFacts:
    """Learns the facts of one conversation at a time. A repetition stores nothing twice."""

    def __init__(self, ports: FactDependencies, *, chunk_characters: int, limits: AccountLimits) -> None:
        """``chunk_characters``: most of a conversation in one model call."""
        self._ports = ports
        self._chunk_characters = chunk_characters
        self._limits = limits

    def learn(
        self, job: RunJob, turns: Sequence[Turn], progress: Progress, *, earlier: Sequence[Turn] = ()
    ) -> FactsReport:
        """Find, judge and store the facts of ``turns``.

        ``progress``: of the job, whose finished chunks are not learned again. ``earlier``: the turns before the run,
        oldest first.

        Raises:
            OutOfTimeError: there is no time for the rest; what is finished is kept.
            MemoryServiceError: of the kind that stopped it. What the model makes nothing of stops it too, unless it
                is a part of the conversation, and the model copes with another part.
        """
        report, means = FactsReport(), None
        chunks = list(self._chunks(job, turns, earlier))
        for chunk in chunks:
            key = chunk_key(job, chunk.turns, chunk.until)
            known = progress.finished(key)
            if known is not None:
                report.add(known)
                continue
            progress.begin_chunk()
            means = means or self._means(job, progress)
            before = replace(report, outcomes=list(report.outcomes), passed_over=list(report.passed_over))
            self._learn(chunk, report, progress.record.attempts, means)
            if chunk is not chunks[-1]:  # after the last only the record is left to write
                progress.keep(key, report.since(before))
        if report.passed_over and not report.answered:
            progress.forget()  # when the model is another one, it is asked about all of it
            raise report.passed_over[-1]
        return report

    def _means(self, job: RunJob, progress: Progress) -> "_Means":
        """What the job's facts are learned by: the rules in place of the model, once its account's budget is used up.

        It is asked once, before the first call: to change over in the middle of a run would save little.
        """
        quota, without = self._limits.quota.quota(job.account_id), self._limits.without_model
        if without is None or without.budget.allows_model(job.account_id):
            return _Means(self._ports, quota)
        progress.notice(BUDGET_USED_UP)
        return _Means(replace(self._ports, extractor=without.extractor), quota, by_rules=True)

    def _chunks(self, job: RunJob, turns: Sequence[Turn], earlier: Sequence[Turn]) -> Iterator[Chunk]:
        for part, until in self._parts(job, turns):
            for turns_of_call in chunked(part, self._chunk_characters):
                yield Chunk(job, turns_of_call, until, tuple(earlier)[-MOST_EARLIER:])
                earlier = (*earlier, *turns_of_call)

    def _learn(self, chunk: Chunk, report: FactsReport, attempt: int, means: "_Means") -> None:
        """Learn from ``chunk``; in halves, where the model has more to say about it than it may say at once, or makes
        nothing of it: to ask the same again would give the same, until the job is given up, and the thread's next job
        after it, which reads the same messages.
        """
        try:
            extraction = means.ports.extractor.extract(
                chunk.job.account_id,
                chunk.turns,
                observed_at=chunk.job.finished_at,
                agent_id=chunk.job.agent_id,
                earlier=chunk.earlier,
            )
        except UpstreamError as error:
            too_long = isinstance(error, AnswerTooLongError) and len(chunk.turns) > 1
            if not (too_long or _is_hopeless(error, attempt)) or report.failed == MOST_FAILED_CALLS:
                raise
            report.llm_calls += 1
            report.failed += 1
            if len(chunk.turns) == 1:
                report.passed_over.append(error)
                return
            for half in _halves(chunk):
                self._learn(half, report, attempt, means)
            return
        report.answered += 1
        report.llm_calls += 0 if means.by_rules else extraction.llm_calls
        report.tokens += extraction.tokens
        report.unreadable += extraction.unreadable
        room = AccountRoom(means.quota, self._limits.room, chunk.job.account_id)
        report.outcomes += ChunkFacts(means.ports, room, chunk).store(extraction)

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


def _halves(chunk: Chunk) -> Iterator[Chunk]:
    middle = len(chunk.turns) // 2
    first, second = chunk.turns[:middle], chunk.turns[middle:]
    yield replace(chunk, turns=first)
    yield replace(chunk, turns=second, earlier=(*chunk.earlier, *first)[-MOST_EARLIER:])


def _is_hopeless(error: UpstreamError, attempt: int) -> bool:
    """Whether it is the model, and to ask the same again is of no use: it refuses, or has been asked often."""
    refused = not error.retryable
    return error.system == "llm" and (refused or (isinstance(error, MalformedResponseError) and attempt >= PATIENCE))
