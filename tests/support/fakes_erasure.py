"""In-memory implementations of the ports of erasure, and of the store of idempotency keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from operator_memory.domain.erasure import Erasure, Target, TargetKind, Tombstone
from operator_memory.domain.jobs import JobRecord, JobState
from operator_memory.domain.scopes import AccountId, Scope

from tests.support.fakes import InMemoryJobs, InMemoryWatermarks


@dataclass
class InMemoryTombstones:
    """Port ``Tombstones``."""

    stones: dict[tuple[AccountId, Target], Tombstone] = field(default_factory=dict)

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        known = self.stones.get((account_id, tombstone.target))
        if known is None or tombstone.erased_at > known.erased_at:
            self.stones[account_id, tombstone.target] = tombstone

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        found = (self.stones.get((account_id, target)) for target in dict.fromkeys(targets))
        return [stone for stone in found if stone is not None]


@dataclass
class InMemoryErasures:
    """Port ``ErasureStore``."""

    erasures: dict[tuple[AccountId, str], Erasure] = field(default_factory=dict)
    due_times: dict[tuple[AccountId, str], datetime] = field(default_factory=dict)

    def save(self, erasure: Erasure, *, due_at: datetime | None) -> None:
        key = (erasure.account_id, erasure.id)
        self.erasures[key] = erasure
        if due_at is None:
            self.due_times.pop(key, None)
        else:
            self.due_times[key] = due_at

    def get(self, account_id: AccountId, erasure_id: str) -> Erasure | None:
        return self.erasures.get((account_id, erasure_id))

    def all(self, account_id: AccountId) -> list[Erasure]:
        mine = [erasure for (account, _), erasure in self.erasures.items() if account == account_id]
        return sorted(mine, key=lambda erasure: (erasure.erased_at, erasure.id), reverse=True)

    def due(self, *, now: datetime, limit: int) -> list[Erasure]:
        come = sorted((due_at, key) for key, due_at in self.due_times.items() if due_at <= now)
        return [self.erasures[key] for _, key in come[:limit]]


@dataclass
class InMemoryIdempotency:
    """Port ``IdempotencyStore``. ``kept`` holds (content hash, job id) and when it counts no more."""

    kept: dict[tuple[AccountId, str], tuple[tuple[str, str], datetime]] = field(default_factory=dict)

    def remember(
        self, account_id: AccountId, key: str, *, content_hash: str, job_id: str, now: datetime
    ) -> tuple[str, str]:
        known = self.kept.get((account_id, key))
        if known is not None and known[1] > now:
            return known[0]
        self.kept[account_id, key] = ((content_hash, job_id), now + timedelta(days=1))
        return content_hash, job_id


@dataclass
class InMemoryRecords:
    """Port ``ErasableRecords`` over the other fakes."""

    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    watermarks: InMemoryWatermarks = field(default_factory=InMemoryWatermarks)
    idempotency: InMemoryIdempotency = field(default_factory=InMemoryIdempotency)

    def count_erasable(self, account_id: AccountId, target: Target) -> int:
        if target.kind is TargetKind.ACCOUNT:
            return sum(account == account_id for keyed in self._all() for account, _ in keyed)
        return sum(_holds(record, target) for record in self._about(account_id, target))

    def erase(self, account_id: AccountId, target: Target) -> None:
        if target.kind is TargetKind.ACCOUNT:
            for keyed in (*self._all(), self.jobs.leases, self.jobs.erased):
                for key in [key for key in keyed if key[0] == account_id]:
                    keyed.pop(key)
            return
        if target.kind is TargetKind.SESSION and target.id is not None:
            self.watermarks.marks.pop((account_id, target.id), None)
        for record in self._about(account_id, target):
            self._take_out(record, target)

    def _all(self) -> tuple[dict[tuple[AccountId, str], Any], ...]:
        return (self.jobs.records, self.watermarks.marks, self.idempotency.kept)

    def _about(self, account_id: AccountId, target: Target) -> list[JobRecord]:
        mine = [record for (account, _), record in self.jobs.records.items() if account == account_id]
        return [record for record in mine if _concerns(record, target)]

    def _take_out(self, record: JobRecord, target: Target) -> None:
        scope = Scope.USER if target.kind is TargetKind.USER else None
        key = (record.account_id, record.job_id)
        if _holds(record, target) or record.state is not JobState.DONE:
            self.jobs.records[key] = self.jobs.without_outcomes(record, scope)
            self.jobs.erased[key] = None if self.jobs.erased.get(key, scope) is None else scope


def _concerns(record: JobRecord, target: Target) -> bool:
    subject = record.subject
    match target.kind:
        case TargetKind.SESSION:
            return target.id in (subject.session_id, subject.thread_id)
        case TargetKind.AGENT:
            return subject.agent_id == target.id
        case TargetKind.AUTHOR:
            return subject.author_id == target.id
        case _:
            return True


def _holds(record: JobRecord, target: Target) -> bool:
    if target.kind is TargetKind.USER:
        return any(fact.scope is Scope.USER for fact in record.facts)
    return bool(record.facts or record.turns or record.error_detail)
