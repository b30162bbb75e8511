"""The consumer's hands on the job queue and its dead-letter queue."""

from typing import TYPE_CHECKING

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.domain.learning.jobs import DeadLetter

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

    def hold(self, receipt_handle: str, *, seconds: int) -> None:
        """Hide a received message for ``seconds`` from now on."""
        self._hide(receipt_handle, seconds)

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a received message visible again after ``delay_seconds``."""
        self._hide(receipt_handle, delay_seconds)

    def _hide(self, receipt_handle: str, seconds: int) -> None:
        with translated(_SYSTEM):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def dead_letter(self, letter: DeadLetter) -> None:
        """Send the message to the dead-letter queue with what is known of it as attributes.

        The message's own id is its deduplication id, so a second attempt adds nothing, and its group there: a queue
        shows the first messages of a group only, and each letter is to be seen by itself.
        """
        texts = {
            "reason": letter.reason,
            "detail": _printable(letter.detail) or letter.reason,
            "first_error": letter.first_error,
            "group_id": letter.group_id,
            "receive_count": str(letter.receive_count),
        }
        if letter.sent_at is not None:
            texts["sent_at"] = str(int(letter.sent_at.timestamp() * 1000))
        with translated(_SYSTEM):
            self._client.send_message(
                QueueUrl=self._dead_letter_queue_url,
                MessageBody=letter.body,
                MessageGroupId=letter.message_id,
                MessageDeduplicationId=letter.message_id,
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in texts.items()},
            )


def _printable(text: str) -> str:
    """The queue refuses a message with control characters or half a surrogate pair in an attribute."""
    return "".join(character if character.isprintable() else "?" for character in text[:_MAX_DETAIL])
