"""Holds in memory."""

from dataclasses import dataclass, field

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import NO_HOLDS, Holds


@dataclass
class FixedHolds:
    """Port ``HoldReader``."""

    by_account: dict[AccountId, Holds] = field(default_factory=dict)

    def holds(self, account_id: AccountId) -> Holds:
        return self.by_account.get(account_id, NO_HOLDS)
