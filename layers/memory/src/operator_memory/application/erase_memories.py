"""Use case: forget a part of an account's memory for good, and prove it.

The tombstone comes first. Each step can be repeated, and after each the record is saved: an erasure that was
interrupted anywhere goes on when it is asked for again, or when the schedule finds it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from operator_memory.application.management_ports import (
    ArchiveStore,
    ErasableMemories,
    ErasableRecords,
    ErasureStore,
    EventTrail,
    Tombstones,
)
from operator_memory.application.ports import Clock
from operator_memory.application.trail import Trail
from operator_memory.domain.erasure import Erasure, ErasureState, Target, TargetKind, Tombstone
from operator_memory.domain.errors import (
    ConflictError,
    ErasureIncompleteError,
    MemoryServiceError,
    NotFoundError,
    where,
)
from operator_memory.domain.events import EventType, repeatable_event_id
from operator_memory.domain.jobs import LEASE_SECONDS
from operator_memory.domain.scopes import AccountId

LOOK_AGAIN = timedelta(seconds=2 * LEASE_SECONDS)
"""After this time every worker that was writing when the tombstone was set has ended, and what it left behind
(if it was killed between its write and its second look) can be found."""

RESUME = timedelta(minutes=5)
"""When an erasure that was interrupted is taken up by the schedule."""

_LOG = logging.getLogger("operator_memory.erasure")


@dataclass(frozen=True, slots=True)
class ErasurePorts:
    """All places that could hold something. Those that are not configured are ``None``."""

    tombstones: Tombstones
    erasures: ErasureStore
    memories: ErasableMemories
    records: ErasableRecords
    archive: ArchiveStore | None
    events: EventTrail | None


class EraseMemories:
    """Starts, resumes and verifies erasures."""

    def __init__(self, ports: ErasurePorts, *, trail: Trail, clock: Clock) -> None:
        self._ports = ports
        self._trail = trail
        self._clock = clock

    def start(
        self, account_id: AccountId, target: Target, *, requested_by: str, reason: str = "erase", erasure_id: str = ""
    ) -> Erasure:
        """Erase ``target``; returns the receipt.

        ``erasure_id`` names an erasure that may have been started before: it is resumed, not begun anew.

        Raises:
            ConflictError: it names an erasure of something else.
            MemoryServiceError: a store cannot be reached; the tombstone may stand already, and the schedule
                completes the erasure.
        """
        known = self._ports.erasures.get(account_id, erasure_id) if erasure_id else None
        if known is not None:
            if known.target != target:
                raise ConflictError("this Idempotency-Key was used before for another target: use a new key")
            return self.resume(account_id, known.id)
        erasure = Erasure(
            erasure_id or str(uuid4()), account_id, target, requested_by, self._clock.now(), reason=reason
        )
        self._save(erasure)
        return self._run(erasure)

    def resume(self, account_id: AccountId, erasure_id: str) -> Erasure:
        """Go on with an erasure; one that is complete is returned as it is.

        Raises:
            NotFoundError: the account has none of this id.
        """
        erasure = self.receipt(account_id, erasure_id)
        return self._run(erasure) if erasure.state is ErasureState.RUNNING else erasure

    def receipt(self, account_id: AccountId, erasure_id: str) -> Erasure:
        """The erasure as it stands."""
        erasure = self._ports.erasures.get(account_id, erasure_id)
        if erasure is None:
            raise NotFoundError("there is no erasure of this id in the account")
        return erasure

    def receipts(self, account_id: AccountId) -> list[Erasure]:
        """All erasures of the account, newest first."""
        return self._ports.erasures.all(account_id)

    def work_off_due(self, *, limit: int = 50) -> tuple[int, int]:
        """Complete what was interrupted, and look again where that is due; returns (done, failed)."""
        done = failed = 0
        for erasure in self._ports.erasures.due(now=self._clock.now(), limit=limit):
            try:
                self._save(erasure)  # to the end of the line: if it outlasts the function, the others are next
                self._verify(erasure) if erasure.state is ErasureState.COMPLETE else self._run(erasure)
                done += 1
            except MemoryServiceError as error:
                failed += 1
                _LOG.warning("erasure failed, to be tried again", extra=_logged(erasure) | {"reason": error.reason})
            except Exception as error:  # noqa: BLE001  (one account's defect must not keep the others' waiting)
                failed += 1
                extra = {"type": type(error).__name__, "where": where(error)}
                _LOG.error("erasure failed", extra=_logged(erasure) | extra)
        return done, failed

    def _run(self, erasure: Erasure) -> Erasure:
        self._ports.tombstones.put(erasure.account_id, Tombstone(erasure.target, erasure.erased_at))
        erasure = self._counted(erasure)
        self._delete(erasure)
        remaining = self._present(erasure)
        if any(remaining.values()):
            self._save(replace(erasure, remaining=remaining))
            raise ErasureIncompleteError("something is left; the erasure goes on by itself")
        done = replace(erasure, state=ErasureState.COMPLETE, remaining=remaining, completed_at=self._clock.now())
        self._note(done)  # first, and under an id that is the same again: a receipt without its event is not possible
        self._save(done)
        return done

    def _counted(self, erasure: Erasure) -> Erasure:
        """With what is there now added to what is removed; saved first, so that a count is never lost."""
        found = self._present(erasure)
        removed = {name: max(erasure.removed.get(name, 0), count) for name, count in found.items()}
        counted = replace(erasure, removed=removed)
        self._save(counted)
        return counted

    def _delete(self, erasure: Erasure) -> None:
        account_id, target, until = erasure.account_id, erasure.target, erasure.erased_at
        self._ports.memories.erase(account_id, target, until=until)
        if self._ports.archive is not None:
            self._ports.archive.erase(account_id, target, until=until)
        self._ports.records.erase(account_id, target)
        if self._ports.events is not None:
            self._ports.events.forget_queries(account_id, target)

    def _present(self, erasure: Erasure) -> dict[str, int]:
        account_id, target, until = erasure.account_id, erasure.target, erasure.erased_at
        counts = dict(self._ports.memories.count_erasable(account_id, target, until=until))
        if self._ports.archive is not None:
            counts["archived"] = self._ports.archive.count_erasable(account_id, target, until=until)
        counts["job_records"] = self._ports.records.count_erasable(account_id, target)
        if self._ports.events is not None:
            counts["queries"] = self._ports.events.count_queries(account_id, target)
        return counts

    def _verify(self, erasure: Erasure) -> None:
        """The last look. Not for records: one that was made since belongs to what was said since.

        Events of searches may have been on their way into the trail. Of those since then the words go too.
        """
        account_id, target, until = erasure.account_id, erasure.target, erasure.erased_at
        late = dict(self._ports.memories.count_erasable(account_id, target, until=until))
        events = self._ports.events
        if events is not None:
            late["queries"] = events.count_queries(account_id, target)
        if any(late.values()):
            _LOG.warning("late writes were found and are removed", extra=_logged(erasure) | {"late": late})
            erasure = _with_late(erasure, late)
            self._save(erasure)  # first, so that the count is not lost if this is interrupted
            self._ports.memories.erase(account_id, target, until=until)
            if events is not None:
                events.forget_queries(account_id, target)
            left = self._ports.memories.count_erasable(account_id, target, until=until)
            if any(left.values()):
                raise ErasureIncompleteError("something is left; the erasure goes on by itself")
        remaining = dict.fromkeys(erasure.remaining, 0)
        verified = replace(erasure, state=ErasureState.VERIFIED, remaining=remaining, verified_at=self._clock.now())
        self._save(verified)

    def _save(self, erasure: Erasure) -> None:
        waits = {ErasureState.RUNNING: RESUME, ErasureState.COMPLETE: LOOK_AGAIN}
        wait = waits.get(erasure.state)
        self._ports.erasures.save(erasure, due_at=None if wait is None else self._clock.now() + wait)

    def _note(self, erasure: Erasure) -> None:
        target = erasure.target
        self._trail.note(
            erasure.account_id,
            erasure.requested_by,
            EventType.CLEAR if erasure.reason == "clear" else EventType.ERASE,
            event_id=repeatable_event_id(erasure.account_id, "erasure", erasure.id),
            agent_id=target.id if target.kind is TargetKind.AGENT else None,
            thread_id=target.id if target.kind is TargetKind.SESSION else None,
            result_count=erasure.removed.get("memories", 0),
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
