"""Use case: erases the memory of accounts that were deleted on the platform, and finds those that nobody told of."""

import logging

from operator_memory.application.ports.lifecycle import EraseAccount, GoneAccounts, KnownAccounts
from operator_memory.domain.errors import ErasureIncompleteError, HeldError, MemoryServiceError, where
from operator_memory.domain.lifecycle.gone_accounts import (
    ACCOUNTS_AT_ONCE,
    GRACE_DAYS,
    PAGES_A_SWEEP,
    GoneAccount,
    GoneReport,
    is_believable,
)
from operator_memory.domain.lifecycle.retention import must_stop
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.time_left import SecondsLeft

DUE, SEARCH = "due", "search"
"""Names of the places where the next sweep goes on."""

_LOG = logging.getLogger("operator_memory.archive")


class EraseGoneAccounts:
    """Sweeps page by page. A sweep that ends in the middle is gone on with by the next."""

    def __init__(self, *, platform: GoneAccounts, known: KnownAccounts, erase: EraseAccount) -> None:
        self._platform = platform
        self._known = known
        self._erase = erase

    def erase_gone(self, seconds_left: SecondsLeft) -> GoneReport:
        """Erase what is due, then look for more, until all is done or time is short. Never raises."""
        report = GoneReport()
        try:
            self._erase_due(report, seconds_left)
            self._search(report, seconds_left)
        except _OutOfTimeError:
            report.stopped_early = True
        except Exception as error:  # noqa: BLE001  (the sweeps after this one are not to be kept from their work)
            _log_failure("a sweep of deleted accounts failed", None, error)
            report.failed += 1
        return report

    def _erase_due(self, report: GoneReport, seconds_left: SecondsLeft) -> None:
        after = start = self._known.place(DUE)
        while page := self._platform.due(after=after, limit=ACCOUNTS_AT_ONCE):
            for gone in page:
                if must_stop(seconds_left()):
                    self._known.keep_place(DUE, after)
                    raise _OutOfTimeError
                self._erase_one(gone, report, seconds_left)
                after = gone.account_id
        if start is not None:
            self._known.keep_place(DUE, None)  # the next sweep begins with those before

    def _erase_one(self, gone: GoneAccount, report: GoneReport, seconds_left: SecondsLeft) -> None:
        try:
            self._erase(gone.account_id, gone.erasure_id, seconds_left)
            self._platform.settle(gone, erasure_id=gone.erasure_id)
            report.erased += 1
        except ErasureIncompleteError:
            report.unfinished += 1
        except HeldError:
            report.held += 1
        except Exception as error:  # noqa: BLE001  (one account's defect must not keep the others waiting)
            _log_failure("a deleted account could not be erased", gone.account_id, error)
            report.failed += 1

    def _search(self, report: GoneReport, seconds_left: SecondsLeft) -> None:
        place = self._known.place(SEARCH)
        for _ in range(PAGES_A_SWEEP):
            if must_stop(seconds_left()):
                raise _OutOfTimeError
            accounts, place = self._known.page(after=place, limit=ACCOUNTS_AT_ONCE)
            self._note_missing(accounts, report)
            self._known.keep_place(SEARCH, place)
            if place is None:
                return

    def _note_missing(self, accounts: list[AccountId], report: GoneReport) -> None:
        missing = self._platform.missing(accounts) if accounts else []
        if not missing:
            return
        if is_believable(asked=len(accounts), missing=len(missing)):
            report.noted += self._platform.note_missing(missing, days=GRACE_DAYS)
            return
        extra = {"asked": len(accounts), "missing": len(missing)}
        _LOG.error("too many accounts are missing to be believed; nothing is erased for it", extra=extra)
        report.doubted += len(missing)


class _OutOfTimeError(Exception):
    """The sweep's time is up."""


def _log_failure(what: str, account_id: AccountId | None, error: Exception) -> None:
    """Without the message of an error that was not raised on purpose: it may hold user text."""
    reason = error.reason if isinstance(error, MemoryServiceError) else type(error).__name__
    _LOG.error(what, extra={"account_id": account_id, "reason": reason, "where": where(error)})
