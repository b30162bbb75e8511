"""Switches of a system without a platform: all on. Standard library only (hot path)."""

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.switches import Switches


class FixedSwitches:
    """Port ``SwitchReader`` where nobody can set a switch."""

    def read(
        self,
        account_id: AccountId,  # noqa: ARG002
        *,
        agent_id: str | None,  # noqa: ARG002
        thread_id: str | None,  # noqa: ARG002
        session_id: str | None,  # noqa: ARG002
        timeout: float,  # noqa: ARG002
    ) -> Switches:
        """All on."""
        return Switches()
