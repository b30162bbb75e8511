"""Use case: places and lifts legal holds. Only services of the platform do: nobody lifts one on what is their own."""

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import ExpiryIndex, HoldStore, ResumeErasures
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import ConflictError, NotFoundError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.shared.time_left import SecondsLeft

MOST_THREADS = 100
"""Threads of one account that can be held, one by one: every removal asks about each."""


class HoldMemories:
    """Places, lists and lifts holds."""

    def __init__(
        self, *, holds: HoldStore, expiry: ExpiryIndex, resume: ResumeErasures, trail: AuditTrail, clock: Clock
    ) -> None:
        self._holds = holds
        self._expiry = expiry
        self._resume = resume
        self._trail = trail
        self._clock = clock

    def holds(self, account_id: AccountId) -> Holds:
        """Return the account's holds."""
        return self._holds.holds(account_id)

    def place(self, actor: str, account_id: AccountId, reason: str, thread_id: str | None) -> Hold:
        """Hold the account, or one of its threads. A hold that is there is placed anew, for this reason. ``actor``: who
        asks, as the trail names them.

        Raises:
            ConflictError: too many threads are held.
        """
        known = self._holds.holds(account_id).threads
        if thread_id is not None and thread_id not in known and len(known) >= MOST_THREADS:
            raise ConflictError(f"{MOST_THREADS} threads of this account are held: hold the account instead")
        hold = Hold(reason, self._clock.now(), actor, thread_id)
        self._holds.place(account_id, hold)
        self._note(actor, account_id, thread_id, "placed")
        return hold

    def lift(self, actor: str, account_id: AccountId, thread_id: str | None, seconds_left: SecondsLeft) -> None:
        """Lift the hold. What waited for it goes on: erasures at once, as far as there is time, expiry with the next
        sweep.

        Raises:
            NotFoundError: there is no such hold. What still waits for one that was lifted goes on all the same.
        """
        lifted = self._holds.lift(account_id, thread_id)
        if lifted:
            self._note(actor, account_id, thread_id, "lifted")
        self._expiry.register(account_id, self._clock.now())
        self._resume(account_id, seconds_left)
        if not lifted:
            raise NotFoundError("there is no such hold")

    def _note(self, actor: str, account_id: AccountId, thread_id: str | None, how: str) -> None:
        about: dict[str, str | int | bool] = {"how": how, "of": "account" if thread_id is None else "thread"}
        self._trail.note(account_id, actor, EventType.HOLD, Touched(thread_id=thread_id), metadata=about)
