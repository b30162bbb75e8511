"""Use cases: decide whether a caller may do something to an account's memory. Refusals go on record."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import PermissionDeniedError
from operator_memory.domain.management.identity import Action, Caller, Role, require_role
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.application.ports.management import Memberships

_NOT_YOUR_AGENT = "this agent does not belong to an account of yours"


class AuthorizeService:
    """Decides for services, by their token alone."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def authorize(self, caller: Caller, account_id: AccountId, permission: str) -> None:
        """Return if the token of ``caller`` carries ``permission`` for the account.

        Raises:
            PermissionDeniedError: says why. The refusal is in the trail of the requested account.
        """
        try:
            caller.require(permission, account_id)
        except PermissionDeniedError:
            note_refusal(self._trail, caller, account_id, permission)
            raise


class Authorize:
    """Decides for services by their token alone, for people by their role in the account.

    Nothing else opens an account: neither a public project or thread nor a shared agent.
    """

    def __init__(self, memberships: "Memberships", trail: AuditTrail) -> None:
        self._memberships = memberships
        self._trail = trail
        self._services = AuthorizeService(trail)

    def authorize(self, caller: Caller, account_id: AccountId, action: Action, *, author_id: str | None = None) -> None:
        """Return if ``caller`` may do ``action`` to the account's memory.

        ``author_id``: only what this member said is concerned. Members may take back their own words in any role.

        Raises:
            PermissionDeniedError: says why. The refusal is in the trail of the requested account.
            UpstreamError: the membership cannot be looked up now.
        """
        if caller.user_id is None:
            self._services.authorize(caller, account_id, action.value)
            return
        own_words = author_id is not None and author_id == caller.user_id and action is Action.CLEAR
        role = self._role(caller.user_id, account_id)
        try:
            require_role(role, Action.WRITE if own_words else action)
        except PermissionDeniedError:
            note_refusal(self._trail, caller, account_id, action.value)
            raise

    def authorize_to_clear(self, caller: Caller, account_id: AccountId, *, author_of: Callable[[], str | None]) -> None:
        """As `authorize` for taking away what one member said. ``author_of`` finds out which; it is asked only for
        somebody who may see it."""
        mine = caller.user_id is not None and self._role(caller.user_id, account_id) is Role.MEMBER
        self.authorize(caller, account_id, Action.CLEAR, author_id=author_of() if mine else None)

    def is_owner(self, caller: Caller, account_id: AccountId) -> bool:
        """Tell whether ``caller`` is a person who owns the account. A service never does."""
        return caller.user_id is not None and self._role(caller.user_id, account_id) is Role.OWNER

    def require_owner(self, caller: Caller, account_id: AccountId, what: str) -> None:
        """Return if ``caller`` is an owner of the account; ``what`` is to be done, as the trail names it.

        Raises:
            PermissionDeniedError: it is not. The refusal is in the trail of the account.
        """
        if not self.is_owner(caller, account_id):
            note_refusal(self._trail, caller, account_id, what)
            raise PermissionDeniedError("only an owner of the account may do this")

    def authorize_for_agent(self, caller: Caller, agent_id: str, action: Action) -> AccountId:
        """Return the account that owns the agent, if ``caller`` may do ``action`` to its memory.

        Raises:
            PermissionDeniedError: says the same for another account's agent and for one that does not exist, so
                that nobody learns which agents there are.
        """
        account_id = self._memberships.account_of_agent(agent_id)
        if account_id is None:
            raise PermissionDeniedError(_NOT_YOUR_AGENT)
        try:
            self.authorize(caller, account_id, action)
        except PermissionDeniedError:
            if self._is_of(caller, account_id):
                raise
            raise PermissionDeniedError(_NOT_YOUR_AGENT) from None
        return account_id

    def _is_of(self, caller: Caller, account_id: AccountId) -> bool:
        """Whether ``caller`` is a member of the account, or a service bound to it."""
        if caller.user_id is None:
            return caller.account_id == account_id
        return self._role(caller.user_id, account_id) is not None

    def _role(self, user_id: str, account_id: AccountId) -> Role | None:
        if account_id == user_id:  # a personal account's id is its user's
            return Role.OWNER
        return self._memberships.role(user_id, account_id)


def note_refusal(trail: AuditTrail, caller: Caller, account_id: AccountId, what: str) -> None:
    """Put a refusal on record."""
    trail.note(account_id, caller.actor, EventType.DENIED, metadata={"action": what})
