"""Use case: sends the accounts that are due to the queue, each for a round of its own."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.lifecycle import ExpiryIndex, TaskQueue
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.lifecycle.retention import DueAccount, must_stop
from operator_memory.domain.lifecycle.rounds import LEASE, DispatchReport, Task
from operator_memory.domain.shared.time_left import SecondsLeft

_LOG = logging.getLogger("operator_memory.archive")
_ACCOUNTS_AT_ONCE = 100
_AT_ONCE = 8


class DispatchDue:
    """Sends first, then puts the account's entry off: whoever is interrupted in between sends it twice, which is
    harmless, and loses none."""

    def __init__(self, *, index: ExpiryIndex, queue: TaskQueue, clock: Clock) -> None:
        self._index = index
        self._queue = queue
        self._clock = clock

    def dispatch(self, seconds_left: SecondsLeft) -> DispatchReport:
        """Send all that are due, or as many as there is time for. What is not reached stays due."""
        report, again = DispatchReport(), set[str]()
        while entries := self._due(again):
            if must_stop(seconds_left()):
                return replace(report, stopped_early=True)
            try:
                self._queue.send([Task(entry.account_id) for entry in entries])
                again |= self._put_off(entries)
            except MemoryServiceError as error:
                _LOG.error("due accounts could not be sent", extra={"reason": error.reason, "accounts": len(entries)})
                return replace(report, failed=len(entries))
            report = replace(report, accounts=report.accounts + len(entries))
        return report

    def _put_off(self, entries: list[DueAccount]) -> set[str]:
        """Lease them forward, several at a time; return those that were registered once more meanwhile."""
        leased = self._clock.now() + LEASE
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            done = list(pool.map(lambda entry: self._index.settle(entry, leased), entries))
        return {entry.account_id for entry, settled in zip(entries, done, strict=True) if not settled}

    def _due(self, again: set[str]) -> list[DueAccount]:
        """Those that are due, without ``again``: what was sent, but registered once more before it was put off."""
        entries = self._index.due(now=self._clock.now(), limit=_ACCOUNTS_AT_ONCE + len(again))
        return [entry for entry in entries if entry.account_id not in again]
