"""Use cases of people who disagree with the gate: let a rejected fact in, undo a replacement."""

from collections.abc import Callable
from dataclasses import replace

from operator_memory.application.management.screen_writing import ScreenWriting
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.errors import ConflictError, NotFoundError, VersionConflictError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched

_ATTEMPTS = 3


class ReinstateMemories:
    """Brings back memories that the gate has put aside."""

    def __init__(
        self,
        *,
        library: MemoryLibrary,
        writer: GuardedWriter,
        visibility: TurnVisibility,
        screening: ScreenWriting,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        self._library = library
        self._writer = writer
        self._visibility = visibility
        self._screening = screening
        self._trail = trail
        self._clock = clock

    def approve(self, caller: Caller, account_id: AccountId, identity: str) -> Memory:
        """Let a memory out of quarantine. From then on it is like any other.

        Raises:
            NotFoundError: the account has no memory of this id.
            ConflictError: it is not in quarantine.
            PermissionDeniedError: it reads like a command, or tells an agent how to work: an owner decides.
        """

        def approved(stored: Memory) -> Memory:
            if stored.rejected is None:
                raise ConflictError("this memory is not in quarantine")
            return self._screening.approved(caller, stored)

        memory = self._changed(account_id, identity, approved)
        self._visibility.release(account_id, memory)
        self._note(caller, memory, "approved")
        return memory

    def restore(self, caller: Caller, account_id: AccountId, identity: str, *, keep_newer: bool) -> Memory:
        """Bring back a memory that a newer one replaced. The newer one steps back, unless ``keep_newer``.

        Raises:
            NotFoundError: the account has no memory of this id.
            ConflictError: it was not replaced.
        """
        replaced_by: list[str] = []

        def restored(stored: Memory) -> Memory:
            if stored.superseded_by is None:
                raise ConflictError("this memory was not replaced by another")
            replaced_by[:] = [stored.superseded_by]
            return replace(stored, superseded_by=None, valid_until=None)

        memory = self._changed(account_id, identity, restored)
        self._note(caller, memory, "restored")
        newer = None if keep_newer else self._in_force(account_id, replaced_by[0], seen={identity})
        if newer is not None:
            self._step_back(caller, account_id, newer, memory)
        self._visibility.release(account_id, memory)  # last: if it fails, a turn is missed; the facts are right
        return memory

    def _in_force(self, account_id: AccountId, identity: str, seen: set[str]) -> Memory | None:
        """Return the memory that holds now in the place of ``identity``: itself, or the one that replaced it in
        turn."""
        while identity not in seen:
            seen.add(identity)
            memory = self._library.get(account_id, identity)
            if memory is None or memory.rejected is not None:
                return None
            if memory.superseded_by is None:
                return memory
            identity = memory.superseded_by
        return None

    def _step_back(self, caller: Caller, account_id: AccountId, newer: Memory, older: Memory) -> None:
        now = self._clock.now()
        self._visibility.withhold(account_id, [newer], spare={newer.id: older.said_in})

        def stepped_back(stored: Memory) -> Memory:
            return replace(stored, superseded_by=older.id, valid_until=now)

        self._note(caller, self._changed(account_id, newer.id, stepped_back), "replaced")

    def _changed(self, account_id: AccountId, identity: str, change: Callable[[Memory], Memory]) -> Memory:
        for _ in range(_ATTEMPTS):
            stored = self._library.get(account_id, identity)
            if stored is None:
                raise NotFoundError("there is no memory of this id in the account")
            now = self._clock.now()
            changed = replace(change(stored), version=stored.version + 1, updated_at=now)
            if self._library.replace(changed, None, expected_version=stored.version):
                if self._writer.enforce(account_id, [changed]):
                    raise NotFoundError("this memory is being erased at this moment")
                return changed
        raise VersionConflictError("the memory is being changed at this moment: try again")

    def _note(self, caller: Caller, memory: Memory, how: str) -> None:
        self._trail.note(
            memory.account_id,
            caller.actor,
            EventType.UPDATE,
            Touched.memory(memory),
            metadata={"how": how, "version": memory.version},
        )
