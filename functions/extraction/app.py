"""SQS FIFO: the finished runs whose conversations are to be remembered."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from operator_memory.application.learning.consume_jobs import QueuedJob
from operator_memory.entrypoints.wiring import build_extraction

_JOBS = build_extraction()


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:  # noqa: ANN401  (the runtime's object)
    """Work off a batch; the answer names the messages that stay in the queue.

    After a failure the later messages of the same account stay too, in order; other accounts go on.
    """
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False  # the answer names every failure; an exception would hide it
    return process_partial_response(event=event, record_handler=_consume, processor=processor, context=context)


def _consume(record: SQSRecord) -> None:
    sent_ms = int(_first_sent(record) or record.attributes.sent_timestamp)
    _JOBS.consume(
        QueuedJob(
            body=record.body,
            message_id=record.message_id,
            group_id=record.attributes.message_group_id or record.message_id,
            receipt_handle=record.receipt_handle,
            receive_count=int(record.attributes.approximate_receive_count),
            sent_at=datetime.fromtimestamp(sent_ms / 1000, UTC),
        )
    )


def _first_sent(record: SQSRecord) -> str | None:
    """When a redriven message was sent first: it was given along as an attribute, milliseconds since 1970."""
    attribute = record.message_attributes["sent_at"]
    value = attribute.string_value if attribute is not None else None
    return value if value is not None and value.isascii() and value.isdecimal() else None
