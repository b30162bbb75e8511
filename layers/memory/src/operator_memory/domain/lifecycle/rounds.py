"""A round of the life cycle over one account: its stages, where it goes on, and what it did."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from operator_memory.domain.lifecycle.retention import PAGE
from operator_memory.domain.memory.scopes import AccountId

LEASE = timedelta(hours=6)
"""How long an account that was sent to the queue is not sent again. If the message is lost, it comes back then."""

STEPS_AT_ONCE = 20
"""Full pages that one message works off. Then the account gives way to others, and goes on with a new message."""

SMALL_PAGE = 0.1
"""What a page that is nearly empty counts for. Most accounts have little that is due, and end with one message."""

MOST_TRIES = 5
"""Of a message, before it is a dead letter."""


class Stage(StrEnum):
    """The parts of a round, in their order."""

    EXPIRE = "expire"
    """Delete what has reached its end date."""
    RULES = "rules"
    """Delete and archive what is due under the policy."""
    LIMITS = "limits"
    """Archive what is too much."""
    PURGE = "purge"
    """Delete from the archive what has been there long enough."""
    TIDY = "tidy"
    """End what is in two places, and what killed workers have left in the archive."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a message asks for: a round over the account, or the rest of one.

    ``step`` and ``after``: where the stage goes on. ``began_at``: when the round began; it decides as of then.
    """

    account_id: AccountId
    stage: Stage = Stage.EXPIRE
    step: str | None = None
    after: str | None = None
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicyRound:
    """When an account's policies were applied, which these were (`digest_of`), and when they are again."""

    ran_at: datetime
    next_at: datetime
    digest: str

    def is_over(self, digest: str, now: datetime) -> bool:
        """Whether they are to be applied again."""
        return self.digest != digest or self.next_at <= now


@dataclass(slots=True)
class RoundReport:
    """What a message's work did so far. ``expired``, ``deleted`` and ``archived`` left the store, ``purged`` the
    archive."""

    expired: int = 0
    deleted: int = 0
    archived: int = 0
    purged: int = 0
    continued: bool = False

    @property
    def changed(self) -> int:
        """How many memories it moved or deleted."""
        return self.expired + self.deleted + self.archived + self.purged

    def counts(self) -> dict[str, int]:
        """What was done, by its name; without zeros."""
        counts = {name: getattr(self, name) for name in ("expired", "deleted", "archived", "purged")}
        return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What a schedule did: accounts that were sent to the queue. ``failed`` ones and those not reached stay due."""

    accounts: int = 0
    failed: int = 0
    stopped_early: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """For the log and the function's answer."""
        return asdict(self)


@dataclass(slots=True)
class Progress:
    """Where a round stands, and what it has done since its message came."""

    task: Task
    began_at: datetime
    report: RoundReport = field(default_factory=RoundReport)
    steps: float = 0.0

    def count(self, found: int) -> None:
        """Count a page in which so many memories were found."""
        self.steps += max(SMALL_PAGE, found / PAGE)

    def reach(self, stage: Stage, step: str | None = None, after: str | None = None) -> None:
        """Note that the round goes on there."""
        self.task = replace(self.task, stage=stage, step=step, after=after, began_at=self.began_at)


def retry_delay_seconds(receive_count: int) -> int:
    """Return how long a message waits after its ``receive_count``-th failure: 1, 4, 16 minutes, then an hour."""
    return int(min(60 * 4 ** max(0, receive_count - 1), 3600))
