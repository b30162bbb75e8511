"""Contracts of the management API about the account: settings, usage, import, erasures, jobs."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from operator_memory.application.management.import_memories import ImportReport
from operator_memory.domain.learning.jobs import FactOutcome, JobRecord, JobState, Outcome, outcome_counts
from operator_memory.domain.learning.taught import Undone
from operator_memory.domain.management.erasure import Erasure, ErasureState, not_covered
from operator_memory.domain.management.listing import Usage
from operator_memory.domain.memory.scopes import Scope
from operator_memory.domain.shared.archive_views import ArchiveUsage
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.entrypoints.contracts.job import JobBody
from operator_memory.entrypoints.contracts.memories import Closed, Id

JSON_KEYS = 100
JSON_BYTES = 64 * 1024


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """What the platform's database takes as JSON, and a JSON answer can give back."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except ValueError:
        raise ValueError("holds half a surrogate pair, or a number that is none") from None
    if "\\u0000" in text.replace("\\\\", ""):  # the escape, not a text that spells it out
        raise ValueError("holds a null character")
    if size > JSON_BYTES:
        raise ValueError(f"must be at most {JSON_BYTES} bytes, not {size}")
    return value


Configuration = Annotated[dict[str, Any], Field(max_length=JSON_KEYS), AfterValidator(_storable)]


class AccountSettingsBody(Closed):
    """The account's switches; those that are left out stay as they are."""

    memory_enabled: bool | None = Field(
        default=None, description="Off: nothing is recalled or learned. Viewing, exporting and deleting go on working."
    )
    record_queries: bool | None = Field(
        default=None, description="On: the words of searches are kept in the trail. Off by default."
    )


class AgentSettingsBody(Closed):
    """An agent's switch and configuration."""

    memory_enabled: bool | None = None
    memory_config: Configuration | None = None


class ThreadSettingsBody(Closed):
    """A thread's switch and session."""

    memory_enabled: bool | None = None
    memory_session_id: Id | None = Field(default=None, description="`null`: the thread is its own session again.")


def changes_of(body: BaseModel) -> dict[str, object]:
    """What ``body`` sets: the fields that were sent with a value, and a session that is to be none."""
    sent = body.model_dump(exclude_unset=True)
    return {name: value for name, value in sent.items() if value is not None or name == "memory_session_id"}


class SettingsView(BaseModel):
    """The values as the platform holds them."""

    settings: dict[str, Any]


class ArchiveUsageView(BaseModel):
    """How much is archived."""

    memories: int
    bytes: int = Field(description="Of payloads and vectors, as the store held them: before compression.")


class UsageView(BaseModel):
    """How much is stored: counts of memories. What is archived counts under ``archived`` only."""

    total: int
    active: int
    pinned: int
    by_scope: dict[str, int]
    by_kind: dict[str, int]
    by_agent: dict[str, int]
    archived: ArchiveUsageView


def usage_view(usage: Usage, archived: ArchiveUsage) -> UsageView:
    """``usage`` for an answer, with what is archived."""
    return UsageView(**asdict(usage), archived=ArchiveUsageView(**asdict(archived)))


class RejectedLine(BaseModel):
    """A line that was not brought back, and why. Lines count from 1; empty ones do not count."""

    line: int
    reason: str


class ImportView(BaseModel):
    """What became of every line."""

    added: int
    duplicates: int
    skipped: int = Field(description="Lines that hold no memory, such as jobs and events.")
    rejected: list[RejectedLine]
    import_id: str = Field(description="By which it can be taken back: `POST /v1/undo`.")
    stopped_early: bool = Field(description="There was no time for all lines: send the rest, from `continue_at` on.")
    continue_at: int | None = Field(description="The first line that was not read; null if all were.")
    waiting: int = Field(description="Of the added: facts that wait in quarantine for an owner to approve.")
    withheld: int = Field(
        description="Of the added: turns that read like a command. Other sessions do not recall them."
    )


def import_view(report: ImportReport) -> ImportView:
    """``report`` for an answer."""
    return ImportView(
        added=report.added,
        duplicates=report.duplicates,
        skipped=report.skipped,
        rejected=[RejectedLine(line=number, reason=reason) for number, reason in report.rejected],
        import_id=report.import_id,
        stopped_early=report.continue_at is not None,
        continue_at=report.continue_at,
        waiting=report.waiting,
        withheld=report.withheld,
    )


class ErasureBody(Closed):
    """What is to be forgotten for good."""

    target: TargetKind = Field(
        description="`account`: everything. `user`: the user memory. `agent`, `session`, `author`: that of `id`."
    )
    id: Id | None = Field(default=None, description="The agent, session or member, where the target needs one.")
    confirm: Literal["erase"] = Field(description="Must be `erase`: this cannot be undone.")

    @model_validator(mode="after")
    def _id_fits(self) -> Self:
        needs = self.target not in (TargetKind.ACCOUNT, TargetKind.USER)
        if needs != (self.id is not None):
            raise ValueError(f"id {'is required for' if needs else 'does not fit'} the target {self.target.value}")
        return self

    def to_target(self) -> Target:
        """As the use case wants it."""
        return Target(self.target, self.id)


class NotCoveredView(BaseModel):
    """Copies that the erasure does not reach, and when they are gone (null: not known before it is complete)."""

    where: Literal["dead_letters", "dead_events", "backups"] = Field(
        description="`dead_letters`: runs that were given up. `dead_events`: searches that did not reach the trail."
        " `backups`: copies of the stores."
    )
    until: datetime | None


class ErasureView(BaseModel):
    """The receipt. Counts are by store; ``remaining`` was counted after the deletion.

    ``archived_unreadable`` in it are lines of the archive that could not be read, and so not be told apart.
    """

    id: str
    account_id: str
    target: TargetKind
    target_id: str | None
    requested_by: str
    erased_at: datetime = Field(description="What was said up to this moment is gone and cannot come back.")
    state: ErasureState
    held: str | None = Field(description="While it is `waiting`: the reason of the legal hold that is in the way.")
    removed: dict[str, int]
    remaining: dict[str, int]
    completed_at: datetime | None
    verified_at: datetime | None
    not_covered: list[NotCoveredView] = Field(description="What the erasure does not reach.")


class ErasureList(BaseModel):
    """Newest first."""

    erasures: list[ErasureView]


def erasure_view(erasure: Erasure, backup_days: int) -> ErasureView:
    """``erasure`` for an answer. ``backup_days``: how long backups of the stores are kept."""
    return ErasureView(
        id=erasure.id,
        account_id=erasure.account_id,
        target=erasure.target.kind,
        target_id=erasure.target.id,
        requested_by=erasure.requested_by,
        erased_at=erasure.erased_at,
        state=erasure.state,
        held=erasure.held,
        removed=dict(erasure.removed),
        remaining=dict(erasure.remaining),
        completed_at=erasure.completed_at,
        verified_at=erasure.verified_at,
        not_covered=[
            NotCoveredView.model_validate(asdict(copy)) for copy in not_covered(erasure, backup_days=backup_days)
        ],
    )


class SubmittedJob(JobBody):
    """A finished run, as in the jobs queue; ``job_id`` may be left out where an Idempotency-Key is sent."""

    job_id: Id | None = None  # type: ignore[assignment]
    account_id: Id | None = None  # type: ignore[assignment]


class OutcomeView(BaseModel):
    """What became of one fact or turn."""

    memory_id: str
    scope: Scope
    outcome: Outcome
    reason: str | None = None
    source: str | None = Field(default=None, description="The id of the message that the fact came from.")
    others: list[str] = Field(
        default=[], description="The memories that say the same, or those that this one took the place of."
    )


class Costs(BaseModel):
    """What the model took."""

    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    estimated_usd: float | None = Field(description="By the prices in the settings; null without them.")


class Times(BaseModel):
    """When what happened. ``seconds``: of the last attempt."""

    queued_at: datetime | None
    started_at: datetime | None
    updated_at: datetime
    seconds: float | None


class JobView(BaseModel):
    """The account of an extraction job."""

    job_id: str
    account_id: str
    state: JobState
    times: Times
    attempts: int
    counts: dict[str, int] = Field(description="Outcomes of the facts.")
    undone_at: datetime | None = Field(description="When a person took back what it taught.")
    facts: list[OutcomeView]
    turns: list[OutcomeView]
    skipped: dict[str, int] = Field(description="Messages that were not read, or not whole, by reason.")
    skipped_at: dict[str, list[int]] = Field(description="Which these are: the first fifty, counted from 0.")
    redactions: dict[str, int] = Field(description="Secrets that were taken out before anything was read, by kind.")
    costs: Costs
    first_error: str | None
    error: str | None
    error_detail: str | None


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens; 0 where they are not known."""

    prompt: float = 0.0
    completion: float = 0.0


def job_view(record: JobRecord, prices: Prices) -> JobView:
    """``record`` for an answer."""
    started = record.started_at
    spent = record.prompt_tokens * prices.prompt + record.completion_tokens * prices.completion
    priced = prices.prompt > 0 or prices.completion > 0
    return JobView(
        job_id=record.job_id,
        account_id=record.account_id,
        state=record.state,
        times=Times(
            queued_at=record.queued_at,
            started_at=started,
            updated_at=record.updated_at,
            seconds=None if started is None else max(0.0, (record.updated_at - started).total_seconds()),
        ),
        attempts=record.attempts,
        counts=outcome_counts(record.facts),
        undone_at=record.undone_at,
        facts=[_outcome(fact) for fact in record.facts],
        turns=[_outcome(turn) for turn in record.turns],
        skipped=dict(record.skipped),
        skipped_at={reason: list(numbers) for reason, numbers in record.skipped_at.items()},
        redactions=dict(record.redactions),
        costs=Costs(
            llm_calls=record.llm_calls,
            prompt_tokens=record.prompt_tokens,
            completion_tokens=record.completion_tokens,
            estimated_usd=round(spent / 1_000_000, 6) if priced else None,
        ),
        first_error=record.first_error,
        error=record.error,
        error_detail=record.error_detail,
    )


class KeptFact(BaseModel):
    """A fact of the run that stays, and why."""

    memory_id: str
    reason: Literal["edited", "pinned", "approved", "changed", "imported", "learned_again", "held"] = Field(
        description="What a person has done to it since; `learned_again`: another run says it as well; `held`: a legal"
        " hold keeps it."
    )


class UndoView(BaseModel):
    """What was taken back."""

    job_id: str
    undone_at: datetime | None
    nothing_left: bool = Field(description="There was nothing to take back, or not any more.")
    removed: list[str] = Field(description="The ids of the facts that are deleted.")
    restored: list[str] = Field(description="The ids of the memories that are in force again.")
    kept: list[KeptFact]


def undo_view(undone: Undone) -> UndoView:
    """``undone`` for an answer."""
    kept = [KeptFact.model_validate({"memory_id": i, "reason": why}) for i, why in undone.kept.items()]
    return UndoView(
        job_id=undone.record.job_id,
        undone_at=undone.record.undone_at,
        nothing_left=not undone.removed and not undone.restored,
        removed=list(undone.removed),
        restored=list(undone.restored),
        kept=kept,
    )


def _outcome(outcome: FactOutcome) -> OutcomeView:
    return OutcomeView(
        memory_id=outcome.memory_id,
        scope=outcome.scope,
        outcome=outcome.outcome,
        reason=outcome.reason,
        source=outcome.source,
        others=list(outcome.others),
    )


IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
