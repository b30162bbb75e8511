"""Use case: erases a part of an account's memory for good, and proves it.

The tombstone comes first, then one store after the other; a store that fails does not keep the others from being
emptied. Each step can be repeated, and the record is saved after each: an interrupted erasure goes on when it is
requested again, or when the schedule finds it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from operator_memory.application.ports.archive import ErasableArchive
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.management import (
    ErasableMemories,
    ErasableRecords,
    ErasureStore,
    EventStore,
    Tombstones,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.domain.errors import (
    ConflictError,
    ErasureIncompleteError,
    HeldError,
    MemoryServiceError,
    NotFoundError,
    where,
)
from operator_memory.domain.management.erasure import Erasure, ErasureState
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched, repeatable_event_id
from operator_memory.domain.shared.lease import LEASE_SECONDS
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step, no_limit
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

LOOK_AGAIN = timedelta(seconds=2 * LEASE_SECONDS)
"""After this time every worker that was writing when the tombstone was set has ended, and what it left behind
(if it was killed between its write and its second look) can be found."""

RESUME = timedelta(minutes=5)
"""When an erasure that was interrupted is taken up by the schedule."""

LOOK_FOR_HOLD = timedelta(days=1)
"""When an erasure that waits for a hold is looked at again, should nobody tell that the hold is lifted."""

_AT_THE_END = (ErasureState.COMPLETE, ErasureState.VERIFIED)

GONE = "system:account_deleted"
"""Who asks for the erasure of an account that was deleted, as the receipt names it."""

UNREADABLE = "archived_unreadable"
"""In ``remaining``: lines of the archive that cannot be read, so that nobody knows whether they belong to what is
erased. Waiting does not change that: the erasure ends, but it is never verified."""

SEARCHES = "queries"
"""In the counts: events of searches with their words. There may be later ones, of what was asked since."""

_LOG = logging.getLogger("operator_memory.erasure")


@dataclass(frozen=True, slots=True)
class ErasurePorts:
    """All stores that could hold something. Those that are not configured are ``None``."""

    tombstones: Tombstones
    erasures: ErasureStore
    memories: ErasableMemories
    records: ErasableRecords
    archive: ErasableArchive | None
    events: EventStore | None
    held: KeepHeld


@dataclass(frozen=True, slots=True)
class _Store:
    """One of them, for one erasure: what it holds, by name, and its deletion, which may tell what it must leave."""

    count: Callable[[], Mapping[str, int]]
    erase: Callable[[], int | None]
    again: bool = False
    """Whether the last look is for it too: something could arrive there late."""


class EraseMemories:
    """Starts, resumes and verifies erasures."""

    def __init__(self, ports: ErasurePorts, *, trail: AuditTrail, clock: Clock) -> None:
        self._ports = ports
        self._trail = trail
        self._clock = clock

    def start(
        self,
        account_id: AccountId,
        target: Target,
        *,
        requested_by: str,
        reason: str = "erase",
        erasure_id: str = "",
        seconds_left: SecondsLeft = no_limit,
    ) -> Erasure:
        """Erase ``target``; return the receipt.

        ``erasure_id`` names an erasure that may have been started before: it is resumed then, not begun anew.

        Raises:
            ConflictError: it names an erasure of another target.
            HeldError: a legal hold keeps some of it. Nothing is erased; the erasure waits until the hold is lifted.
            ErasureIncompleteError: something is left, or there is no more time.
            MemoryServiceError: a store cannot be reached. The tombstone may stand already; the schedule completes
                the erasure.
        """
        known = self._ports.erasures.get(account_id, erasure_id) if erasure_id else None
        if known is None:
            now = self._clock.now()
            begun = Erasure(erasure_id or str(uuid4()), account_id, target, requested_by, now, reason=reason)
            if self._ports.erasures.begin(begun, due_at=now + RESUME):
                return self._run(begun, seconds_left)
            known = self.receipt(account_id, begun.id)  # another call with the same key was first
        if known.target != target:
            raise ConflictError("this Idempotency-Key was used before for another target: use a new key")
        return self._gone_on(known, seconds_left)

    def erase_gone_account(self, account_id: AccountId, erasure_id: str, seconds_left: SecondsLeft) -> Erasure:
        """Erase an account that was deleted on the platform, as `start` does."""
        everything = Target(TargetKind.ACCOUNT)
        return self.start(account_id, everything, requested_by=GONE, erasure_id=erasure_id, seconds_left=seconds_left)

    def resume(self, account_id: AccountId, erasure_id: str, seconds_left: SecondsLeft = no_limit) -> Erasure:
        """Go on with an erasure. Return one that is complete as it is.

        Raises:
            NotFoundError: the account has none of this id.
            ErasureIncompleteError: something is left, or there is no more time.
        """
        return self._gone_on(self.receipt(account_id, erasure_id), seconds_left)

    def receipt(self, account_id: AccountId, erasure_id: str) -> Erasure:
        """Return the erasure as it stands."""
        erasure = self._ports.erasures.get(account_id, erasure_id)
        if erasure is None:
            raise NotFoundError("there is no erasure of this id in the account")
        return erasure

    def receipts(self, account_id: AccountId) -> list[Erasure]:
        """Return all erasures of the account, newest first."""
        return self._ports.erasures.all(account_id)

    def resume_due(self, *, limit: int = 50) -> tuple[int, int]:
        """Complete interrupted erasures, and look again at those that are due; return (done, failed)."""
        done = failed = 0
        for erasure in self._ports.erasures.due(now=self._clock.now(), limit=limit):
            try:
                self._save(erasure)  # to the end of the line: if it outlasts the function, the others are next
                self._verify(erasure) if erasure.state is ErasureState.COMPLETE else self._run(erasure)
                done += 1
            except HeldError:
                _LOG.info("an erasure waits for a legal hold", extra=_logged(erasure))
            except MemoryServiceError as error:
                failed += 1
                _LOG.warning("erasure failed, to be tried again", extra=_logged(erasure) | {"reason": error.reason})
            except Exception as error:  # noqa: BLE001  (one account's defect must not keep the others' waiting)
                failed += 1
                extra = {"type": type(error).__name__, "where": where(error)}
                _LOG.error("erasure failed", extra=_logged(erasure) | extra)
        return done, failed

    def _gone_on(self, erasure: Erasure, seconds_left: SecondsLeft) -> Erasure:
        return erasure if erasure.state in _AT_THE_END else self._run(erasure, seconds_left)

    def resume_waiting(self, account_id: AccountId, seconds_left: SecondsLeft = no_limit) -> int:
        """Go on with what waits, now that a hold is lifted; return how many waited. The rest is due."""
        begun = [erasure for erasure in self.receipts(account_id) if erasure.state is not ErasureState.VERIFIED]
        for erasure in begun:
            ended = erasure.completed_at  # a last look has to wait for those who were writing then
            due_at = self._clock.now() if ended is None else max(self._clock.now(), ended + LOOK_AGAIN)
            self._ports.erasures.save(erasure, due_at=due_at)
        waiting = [erasure for erasure in begun if erasure.state is ErasureState.WAITING]
        for erasure in waiting:
            try:
                self._run(erasure, seconds_left)
            except MemoryServiceError as error:
                _LOG.info("an erasure goes on by itself", extra=_logged(erasure) | {"reason": error.reason})
        return len(waiting)

    def _wait_if_held(self, erasure: Erasure) -> Erasure:
        """Return ``erasure`` as one that nothing holds up.

        Raises:
            HeldError: a hold keeps some of what it has still to erase. It waits.
        """
        hold = self._ports.held.on_target(erasure.account_id, erasure.target, self._ports.archive)
        if hold is None:
            waited = erasure.state is ErasureState.WAITING
            return replace(erasure, state=ErasureState.RUNNING, held=None) if waited else erasure
        if erasure.state not in _AT_THE_END:  # else its last look waits
            erasure = replace(erasure, state=ErasureState.WAITING, held=hold.reason)
        self._ports.erasures.save(erasure, due_at=self._clock.now() + LOOK_FOR_HOLD)
        self._ports.held.note_attempt(
            erasure.account_id,
            hold,
            by=erasure.requested_by,
            attempt="erase",
            event_id=repeatable_event_id(erasure.account_id, "held", f"{erasure.id}\x1f{hold.placed_at.isoformat()}"),
        )
        raise HeldError(hold.reason, erasure.id)

    def _run(self, erasure: Erasure, seconds_left: SecondsLeft = no_limit) -> Erasure:
        erasure = self._wait_if_held(erasure)
        self._ports.tombstones.put(erasure.account_id, Tombstone(erasure.target, erasure.erased_at))
        unreadable = self._empty(erasure, list(self._stores(erasure)), self._counted, seconds_left)
        return self._completed(erasure, unreadable)

    def _empty(
        self,
        erasure: Erasure,
        stores: Sequence[_Store],
        counted: Callable[[Erasure, _Store], Erasure],
        seconds_left: SecondsLeft = no_limit,
    ) -> int:
        """Empty each of ``stores``, even if others fail; return how many lines have to stay.

        Raises:
            Exception: the first failure that can be retried, else the first.
        """
        unreadable = 0
        failures: list[Exception] = []
        for store in stores:
            if not has_time_for_a_step(seconds_left(), 0.0):
                raise ErasureIncompleteError("there is no more time for this answer; the erasure goes on by itself")
            try:
                erasure = counted(erasure, store)
                self._wait_if_held(erasure)  # one that was placed since keeps what is left
                unreadable += store.erase() or 0
            except HeldError:
                raise
            except Exception as error:  # noqa: BLE001  (whatever it is, the other stores are still to be emptied)
                extra = {"type": type(error).__name__, "where": where(error)}
                _LOG.warning("a store could not be emptied", extra=_logged(erasure) | extra)
                failures.append(error)
        if failures:
            raise next((error for error in failures if getattr(error, "retryable", False)), failures[0])
        return unreadable

    def _stores(self, erasure: Erasure) -> Iterator[_Store]:
        """Yield the stores, memories first: they say most, and are read most."""
        ports = self._ports
        memories, archive, records, events = ports.memories, ports.archive, ports.records, ports.events
        account_id, target, until = erasure.account_id, erasure.target, erasure.erased_at
        yield _Store(
            lambda: memories.count_erasable(account_id, target, until=until),
            lambda: memories.erase(account_id, target, until=until),
            again=True,
        )
        if archive is not None:
            yield _Store(
                lambda: {"archived": archive.count_erasable(account_id, target, until=until)},
                lambda: archive.erase(account_id, target, until=until),
                again=True,
            )
        yield _Store(
            lambda: {"job_records": records.count_erasable(account_id, target, until=until)},
            lambda: records.erase(account_id, target, until=until),
        )
        if events is not None:
            yield _Store(
                lambda: {SEARCHES: events.count_queries(account_id, target)},
                lambda: events.forget_queries(account_id, target),
                again=True,
            )

    def _counted(self, erasure: Erasure, store: _Store) -> Erasure:
        """Add what is there now to the removed, and save that before the deletion, so that no count is lost."""
        found = store.count()
        more = {name: max(erasure.removed.get(name, 0), count) for name, count in found.items()}
        counted = replace(erasure, removed={**erasure.removed, **more})
        self._save(counted)
        return counted

    def _completed(self, erasure: Erasure, unreadable: int) -> Erasure:
        remaining = {name: count for store in self._stores(erasure) for name, count in store.count().items()}
        if any(remaining.values()):
            self._save(replace(erasure, remaining=remaining))
            raise ErasureIncompleteError("something is left; the erasure goes on by itself")
        if unreadable:
            _LOG.warning("the archive has lines that cannot be read", extra=_logged(erasure) | {"lines": unreadable})
            remaining[UNREADABLE] = unreadable
        stored = self.receipt(erasure.account_id, erasure.id)
        if stored.state in _AT_THE_END:
            return stored  # another call with the same key has completed it
        # With what such a call has counted: of what it deletes first, this one finds nothing.
        done = replace(
            stored, state=ErasureState.COMPLETE, held=None, remaining=remaining, completed_at=self._clock.now()
        )
        self._note(done)  # first, and under an id that is the same again: a receipt without its event is not possible
        self._save(done)
        return done

    def _verify(self, erasure: Erasure) -> None:
        """Look a last time. Leaves records out: one that was made since belongs to what was said since.

        Events of searches may have been on their way into the trail. The words of those from since then go too.
        """
        stores = [store for store in self._stores(erasure) if store.again]
        self._empty(erasure, stores, self._counted_late)
        if any(count for store in stores for name, count in store.count().items() if name != SEARCHES):
            raise ErasureIncompleteError("something is left; the erasure goes on by itself")
        erasure = self.receipt(erasure.account_id, erasure.id)  # with what was counted
        looked = replace(erasure, remaining={name: 0 for name in erasure.remaining if name != UNREADABLE})
        if unreadable := erasure.remaining.get(UNREADABLE):
            looked = replace(looked, remaining={**looked.remaining, UNREADABLE: unreadable})
        else:
            looked = replace(looked, state=ErasureState.VERIFIED, verified_at=self._clock.now())
        self._ports.erasures.save(looked, due_at=None)

    def _counted_late(self, erasure: Erasure, store: _Store) -> Erasure:
        late = store.count()
        if not any(late.values()):
            return erasure
        _LOG.warning("late writes were found and are removed", extra=_logged(erasure) | {"late": late})
        erasure = _with_late(erasure, late)
        self._save(erasure)  # first, so that the count is not lost if this is interrupted
        return erasure

    def _save(self, erasure: Erasure) -> None:
        """Save an erasure that is not at its end. Its state decides when it is looked at again."""
        wait = RESUME if erasure.state is ErasureState.RUNNING else LOOK_AGAIN
        self._ports.erasures.save(erasure, due_at=self._clock.now() + wait)

    def _note(self, erasure: Erasure) -> None:
        target = erasure.target
        self._trail.note(
            erasure.account_id,
            erasure.requested_by,
            EventType.CLEAR if erasure.reason == "clear" else EventType.ERASE,
            Touched(
                agent_id=target.id if target.kind is TargetKind.AGENT else None,
                thread_id=target.id if target.kind is TargetKind.SESSION else None,
                count=erasure.removed.get("memories", 0),
            ),
            event_id=repeatable_event_id(erasure.account_id, "erasure", erasure.id),
            metadata={"target": target.kind.value, "erasure_id": erasure.id},
        )


def _with_late(erasure: Erasure, late: Mapping[str, int]) -> Erasure:
    """With ``late`` added to what is removed, except for what an interrupted look has added before."""
    known = erasure.remaining
    more = {name: max(0, count - known.get(name, 0)) for name, count in late.items()}
    removed = {name: erasure.removed.get(name, 0) + more.get(name, 0) for name in {**erasure.removed, **more}}
    return replace(erasure, removed=removed, remaining={**known, **late})


def _logged(erasure: Erasure) -> dict[str, object]:
    return {"account_id": erasure.account_id, "erasure_id": erasure.id}
