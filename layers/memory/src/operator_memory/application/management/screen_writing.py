"""Use case, a part of those that write by hand: keeps out of force what an owner has to look at first."""

from dataclasses import replace

from operator_memory.application.management.authorize import Authorize
from operator_memory.application.ports.core import Clock
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.management.written import (
    approved,
    only_owners_approve,
    vouched,
    waiting,
    why_it_waits,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.provenance import SourceClass
from operator_memory.domain.memory.scopes import Scope


class ScreenWriting:
    """Screens what people write, and decides who may let it in."""

    def __init__(self, authorize: Authorize, clock: Clock) -> None:
        self._authorize = authorize
        self._clock = clock

    def written(
        self,
        caller: Caller,
        memory: Memory,
        *,
        hid_something: bool,
        source_class: SourceClass = SourceClass.BY_HAND,
    ) -> Memory:
        """Return ``memory``, whose words ``caller`` wrote: in quarantine, if an owner has to look at it first.

        An owner's own hits wait as well: the words may be copied from somewhere, and a second look costs one click.
        """
        by_hand = replace(memory, source_class=source_class)
        is_member = memory.scope is Scope.AGENT and caller.user_id is not None and not self._is_owner(caller, memory)
        reason = why_it_waits(by_hand, hid_something=hid_something, by_member=is_member)
        return by_hand if reason is None else waiting(by_hand, reason, now=self._clock.now())

    def pinned(self, caller: Caller, memory: Memory) -> Memory:
        """Return ``memory``, which ``caller`` has pinned. An owner who pins what an agent was told vouches for it."""
        return vouched(memory) if memory.scope is Scope.AGENT and self._is_owner(caller, memory) else memory

    def approved(self, caller: Caller, memory: Memory) -> Memory:
        """Return ``memory``, let out of quarantine by ``caller``.

        Raises:
            PermissionDeniedError: that is for owners, and ``caller`` is none. The refusal is on record.
        """
        if only_owners_approve(memory):
            self._authorize.require_owner(caller, memory.account_id, "memories:approve")
        return approved(memory, by_owner=self._is_owner(caller, memory))

    def _is_owner(self, caller: Caller, memory: Memory) -> bool:
        return self._authorize.is_owner(caller, memory.account_id)
