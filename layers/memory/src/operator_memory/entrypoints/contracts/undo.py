"""Contracts of the management API about undoing much at once."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from operator_memory.domain.learning.undo_requests import Fate, Sample, Undoing, UndoReport
from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.recall.rendering import shortened
from operator_memory.entrypoints.contracts.memories import Closed, Id, Moment

MAX_SAMPLE = 300
"""Characters of a sample's text."""


class UndoBody(Closed):
    """What is to be taken back: exactly one run, one import, or a time."""

    run_id: Id | None = Field(default=None, description="The job of the run.")
    import_id: Id | None = Field(default=None, description="From the answer of the import.")
    learned_after: Moment | None = Field(default=None, description="Inclusive; ISO 8601 with an offset.")
    learned_before: Moment | None = Field(default=None, description="Exclusive; ISO 8601 with an offset.")
    agent_id: Id | None = Field(default=None, description="With a time: only runs of this agent.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        time = (self.learned_after, self.learned_before)
        if sum((self.run_id is not None, self.import_id is not None, time != (None, None))) != 1:
            raise ValueError("name exactly one of run_id, import_id, or learned_after with learned_before")
        if time != (None, None) and None in time:
            raise ValueError("learned_after and learned_before are needed together")
        if self.learned_after is not None and self.learned_before is not None:
            if self.learned_after >= self.learned_before:
                raise ValueError("learned_after must be before learned_before")
        elif self.agent_id is not None:
            raise ValueError("agent_id goes with learned_after and learned_before")
        return self

    def undoing(self) -> Undoing:
        """As the use case wants it."""
        return Undoing(**self.model_dump())


class UndoManyView(BaseModel):
    """Counts of memories."""

    removed: int
    restored: int = Field(description="In force again: the removed ones had taken their place.")
    kept: dict[str, int] = Field(
        description="By reason: `edited`, `pinned`, `approved`, `changed` by a person since; `imported`; "
        "`learned_again` by another run; `held` by a legal hold. `running` counts runs that have not ended."
    )
    runs: int = Field(description="The runs that were taken back; 0 for an import.")
    stopped_early: bool = Field(description="There was no time for all: the same request again goes on.")


class SampleView(BaseModel):
    """One of the memories."""

    memory_id: str
    memory: str = Field(description="Its text, or how it begins.")
    scope: Scope
    kind: Kind
    fate: Fate
    reason: str | None = Field(description="Why it is kept.")
    source_run_id: str | None


class UndoPreview(UndoManyView):
    """What would be taken back now, with up to twenty memories of each fate."""

    samples: list[SampleView]


def undo_many_view(report: UndoReport) -> UndoManyView:
    """``report`` for an answer."""
    return UndoManyView(
        removed=report.removed,
        restored=report.restored,
        kept=dict(report.kept),
        runs=report.runs,
        stopped_early=report.stopped_early,
    )


def undo_preview(report: UndoReport) -> UndoPreview:
    """The same of a preview."""
    samples = [_sample(sample) for sample in report.samples]
    return UndoPreview(**undo_many_view(report).model_dump(), samples=samples)


def _sample(sample: Sample) -> SampleView:
    memory = sample.memory
    return SampleView(
        memory_id=memory.id,
        memory=shortened(memory.text, MAX_SAMPLE),
        scope=memory.scope,
        kind=memory.kind,
        fate=sample.fate,
        reason=sample.reason,
        source_run_id=memory.source_run_id,
    )
