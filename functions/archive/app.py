"""Scheduled: sends accounts that are due to the queue, erases deleted accounts, completes and verifies erasures.
SQS: applies the life cycle to those accounts, one a message."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from operator_memory.application.lifecycle.consume_tasks import QueuedTask
from operator_memory.domain.lifecycle.gone_accounts import GoneReport
from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring.lifecycle import build_archive

_LOG = logging.getLogger("operator_memory.archive")
_APP = build_archive()

SecondsLeft = Callable[[], float]


def handler(event: dict[str, Any], context: Any) -> dict[str, int | bool] | PartialItemFailureResponse:  # noqa: ANN401
    """Answer an event of the schedule with what was done, or a batch of messages with those that stay in the queue."""
    ends_at = time.monotonic() + float(context.get_remaining_time_in_millis()) / 1000

    def seconds_left() -> float:
        return ends_at - time.monotonic()

    if "Records" not in event:
        return _sweep(seconds_left)
    processor = BatchProcessor(event_type=EventType.SQS)
    processor.raise_on_entire_batch_failure = False  # the answer names every failure; an exception would hide it
    consume = partial(_consume, seconds_left=seconds_left)
    return process_partial_response(event=event, record_handler=consume, processor=processor, context=context)


def _sweep(seconds_left: SecondsLeft) -> dict[str, int | bool]:
    """What is left undone is done by the next."""
    erased, unfinished = _APP.erasures.resume_due()  # first: somebody waits for it
    report = _APP.dispatch.dispatch(seconds_left)  # takes little time, and others do the work
    gone = GoneReport() if _APP.gone is None else _APP.gone.erase_gone(seconds_left)
    counts = {"erasures": erased, "erasures_unfinished": unfinished, "gone": gone.as_dict()}
    _LOG.info("sweep ended", extra={**report.as_dict(), **counts})
    emit_metrics(
        "archive",
        {
            "DispatchedAccounts": (report.accounts, "Count"),
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


def _consume(record: SQSRecord, *, seconds_left: SecondsLeft) -> None:
    count = int(record.attributes.approximate_receive_count)
    try:
        report = _APP.tasks.consume(QueuedTask(record.body, record.receipt_handle, count), seconds_left)
    except Exception:
        emit_metrics("archive", {"FailedRounds": (1, "Count")})
        raise
    if report is None:
        emit_metrics("archive", {"FailedRounds": (1, "Count"), "LifecycleDeadLetters": (1, "Count")})
        return
    _LOG.info("round over an account", extra={**report.counts(), "continued": report.continued})
    emit_metrics(
        "archive",
        {
            "ExpiredMemories": (report.expired, "Count"),
            "DeletedMemories": (report.deleted, "Count"),
            "ArchivedMemories": (report.archived, "Count"),
            "PurgedMemories": (report.purged, "Count"),
            "TendedAccounts": (int(not report.continued), "Count"),
            "Continuations": (int(report.continued), "Count"),
        },
    )
