"""Accounts that do not exist any more: when their memory is erased, and when their absence is not to be believed."""

from dataclasses import asdict, dataclass
from uuid import NAMESPACE_URL, uuid5

from operator_memory.domain.memory.scopes import AccountId

GRACE_DAYS = 7
"""How long an account must have been missing that nobody has told us of. One whose deletion was noted is erased at
once."""

ACCOUNTS_AT_ONCE, PAGES_A_SWEEP = 100, 20
"""Accounts asked for in one request, and requests of a sweep: the next one goes on there."""

_FEW = 3


@dataclass(frozen=True, slots=True)
class GoneAccount:
    """An account that was deleted. ``gone_at``: when, as the platform writes it."""

    account_id: AccountId
    gone_at: str

    @property
    def erasure_id(self) -> str:
        """The same again for the same deletion, so that an erasure that was interrupted is gone on with."""
        return str(uuid5(NAMESPACE_URL, f"operator-memory:account-gone:{self.account_id}:{self.gone_at}"))


@dataclass(slots=True)
class GoneReport:
    """What a sweep did so far. ``unfinished``, ``failed`` and ``held`` accounts stay due.

    ``noted``: accounts found missing that nobody had told us of. ``doubted``: too many at once to be believed.
    """

    erased: int = 0
    unfinished: int = 0
    failed: int = 0
    noted: int = 0
    doubted: int = 0
    held: int = 0
    stopped_early: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """For the log."""
        return asdict(self)


def is_believable(*, asked: int, missing: int) -> bool:
    """Tell whether so many of the accounts may be gone. If most are, the wrong database was asked, or an empty one."""
    return missing <= _FEW or 2 * missing <= asked
