"""Contracts of the management API about legal holds."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.entrypoints.contracts.memories import WORDS_PATTERN, Closed

MAX_REASON = 500


class HoldBody(Closed):
    """Why the hold is placed."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=MAX_REASON, pattern=WORDS_PATTERN)] = Field(
        description="Told to everybody whose attempt the hold refuses: name the case, and nothing confidential."
    )


class HoldView(BaseModel):
    """One hold."""

    thread_id: str | None = Field(description="The thread or session that is held; null: the whole account.")
    reason: str
    placed_at: datetime
    placed_by: str


class HoldsView(BaseModel):
    """All holds of the account."""

    account: HoldView | None
    threads: list[HoldView]


def hold_view(hold: Hold) -> HoldView:
    """``hold`` for an answer."""
    return HoldView(thread_id=hold.thread_id, reason=hold.reason, placed_at=hold.placed_at, placed_by=hold.placed_by)


def holds_view(holds: Holds) -> HoldsView:
    """``holds`` for an answer, threads by id."""
    return HoldsView(
        account=None if holds.account is None else hold_view(holds.account),
        threads=[hold_view(holds.threads[thread]) for thread in sorted(holds.threads)],
    )
