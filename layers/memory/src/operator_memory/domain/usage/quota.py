"""An account's quota: how many facts it may have, and what happens when it is full."""

from dataclasses import dataclass
from enum import StrEnum

NEAR_PERCENT = 90
"""Part of a quota from which an account counts as nearly full."""


class WhenFull(StrEnum):
    """What a full account does with one more fact."""

    REFUSE = "refuse"
    """It is not stored. A fact that was learned may take the place of a less important one of its scope."""
    ARCHIVE = "archive"
    """The least important fact that is not pinned goes to the archive."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Most facts in force, in all scopes."""

    most: int
    when_full: WhenFull = WhenFull.REFUSE


class QuotaState(StrEnum):
    """How full an account is."""

    OK = "ok"
    NEAR = "near"
    FULL = "full"


def quota_state(quota: Quota, used: int) -> QuotaState:
    """Return how full an account with ``used`` facts is."""
    if used >= quota.most:
        return QuotaState.FULL
    return QuotaState.NEAR if used * 100 >= quota.most * NEAR_PERCENT else QuotaState.OK
