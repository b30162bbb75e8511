"""The answers of the service. Generated from docs/openapi.json by ``python -m clients.generate``.

An answer may hold more than a model knows, of a newer service: that is kept in ``model_extra``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of all models. They are built when they are first used, not when this module is imported."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True, protected_namespaces=())


class ArchiveList(Answer):
    """A page, by id. ``next_cursor`` is given while there is more; a page may hold fewer than were asked for."""

    memories: list[ArchivedMemoryView]
    next_cursor: str | None = None


class ArchivedMemoryView(Answer):
    """An archived memory."""

    id: str
    memory: str
    scope: str
    kind: str
    created_at: datetime
    updated_at: datetime
    version: int
    """To be named in If-Match by a change."""
    importance: float
    pinned: bool
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    attributed_to: str | None = None
    role: str | None = None
    speaker: str | None = None
    message_id: str | None = None
    """What it was learned from, or of a turn: which it is."""
    source_run_id: str | None = None
    import_id: str | None = None
    expires_at: datetime | None = None
    superseded_by: str | None = None
    valid_until: datetime | None = None
    rejected: str | None = None
    """Of one in quarantine: why it was not let in. `instruction_like`, `hidden_characters` and `needs_owner` wait for
    an owner.
    """
    withheld_by: list[str] | None = Field(default_factory=list)
    """Of a turn that other sessions do not recall: the facts that it says and that hold no longer, or are one agent's
    only; `screened` if it reads like a command or hid something, `cleared` if the user's memory was emptied since,
    `unwanted` if the person asked not to remember it.
    """
    last_accessed_at: datetime | None = None
    access_count: int | None = None
    archived_at: datetime | None = None
    """Of one in the archive: since when."""
    score: float | None = None
    """Of a search: higher fits better."""
    provenance: ProvenanceView | None = None
    """Of a fact, if asked for: why it is known."""
    archive_reason: str
    """The rule that archived it."""


class ArchivedView(Answer):
    """What is in the archive. ``bytes``: of payloads and vectors, before compression."""

    memories: int
    bytes: int


class BudgetView(Answer):
    """The account's budget. ``limit`` is what holds: the lower of what is granted and what the owner wants."""

    limit: LimitView
    used: SpentView
    state: str
    month: str
    granted: LimitView
    """By a service. Where it says nothing, `default` holds."""
    own: LimitView
    """By an owner."""
    default: LimitView
    """Of the deployment."""


class ClearedView(Answer):
    """The scope is empty."""

    status: str | None = None


class Costs(Answer):
    """What the model took."""

    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    estimated_usd: float | None
    """By the prices in the settings; null without them."""


class CountView(Answer):
    """How many have this fate for this reason."""

    fate: str
    reason: str
    count: int


class DayView(Answer):
    """What was used on a day (UTC) by an agent; null: without one."""

    jobs: int
    """Runs whose extraction ended."""
    jobs_by_rules: int
    """Of these: without the model, since the budget was used up."""
    llm_calls: int
    """Calls of the model, those that failed included."""
    prompt_tokens: int
    completion_tokens: int
    estimated_usd: float | None
    """By the prices in the settings when the calls were made; null where there were none."""
    memories_added: int
    memories_superseded: int
    facts_rejected: int
    contexts: int
    """Contexts that runs asked for."""
    memories_injected: int
    searches: int
    day: str
    agent_id: str | None


class DaysView(Answer):
    """By day and agent, oldest first. Days without use have no row."""

    days: list[DayView]
    next_cursor: str | None


class DeleteAnswer(Answer):
    """``deleted`` is 0 in a dry run."""

    matched: int
    deleted: int
    stopped_early: bool | None = None
    """There was no time for all: ask again, with `matched - deleted` as `expected`."""


class ErasureList(Answer):
    """Newest first."""

    erasures: list[ErasureView]


class ErasureView(Answer):
    """The receipt. Counts are by store; ``remaining`` was counted after the deletion.

    ``archived_unreadable`` in it are lines of the archive that could not be read, and so not be told apart.
    """

    id: str
    account_id: str
    target: str
    target_id: str | None
    requested_by: str
    erased_at: datetime
    """What was said up to this moment is gone and cannot come back."""
    state: str
    held: str | None
    """While it is `waiting`: the reason of the legal hold that is in the way."""
    removed: dict[str, int]
    remaining: dict[str, int]
    completed_at: datetime | None
    verified_at: datetime | None
    not_covered: list[NotCoveredView]
    """What the erasure does not reach."""


class FateSampleView(Answer):
    """One of them."""

    id: str
    memory: str | None
    scope: str
    kind: str
    created_at: datetime
    fate: str
    reason: str


class HistoryView(Answer):
    """Oldest first; the current words are in ``memory``."""

    id: str
    version: int
    memory: str
    history: list[PastVersionView]


class HoldView(Answer):
    """One hold."""

    thread_id: str | None
    """The thread or session that is held; null: the whole account."""
    reason: str
    placed_at: datetime
    placed_by: str


class HoldsView(Answer):
    """All holds of the account."""

    account: HoldView | None
    threads: list[HoldView]


class ImportView(Answer):
    """What became of every line."""

    added: int
    duplicates: int
    skipped: int
    """Lines that hold no memory, such as jobs and events."""
    rejected: list[RejectedLine]
    import_id: str
    """By which it can be taken back: `POST /v1/undo`."""
    stopped_early: bool
    """There was no time for all lines: send the rest, from `continue_at` on."""
    continue_at: int | None
    """The first line that was not read; null if all were."""
    waiting: int
    """Of the added: facts that wait in quarantine for an owner to approve."""
    withheld: int
    """Of the added: turns that read like a command. Other sessions do not recall them."""


class JobView(Answer):
    """The account of an extraction job."""

    job_id: str
    account_id: str
    state: str
    times: Times
    attempts: int
    counts: dict[str, int]
    """Outcomes of the facts."""
    notices: list[str]
    """What to know of how it was done. `budget_used_up`: by the rules instead of the model, since the month's budget
    was used up.
    """
    undone_at: datetime | None
    """When a person took back what it taught."""
    facts: list[OutcomeView]
    turns: list[OutcomeView]
    skipped: dict[str, int]
    """Messages that were not read, or not whole, by reason."""
    skipped_at: dict[str, list[int]]
    """Which these are: the first fifty, counted from 0."""
    redactions: dict[str, int]
    """Secrets that were taken out before anything was read, by kind."""
    costs: Costs
    first_error: str | None
    error: str | None
    error_detail: str | None


class KeptFact(Answer):
    """A fact of the run that stays, and why."""

    memory_id: str
    reason: str
    """What a person has done to it since; `learned_again`: another run says it as well; `held`: a legal hold keeps it.
    """


class LimitView(Answer):
    """Most US cents, and most tokens, a calendar month (UTC); null: no limit."""

    cents: int | None
    tokens: int | None


class MemoryList(Answer):
    """A page. ``next_cursor`` is given while there is more."""

    memories: list[MemoryView]
    next_cursor: str | None = None
    degraded: list[str] = Field(default_factory=list)
    """Of a search, what did not work: `embedding_model_changed` if vectors are another embedding model's, so that their
    memories are found by words alone.
    """


class MemoryView(Answer):
    """A memory as people see it."""

    id: str
    memory: str
    scope: str
    kind: str
    created_at: datetime
    updated_at: datetime
    version: int
    """To be named in If-Match by a change."""
    importance: float
    pinned: bool
    agent_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    author_id: str | None = None
    attributed_to: str | None = None
    role: str | None = None
    speaker: str | None = None
    message_id: str | None = None
    """What it was learned from, or of a turn: which it is."""
    source_run_id: str | None = None
    import_id: str | None = None
    expires_at: datetime | None = None
    superseded_by: str | None = None
    valid_until: datetime | None = None
    rejected: str | None = None
    """Of one in quarantine: why it was not let in. `instruction_like`, `hidden_characters` and `needs_owner` wait for
    an owner.
    """
    withheld_by: list[str] | None = Field(default_factory=list)
    """Of a turn that other sessions do not recall: the facts that it says and that hold no longer, or are one agent's
    only; `screened` if it reads like a command or hid something, `cleared` if the user's memory was emptied since,
    `unwanted` if the person asked not to remember it.
    """
    last_accessed_at: datetime | None = None
    access_count: int | None = None
    archived_at: datetime | None = None
    """Of one in the archive: since when."""
    score: float | None = None
    """Of a search: higher fits better."""
    provenance: ProvenanceView | None = None
    """Of a fact, if asked for: why it is known."""


class MonthView(Answer):
    """What was used in a calendar month (UTC)."""

    jobs: int
    """Runs whose extraction ended."""
    jobs_by_rules: int
    """Of these: without the model, since the budget was used up."""
    llm_calls: int
    """Calls of the model, those that failed included."""
    prompt_tokens: int
    completion_tokens: int
    estimated_usd: float | None
    """By the prices in the settings when the calls were made; null where there were none."""
    memories_added: int
    memories_superseded: int
    facts_rejected: int
    contexts: int
    """Contexts that runs asked for."""
    memories_injected: int
    searches: int
    month: str
    """Such as `2026-12`."""


class NotCoveredView(Answer):
    """What the erasure does not reach, and when it is gone (null: not known before it is complete)."""

    where: str
    """`dead_letters`: runs that were given up. `dead_events`: searches that did not reach the trail. `usage_totals`:
    numbers of what the account used each month. `backups`: copies of the stores.
    """
    until: datetime | None


class OutcomeView(Answer):
    """What became of one fact or turn."""

    memory_id: str
    scope: str
    outcome: str
    reason: str | None = None
    source: str | None = None
    """The id of the message that the fact came from."""
    others: list[str] = Field(default_factory=list)
    """The memories that say the same, or those that this one took the place of."""


class PastVersionView(Answer):
    """What the memory said before a change."""

    version: int
    memory: str
    changed_at: datetime
    changed_by: str
    """`user:<id>` or `service:<name>`."""


class PolicyView(Answer):
    """The account's policy."""

    policy: dict[str, Any]
    """As it was sent; `default` and `rules` are empty until it is set."""
    updated_at: datetime | None
    updated_by: str | None
    last_applied_at: datetime | None
    """When a round last went through the account."""
    exempt_from_importance: float | None = None
    """Memories of this importance or more are exempt, like pinned and held ones."""


class PreviewView(Answer):
    """What the next round would do, if nothing changed until then."""

    counts: list[CountView]
    """Of every memory in the store, each once."""
    samples: list[FateSampleView]
    leaving_archive: int | None
    """Archived memories that are deleted; null: none are looked at."""
    stopped_early: bool
    """There was no time for all: ask again with `continue_at`, and add up."""
    continue_at: str | None


class ProvenanceView(Answer):
    """Why a fact is remembered."""

    basis: str
    """`inferred`: concluded from what was said."""
    source_class: str | None
    """Whose words it is from; null where that is not known."""
    run_id: str | None
    """The job that learned it."""
    when: str | None
    """What time it speaks of: an ISO 8601 date, month, year or interval."""
    quotes: list[QuoteView]
    hidden_quotes: int
    """Quotes that are not shown: their turn was withdrawn, or it was said before the run."""
    repeated_in: list[str]
    """Later jobs that said the same."""


class QuotaView(Answer):
    """How full the account is."""

    facts: int
    """Facts in force, in all scopes."""
    most_facts: int
    when_full: str
    """`refuse`: one more fact is not stored. `archive`: the least important one goes to the archive."""
    state: str


class QuoteView(Answer):
    """Words that a fact was learned from."""

    quote: str
    message_id: str | None = None
    role: str | None = None
    """`user`, or `assistant` where the person answered it."""
    speaker: str | None = None
    author_id: str | None = None
    said_at: datetime | None = None
    run_id: str | None = None
    """The job that learned it."""


class RejectedLine(Answer):
    """A line that was not brought back, and why. Lines count from 1; empty ones do not count."""

    line: int
    reason: str


class RestoreView(Answer):
    """What became of the archived memories that were asked for."""

    restored: int
    in_store: int
    """They were stored again meanwhile: the newer one stays, the archived one goes."""
    erased: int
    """Erased since: they do not come back."""
    deleted: int
    """A person has deleted the like since: they do not come back."""
    expired: int
    """Past their own end: they do not come back."""
    unreadable: int
    """They could not be read and stay in the archive."""
    stopped_early: bool
    """There was no time for all: send the same request again."""


class SampleView(Answer):
    """One of the memories."""

    memory_id: str
    memory: str
    """Its text, or how it begins."""
    scope: str
    kind: str
    fate: str
    reason: str | None
    """Why it is kept."""
    source_run_id: str | None


class SettingsView(Answer):
    """The values as the platform holds them."""

    settings: dict[str, Any]


class SizesView(Answer):
    """Bytes as they are stored, without indexes and copies."""

    payload: int
    vectors: int
    error_percent: float
    """0: every memory was measured. Else a sample was, and the true sum is at most so far off, 19 times out of 20."""


class SpentView(Answer):
    """What was used of a limit."""

    cents: float | None
    """Null where prices are not known."""
    tokens: int


class StandingView(Answer):
    """How the account stands this month. Once it is `used_up` the rules extract instead of the model."""

    limit: LimitView
    used: SpentView
    state: str


class Times(Answer):
    """When what happened. ``seconds``: of the last attempt."""

    queued_at: datetime | None
    started_at: datetime | None
    updated_at: datetime
    seconds: float | None


class UndoManyView(Answer):
    """Counts of memories."""

    removed: int
    restored: int
    """In force again: the removed ones had taken their place."""
    kept: dict[str, int]
    """By reason: `edited`, `pinned`, `approved`, `changed` by a person since; `imported`; `learned_again` by another
    run; `held` by a legal hold. `running` counts runs that have not ended.
    """
    runs: int
    """The runs that were taken back; 0 for an import."""
    stopped_early: bool
    """There was no time for all: the same request again goes on."""


class UndoPreview(Answer):
    """What would be taken back now, with up to twenty memories of each fate."""

    removed: int
    restored: int
    """In force again: the removed ones had taken their place."""
    kept: dict[str, int]
    """By reason: `edited`, `pinned`, `approved`, `changed` by a person since; `imported`; `learned_again` by another
    run; `held` by a legal hold. `running` counts runs that have not ended.
    """
    runs: int
    """The runs that were taken back; 0 for an import."""
    stopped_early: bool
    """There was no time for all: the same request again goes on."""
    samples: list[SampleView]


class UndoView(Answer):
    """What was taken back."""

    job_id: str
    undone_at: datetime | None
    nothing_left: bool
    """There was nothing to take back, or not any more."""
    removed: list[str]
    """The ids of the facts that are deleted."""
    restored: list[str]
    """The ids of the memories that are in force again."""
    kept: list[KeptFact]


class UsageView(Answer):
    """How much is stored, and what was used this month. The first six are counts of memories."""

    total: int
    active: int
    pinned: int
    by_scope: dict[str, int]
    by_kind: dict[str, int]
    by_agent: dict[str, int]
    bytes: SizesView
    archived: ArchivedView | None
    """Null where there is no archive that is counted."""
    quota: QuotaView
    month: MonthView
    budget: StandingView


class UsedView(Answer):
    """What was noted."""

    noted: int
    """How many of them the account has."""
