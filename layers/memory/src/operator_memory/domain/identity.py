"""Who calls, and what they may do."""

from dataclasses import dataclass

from operator_memory.domain.errors import PermissionDeniedError
from operator_memory.domain.scopes import AccountId

READ_CONTEXT = "context:read"
"""May retrieve the context of a run."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. ``account_id`` binds it to one account; ``None`` is the agent runtime itself."""

    subject: str
    permissions: frozenset[str]
    account_id: AccountId | None = None

    def require(self, permission: str, account: AccountId) -> None:
        """Let the action pass, or raise `PermissionDeniedError`."""
        if permission not in self.permissions:
            raise PermissionDeniedError(f"the token does not carry the scope {permission}")
        if self.account_id is not None and self.account_id != account:
            raise PermissionDeniedError("the token is bound to another account")
