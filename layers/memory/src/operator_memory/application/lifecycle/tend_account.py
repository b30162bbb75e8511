"""Use case: applies the life cycle to one account: expire, archive, purge. In pages, and again is harmless."""

import json
from dataclasses import dataclass
from datetime import datetime

from operator_memory.application.lifecycle.plan_policies import CrowdStep, DueStep, PlanPolicies
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import (
    ArchiveRetention,
    ExpiredMemories,
    ExpiryIndex,
    PolicyMemories,
    PolicyStore,
    StoreToArchive,
    TaskQueue,
    TidyUp,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.lifecycle.fates import (
    Circumstances,
    Fate,
    Place,
    Reason,
    exemption,
    fate_for,
    fate_of,
    leaves_archive,
    place_of,
)
from operator_memory.domain.lifecycle.policies import EVERY, Policies, digest_of
from operator_memory.domain.lifecycle.retention import PAGE, DueAccount, must_stop
from operator_memory.domain.lifecycle.rounds import (
    LEASE,
    STEPS_AT_ONCE,
    PolicyRound,
    Progress,
    RoundReport,
    Stage,
    Task,
)
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.time_left import SecondsLeft

ACTOR = "system:lifecycle"


@dataclass(frozen=True, slots=True)
class TendingPorts:
    """What a round reads and writes. ``archive``, ``to_archive`` and ``tidy``: ``None`` where there is no archive."""

    expired: ExpiredMemories
    memories: PolicyMemories
    index: ExpiryIndex
    policies: PolicyStore
    queue: TaskQueue
    archive: ArchiveRetention | None = None
    to_archive: StoreToArchive | None = None
    tidy: TidyUp | None = None


class TendAccount:
    """Works off one message: a part of a round over one account. What is left is sent on in a new message."""

    def __init__(self, ports: TendingPorts, *, plan: PlanPolicies, trail: AuditTrail, clock: Clock) -> None:
        self._ports = ports
        self._plan = plan
        self._trail = trail
        self._clock = clock

    def tend(self, task: Task, seconds_left: SecondsLeft) -> RoundReport:
        """Do what there is time for. What was done is on the trail, also when the rest fails."""
        entry = self._ports.index.entry(task.account_id)
        progress = Progress(task, task.began_at or self._clock.now())
        try:
            following = self._run(progress, seconds_left)
        except _GiveWayError:
            self._ports.queue.send([progress.task])
            progress.report.continued = True
            if entry is not None:
                self._ports.index.settle(entry, self._clock.now() + LEASE)
        else:
            self._settle(entry, following)
        finally:
            self._note(progress)
        return progress.report

    def _run(self, progress: Progress, seconds_left: SecondsLeft) -> datetime | None:
        """Go through the stages; return when the account is due again."""
        account, began = progress.task.account_id, progress.began_at
        fresh = progress.task.stage is Stage.EXPIRE
        if fresh:
            self._expire(progress, seconds_left)
            progress.reach(Stage.RULES)
        policies = self._plan.policies_of(account)
        next_run = self._policy_run(progress, policies, seconds_left, fresh=fresh)
        following = [next_run, self._ports.expired.next_expiry(account, after=began)]
        holds = self._plan.circumstances(account, policies, began).holds
        if holds.account is not None or holds.threads:
            following.append(began + EVERY)  # what is held is looked at again: a hold may be lifted
        return min((moment for moment in following if moment is not None), default=None)

    def _policy_run(
        self, progress: Progress, policies: Policies, seconds_left: SecondsLeft, *, fresh: bool
    ) -> datetime | None:
        """Apply the policies, if it is time to; return when they are applied next."""
        account, began = progress.task.account_id, progress.began_at
        if not policies.active and not self._may_need_tidying(account, policies):
            return None
        digest, last = digest_of(policies), self._ports.policies.last_round(account)
        if fresh and last is not None and not last.is_over(digest, began):
            return last.next_at
        if progress.task.stage is Stage.RULES:
            self._apply_rules(progress, policies, seconds_left)
            progress.reach(Stage.LIMITS)
        if progress.task.stage is Stage.LIMITS:
            self._apply_limits(progress, policies, seconds_left)
            progress.reach(Stage.PURGE)
        if progress.task.stage is Stage.PURGE:
            self._purge(progress, policies, seconds_left)
            progress.reach(Stage.TIDY)
        self._tidy(progress, seconds_left)
        self._ports.policies.note_round(account, PolicyRound(began, began + EVERY, digest))
        return began + EVERY

    def _may_need_tidying(self, account_id: AccountId, policies: Policies) -> bool:
        """Whether something is, or may come to be, in the archive, though no rule is at work."""
        archive = self._ports.archive
        if archive is None:
            return False
        return policies.archives_when_full or bool(archive.entries(account_id, after=None, limit=1)[0])

    def _expire(self, progress: Progress, seconds_left: SecondsLeft) -> None:
        """Delete what has reached its end date, and nothing that is held."""
        account, page = progress.task.account_id, PAGE
        while page == PAGE:
            _take_step(progress, seconds_left)
            under = self._plan.circumstances(account, Policies(), progress.began_at)
            if under.holds.account is not None:
                return
            page = self._ports.expired.delete_expired(
                account, now=progress.began_at, limit=PAGE, kept_threads=tuple(under.holds.threads)
            )
            progress.report.expired += page
            progress.count(page)

    def _apply_rules(self, progress: Progress, policies: Policies, seconds_left: SecondsLeft) -> None:
        """Delete and archive what is due, step by step, each by id."""
        account, at = progress.task.account_id, progress.task
        names = [step.name for step in self._steps(progress, policies)]
        for name in names[names.index(at.step) if at.step in names else 0 :]:
            after = at.after if name == at.step else None
            while True:
                progress.reach(Stage.RULES, name, after)
                _take_step(progress, seconds_left)
                under = self._plan.circumstances(account, policies, progress.began_at)  # with the holds of now
                step = next(step for step in self._plan.due_steps(under) if step.name == name)
                page = self._ports.memories.some(account, step.selection.not_exempt(), after=after, limit=PAGE)
                progress.count(len(page))
                self._carry_out(progress, step, [m for m in page if _is_as_planned(m, step, under)])
                if len(page) < PAGE:
                    break
                after = page[-1].id

    def _steps(self, progress: Progress, policies: Policies) -> list[DueStep]:
        under = self._plan.circumstances(progress.task.account_id, policies, progress.began_at)
        return list(self._plan.due_steps(under))

    def _carry_out(self, progress: Progress, step: DueStep, page: list[Memory]) -> None:
        ids = [memory.id for memory in page]
        if not ids:
            return
        if fate_for(step.reason) is Fate.DELETE:
            selection = step.selection.not_exempt()
            progress.report.deleted += self._ports.memories.remove(progress.task.account_id, selection, ids)
        else:
            self._to_archive(progress, ids, step.reason)

    def _to_archive(self, progress: Progress, ids: list[str], reason: Reason) -> None:
        if self._ports.to_archive is None:
            raise AssertionError("nothing is planned for an archive that is not there")
        progress.report.archived += self._ports.to_archive(progress.task.account_id, dict.fromkeys(ids, reason.value))

    def _apply_limits(self, progress: Progress, policies: Policies, seconds_left: SecondsLeft) -> None:
        """Archive what is too much: the least important first, as many as there are too many now."""
        account, at = progress.task.account_id, progress.task
        under = self._plan.circumstances(account, policies, progress.began_at)
        names = [step.group.name for step in self._plan.crowd_steps(under)]
        for name in names[names.index(at.step) if at.step in names else 0 :]:
            after = _place(at.after) if name == at.step else None
            while True:
                progress.reach(Stage.LIMITS, name, _written(after))
                _take_step(progress, seconds_left)
                under = self._plan.circumstances(account, policies, progress.began_at)
                step = next(step for step in self._plan.crowd_steps(under) if step.group.name == name)
                page = self._least(progress, step, under, after)
                progress.count(len(page))
                free = [memory.id for memory in page if exemption(memory, under.holds) is None]
                if free:
                    self._to_archive(progress, free, Reason.OVER_LIMIT)
                if not page:
                    break
                after = place_of(page[-1])

    def _least(self, progress: Progress, step: CrowdStep, under: Circumstances, after: Place | None) -> list[Memory]:
        account = progress.task.account_id
        limit = min(PAGE, self._plan.too_many(account, step, under))
        return self._ports.memories.least(account, step.movable, after=after, limit=limit) if limit else []

    def _purge(self, progress: Progress, policies: Policies, seconds_left: SecondsLeft) -> None:
        """Delete from the archive what has been there for long enough."""
        archive, account = self._ports.archive, progress.task.account_id
        if archive is None or not policies.purges:
            return
        after = progress.task.after
        while True:
            progress.reach(Stage.PURGE, None, after)
            _take_step(progress, seconds_left)
            under = self._plan.circumstances(account, policies, progress.began_at)
            entries, after = archive.entries(account, after=after, limit=PAGE)
            progress.count(len(entries))
            gone = [entry.id for entry in entries if leaves_archive(entry, under)]
            if gone:
                progress.report.purged += archive.forget(account, gone)
            if after is None:
                return

    def _tidy(self, progress: Progress, seconds_left: SecondsLeft) -> None:
        """End what is in two places, and what killed workers have left in the archive."""
        if self._ports.tidy is None:
            return
        after = progress.task.after
        while True:
            progress.reach(Stage.TIDY, None, after)
            _take_step(progress, seconds_left)
            after = self._ports.tidy(progress.task.account_id, after=after, seconds_left=seconds_left)
            progress.count(0)
            if after is None:
                return

    def _settle(self, entry: DueAccount | None, following: datetime | None) -> None:
        """If something was registered meanwhile, the entry stays as it is: it is looked at once more."""
        if entry is not None:
            self._ports.index.settle(entry, following)

    def _note(self, progress: Progress) -> None:
        report = progress.report
        if report.changed:
            touched = Touched(count=report.changed)
            metadata: dict[str, str | int | bool] = {**report.counts(), "round": progress.began_at.isoformat()}
            self._trail.note(progress.task.account_id, ACTOR, EventType.LIFECYCLE, touched, metadata=metadata)


class _GiveWayError(Exception):
    """The time of this message is up; the round goes on with another one."""


def _take_step(progress: Progress, seconds_left: SecondsLeft) -> None:
    """Return if another page can be begun; `Progress.count` says what it was.

    Raises:
        _GiveWayError: there is no time for it, or others are to have a turn.
    """
    if must_stop(seconds_left()) or progress.steps >= STEPS_AT_ONCE:
        raise _GiveWayError


def _is_as_planned(memory: Memory, step: DueStep, under: Circumstances) -> bool:
    decision = fate_of(memory, under)
    return decision.fate is fate_for(step.reason) and decision.reason is step.reason


def _written(place: Place | None) -> str | None:
    if place is None:
        return None
    return json.dumps([place.importance, place.used, place.created_at.isoformat(), place.id])


def _place(text: str | None) -> Place | None:
    """Read what `_written` wrote; what is no place is the beginning."""
    try:
        importance, used, created_at, identity = json.loads(text or "")
        return Place(float(importance), bool(used), datetime.fromisoformat(created_at), str(identity))
    except (TypeError, ValueError):
        return None
