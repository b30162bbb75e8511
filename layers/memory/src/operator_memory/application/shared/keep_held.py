"""Keeps what a legal hold holds. Whatever removes memories asks here, immediately before it removes.

The holds are read anew each time, and consistently. A hold that is placed while a removal is being carried out holds
all that the removal has not taken yet: each step of it asks again.
"""

from collections.abc import Sequence

from operator_memory.application.ports.archive import ErasableArchive
from operator_memory.application.ports.core import HoldReader
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.shared.audit_trail import NOTHING, AuditTrail
from operator_memory.domain.errors import HeldError
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import MAX_IDS, EventType, Touched
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.shared.memory_filter import MemoryFilter, of_target, within_thread
from operator_memory.domain.shared.tombstones import Target, TargetKind


class KeepHeld:
    """Tells what is held, and refuses to have it removed."""

    def __init__(self, *, holds: HoldReader, library: MemoryLibrary, trail: AuditTrail) -> None:
        self._holds = holds
        self._library = library
        self._trail = trail

    def holds(self, account_id: AccountId) -> Holds:
        """Return the account's holds, as last written."""
        return self._holds.holds(account_id)

    def held(self, account_id: AccountId, memories: Sequence[Memory]) -> dict[str, Hold]:
        """Return the holds on ``memories``, by the id of the memory that each keeps."""
        if not memories:
            return {}
        holds = self.holds(account_id)
        found = ((memory.id, holds.on(memory)) for memory in memories)
        return {identity: hold for identity, hold in found if hold is not None}

    def refuse(self, account_id: AccountId, memories: Sequence[Memory], *, by: str, attempt: str) -> None:
        """Return if none of ``memories`` is held. ``by``: the actor; ``attempt``: what is tried, for the trail.

        Raises:
            HeldError: one is. The attempt is in the trail.
        """
        held = self.held(account_id, memories)
        if held:
            hold = next(iter(held.values()))
            self.note_attempt(account_id, hold, by=by, attempt=attempt, touched=Touched(tuple(held)[:MAX_IDS]))
            raise HeldError(hold.reason)

    def note_kept(self, account_id: AccountId, memories: Sequence[Memory], *, by: str) -> None:
        """Put into the trail that ``memories`` stay, which an undo would have taken back."""
        held = self.held(account_id, memories)
        if held:
            ids = Touched(tuple(held)[:MAX_IDS])
            self.note_attempt(account_id, next(iter(held.values())), by=by, attempt="undo", touched=ids)

    def refuse_matching(self, account_id: AccountId, where: MemoryFilter, *, by: str, attempt: str) -> None:
        """As `refuse`, of all that match ``where``."""
        hold = self._on_matching(account_id, self.holds(account_id), [where])
        if hold is not None:
            self.note_attempt(account_id, hold, by=by, attempt=attempt, touched=Touched(agent_id=where.agent_id))
            raise HeldError(hold.reason)

    def on_target(self, account_id: AccountId, target: Target, archive: ErasableArchive | None = None) -> Hold | None:
        """Return a hold that keeps something of ``target``, or ``None``.

        With the whole account, or a member's part, the words of searches go as well, which do not say their thread: any
        hold keeps these. So does one on a thread of which the archive has something: it is not searched further.
        """
        holds = self.holds(account_id)
        if holds.account is not None or target.kind in (TargetKind.ACCOUNT, TargetKind.AUTHOR):
            return holds.first
        found = holds.threads.get(target.id or "") or self._on_matching(account_id, holds, of_target(target))
        if found is not None or archive is None:
            return found
        now = self._trail.clock.now()
        for thread_id, hold in holds.threads.items():
            if archive.count_erasable(account_id, Target(TargetKind.SESSION, thread_id), until=now):
                return hold
        return None

    def note_attempt(
        self,
        account_id: AccountId,
        hold: Hold,
        *,
        by: str,
        attempt: str,
        touched: Touched = NOTHING,
        event_id: str | None = None,
    ) -> None:
        """Put an attempt to remove what is held into the trail. The hold's reason is not repeated there."""
        about = {"action": attempt, "held": "account" if hold.thread_id is None else "thread"}
        where = Touched(touched.memory_ids, touched.agent_id, hold.thread_id or touched.thread_id, touched.count)
        self._trail.note(account_id, by, EventType.DENIED, where, event_id=event_id, metadata=about)

    def _on_matching(self, account_id: AccountId, holds: Holds, filters: Sequence[MemoryFilter]) -> Hold | None:
        """Return a hold that keeps something that one of ``filters`` names."""
        if holds.account is not None:
            return holds.account
        now = self._trail.clock.now()
        for thread_id, hold in holds.threads.items():
            parts = [part for where in filters for part in within_thread(where, thread_id)]
            if any(self._library.count(account_id, part, now=now) for part in parts):
                return hold
        return None
