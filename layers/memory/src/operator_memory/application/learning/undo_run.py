"""Use case: takes back what one run taught.

The run is marked first, so that no worker teaches it again. Then it is planned what goes, and the plan is carried out.
"""

from operator_memory.application.learning.take_back import TakeBack
from operator_memory.application.ports.core import Clock, LearnedMemories
from operator_memory.application.ports.learning import UndoableJobs
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.errors import ConflictError, NotFoundError
from operator_memory.domain.learning.jobs import ClaimStatus, JobRecord, JobState
from operator_memory.domain.learning.taught import Run, Undone
from operator_memory.domain.memory.scopes import AccountId


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
        self._clock = clock
        self.back = TakeBack(learned=learned, writer=writer, remover=remover, visibility=visibility, trail=trail)

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
        run = Run(claim.record, tuple(self._learned.facts_of_run(account_id, job_id)))
        plan = self.back.plan_runs(account_id, [run], taken={job_id})
        self.back.carry_out(actor, account_id, plan)
        return Undone(claim.record, plan.removed, tuple(memory.id for memory in plan.restored), plan.kept)

    def ended(self, account_id: AccountId, job_id: str, *, mark: bool) -> Run | None:
        """Return a run that can be taken back, with what it taught; ``None`` while it has not ended.

        ``mark``: it is taken back, so no worker teaches it again. One whose record has expired is known by its facts.

        Raises:
            NotFoundError: nothing is known of it.
        """
        facts = tuple(self._learned.facts_of_run(account_id, job_id))
        record = self._jobs.get(account_id, job_id)
        if record is None:
            if not facts:
                raise NotFoundError(_NO_SUCH_JOB)
            return Run(JobRecord(account_id, job_id, JobState.DONE, "", self._clock.now()), facts)
        if not mark:
            return None if record.state in (JobState.QUEUED, JobState.RUNNING) else Run(record, facts)
        claim = self._jobs.mark_undone(account_id, job_id, now=self._clock.now())
        if claim is None or claim.status is ClaimStatus.IN_PROGRESS:
            return None
        return Run(claim.record, tuple(self._learned.facts_of_run(account_id, job_id)))


_NO_SUCH_JOB = "there is no job of this id in the account"
