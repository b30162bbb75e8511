"""Legal holds: what must stay whatever a policy or a person says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from operator_memory.domain.memory.memory import Memory


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold of an account: on all of it, or on one thread. ``placed_by`` is an actor, as the trail names them."""

    reason: str
    placed_at: datetime
    placed_by: str
    thread_id: str | None = None


@dataclass(frozen=True, slots=True)
class Holds:
    """All holds of one account. The usual account has none."""

    account: Hold | None = None
    threads: Mapping[str, Hold] = field(default_factory=dict)

    @property
    def first(self) -> Hold | None:
        """The hold on the account, else the earliest on a thread."""
        return self.account or min(self.threads.values(), key=lambda hold: hold.placed_at, default=None)

    def on(self, memory: Memory) -> Hold | None:
        """Return the hold that keeps ``memory``: on the account, or on the thread or session it is from."""
        if self.account is not None:
            return self.account
        known_as = [name for name in (memory.thread_id, memory.session_id) if name is not None]
        return next((self.threads[name] for name in known_as if name in self.threads), None)


NO_HOLDS = Holds()
