"""Scheduled: removes memories that have expired and those of deleted accounts; completes and verifies erasures."""

import logging
from collections.abc import Mapping
from typing import Any

from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring.lifecycle import build_archive

_LOG = logging.getLogger("operator_memory.archive")
_APP = build_archive()


def handler(_event: Mapping[str, Any], context: Any) -> dict[str, int | bool]:  # noqa: ANN401  (the runtime's object)
    """Answer one schedule event with what was done; what is left is done by the next."""
    erased, unfinished = _APP.erasures.resume_due()  # first: somebody waits for it

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    gone = GoneReport() if _APP.gone is None else _APP.gone.erase_gone(seconds_left)
    report = _APP.expiry.expire(seconds_left)
    counts = {"erasures": erased, "erasures_unfinished": unfinished, "gone": gone.as_dict()}
    _LOG.info("sweep ended", extra={**report.as_dict(), **counts})
    emit_metrics(
        "archive",
        {
            "ExpiredMemories": (report.deleted, "Count"),
            "SweptAccounts": (report.accounts, "Count"),
            "FailedAccounts": (report.failed, "Count"),
            "Erasures": (erased, "Count"),
            "UnfinishedErasures": (unfinished, "Count"),
            "GoneAccounts": (gone.erased, "Count"),
            "FailedGoneAccounts": (gone.failed, "Count"),
            "DoubtedGoneAccounts": (gone.doubted, "Count"),
        },
    )
    if report.failed or unfinished or gone.failed:  # so that the schedule's alarm sees it
        raise RuntimeError(
            f"{report.failed} accounts, {unfinished} erasures and {gone.failed} deleted accounts failed and stay due"
        )
    return report.as_dict()
