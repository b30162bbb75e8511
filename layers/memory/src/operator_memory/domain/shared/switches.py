"""The switches that people hold: whether memory is used at all, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switches:
    """Of an account, the agent and the thread of a run. An agent or thread that is unknown counts as on."""

    account: bool = True
    agent: bool = True
    thread: bool = True
    record_queries: bool = False
    """Whether the words of a search may be kept in the trail."""

    @property
    def off(self) -> str | None:
        """Which switch keeps memory out of this run, or ``None`` if it is on."""
        for name in ("account", "agent", "thread"):
            if not getattr(self, name):
                return name
        return None
