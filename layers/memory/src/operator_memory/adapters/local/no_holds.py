"""No holds, where nobody can place one."""

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import NO_HOLDS, Holds


class NoHolds:
    """Port ``HoldReader``: nothing is held."""

    def holds(self, account_id: AccountId) -> Holds:  # noqa: ARG002
        """Return none."""
        return NO_HOLDS
