"""Measures rounds, an export and an erasure: how long, how many requests, and how much memory the process takes."""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from operator_memory.domain.errors import ErasureIncompleteError
from operator_memory.domain.lifecycle.rounds import RoundReport
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from bench.lifecycle.world import World
from infra.progress import Progress

FUNCTION_SECONDS, API_SECONDS = 900.0, 29.0
_OWNER = Caller("owner", user_id="owner")


def _left(seconds: float) -> Callable[[], float]:
    """What is left of so many seconds from now on."""
    ends = time.monotonic() + seconds
    return lambda: ends - time.monotonic()


@dataclass
class Spent:
    """What something took. ``peak``: the process's most resident memory, in MB; ``None`` where it is not known."""

    seconds: float = 0.0
    requests: int = 0
    peak: float | None = None


@contextmanager
def spent(world: World) -> Iterator[Spent]:
    """Measure what happens inside."""
    gc.collect()
    _forget_peak()
    made, sent, began = Spent(), world.client.sent, time.perf_counter()
    yield made
    made.seconds, made.requests, made.peak = time.perf_counter() - began, world.client.sent - sent, _peak()


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), None)


@dataclass
class Rounds:
    """What the rounds over all accounts did. ``ended``: seconds after the first message at which each was settled."""

    dispatched: Spent = field(default_factory=Spent)
    tended: Spent = field(default_factory=Spent)
    messages: Counter[AccountId] = field(default_factory=Counter)
    ended: dict[AccountId, float] = field(default_factory=dict)
    done: RoundReport = field(default_factory=RoundReport)
    work: list[tuple[AccountId, float, float]] = field(default_factory=list)
    """Of each message: its account, when it began, and how long it took."""

    def median_end(self) -> float:
        """When half of the accounts were settled."""
        ends = sorted(self.ended.values())
        return ends[len(ends) // 2]

    def before_median(self, account: AccountId) -> float:
        """Seconds of work for ``account`` until half of the accounts were settled."""
        at = self.median_end()
        return sum(seconds for whose, began, seconds in self.work if whose == account and began < at)

    def seconds_of(self, account: AccountId) -> float:
        """Seconds of all work for ``account``."""
        return sum(seconds for whose, _, seconds in self.work if whose == account)

    def note(self, account: AccountId, began: float, seconds: float, report: RoundReport) -> None:
        """One message has been worked off."""
        self.messages[account] += 1
        self.work.append((account, began, seconds))
        self.ended[account] = began + seconds
        for name in ("expired", "deleted", "archived", "purged"):
            setattr(self.done, name, getattr(self.done, name) + getattr(report, name))


def rounds(world: World, accounts: int) -> Rounds:
    """The schedule, and one worker that takes its messages in their order until none is left."""
    made, tending, progress = Rounds(), world.tending(), Progress("accounts tended", accounts)
    with spent(world) as made.dispatched:
        world.dispatching().dispatch(lambda: FUNCTION_SECONDS)
    with spent(world) as made.tended:
        start = time.perf_counter()
        while world.queue.tasks:
            task = world.queue.tasks.pop(0)
            began = time.perf_counter()
            report = tending.tend(task, lambda: FUNCTION_SECONDS)
            made.note(task.account_id, began - start, time.perf_counter() - began, report)
            progress.add(0 if report.continued else 1)
    progress.end()
    return made


@dataclass
class Exported:
    """An export of one account."""

    cost: Spent = field(default_factory=Spent)
    parts: int = 0
    lines: int = 0
    size: int = 0
    slowest: float = 0.0


def export(world: World, account: AccountId, total: int) -> Exported:
    """All parts, one after another, as the API makes them."""
    made, exporting, cursor = Exported(), world.exporting(), None
    progress = Progress("lines exported", total)
    with spent(world) as made.cost:
        while made.parts == 0 or cursor is not None:
            began = time.perf_counter()
            part = exporting.export_part(_OWNER, account, cursor, _left(API_SECONDS))
            made.slowest = max(made.slowest, time.perf_counter() - began)
            made.parts, made.lines, cursor = made.parts + 1, made.lines + len(part.lines), part.next
            made.size += sum(map(len, part.lines))
            progress.add(len(part.lines))
    progress.end()
    return made


@dataclass
class Erased:
    """An erasure of one account."""

    cost: Spent = field(default_factory=Spent)
    calls: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    remaining: dict[str, int] = field(default_factory=dict)


def erase(world: World, account: AccountId) -> Erased:
    """The first call, and as many as are needed to complete it."""
    made, erasing, done = Erased(), world.erasing(), None
    with spent(world) as made.cost:
        while done is None:
            made.calls += 1
            try:
                done = erasing.start(
                    account,
                    Target(TargetKind.ACCOUNT),
                    requested_by="user:owner",
                    erasure_id="erasure-1",
                    seconds_left=_left(API_SECONDS),
                )
            except ErasureIncompleteError:
                continue
    made.removed, made.remaining = dict(done.removed), dict(done.remaining)
    return made
