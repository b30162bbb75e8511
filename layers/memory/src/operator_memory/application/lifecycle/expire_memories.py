"""Use case: removes expired memories, account by account, page by page."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from operator_memory.application.ports.core import Clock, HoldReader
from operator_memory.application.ports.lifecycle import ExpiredMemories, ExpiryIndex
from operator_memory.domain.errors import MemoryServiceError, where
from operator_memory.domain.lifecycle.retention import PAGE, DueAccount, ExpiryReport, must_stop

_LOG = logging.getLogger("operator_memory.archive")
_ACCOUNTS_AT_ONCE = 100

LOOK_FOR_HOLD = timedelta(days=1)
"""When an account that is held as a whole is looked at again, should nobody tell that the hold is lifted."""


class OutOfTimeError(Exception):
    """The sweep's time is up."""


class ExpireMemories:
    """Sweeps the accounts that are due. Accounts that a sweep does not reach stay due, so the next one goes on
    there."""

    def __init__(self, *, memories: ExpiredMemories, index: ExpiryIndex, holds: HoldReader, clock: Clock) -> None:
        self._memories = memories
        self._holds = holds
        self._index = index
        self._clock = clock

    def expire(self, remaining_seconds: Callable[[], float]) -> ExpiryReport:
        """Sweep until nothing is due, every due account has failed, or time runs out."""
        report = ExpiryReport()
        failed: set[str] = set()
        while entries := self._due(failed):
            for entry in entries:
                try:
                    for deleted in self._pages(entry, remaining_seconds):
                        report = replace(report, deleted=report.deleted + deleted)
                except OutOfTimeError:
                    return replace(report, stopped_early=True)
                except Exception as error:  # noqa: BLE001  (a defect that one account meets must not keep all others)
                    failed.add(entry.account_id)
                    report = replace(report, failed=report.failed + 1)
                    _log_failure(entry, error)
                else:
                    report = replace(report, accounts=report.accounts + 1)
        return report

    def _due(self, failed: set[str]) -> list[DueAccount]:
        entries = self._index.due(now=self._clock.now(), limit=_ACCOUNTS_AT_ONCE + len(failed))
        return [entry for entry in entries if entry.account_id not in failed]

    def _pages(self, entry: DueAccount, remaining_seconds: Callable[[], float]) -> Iterator[int]:
        """Delete the account's expired memories, yielding the number of each page, and settle the account.

        What is held stays, and is due again when the hold is lifted.

        Raises:
            OutOfTimeError: there may be no time for another page. The account stays due.
        """
        now = self._clock.now()
        page = PAGE
        while page == PAGE:
            if must_stop(remaining_seconds()):
                raise OutOfTimeError
            holds = self._holds.holds(entry.account_id)
            if holds.account is not None:
                self._index.settle(entry, now + LOOK_FOR_HOLD)
                return
            page = self._memories.delete_expired(
                entry.account_id, now=now, limit=PAGE, kept_threads=tuple(holds.threads)
            )
            yield page
        following = self._memories.next_expiry(entry.account_id, after=now)
        # If a run registered a new expiry meanwhile, the entry stays as it is: due, and swept once more.
        self._index.settle(entry, following)


def _log_failure(entry: DueAccount, error: Exception) -> None:
    """Log the failure without its message, which may hold user text if it was not raised on purpose."""
    if isinstance(error, MemoryServiceError):
        _LOG.warning("an account failed", extra={"account_id": entry.account_id, "reason": error.reason})
    else:
        _LOG.error(
            "an account failed unexpectedly",
            extra={"account_id": entry.account_id, "reason": type(error).__name__, "where": where(error)},
        )
