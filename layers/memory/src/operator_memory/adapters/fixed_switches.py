"""Switches of a system without a platform: all on. Standard library only (hot path)."""

from operator_memory.domain.scopes import AccountId
from operator_memory.domain.switches import Switches


class FixedSwitches:
    """Port ``SwitchReader`` where nobody can set a switch."""

    def read(self, account_id: AccountId, *, agent_id: str | None, thread_id: str | None, timeout: float) -> Switches:  # noqa: ARG002
        """All on."""
        return Switches()
