"""A dead-letter queue: read it, send messages back to where they came from, delete them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from operator_memory.adapters.aws.boto3_clients import translated
from operator_memory.domain.errors import MemoryServiceError

from infra.dead_letters.failed_message import FailedMessage, Kind, read_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 1
"""How long a look waits for a letter. With a wait SQS asks all of its servers, without one only some."""

LOOK_SECONDS, WORK_SECONDS = 120, 900
"""How long letters that are looked at, or worked on, stay out of others' sight. They are given back at once; this is
for a program that is killed before it can."""

_BATCH = 10
_SYSTEM = "sqs"

Count = Callable[[int], None]


class DeadLetterQueue:
    """A dead-letter queue, and the queue that its letters came from."""

    def __init__(self, client: "SQSClient", kind: Kind, *, url: str, source_url: str | None) -> None:
        """Queues of jobs are FIFO, those of events are not. ``source_url`` is needed to put letters back only."""
        self.kind = kind
        self._client = client
        self._url = url
        self._source_url = source_url
        self._held: dict[str, FailedMessage] = {}
        self._cut = False
        self._hold = 0
        self._held_since = 0.0
        self.not_released = 0
        """Letters that could not be given back at once: they come back by themselves when the hold is over."""

    @contextmanager
    def opened(self, hold: int, seen: Count) -> Iterator[list[FailedMessage]]:
        """All letters that can be seen, oldest first; for ``hold`` seconds nobody else sees them.

        Those that are still there at the block's end can be seen again at once, however it ends. ``seen`` is told how
        many have been found so far.

        Raises:
            UpstreamError: the queue cannot be read.
        """
        self._held, self._cut = {}, False
        self._hold, self._held_since = hold, time.monotonic()
        try:
            while self._receive():
                seen(len(self._held))
            # equally old ones stay in the order of the queue, which is that of their group
            yield sorted(self._held.values(), key=lambda letter: letter.sent_ms)
        finally:
            self._release(list(self._held.values()))

    def hold_is_over(self) -> bool:
        """Whether the letters that are held may soon be seen by others again."""
        return time.monotonic() - self._held_since > self._hold * 2 / 3

    def hidden(self) -> int:
        """About how many letters are not among those that are held.

        Of jobs that the queue moved by itself the account is still the group, and of a group a queue shows only what
        goes into one answer, until that is gone.
        """
        if not self._cut:
            return 0
        with translated(_SYSTEM):
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def put_back(self, letter: FailedMessage) -> None:
        """Send what is in the letter to the queue that it came from, then delete the letter.

        A job goes to its own account's group with the time when it was first sent. Interrupted between the
        two steps the letter is still there. Put back once more within five minutes it is not sent again; later it is,
        and changes nothing, since a job has an id.

        Raises:
            UpstreamError: the queue does not take it, or the letter cannot be deleted.
        """
        if self._source_url is None:
            raise AssertionError("a queue without a source gives nothing back")
        with translated(_SYSTEM):
            if self.kind is Kind.JOB:
                self._client.send_message(
                    QueueUrl=self._source_url,
                    MessageBody=letter.body,
                    MessageGroupId=letter.group_id or letter.id,
                    MessageDeduplicationId=f"redrive-{letter.id}",
                    MessageAttributes={"sent_at": {"DataType": "String", "StringValue": str(letter.sent_ms)}},
                )
            else:
                self._client.send_message(QueueUrl=self._source_url, MessageBody=letter.body)
        self.drop(letter)

    def drop(self, letter: FailedMessage) -> None:
        """Delete the letter.

        Raises:
            UpstreamError: it cannot be deleted.
        """
        with translated(_SYSTEM):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)
        self._held.pop(letter.id, None)

    def _receive(self) -> bool:
        """Take hold of what can be received; says whether any of it is new."""
        with translated(_SYSTEM):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=WAIT_SECONDS,
                VisibilityTimeout=self._hold,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
        letters = [read_message(self.kind, message) for message in answer.get("Messages", [])]
        if len(letters) == _BATCH:
            self._cut |= any(letter.moved and letter.group_id for letter in letters)
        new = any(letter.id not in self._held for letter in letters)
        self._held.update({letter.id: letter for letter in letters})
        return new

    def _release(self, letters: Sequence[FailedMessage]) -> None:
        for start in range(0, len(letters), _BATCH):
            batch = letters[start : start + _BATCH]
            try:
                with translated(_SYSTEM):
                    answer = self._client.change_message_visibility_batch(
                        QueueUrl=self._url,
                        Entries=[
                            {"Id": str(place), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                            for place, letter in enumerate(batch)
                        ],
                    )
            except MemoryServiceError:  # what the block itself was stopped by is the one to tell
                self.not_released += len(batch)
            else:
                self.not_released += len(answer.get("Failed", []))
