"""In-memory implementations of the ports of legal holds."""

from dataclasses import dataclass, field, replace

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.holds import NO_HOLDS, Hold, Holds

from tests.support.fakes.core import FakeClock
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents


@dataclass
class FixedHolds:
    """Port ``HoldStore``: the holds of each account."""

    held: dict[AccountId, Holds] = field(default_factory=dict)

    def holds(self, account_id: AccountId) -> Holds:
        return self.held.get(account_id, NO_HOLDS)

    def place(self, account_id: AccountId, hold: Hold) -> None:
        known = self.holds(account_id)
        if hold.thread_id is None:
            self.held[account_id] = replace(known, account=hold)
        else:
            self.held[account_id] = replace(known, threads={**known.threads, hold.thread_id: hold})

    def lift(self, account_id: AccountId, thread_id: str | None) -> bool:
        known = self.holds(account_id)
        if thread_id is None:
            self.held[account_id] = replace(known, account=None)
            return known.account is not None
        left = {name: hold for name, hold in known.threads.items() if name != thread_id}
        self.held[account_id] = replace(known, threads=left)
        return thread_id in known.threads


def nothing_held() -> KeepHeld:
    """What keeps that which is held, where nothing is."""
    return KeepHeld(holds=FixedHolds(), library=InMemoryLibrary(), trail=AuditTrail(FakeEvents(), FakeClock()))
