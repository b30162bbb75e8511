"""Contracts of the life cycle: messages of its queue, and policies and their previews in the API."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.lifecycle.fates import Fate, Reason
from operator_memory.domain.lifecycle.policies import (
    IMPORTANT,
    MOST_DAYS,
    MOST_MEMORIES,
    MOST_RULES,
    Policy,
    StoredPolicy,
    policy_of,
    policy_values,
)
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.lifecycle.rounds import PolicyRound, Stage, Task
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.usage.quota import WhenFull
from operator_memory.entrypoints.contracts.memories import Closed, Id

MAX_SAMPLES = 50
MAX_TASK_CHARACTERS = 8_192

Days = Annotated[StrictInt, Field(ge=1, le=MOST_DAYS)]


class LimitsBody(Closed):
    """Limits. What is left out is inherited from the next broader rule; ``null`` switches it off."""

    time_to_live_days: Days | None = Field(default=None, description="Days after its creation: deleted.")
    idle_days_before_archive: Days | None = Field(
        default=None, description="Days without use (never used: after its creation): moved to the archive."
    )
    most_memories: Annotated[StrictInt, Field(ge=1, le=MOST_MEMORIES)] | None = Field(
        default=None, description="Most memories of one kind in one scope."
    )
    when_full: WhenFull = Field(
        default=WhenFull.ARCHIVE,
        description="Beyond that the least important go to the archive (`archive`). `refuse`, in the account's default "
        "rule only: the account may have no more facts than that in all, and new ones are refused.",
    )
    archive_days: Days | None = Field(default=None, description="Days in the archive: deleted from there.")


class RuleBody(LimitsBody):
    """Limits for a scope, a kind, or both. The narrower rule wins."""

    scope: Scope | None = None
    kind: Kind | None = None


class PolicyBody(Closed):
    """How long and how many memories are kept. Everything is off by default."""

    default: LimitsBody = Field(default_factory=LimitsBody, description="For what no rule speaks of.")
    rules: list[RuleBody] = Field(default_factory=list, max_length=MOST_RULES)

    def to_policy(self, at: str) -> Policy:
        """As the use cases want it.

        Raises:
            InvalidInputError: names the field that is wrong.
        """
        return policy_of(self.model_dump(exclude_unset=True), at)


class PolicyView(BaseModel):
    """The account's policy."""

    policy: dict[str, Any] = Field(description="As it was sent; `default` and `rules` are empty until it is set.")
    updated_at: datetime | None
    updated_by: str | None
    last_applied_at: datetime | None = Field(description="When a round last went through the account.")
    exempt_from_importance: float = Field(
        default=IMPORTANT, description="Memories of this importance or more are exempt, like pinned and held ones."
    )


def policy_view(stored: StoredPolicy, last: PolicyRound | None) -> PolicyView:
    """``stored`` for an answer."""
    return PolicyView(
        policy=policy_values(stored.policy),
        updated_at=stored.updated_at,
        updated_by=stored.updated_by,
        last_applied_at=None if last is None else last.ran_at,
    )


class PreviewBody(Closed):
    """What to preview."""

    policy: PolicyBody | None = Field(default=None, description="This policy; left out, the stored one.")
    samples: Annotated[StrictInt, Field(ge=0, le=MAX_SAMPLES)] = Field(
        default=5, description="Most memories that are shown for each reason."
    )
    continue_at: Annotated[str, Field(max_length=2_000)] | None = Field(
        default=None, description="Of the answer before, if it was stopped early."
    )


class CountView(BaseModel):
    """How many have this fate for this reason."""

    fate: Fate
    reason: Reason
    count: int


class FateSampleView(BaseModel):
    """One of them."""

    id: str
    memory: str | None
    scope: Scope
    kind: Kind
    created_at: datetime
    fate: Fate
    reason: Reason


class PreviewView(BaseModel):
    """What the next round would do, if nothing changed until then."""

    counts: list[CountView] = Field(description="Of every memory in the store, each once.")
    samples: list[FateSampleView]
    leaving_archive: int | None = Field(description="Archived memories that are deleted; null: none are looked at.")
    stopped_early: bool = Field(description="There was no time for all: ask again with `continue_at`, and add up.")
    continue_at: str | None


def preview_view(preview: Preview, *, with_texts: bool) -> PreviewView:
    """``preview`` for an answer. ``with_texts``: whether samples say what they are about."""
    return PreviewView(
        counts=[
            CountView(fate=decision.fate, reason=decision.reason, count=count)
            for decision, count in sorted(preview.counts.items(), key=lambda one: (one[0].fate, one[0].reason))
        ],
        samples=[
            FateSampleView(
                id=sample.memory.id,
                memory=sample.memory.text if with_texts else None,
                scope=sample.memory.scope,
                kind=sample.memory.kind,
                created_at=sample.memory.created_at,
                fate=sample.decision.fate,
                reason=sample.decision.reason,
            )
            for sample in preview.samples
        ],
        leaving_archive=preview.leaving_archive,
        stopped_early=preview.continue_at is not None,
        continue_at=preview.continue_at,
    )


class TaskBody(BaseModel):
    """A message of the life cycle's queue. Unknown fields are left out: a newer sender may be ahead of its worker."""

    model_config = ConfigDict(extra="ignore")

    account_id: Id
    stage: Stage = Stage.EXPIRE
    step: Annotated[str, Field(max_length=400)] | None = None
    after: Annotated[str, Field(max_length=4_000)] | None = None
    began_at: datetime | None = None


def task_body(task: Task) -> str:
    """The task as a JSON object."""
    body = TaskBody(
        account_id=task.account_id, stage=task.stage, step=task.step, after=task.after, began_at=task.began_at
    )
    return body.model_dump_json(exclude_none=True)


def parse_task(body: str) -> Task:
    """The task in a message.

    Raises:
        InvalidInputError: it is none; nothing of it is repeated.
    """
    if len(body) > MAX_TASK_CHARACTERS:
        raise InvalidInputError("body", f"must be at most {MAX_TASK_CHARACTERS} characters, not {len(body)}")
    try:
        read = TaskBody.model_validate(json.loads(body))
    except ValidationError as error:
        raise InvalidInputError(_path(error), "is not what a round of the life cycle needs") from None
    except (ValueError, RecursionError):
        raise InvalidInputError("body", "is not valid JSON") from None
    if read.began_at is not None and read.began_at.tzinfo is None:
        raise InvalidInputError("began_at", "must have a time zone")
    return Task(AccountId(read.account_id), read.stage, read.step, read.after, read.began_at)


def _path(error: ValidationError) -> str:
    return ".".join(str(part) for part in error.errors()[0]["loc"])[:100] or "body"
