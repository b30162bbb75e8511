"""Use case: takes back what one run taught.

The order makes a repetition complete what was interrupted: the run is marked first, so that no worker teaches it again;
what its facts replaced is restored before they are deleted, since they are what leads there.
"""

from collections.abc import Collection, Mapping, Sequence

from operator_memory.application.ports.core import Clock, LearnedMemories
from operator_memory.application.ports.learning import UndoableJobs
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.errors import ConflictError, NotFoundError
from operator_memory.domain.learning.jobs import ClaimStatus, JobRecord
from operator_memory.domain.learning.taught import (
    HELD,
    Undone,
    parts_kept,
    repeated,
    successor,
    why_kept,
    without_its_part,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import MAX_IDS, EventType, Touched, repeatable_event_id


class UndoRun:
    """Takes back what runs taught, one at a time. Their turns stay: they are what was said."""

    def __init__(
        self,
        *,
        jobs: UndoableJobs,
        learned: LearnedMemories,
        writer: GuardedWriter,
        remover: RemoveMemories,
        visibility: TurnVisibility,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._learned = learned
        self._writer = writer
        self._remover = remover
        self._visibility = visibility
        self._trail = trail
        self._clock = clock

    def author(self, account_id: AccountId, job_id: str) -> str | None:
        """Return the member whose run it was, if that is known.

        Raises:
            NotFoundError: as `undo`.
        """
        record = self._jobs.get(account_id, job_id)
        if record is None:
            raise NotFoundError(_NO_SUCH_JOB)
        return record.subject.author_id

    def undo(self, actor: str, account_id: AccountId, job_id: str) -> Undone:
        """Remove the facts that the job added, restore what they replaced, and have it teach nothing any more.

        ``actor``: who asks, as the trail names them. Repeating it does what is left to do.

        Raises:
            NotFoundError: the account has no job of this id, or its record has expired.
            ConflictError: it has not ended yet.
        """
        claim = self._jobs.mark_undone(account_id, job_id, now=self._clock.now())
        if claim is None:
            raise NotFoundError(_NO_SUCH_JOB)
        if claim.status is ClaimStatus.IN_PROGRESS:
            raise ConflictError(f"this run is still {claim.record.state.value}: undo it when it has ended")
        record = claim.record
        outcomes = {outcome.memory_id: outcome for outcome in record.facts}
        taught = self._learned.facts_of_run(account_id, job_id)
        kept = {m.id: why for m in taught if (why := why_kept(m, outcomes)) is not None}
        kept |= {identity: HELD for identity in self._remover.held.held(account_id, taught) if identity not in kept}
        gone = {memory.id: memory for memory in taught if memory.id not in kept}
        self._forget_part(record, [m for m in taught if m.repeated_in and m.id in kept])
        older = self._restore(actor, record, gone)
        parts = self._parts(record)
        self._remove(actor, record, [*gone.values(), *parts], older, {memory.id for memory in parts})
        restored = tuple(memory.id for memory in older)
        return Undone(record, tuple(m.id for m in (*gone.values(), *parts)), restored, kept)

    def _forget_part(self, record: JobRecord, shared: Sequence[Memory]) -> None:
        """Of what other runs have taught too, forget that this one did."""
        ids = repeated(record.facts)
        known = self._writer.stored(record.account_id, ids) if ids else {}
        again = [memory for memory in known.values() if record.job_id in memory.repeated_in]
        changed = {m.id: without_its_part(m, record.job_id) for m in (*shared, *again)}
        if changed:
            self._learned.note_learning(record.account_id, list(changed.values()))

    def _restore(self, actor: str, record: JobRecord, gone: Mapping[str, Memory]) -> list[Memory]:
        """Bring back what facts that go took the place of, unless something else has taken it since. Return the
        memories as they were."""
        account_id, restored = record.account_id, []
        older = [m for m in self._writer.replaced_by(account_id, list(gone)) if m.id not in gone] if gone else []
        for memory in older:
            newer = successor(memory, gone)
            if newer is None or memory.valid_until is None or memory.pinned:
                restored.append(memory)
            else:
                self._writer.supersede(account_id, [memory.id], by=newer, at=memory.valid_until)
        if restored:
            about: dict[str, str | int | bool] = {"how": "restored", "by": "undo"}
            self._note(actor, record, EventType.UPDATE, [memory.id for memory in restored], about)
        for memory in restored:
            self._learned.hold_again(account_id, [memory.id], by=memory.superseded_by or "")
            self._visibility.release(account_id, memory)
        return restored

    def _parts(self, record: JobRecord) -> list[Memory]:
        """The memories that the run made of what stays true of others, where these are whole again."""
        parts = parts_kept(record.facts)
        found = self._writer.stored(record.account_id, [*parts, *parts.values()]) if parts else {}
        wholes = {i for i in parts.values() if i in found and found[i].superseded_by is None}
        made = [found[part] for part, whole in parts.items() if part in found and whole in wholes]
        return [memory for memory in made if why_kept(memory, {}) is None]

    def _remove(
        self, actor: str, record: JobRecord, gone: Sequence[Memory], older: Sequence[Memory], copies: Collection[str]
    ) -> None:
        spare: dict[str, list[str]] = {}
        for memory in older:
            spare.setdefault(memory.superseded_by or "", []).extend(memory.said_in)
        for start in range(0, len(gone), MAX_IDS):
            ids = [memory.id for memory in gone[start : start + MAX_IDS]]
            # First, under an id that is the same again: nothing is deleted that is not on record.
            self._note(actor, record, EventType.DELETE, ids, {"by": "undo"})
        if gone:
            self._remover.remove(record.account_id, gone, by=actor, spare=spare, only_copies=copies)

    def _note(
        self, actor: str, record: JobRecord, what: EventType, ids: Sequence[str], about: dict[str, str | int | bool]
    ) -> None:
        self._trail.note(
            record.account_id,
            actor,
            what,
            Touched(tuple(ids), record.subject.agent_id, record.subject.thread_id or None),
            event_id=repeatable_event_id(record.account_id, f"undo-{what.value}", "\x1f".join((record.job_id, *ids))),
            metadata={**about, "job_id": record.job_id},
        )


_NO_SUCH_JOB = "there is no job of this id in the account"
