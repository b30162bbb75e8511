"""The consumer's hands on the job queue and its dead-letter queue."""

from typing import TYPE_CHECKING

from operator_memory.adapters.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_SYSTEM = "sqs"
_MAX_DETAIL = 500


class SqsJobQueue:
    """Port ``JobQueue``."""

    def __init__(self, client: "SQSClient", *, queue_url: str, dead_letter_queue_url: str) -> None:
        """Both queues are FIFO. The client should have the project's time-outs (`aws_errors.CLIENT_CONFIG`)."""
        self._client = client
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a received message visible again after ``delay_seconds``."""
        with translated(_SYSTEM):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=delay_seconds
            )

    def dead_letter(self, body: str, *, group_id: str, message_id: str, reason: str, detail: str) -> None:
        """Send ``body`` to the dead-letter queue with ``reason`` and ``detail`` as attributes.

        The message's own id is its deduplication id: a second attempt for the same message adds nothing.
        """
        # The queue refuses a message with control characters or half a surrogate pair in an attribute.
        printable = "".join(character if character.isprintable() else "?" for character in detail[:_MAX_DETAIL])
        texts = {"reason": reason, "detail": printable or reason}
        with translated(_SYSTEM):
            self._client.send_message(
                QueueUrl=self._dead_letter_queue_url,
                MessageBody=body,
                MessageGroupId=group_id,
                MessageDeduplicationId=message_id,
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in texts.items()},
            )
