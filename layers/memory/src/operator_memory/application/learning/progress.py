"""How far a job is: which chunks of its conversation are finished, and whether there is time for another."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.learning import JobStore
from operator_memory.domain.conversation import Turn
from operator_memory.domain.errors import OutOfTimeError
from operator_memory.domain.learning.jobs import FinishedChunk, JobRecord, RunJob, turn_id


class Progress:
    """The progress of one attempt. It is kept in the job's record, which an erasure takes it out of."""

    def __init__(
        self,
        record: JobRecord,
        jobs: JobStore,
        clock: Clock,
        *,
        lease_seconds: int,
        chunk_seconds: float,
        ends_at: float | None,
    ) -> None:
        """``chunk_seconds``: what a chunk may take. ``ends_at``: see `RunJob`."""
        self.record = record
        self._jobs = jobs
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._chunk_seconds = chunk_seconds
        self._ends_at = math.inf if ends_at is None else ends_at
        self._begun = False

    def finished(self, key: str) -> FinishedChunk | None:
        """What the chunk of that key came to, if an attempt has finished it."""
        return self.record.chunks.get(key)

    def begin_chunk(self) -> None:
        """Go on only if there is time for a chunk. The first one of an attempt is begun in any case, so that every
        attempt gets further.

        Raises:
            OutOfTimeError: there is not.
        """
        left = self._ends_at - self._clock.monotonic()
        if self._begun and left < self._chunk_seconds:
            raise OutOfTimeError(f"{len(self.record.chunks)} chunks are finished, the next attempt goes on")
        self._begun = True

    def notice(self, notice: str) -> None:
        """Have the record tell ``notice``, once."""
        self.record = replace(self.record, notices=tuple(dict.fromkeys((*self.record.notices, notice))))

    def keep(self, key: str, chunk: FinishedChunk) -> None:
        """Note the chunk as finished."""
        self.record = replace(self.record, chunks={**self.record.chunks, key: chunk}, updated_at=self._clock.now())
        self._jobs.keep(self.record, lease_seconds=self._lease_seconds)

    def forget(self) -> None:
        """No chunk is finished. It is noted with the end of the attempt."""
        self.record = replace(self.record, chunks={})


def chunk_key(job: RunJob, turns: Sequence[Turn], until: datetime) -> str:
    """The key of the chunk of these turns, said until then: the same for the same words at the same places."""
    named = "\n".join((until.isoformat(), *(turn_id(job, turn) for turn in turns)))
    return hashlib.sha256(named.encode()).hexdigest()[:32]
