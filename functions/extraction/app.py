"""SQS FIFO: the finished runs whose conversations are to be remembered."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from operator_memory.application.learning.consume_jobs import QueuedJob
from operator_memory.domain.errors import OutOfTimeError, TimeIsUpError
from operator_memory.entrypoints.stopping import stopped_in_time
from operator_memory.entrypoints.wiring.extraction import build_extraction

_JOBS = build_extraction()


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:  # noqa: ANN401  (the runtime's object)
    """Work off a batch; the answer names the messages that stay in the queue.

    After a failure the later messages of the same account stay too, in order; other accounts go on.
    """
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False  # the answer names every failure; an exception would hide it
    consume = partial(_consume, ends_at=time.monotonic() + context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event=event, record_handler=consume, processor=processor, context=context)


def _consume(record: SQSRecord, *, ends_at: float) -> None:
    sent_ms = int(_first_sent(record) or record.attributes.sent_timestamp)
    message = QueuedJob(
        body=record.body,
        message_id=record.message_id,
        group_id=record.attributes.message_group_id or record.message_id,
        receipt_handle=record.receipt_handle,
        receive_count=int(record.attributes.approximate_receive_count),
        sent_at=datetime.fromtimestamp(sent_ms / 1000, UTC),
        ends_at=ends_at,
    )
    try:
        with stopped_in_time(ends_at - time.monotonic()):
            _JOBS.consume(message)
    except TimeIsUpError as error:  # an exception like others to the batch: its answer names the message
        raise OutOfTimeError("the function's time is up") from error


def _first_sent(record: SQSRecord) -> str | None:
    """When a redriven message was sent first: it was given along as an attribute, milliseconds since 1970."""
    attribute = record.message_attributes["sent_at"]
    value = attribute.string_value if attribute is not None else None
    return value if value is not None and value.isascii() and value.isdecimal() else None
