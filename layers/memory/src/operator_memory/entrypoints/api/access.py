"""Admits requests: every route asks here before it does anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from operator_memory.application.management.authorize import Authorize
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.management.identity import Action, Caller
from operator_memory.domain.management.rate_limits import Bucket
from operator_memory.domain.memory.scopes import AccountId, account_id
from operator_memory.entrypoints.http_api import bearer_token

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """Authenticates, limits the caller, authorises, limits the account: in this order.

    The account's own limit comes last, so that nobody can use up that of an account that is not theirs.
    """

    authenticate: Callable[[str], Caller]
    limit: LimitRate
    authorize: Authorize

    def caller(self, event: Event, bucket: Bucket) -> Caller:
        """Return the verified caller of ``event``, if it does not call too often."""
        caller = self.authenticate(bearer_token(event))
        self.limit.count_caller(caller, bucket)
        return caller

    def admit(
        self, event: Event, requested: str | None, action: Action, bucket: Bucket, *, author_id: str | None = None
    ) -> tuple[Caller, AccountId]:
        """Return the caller, and the account to which it may do ``action``.

        ``requested``: the account that was named; left out, a person's own, or the one that a token is bound to.
        ``author_id``: see `Authorize`.
        """
        caller = self.caller(event, bucket)
        account = _account(caller, requested)
        self.authorize.authorize(caller, account, action, author_id=author_id)
        self.limit.count_account(account, bucket)
        return caller, account

    def admit_to_clear(
        self, event: Event, requested: str | None, bucket: Bucket, *, author_of: Callable[[AccountId], str | None]
    ) -> tuple[Caller, AccountId]:
        """Admit the caller to take away what one member said. ``author_of`` tells which; it is asked only on behalf of
        a member of the account."""
        caller = self.caller(event, bucket)
        account = _account(caller, requested)
        self.authorize.authorize_to_clear(caller, account, author_of=lambda: author_of(account))
        self.limit.count_account(account, bucket)
        return caller, account

    def admit_for_agent(self, event: Event, agent_id: str, action: Action, bucket: Bucket) -> tuple[Caller, AccountId]:
        """Admit the caller to the account that owns the agent."""
        caller = self.caller(event, bucket)
        account = self.authorize.authorize_for_agent(caller, agent_id, action)
        self.limit.count_account(account, bucket)
        return caller, account


def _account(caller: Caller, requested: str | None) -> AccountId:
    if requested is not None:
        return account_id(requested)
    if caller.user_id is not None:
        return account_id(caller.user_id)
    if caller.account_id is not None:
        return caller.account_id
    raise InvalidInputError("account_id", "is required: this token is not bound to one account")
