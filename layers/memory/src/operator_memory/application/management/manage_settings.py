"""Use case: reads and sets the switches of an account, its agents and its threads."""

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import ExpiryIndex
from operator_memory.application.ports.management import PlatformSettings
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import NotFoundError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched

Values = dict[str, object]


class ManageSettings:
    """Reads and sets them in the platform's own tables, so that a change made there counts as well."""

    def __init__(self, settings: PlatformSettings, trail: AuditTrail, *, index: ExpiryIndex, clock: Clock) -> None:
        """``index``: is told that an agent's configuration has changed, which may hold a policy."""
        self._settings = settings
        self._trail = trail
        self._index = index
        self._clock = clock

    def account(self, account_id: AccountId) -> Values:
        """Return the account's switches."""
        return self._settings.account(account_id)

    def agent(self, account_id: AccountId, agent_id: str) -> Values:
        """Return an agent's switch and configuration.

        Raises:
            NotFoundError: the account has no such agent. A shared agent is its owner's to set.
        """
        return _found(self._settings.agent(account_id, agent_id), "agent")

    def thread(self, account_id: AccountId, thread_id: str) -> Values:
        """Return a thread's switch and session."""
        return _found(self._settings.thread(account_id, thread_id), "thread")

    def set_account(self, caller: Caller, account_id: AccountId, changes: Values) -> Values:
        """Set what ``changes`` names; return all."""
        if changes:
            self._settings.set_account(account_id, changes, user_id=caller.user_id)
            self._note(caller, account_id, "account", changes, Touched(count=len(changes)))
        return self._settings.account(account_id)

    def set_agent(self, caller: Caller, account_id: AccountId, agent_id: str, changes: Values) -> Values:
        """Set an agent's, as `set_account` does."""
        if changes:
            if not self._settings.set_agent(account_id, agent_id, changes):
                raise _no_such("agent")
            if changes.get("memory_config"):
                self._index.register(account_id, self._clock.now())
            self._note(caller, account_id, "agent", changes, Touched(agent_id=agent_id, count=len(changes)))
        return self.agent(account_id, agent_id)

    def set_thread(self, caller: Caller, account_id: AccountId, thread_id: str, changes: Values) -> Values:
        """Set a thread's, as `set_account` does."""
        if changes:
            if not self._settings.set_thread(account_id, thread_id, changes):
                raise _no_such("thread")
            self._note(caller, account_id, "thread", changes, Touched(thread_id=thread_id, count=len(changes)))
        return self.thread(account_id, thread_id)

    def _note(self, caller: Caller, account_id: AccountId, of: str, changes: Values, touched: Touched) -> None:
        switches = {name: value for name, value in changes.items() if isinstance(value, bool)}
        self._trail.note(
            account_id,
            caller.actor,
            EventType.SETTINGS_CHANGE,
            touched,
            metadata={"of": of, "fields": " ".join(sorted(changes)), **switches},
        )


def _found(values: Values | None, what: str) -> Values:
    if values is None:
        raise _no_such(what)
    return values


def _no_such(what: str) -> NotFoundError:
    return NotFoundError(f"the account has no {what} of this id")
