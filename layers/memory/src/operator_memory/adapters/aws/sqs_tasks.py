"""The queue of the life cycle: rounds over single accounts, on their way to a worker."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.lifecycle.rounds import Task

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_SYSTEM = "sqs"
_BATCH = 10


class SqsTaskQueue:
    """Port ``TaskQueue``. Both queues are standard ones: a message may come twice, which is harmless."""

    def __init__(
        self, client: "SQSClient", *, queue_url: str, dead_letter_queue_url: str, encode: Callable[[Task], str]
    ) -> None:
        """``encode`` writes a message. The client should have the project's time-outs."""
        self._client = client
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._encode = encode

    def send(self, tasks: Sequence[Task]) -> None:
        """Put them into the queue, ten at a time.

        Raises:
            UpstreamError: the queue did not take all of them.
        """
        for start in range(0, len(tasks), _BATCH):
            batch = tasks[start : start + _BATCH]
            with translated(_SYSTEM):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[{"Id": str(n), "MessageBody": self._encode(task)} for n, task in enumerate(batch)],
                )
            if answer.get("Failed"):
                raise UpstreamUnavailableError(_SYSTEM, f"{len(answer['Failed'])} messages were not taken")

    def retry_later(self, receipt_handle: str, *, delay_seconds: int) -> None:
        """Make a received message visible again after ``delay_seconds``."""
        with translated(_SYSTEM):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=delay_seconds
            )

    def bury(self, body: str, *, reason: str, detail: str, receive_count: int) -> None:
        """Send the message to the dead letters, with what is known of it as attributes."""
        printable = "".join(character if character.isprintable() else "?" for character in detail[:500])
        texts = {"reason": reason, "detail": printable or reason, "receive_count": str(receive_count)}
        with translated(_SYSTEM):
            self._client.send_message(
                QueueUrl=self._dead_letter_queue_url,
                MessageBody=body,
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in texts.items()},
            )
