"""The platform's side of an extraction, in memory: what DynamoDB and the events queue do in production.

Just enough for one worker that runs one job after another: no lease is ever contested and nothing is erased.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.domain.conversation import Watermark
from operator_memory.domain.learning.jobs import ClaimStatus, JobClaim, JobRecord, JobState, JobSubject
from operator_memory.domain.lifecycle.retention import DueAccount
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import MemoryEvent
from operator_memory.domain.shared.holds import NO_HOLDS, Holds
from operator_memory.domain.shared.tombstones import Target, Tombstone
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse


@dataclass
class RunClock:
    """Stands at the moment after the run that is being worked off, so that every result is repeatable."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """That moment."""
        return self.time

    def monotonic(self) -> float:
        """Its seconds."""
        return self.time.timestamp()


@dataclass
class Jobs:
    """Port ``JobStore``."""

    records: dict[tuple[AccountId, str], JobRecord] = field(default_factory=dict)

    def enqueue(
        self, account_id: AccountId, job_id: str, *, content_hash: str, subject: JobSubject, now: datetime
    ) -> JobClaim:
        """As `claim`."""
        return self.claim(account_id, job_id, content_hash=content_hash, subject=subject, now=now, lease_seconds=0)

    def claim(
        self,
        account_id: AccountId,
        job_id: str,
        *,
        content_hash: str,
        subject: JobSubject,
        now: datetime,
        lease_seconds: int,  # noqa: ARG002  (the port's signature)
    ) -> JobClaim:
        """Claimed, unless it is done."""
        known = self.records.get((account_id, job_id))
        if known is not None and known.state is JobState.DONE:
            return JobClaim(ClaimStatus.ALREADY_DONE, known)
        record = JobRecord(account_id, job_id, JobState.RUNNING, content_hash, now, subject=subject)
        if known is not None:
            record = replace(record, attempts=known.attempts + 1)
        self.records[account_id, job_id] = record
        return JobClaim(ClaimStatus.CLAIMED, record)

    def keep(self, record: JobRecord, *, lease_seconds: int) -> None:  # noqa: ARG002  (the port's signature)
        """As `save`."""
        self.save(record)

    def save(self, record: JobRecord) -> None:
        """Keep it."""
        self.records[record.account_id, record.job_id] = record

    def get(self, account_id: AccountId, job_id: str) -> JobRecord | None:
        """The record."""
        return self.records.get((account_id, job_id))


class NoWatermarks:
    """Port ``WatermarkStore``: every run carries its messages."""

    def get(self, account_id: AccountId, thread_id: str) -> Watermark | None:  # noqa: ARG002
        """None."""
        return None

    def advance(self, account_id: AccountId, thread_id: str, watermark: Watermark) -> None:
        """Nothing to move."""


class NoHolds:
    """Port ``HoldReader``: nothing is held."""

    def holds(self, account_id: AccountId) -> Holds:  # noqa: ARG002
        """None."""
        return NO_HOLDS


def nothing_held(parts: AdaptersInUse) -> KeepHeld:
    """What keeps that which is held."""
    return KeepHeld(holds=NoHolds(), library=parts.library(), trail=AuditTrail(NoEvents(), parts.clock))


class NoTombstones:
    """Port ``Tombstones``: nobody has erased anything."""

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        """Nobody does."""

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:  # noqa: ARG002
        """None."""
        return []

    def bury(self, account_id: AccountId, marks: Collection[str], *, at: datetime) -> None:
        """Nobody asks to."""

    def buried(self, account_id: AccountId, marks: Collection[str]) -> dict[str, datetime]:  # noqa: ARG002
        """None."""
        return {}


class NoExpiry:
    """Port ``ExpiryIndex``: nothing is swept during a benchmark."""

    def register(self, account_id: AccountId, due_at: datetime) -> None:
        """Nobody asks for it."""

    def due(self, *, now: datetime, limit: int) -> list[DueAccount]:  # noqa: ARG002
        """None."""
        return []

    def settle(self, entry: DueAccount, next_due_at: datetime | None) -> bool:  # noqa: ARG002
        """Nothing to settle."""
        return True


class NoEvents:
    """Port ``EventSink``: the trail is not measured here."""

    def emit(self, event: MemoryEvent) -> None:
        """Let it go."""
