"""Scheduled: removes memories that have expired."""

import logging
from collections.abc import Mapping
from typing import Any

from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring import build_archive

_LOG = logging.getLogger("operator_memory.archive")
_SWEEP = build_archive()


def handler(_event: Mapping[str, Any], context: Any) -> dict[str, int | bool]:  # noqa: ANN401  (the runtime's object)
    """Answer one schedule event with what was done; what is left is done by the next."""
    report = _SWEEP(lambda: context.get_remaining_time_in_millis() / 1000)
    _LOG.info("sweep ended", extra=report.as_dict())
    emit_metrics(
        "archive",
        {
            "ExpiredMemories": (report.deleted, "Count"),
            "SweptAccounts": (report.accounts, "Count"),
            "FailedAccounts": (report.failed, "Count"),
        },
    )
    if report.failed:
        raise RuntimeError(f"{report.failed} accounts failed and stay due")  # so that the schedule's alarm sees it
    return report.as_dict()
