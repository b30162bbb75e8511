"""Use case: says what a policy would do to an account's memories, and why, and does none of it."""

from dataclasses import replace

from operator_memory.application.lifecycle.plan_policies import CrowdStep, PlanPolicies
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import ArchiveRetention, PolicyMemories
from operator_memory.domain.lifecycle.fates import (
    EXEMPTIONS,
    Circumstances,
    Decision,
    Fate,
    Group,
    Reason,
    Selection,
    all_of,
    due_memories,
    expired_memories,
    fate_for,
    groups_of,
    leaves_archive,
)
from operator_memory.domain.lifecycle.policies import Limits, Policy
from operator_memory.domain.lifecycle.previews import Preview, Sample
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.time_left import SecondsLeft, has_time_for_a_step

_NOT_DUE = Decision(Fate.KEEP, Reason.NOT_DUE)
_ARCHIVE = "~archive"
"""The step after all groups: what leaves the archive. With a place in the archive behind it."""
_PAGE = 500
_SLOWEST_PAGE = 2.0


class PreviewPolicies:
    """Counts the same selections that `TendAccount` works off. Counting is the store's work, so a large account takes
    little longer than a small one."""

    def __init__(
        self, *, plan: PlanPolicies, memories: PolicyMemories, archive: ArchiveRetention | None, clock: Clock
    ) -> None:
        self._plan = plan
        self._memories = memories
        self._archive = archive
        self._clock = clock

    def preview(
        self,
        account_id: AccountId,
        policy: Policy | None,
        *,
        samples: int,
        start: str | None,
        seconds_left: SecondsLeft,
    ) -> Preview:
        """Return what a round would do now. ``policy``: instead of the stored one. ``samples``: most of each reason.

        ``start``: where an earlier part said that it goes on. The parts' counts add up.
        """
        policies = self._plan.policies_of(account_id, instead=policy)
        under = self._plan.circumstances(account_id, policies, self._clock.now())
        made, slowest, began = Preview(), 0.0, self._clock.monotonic()
        counting = _Counting(self._memories, account_id, under, made, samples)
        if start is None:
            counting.expired()
        for group, limits in groups_of(policies):
            if start is not None and group.name < start:
                continue
            slowest, began = max(slowest, self._clock.monotonic() - began), self._clock.monotonic()
            if not has_time_for_a_step(seconds_left(), slowest):
                made.continue_at = group.name
                return made
            counting.group(group, limits, self._too_many(account_id, group, under))
        self._archived(account_id, under, made, start, seconds_left)
        return made

    def _archived(
        self, account_id: AccountId, under: Circumstances, made: Preview, start: str | None, seconds_left: SecondsLeft
    ) -> None:
        """Count what leaves the archive, page by page of its index."""
        if self._archive is None or not under.policies.purges:
            return
        made.leaving_archive = 0
        after = start[len(_ARCHIVE) :] or None if start is not None and start.startswith(_ARCHIVE) else None
        while has_time_for_a_step(seconds_left(), _SLOWEST_PAGE):
            entries, after = self._archive.entries(account_id, after=after, limit=_PAGE)
            made.leaving_archive += sum(leaves_archive(entry, under) for entry in entries)
            if after is None:
                return
        made.continue_at = f"{_ARCHIVE}{after or ''}"

    def _too_many(self, account_id: AccountId, group: Group, under: Circumstances) -> tuple[CrowdStep, int] | None:
        step = next((step for step in self._plan.crowd_steps(under) if step.group == group), None)
        return None if step is None else (step, self._plan.too_many(account_id, step, under))


class _Counting:
    """Counts what becomes of memories, and takes samples."""

    def __init__(
        self, memories: PolicyMemories, account_id: AccountId, under: Circumstances, made: Preview, samples: int
    ) -> None:
        self._memories = memories
        self._account_id = account_id
        self._under = under
        self._made = made
        self._samples = samples

    def expired(self) -> None:
        """Count what has reached its end date."""
        gone = expired_memories(self._under.holds, self._under.now)
        self._take(Decision(Fate.DELETE, Reason.EXPIRED), replace(gone, held=False))
        self._take(Decision(Fate.KEEP, Reason.HELD), replace(gone, held=True))

    def group(self, group: Group, limits: Limits, crowd: tuple[CrowdStep, int] | None) -> None:
        """Count what becomes of the group."""
        left = self._memories.count(self._account_id, all_of(group, self._under))
        if not left:
            return
        for reason, selection in due_memories(group, limits, self._under):
            left -= self._due(reason, selection)
        if crowd is not None and crowd[1]:
            left -= self._crowd(*crowd)
        self._made.add(_NOT_DUE, left)

    def _due(self, reason: Reason, selection: Selection) -> int:
        found = self._memories.count(self._account_id, selection)
        if not found:
            return 0
        decision = Decision(fate_for(reason), reason)
        if decision.fate is Fate.ARCHIVE and not self._under.archiving:
            decision = Decision(Fate.KEEP, Reason.NO_ARCHIVE)
        self._take(decision, selection.not_exempt())
        for exempt in EXEMPTIONS:
            self._take(Decision(Fate.KEEP, exempt), selection.exempt(exempt))
        return found

    def _take(self, decision: Decision, selection: Selection) -> None:
        count = self._memories.count(self._account_id, selection)
        self._made.add(decision, count)
        wanted = self._wanted(decision)
        if count and wanted:
            page = self._memories.some(self._account_id, selection, after=None, limit=wanted)
            self._made.samples += [Sample(memory, decision) for memory in page]

    def _crowd(self, step: CrowdStep, count: int) -> int:
        decision = Decision(Fate.ARCHIVE, Reason.OVER_LIMIT)
        self._made.add(decision, count)
        wanted = min(count, self._wanted(decision))
        if wanted:
            page = self._memories.least(self._account_id, step.movable, after=None, limit=wanted)
            self._made.samples += [Sample(memory, decision) for memory in page]
        return count

    def _wanted(self, decision: Decision) -> int:
        return self._samples - sum(sample.decision == decision for sample in self._made.samples)
