"""Use case: puts a finished run into the jobs queue for a caller that cannot reach it, and reports on it."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.learning import JobStore
from operator_memory.application.ports.management import IdempotencyStore, JobSender
from operator_memory.domain.errors import ConflictError, NotFoundError
from operator_memory.domain.learning.jobs import ClaimStatus, JobRecord, RunJob, content_hash, queue_text
from operator_memory.domain.memory.scopes import AccountId


class SubmitJobs:
    """Accepts jobs. Accepting one twice, by its id or by the caller's idempotency key, is accepting it once."""

    def __init__(self, *, jobs: JobStore, keys: IdempotencyStore, sender: JobSender, clock: Clock) -> None:
        self._jobs = jobs
        self._keys = keys
        self._sender = sender
        self._clock = clock

    def job_id(self, account_id: AccountId, body: Mapping[str, Any], *, idempotency_key: str | None) -> str:
        """Return the id for ``body`` (a job, perhaps without ``job_id``).

        Raises:
            ConflictError: the key was used before for another job.
        """
        given = body.get("job_id")
        if idempotency_key is None:
            return str(given or uuid4())
        digest = content_hash(body)
        made = str(given or uuid5(NAMESPACE_URL, f"operator-memory:{account_id}:{idempotency_key}"))
        known, job_id = self._keys.remember(
            account_id, idempotency_key, content_hash=digest, job_id=made, now=self._clock.now()
        )
        if known != digest:
            raise ConflictError("this Idempotency-Key was used before with another body: use a new key")
        return job_id

    def submit(self, job: RunJob, body: Mapping[str, Any]) -> JobRecord:
        """Enqueue ``job``, whose JSON is ``body``; return its record, ``queued`` if it is new.

        Raises:
            ConflictError: the job id was used before with other content.
        """
        digest = content_hash(body)
        claim = self._jobs.enqueue(
            job.account_id, job.job_id, content_hash=digest, subject=job.subject, now=self._clock.now()
        )
        if claim.status is ClaimStatus.CONFLICT:
            raise ConflictError(f"job {job.job_id} was submitted before with other content")
        if claim.status is not ClaimStatus.ALREADY_DONE:
            # Also one that is known: the caller may repeat because the first answer, or the first send, was lost.
            # The queue drops the second within five minutes, and the job's record makes a later one harmless.
            self._sender.send(queue_text(body), account_id=job.account_id, deduplication_id=digest)
        return claim.record

    def status(self, account_id: AccountId, job_id: str) -> JobRecord:
        """Return the job's record, with the outcome of every fact.

        Raises:
            NotFoundError: the account has no job of this id, or its record has expired.
        """
        record = self._jobs.get(account_id, job_id)
        if record is None:
            raise NotFoundError("there is no job of this id in the account")
        return record
