"""Puts jobs into the jobs queue, for callers of the API that cannot reach it."""

from typing import TYPE_CHECKING

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_MESSAGE_BYTES = 1024 * 1024
"""What SQS takes."""


class SqsJobSender:
    """Port ``JobSender``."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """The queue is FIFO. The client should have the project's time-outs (`aws_errors.CLIENT_CONFIG`)."""
        self._client = client
        self._queue_url = queue_url

    def send(self, body: str, *, account_id: AccountId, deduplication_id: str) -> None:
        """Enqueue the job's JSON; one account's are worked off in order.

        Raises:
            InvalidInputError: it is larger than a queue message may be.
            UpstreamError: the queue does not take it.
        """
        size = len(body.encode("utf-8", "replace"))
        if size > MAX_MESSAGE_BYTES:
            raise InvalidInputError("body", f"is {size} bytes in the queue's form; the most is {MAX_MESSAGE_BYTES}")
        with translated("sqs"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageGroupId=account_id,
                MessageDeduplicationId=deduplication_id,
            )
