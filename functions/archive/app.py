"""Scheduled: removes memories that have expired, and completes and verifies erasures."""

import logging
from collections.abc import Mapping
from typing import Any

from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring import build_archive

_LOG = logging.getLogger("operator_memory.archive")
_APP = build_archive()


def handler(_event: Mapping[str, Any], context: Any) -> dict[str, int | bool]:  # noqa: ANN401  (the runtime's object)
    """Answer one schedule event with what was done; what is left is done by the next."""
    erased, unfinished = _APP.erasures.resume_due()  # first: somebody waits for it
    report = _APP.expiry.expire(lambda: context.get_remaining_time_in_millis() / 1000)
    _LOG.info("sweep ended", extra={**report.as_dict(), "erasures": erased, "erasures_unfinished": unfinished})
    emit_metrics(
        "archive",
        {
            "ExpiredMemories": (report.deleted, "Count"),
            "SweptAccounts": (report.accounts, "Count"),
            "FailedAccounts": (report.failed, "Count"),
            "Erasures": (erased, "Count"),
            "UnfinishedErasures": (unfinished, "Count"),
        },
    )
    if report.failed or unfinished:  # so that the schedule's alarm sees it
        raise RuntimeError(f"{report.failed} accounts and {unfinished} erasures failed and stay due")
    return report.as_dict()
