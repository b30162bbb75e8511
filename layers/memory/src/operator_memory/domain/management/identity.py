"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from operator_memory.domain.errors import PermissionDeniedError
from operator_memory.domain.memory.scopes import AccountId

READ_CONTEXT = "context:read"
"""May retrieve the context of a run."""


class Role(StrEnum):
    """A person's role in an account. Everybody owns their personal account."""

    OWNER = "owner"
    MEMBER = "member"


class Action(StrEnum):
    """What can be done to an account's memory; for a service token the scope that it must carry."""

    READ = "memories:read"
    WRITE = "memories:write"
    CLEAR = "memories:clear"
    """Take away many at once: delete by filter, clear, erase, import. In a team for owners only."""
    READ_SETTINGS = "settings:read"
    WRITE_SETTINGS = "settings:write"
    READ_JOBS = "jobs:read"
    SUBMIT_JOBS = "jobs:write"
    READ_HOLDS = "holds:read"
    WRITE_HOLDS = "holds:write"
    """Place and lift legal holds. For services only: nobody lifts a hold on what is their own."""


OWNERS_ONLY = frozenset({Action.CLEAR, Action.WRITE_SETTINGS, Action.READ_HOLDS})
SERVICES_ONLY = frozenset({Action.WRITE_HOLDS})


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller: a person (``user_id`` is set) or a service.

    ``permissions`` are a service token's scopes; ``account_id`` binds it to one account, ``None`` is the agent
    runtime itself. A person's rights follow from their role instead.
    """

    subject: str
    permissions: frozenset[str] = frozenset()
    account_id: AccountId | None = None
    user_id: str | None = None

    @property
    def actor(self) -> str:
        """How the trail names this caller."""
        return f"user:{self.user_id}" if self.user_id else f"service:{self.subject}"

    def require(self, permission: str, account: AccountId) -> None:
        """Let a service's action pass, or raise `PermissionDeniedError`."""
        if permission not in self.permissions:
            raise PermissionDeniedError(f"the token does not carry the scope {permission}")
        if self.account_id is not None and self.account_id != account:
            raise PermissionDeniedError("the token is bound to another account")


def require_role(role: Role | None, action: Action) -> None:
    """Let a person's action pass, or raise `PermissionDeniedError`. ``role`` ``None``: not a member."""
    if role is None:
        raise PermissionDeniedError("you are not a member of this account")
    if action in SERVICES_ONLY:
        raise PermissionDeniedError("only a service of the platform may do this")
    if action in OWNERS_ONLY and role is not Role.OWNER:
        raise PermissionDeniedError("only an owner of the account may do this")
