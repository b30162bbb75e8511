"""In-memory implementations of the ports of erasure, and of the store of idempotency keys."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from operator_memory.adapters.dynamodb.answers import MOST_BYTES
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.learning.jobs import JobRecord, JobState
from operator_memory.domain.management.erasure import Erasure
from operator_memory.domain.management.keyed_requests import KeyedRequest, KnownRequest
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.fakes.learning import InMemoryJobs, InMemoryWatermarks
from tests.support.fakes.usage import InMemoryUsage

KEPT = timedelta(days=1)
"""How long an idempotency key is remembered."""


@dataclass
class InMemoryTombstones:
    """Port ``Tombstones``."""

    stones: dict[tuple[AccountId, Target], Tombstone] = field(default_factory=dict)
    marks: dict[tuple[AccountId, str], datetime] = field(default_factory=dict)

    def put(self, account_id: AccountId, tombstone: Tombstone) -> None:
        known = self.stones.get((account_id, tombstone.target))
        if known is None or tombstone.erased_at > known.erased_at:
            self.stones[account_id, tombstone.target] = tombstone

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        found = (self.stones.get((account_id, target)) for target in dict.fromkeys(targets))
        return [stone for stone in found if stone is not None]

    def bury(self, account_id: AccountId, marks: Collection[str], *, at: datetime) -> None:
        self.marks |= {(account_id, mark): at for mark in marks}

    def buried(self, account_id: AccountId, marks: Collection[str]) -> dict[str, datetime]:
        return {mark: self.marks[account_id, mark] for mark in marks if (account_id, mark) in self.marks}


@dataclass
class InMemoryErasures:
    """Port ``ErasureStore``."""

    erasures: dict[tuple[AccountId, str], Erasure] = field(default_factory=dict)
    due_times: dict[tuple[AccountId, str], datetime] = field(default_factory=dict)

    def begin(self, erasure: Erasure, *, due_at: datetime) -> bool:
        new = (erasure.account_id, erasure.id) not in self.erasures
        if new:
            self._put(erasure, due_at)
        return new

    def save(self, erasure: Erasure, *, due_at: datetime | None) -> None:
        known = self.erasures.get((erasure.account_id, erasure.id), erasure).removed
        removed = {name: max(known.get(name, 0), erasure.removed.get(name, 0)) for name in {**known, **erasure.removed}}
        dropped = {**erasure.dropped, **self.erasures.get((erasure.account_id, erasure.id), erasure).dropped}
        self._put(replace(erasure, removed=removed, dropped=dropped), due_at)

    def note_dropped(self, account_id: AccountId, where: str, *, count: int, at: datetime) -> int:
        begun = [erasure for erasure in self.all(account_id) if erasure.erased_at <= at]
        for erasure in begun:
            removed = {**erasure.removed, where: erasure.removed.get(where, 0) + count}
            noted = replace(erasure, removed=removed, dropped={**erasure.dropped, where: at})
            self.erasures[account_id, erasure.id] = noted
        return len(begun)

    def _put(self, erasure: Erasure, due_at: datetime | None) -> None:
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
        self.kept[account_id, key] = ((content_hash, job_id), now + KEPT)
        return content_hash, job_id


@dataclass(frozen=True)
class KeptRequest:
    """One request: what is known of it, who answers it, until when, and when it is forgotten."""

    known: KnownRequest
    claim: str
    until: datetime
    ends: datetime


@dataclass
class InMemoryAnswers:
    """Port ``AnswerStore``. While ``error`` is set, nothing can be kept."""

    kept: dict[tuple[AccountId, str], KeptRequest] = field(default_factory=dict)
    error: MemoryServiceError | None = None

    def begin(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, now: datetime, until: datetime
    ) -> KnownRequest | None:
        found = self.kept.get((account_id, request.key))
        if found is not None and found.ends > now:
            free = found.known.answer is None and found.until <= now
            if not (free and found.known.content_hash in (request.content_hash, "")):
                return found.known
        self.kept[account_id, request.key] = KeptRequest(
            KnownRequest(request.content_hash, None), claim, until, now + KEPT
        )
        return None

    def end(
        self, account_id: AccountId, request: KeyedRequest, *, claim: str, answer: str | None, refused: bool = False
    ) -> None:
        if self.error:
            raise self.error
        found = self.kept.get((account_id, request.key))
        if found is None or found.claim != claim:
            return
        if answer is None or len(answer) > 100 * MOST_BYTES:
            known = KnownRequest("" if refused else found.known.content_hash, None)
            ended = datetime.min.replace(tzinfo=found.until.tzinfo)
            self.kept[account_id, request.key] = replace(found, known=known, until=ended)
        else:
            known = KnownRequest(found.known.content_hash, answer)
            self.kept[account_id, request.key] = replace(found, known=known)


@dataclass
class InMemoryRecords:
    """Port ``ErasableRecords`` over the other fakes."""

    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    watermarks: InMemoryWatermarks = field(default_factory=InMemoryWatermarks)
    idempotency: InMemoryIdempotency = field(default_factory=InMemoryIdempotency)
    answers: InMemoryAnswers = field(default_factory=InMemoryAnswers)
    usage: InMemoryUsage = field(default_factory=InMemoryUsage)

    def count_erasable(self, account_id: AccountId, target: Target, *, until: datetime) -> int:
        if target.kind is TargetKind.ACCOUNT:
            return sum(len(keys) for _, keys in self._all(account_id, until))
        return sum(_holds(record, target) for record in self._about(account_id, target, until))

    def erase(self, account_id: AccountId, target: Target, *, until: datetime) -> None:
        if target.kind is TargetKind.ACCOUNT:
            for kept, keys in self._all(account_id, until):
                for key in keys:
                    del kept[key]
            causes = self.usage.causes
            for cause in [c for c, at in causes.items() if c[0] == account_id and at <= until]:
                del causes[cause]
            for key in {*self.jobs.leases, *self.jobs.erased} - self.jobs.records.keys():
                self.jobs.leases.pop(key, None)
                self.jobs.erased.pop(key, None)
            return
        if target.kind is TargetKind.SESSION and target.id is not None:
            mark = self.watermarks.marks.get((account_id, target.id))
            if mark is not None and mark.created_at <= until:
                del self.watermarks.marks[account_id, target.id]
        for record in self._about(account_id, target, until):
            self._take_out(record, target)

    def _all(self, account_id: AccountId, until: datetime) -> list[tuple[dict[Any, Any], list[Any]]]:
        """Each store, and the keys of what goes from it."""
        records, marks, kept = self.jobs.records, self.watermarks.marks, self.idempotency.kept
        answers, days = self.answers.kept, self.usage.rows
        return [
            (days, [key for key, (_, since) in days.items() if key[0] == account_id and since <= until]),
            (records, [key for key, record in records.items() if key[0] == account_id and _up_to(record, until)]),
            (marks, [key for key, mark in marks.items() if key[0] == account_id and mark.created_at <= until]),
            (kept, [key for key, (_, ends) in kept.items() if key[0] == account_id and ends - KEPT <= until]),
            (answers, [key for key, one in answers.items() if key[0] == account_id and one.ends - KEPT <= until]),
        ]

    def _about(self, account_id: AccountId, target: Target, until: datetime) -> list[JobRecord]:
        mine = [record for (account, _), record in self.jobs.records.items() if account == account_id]
        return [record for record in mine if _concerns(record, target) and _up_to(record, until)]

    def _take_out(self, record: JobRecord, target: Target) -> None:
        scope = Scope.USER if target.kind is TargetKind.USER else None
        key = (record.account_id, record.job_id)
        if _holds(record, target) or record.state is not JobState.DONE:
            self.jobs.records[key] = self.jobs.without_outcomes(record, scope)
            self.jobs.erased[key] = None if self.jobs.erased.get(key, scope) is None else scope


def _up_to(record: JobRecord, until: datetime) -> bool:
    """Whether it tells of what was before: it was neither queued nor last started later."""
    return not any(at is not None and at > until for at in (record.queued_at, record.started_at))


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
    facts = [*record.facts, *(fact for chunk in record.chunks.values() for fact in chunk.outcomes)]
    if target.kind is TargetKind.USER:
        return any(fact.scope is Scope.USER for fact in facts)
    return bool(facts or record.turns or record.error_detail)
