"""The platform with its API, and rounds that move memories into the archive which the API restores from: one system."""

from collections.abc import Callable
from typing import Any

from operator_memory.application.lifecycle.archive_memories import ArchiveMemories
from operator_memory.application.lifecycle.dispatch_due import DispatchDue
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.policy_quota import PolicyQuota
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts
from operator_memory.application.lifecycle.tidy_archive import TidyArchive
from operator_memory.application.usage.keep_quota import KeepQuota
from operator_memory.domain.lifecycle.previews import Preview
from operator_memory.domain.lifecycle.rounds import RoundReport
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.builders import NOW
from tests.support.fakes.lifecycle import FakeTaskQueue, InMemoryPolicyMemories
from tests.support.management.api import Management

ENOUGH = 900.0


class Connected(Management):
    """One account of a person, with everything that is done to its memories. ``most_facts``: its quota."""

    def __init__(self, *, most_facts: int) -> None:
        super().__init__()
        self.clock.time = NOW
        self.user = self.platform.new_user()
        self.account = AccountId(self.user)
        self.archiving_for_real = ArchiveMemories(
            memories=self.whole, archive=self.archive, writer=self.writer, trail=self.trail, clock=self.clock
        )
        self.quota = KeepQuota(
            rule=PolicyQuota(self.policies, most=most_facts),
            library=self.library,
            clock=self.clock,
            archive=self.archiving_for_real.archive,
            holds=self.holds,
        )
        self.move_by(self.whole)
        self.of_policies, self.tasks = InMemoryPolicyMemories(self.memories), FakeTaskQueue()

    # ---- rounds ----------------------------------------------------------------------------------------------

    def _plan(self) -> PlanPolicies:
        return PlanPolicies(
            memories=self.of_policies,
            policies=self.policies,
            agents=self.agent_policies,
            holds=self.holds,
            archiving=True,
        )

    def _tending(self) -> TendAccount:
        tidying = TidyArchive(archive=self.archive, memories=self.whole, clock=self.clock, holds=self.holds)
        ports = TendingPorts(
            expired=self.memories,
            memories=self.of_policies,
            index=self.expiry,
            policies=self.policies,
            queue=self.tasks,
            archive=self.archive,
            to_archive=self.archiving_for_real.archive,
            tidy=tidying.go_on,
        )
        return TendAccount(ports, plan=self._plan(), trail=self.trail, clock=self.clock)

    def preview(self) -> Preview:
        """What a round would do."""
        previews = PreviewPolicies(plan=self._plan(), memories=self.of_policies, archive=self.archive, clock=self.clock)
        return previews.preview(self.account, None, samples=10_000, start=None, seconds_left=lambda: ENOUGH)

    def round(self) -> RoundReport:
        """The schedule, and all that follows from it; what was done in all."""
        DispatchDue(index=self.expiry, queue=self.tasks, clock=self.clock).dispatch(lambda: ENOUGH)
        total = RoundReport()
        while self.tasks.tasks:
            report = self._tending().tend(self.tasks.tasks.pop(0), lambda: ENOUGH)
            for name in ("expired", "deleted", "archived", "purged"):
                setattr(total, name, getattr(total, name) + getattr(report, name))
        return total

    # ---- what is where ---------------------------------------------------------------------------------------

    def in_store(self) -> dict[str, Memory]:
        """What is in the store, by id."""
        return {memory.id: memory for memory in self.memories.of(self.account)}

    def in_archive(self) -> dict[str, Memory]:
        """What can be read from the archive, by id; as much of it as says whose it is."""
        entries = self.archive._of(self.account)
        return {e.id: e.outline(self.account) for e in entries if self.archive.read(self.account, [e])}

    def watch(self, look: Callable[[], None]) -> None:
        """Call ``look`` after each call that may move or remove a memory."""
        depth = [0]

        def watched(call: Callable[..., Any]) -> Callable[..., Any]:
            def calling(*args: Any, **options: Any) -> Any:
                depth[0] += 1
                try:
                    return call(*args, **options)
                finally:
                    depth[0] -= 1
                    if not depth[0]:
                        look()

            return calling

        for owner, names in (
            (self.archive, ("keep", "take_back", "forget", "erase")),
            (self.whole, ("delete_unchanged", "touch", "put_back")),
            (self.memories, ("upsert", "delete_expired", "supersede")),
            (self.of_policies, ("remove",)),
            (self.library, ("delete", "delete_matching", "replace", "erase")),
        ):
            for name in names:
                setattr(owner, name, watched(getattr(owner, name)))
