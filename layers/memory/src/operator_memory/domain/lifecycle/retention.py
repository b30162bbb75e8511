"""Retention: which accounts are due, and when to stop a sweep."""

from dataclasses import dataclass
from datetime import datetime

from operator_memory.domain.memory.scopes import AccountId

PAGE = 500
"""Memories deleted in one request: a page takes well under a second, so a sweep can stop between two."""

STOP_MARGIN_SECONDS = 60.0
"""A sweep starts nothing new when less time than this is left: a page at its time-outs (10 s each for finding,
deleting and looking ahead, 20 s for settling with its retries) still ends before the function is stopped."""


@dataclass(frozen=True, slots=True)
class DueAccount:
    """An account that has something to expire, and the version of the entry that says so."""

    account_id: AccountId
    due_at: datetime
    version: int


def must_stop(remaining_seconds: float) -> bool:
    """Whether a sweep with so much time left should start nothing new."""
    return remaining_seconds < STOP_MARGIN_SECONDS
