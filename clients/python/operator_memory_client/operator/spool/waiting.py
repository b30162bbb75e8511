"""Runs that wait in this process, for where there is no folder or it cannot be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from operator_memory_client.base import LOG
from operator_memory_client.operator.spool.finished_run import FinishedRun
from operator_memory_client.transport.locks import ForkSafeLock

MOST_RUNS = 10_000
MOST_BYTES = 8 * 1024 * 1024
FULL = "spool_full"
UNREADABLE = "unreadable"


class Claim(Protocol):
    """A run that nobody else sends meanwhile."""

    @property
    def run(self) -> FinishedRun:
        """The run."""

    def done(self) -> None:
        """It waits no longer."""

    def release(self) -> None:
        """End the claim; the run goes on waiting unless it is done."""


class Spool(Protocol):
    """Keeps finished runs until they are sent."""

    dropped: Counter[str]

    def put(self, run: FinishedRun) -> None:
        """Keep ``run``; the same run again is once."""

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """Each run's thread, the oldest first, with a claim of the run: ``None`` where somebody else has it."""

    def count(self) -> int:
        """How many wait."""


class _WaitingClaim:
    def __init__(self, spool: WaitingSpool, key: str, run: FinishedRun) -> None:
        self.run, self._spool, self._key = run, spool, key

    def done(self) -> None:
        self._spool.remove(self._key)

    def release(self) -> None:
        self._spool.let_go(self._key)


class WaitingSpool:
    """In memory: what waits here is lost with the process."""

    def __init__(self, most_runs: int = MOST_RUNS) -> None:
        self._most, self._lock = most_runs, ForkSafeLock()
        self._runs: dict[str, FinishedRun] = {}
        self._claimed: set[str] = set()
        self.dropped: Counter[str] = Counter()

    def put(self, run: FinishedRun) -> None:
        """Keep ``run``; the oldest goes where there is no room."""
        with self._lock:
            if run.key in self._runs:
                return
            while len(self._runs) >= self._most:
                oldest = self._runs.pop(min(self._runs))
                self.dropped[FULL] += 1
                LOG.warning("there is no room for more runs: the job %s is dropped", oldest.job_id)
            self._runs[run.key] = run

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """The runs that were there when this began."""
        with self._lock:
            listed = sorted(self._runs.items())
        for key, run in listed:
            with self._lock:
                free = key in self._runs and key not in self._claimed
                gone = key not in self._runs
                if free:
                    self._claimed.add(key)
            if not gone:
                yield run.thread, _WaitingClaim(self, key, run) if free else None

    def count(self) -> int:
        """How many wait."""
        return len(self._runs)

    def remove(self, key: str) -> None:
        """The run waits no longer."""
        with self._lock:
            self._runs.pop(key, None)
            self._claimed.discard(key)

    def let_go(self, key: str) -> None:
        """Another may claim it."""
        with self._lock:
            self._claimed.discard(key)
