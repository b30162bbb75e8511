"""Sends the runs that wait, in a thread of its own: the oldest first, and the runs of a thread in their order."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from operator_memory_client.base import LOG
from operator_memory_client.errors import (
    ConflictError,
    InvalidCallError,
    InvalidRequestError,
    MemoryClientError,
)
from operator_memory_client.operator.spool.finished_run import FinishedRun
from operator_memory_client.operator.spool.waiting import Claim, Spool

if TYPE_CHECKING:
    from operator_memory_client.client import MemoryClient

REST_SECONDS = 30.0
"""After which what could not be sent is tried again, where no new run comes."""
LEAST_REST_SECONDS = 1.0
"""So often, and not with each new run, what waits is looked at while the service is away."""
FAILURES_TO_REST = 3
"""Runs in a row that could not be sent: then the service is away, and the others wait as well."""
_HOPELESS = (InvalidCallError, InvalidRequestError, ConflictError)
"""The service will not take such a run later either."""


class Sender:
    """Wakes up for each new run, and now and then by itself while runs wait."""

    def __init__(self, client: MemoryClient, spools: Sequence[Spool], rest_seconds: float = REST_SECONDS) -> None:
        self.client, self._spools, self._rest = client, spools, rest_seconds
        self.counts: Counter[str] = Counter()
        self._wake, self._now, self._round = threading.Event(), threading.Event(), threading.Condition()
        self._closed = self._away = False
        self._rounds = 0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have what waits sent soon."""
        with self._round:
            if self._thread is None and not self._closed:
                thread = threading.Thread(target=self._work, name="operator-memory-runs", daemon=True)
                with contextlib.suppress(RuntimeError):  # no thread can be started now: a later run may
                    thread.start()
                    self._thread = thread
        self._wake.set()

    def wait_until_sent(self, seconds: float) -> bool:
        """Whether nothing waits any more, after at most ``seconds``; less, if the service is away."""
        ends, tries = time.monotonic() + seconds, 0
        while self._count() and time.monotonic() < ends and not (self._away and tries > 1):
            with self._round:
                seen = self._rounds
                self._now.set()
                self._wake.set()
                self._round.wait_for(lambda seen=seen: self._rounds > seen, max(0.0, ends - time.monotonic()))  # type: ignore[misc]
            tries += 1  # the first round may have been under way, and have looked already
            time.sleep(0.005)  # what another process is sending is not looked at all the time
        return self._count() == 0

    def close(self, seconds: float) -> None:
        """End the thread; a call that is under way is waited for at most ``seconds``."""
        self._closed = True
        self._now.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _count(self) -> int:
        return sum(spool.count() for spool in self._spools)

    def _waiting(self) -> Iterator[tuple[str, Claim | None]]:
        for spool in self._spools:
            yield from spool.claims()

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(self._pause())
            if self._away:
                self._now.wait(LEAST_REST_SECONDS)
            self._now.clear()
            self._wake.clear()
            if not self._closed:
                self._look()

    def _pause(self) -> float | None:
        if not self._count():
            return None
        return self._rest if self._away else LEAST_REST_SECONDS  # others are sending what stands before it

    def _look(self) -> None:
        try:
            self._send_all()
        except Exception as error:  # noqa: BLE001  (the thread must live on: the next round tries again)
            self._note(away=True, reason=type(error).__name__)
        finally:
            with self._round:
                self._rounds += 1
                self._round.notify_all()

    def _send_all(self) -> None:
        held: set[str] = set()
        failures = 0
        for thread, claim in self._waiting():
            if claim is None:
                held.add(thread)
                continue
            if thread in held or self._closed:
                held.add(thread)
                claim.release()
                continue
            failures = 0 if self._is_settled(claim) else failures + 1
            if failures:
                held.add(thread)
            if failures >= FAILURES_TO_REST:
                return
        if not held:
            self._note(away=False)

    def _is_settled(self, claim: Claim) -> bool:
        """Whether the run waits no longer."""
        reason = "failed"
        try:
            reason = self._sent(claim.run)
            if reason in ("", *_REASONS):
                claim.done()
                self.counts["refused" if reason else "sent"] += 1
                return True
        finally:
            claim.release()
        self._note(away=True, reason=reason)
        return False

    def _sent(self, run: FinishedRun) -> str:
        """``""`` if it is on its way, else why not."""
        try:
            self.client.submit_run(run.account_id, run.job_id, run.thread_id, **run.fields())
        except _HOPELESS as error:
            LOG.error("the service does not take the job %s (%s)", run.job_id, error.reason)
            return error.reason
        except MemoryClientError as error:
            return error.reason
        return ""

    def _note(self, *, away: bool, reason: str = "") -> None:
        if away != self._away:
            self._away = away
            with contextlib.suppress(OSError):
                text = "finished runs wait: %d (%s)" if away else "finished runs are sent again: %d left%s"
                LOG.warning(text, self._count(), reason)


_REASONS = frozenset(error.reason for error in _HOPELESS)
