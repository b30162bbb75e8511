"""Legal holds in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import NO_HOLDS, Holds


@dataclass
class FixedHolds:
    """Port ``HoldReader``: what each account has, by its id."""

    held: Mapping[AccountId, Holds] = field(default_factory=dict)

    def holds(self, account_id: AccountId) -> Holds:
        return self.held.get(account_id, NO_HOLDS)
