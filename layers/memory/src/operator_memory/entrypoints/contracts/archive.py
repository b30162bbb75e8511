"""Contracts of the management API about archived memories."""

from dataclasses import asdict
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from operator_memory.application.lifecycle.restore_memories import RestoreReport
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.lifecycle.archived import ArchiveSelection
from operator_memory.domain.shared.archive_views import SeenInArchive
from operator_memory.entrypoints.contracts.memories import Closed, Id, MemoryView, Moment, memory_view

MAX_IDS = 1_000


class RestoreBody(Closed):
    """Which archived memories come back: exactly one of the first four, and of these those of a period."""

    memory_ids: list[Id] | None = Field(default=None, min_length=1, max_length=MAX_IDS)
    agent_id: Id | None = None
    thread_id: Id | None = Field(default=None, description="The thread or session.")
    everything: Literal[True] | None = None
    created_after: Moment | None = Field(default=None, description="Inclusive; ISO 8601 with an offset.")
    created_before: Moment | None = Field(default=None, description="Exclusive; ISO 8601 with an offset.")
    archived_after: Moment | None = Field(default=None, description="Inclusive; ISO 8601 with an offset.")
    archived_before: Moment | None = Field(default=None, description="Exclusive; ISO 8601 with an offset.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        named = (self.memory_ids, self.agent_id, self.thread_id, self.everything)
        if sum(value is not None for value in named) != 1:
            raise ValueError("exactly one of memory_ids, agent_id, thread_id and everything is required")
        return self

    def selection(self) -> ArchiveSelection:
        """As the use case wants it, beside the ids."""
        return ArchiveSelection(**self.model_dump(exclude={"memory_ids", "everything"}))


class RestoreView(BaseModel):
    """What became of the archived memories that were asked for."""

    restored: int
    in_store: int = Field(description="They were stored again meanwhile: the newer one stays, the archived one goes.")
    erased: int = Field(description="Erased since: they do not come back.")
    deleted: int = Field(description="A person has deleted the like since: they do not come back.")
    expired: int = Field(description="Past their own end: they do not come back.")
    unreadable: int = Field(description="They could not be read and stay in the archive.")
    stopped_early: bool = Field(description="There was no time for all: send the same request again.")


def restore_view(report: RestoreReport) -> RestoreView:
    """``report`` for an answer."""
    return RestoreView(**asdict(report))


class ArchivedMemoryView(MemoryView):
    """An archived memory."""

    archive_reason: str = Field(description="The rule that archived it.")


class ArchiveList(BaseModel):
    """A page, by id. ``next_cursor`` is given while there is more; a page may hold fewer than were asked for."""

    memories: list[ArchivedMemoryView]
    next_cursor: str | None = None


def archived_view(seen: SeenInArchive) -> ArchivedMemoryView:
    """``seen`` for a list."""
    view = memory_view(seen.memory, archived_at=seen.archived_at)
    return ArchivedMemoryView(**view.model_dump(), archive_reason=seen.reason)


def archive_place(cursor: str | None) -> str | None:
    """The place in the archive that ``cursor`` stands for: the id of the memory before it.

    Raises:
        InvalidInputError: it is none of ours.
    """
    try:
        if cursor is None or str(UUID(cursor)) == cursor:
            return cursor
    except ValueError:
        pass
    raise InvalidInputError("cursor", "is not one that this list has given")
