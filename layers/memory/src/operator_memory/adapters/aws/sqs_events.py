"""Events to a standard SQS queue, sent by a thread of their own. Standard library only: the hot path emits them.

In Lambda the thread stands still between invocations, like the whole process, and goes on with the next one: what was
not sent by the end of a request is sent during a later one. A frozen connection may be dead by then; that costs
an attempt, and at worst sends an event twice, which its id makes harmless.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from operator_memory.adapters.aws.signed_json import AwsJsonClient
from operator_memory.domain.errors import (
    MalformedResponseError,
    MemoryServiceError,
    UpstreamError,
    UpstreamUnavailableError,
)
from operator_memory.domain.shared.audit_events import MemoryEvent

MAX_WAITING = 1_000
"""Events that wait to be sent; more go to the log."""

MAX_BATCH = 10
"""Messages of one request: SQS takes no more."""

MAX_BATCH_CHARACTERS = 250_000
"""Of all messages of one request; a single message may be larger."""

_SYSTEM = "sqs"
_BACKOFF = 0.1
_LOG = logging.getLogger("operator_memory.events")


@dataclass(frozen=True, slots=True)
class _Message:
    event: MemoryEvent
    body: str


class SqsEvents:
    """Port ``EventSink``. Sends in the order of `emit`, several in one request if they have piled up.

    An event that cannot be sent is written to the log at level ERROR, as the attribute ``event`` of the record: the
    message's body without the query, so that it can be put into the queue by hand.
    """

    def __init__(
        self,
        client: AwsJsonClient,
        queue_url: str,
        *,
        encode: Callable[[MemoryEvent], str],
        wait: float = 0.004,
        timeout: float = 2.0,
        attempts: int = 3,
    ) -> None:
        """``client`` is one for the service ``sqs``; ``encode`` makes a message's body.

        ``wait``: seconds that `emit` gives its event to be sent; ``timeout``: seconds for each of ``attempts``.
        """
        self._client = client
        self._queue_url = queue_url
        self._encode = encode
        self._wait = wait
        self._timeout = timeout
        self._attempts = attempts
        self._waiting: deque[_Message] = deque()
        self._accepted = 0
        self._settled = 0
        self._changed = threading.Condition()
        self._sender: threading.Thread | None = None

    def prepare(self) -> None:
        """Connect in the background, so that the first event too is sent within ``wait``."""
        with self._changed:
            self._start()

    def emit(self, event: MemoryEvent) -> None:
        """Hand the event over; wait up to ``wait`` seconds until it is sent. Never raises."""
        try:
            number = self._accept(_Message(event, self._encode(event)))
        except Exception as error:  # noqa: BLE001  (no audit may break what it is about)
            self._lose([event], error)
            return
        self._until_settled(number, self._wait)

    def flush(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for what was emitted so far; says whether none of it waits any more."""
        with self._changed:
            number = self._accepted
        return self._until_settled(number, timeout)

    def _accept(self, message: _Message) -> int:
        """Queue the message for the thread; returns its number."""
        with self._changed:
            if self._accepted - self._settled >= MAX_WAITING:
                raise UpstreamUnavailableError(_SYSTEM, "too many events wait to be sent")
            self._start()
            self._waiting.append(message)
            self._accepted += 1
            self._changed.notify_all()
            return self._accepted

    def _start(self) -> None:
        if self._sender is None or not self._sender.is_alive():
            sender = threading.Thread(target=self._run, name="events", daemon=True)
            sender.start()
            self._sender = sender

    def _until_settled(self, number: int, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._settled >= number, timeout)

    def _run(self) -> None:
        with suppress(UpstreamError):  # the first event says what is wrong
            self._client.open(timeout=self._timeout)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                batch = self._next_batch()
            try:
                self._deliver(batch)
            except Exception as error:  # noqa: BLE001  (those behind must go on)
                self._lose([message.event for message in batch], error)
            with self._changed:
                self._settled += len(batch)
                self._changed.notify_all()

    def _next_batch(self) -> list[_Message]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].body)
        while self._waiting and len(batch) < MAX_BATCH:
            size += len(self._waiting[0].body)
            if size > MAX_BATCH_CHARACTERS:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _deliver(self, batch: list[_Message]) -> None:
        """Send all of ``batch``, or log what cannot be sent."""
        left, problem = batch, None
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(_BACKOFF * 2 ** (attempt - 1))
            try:
                left = self._send(left)
            except UpstreamError as error:
                problem = error
                if not error.retryable:
                    break
            if not left:
                return
        self._lose([message.event for message in left], problem)

    def _send(self, batch: list[_Message]) -> list[_Message]:
        """Send ``batch`` in one request; returns those that the queue could not take now."""
        if len(batch) == 1:
            request = {"QueueUrl": self._queue_url, "MessageBody": batch[0].body}
            self._client.call("AmazonSQS.SendMessage", request, timeout=self._timeout)
            return []
        entries = [{"Id": str(place), "MessageBody": message.body} for place, message in enumerate(batch)]
        answer = self._client.call(
            "AmazonSQS.SendMessageBatch", {"QueueUrl": self._queue_url, "Entries": entries}, timeout=self._timeout
        )
        try:
            sent = {str(entry["Id"]) for entry in answer.get("Successful") or ()}
            refused = {str(entry["Id"]) for entry in answer.get("Failed") or () if entry.get("SenderFault")}
        except (AttributeError, KeyError, TypeError) as error:
            raise MalformedResponseError(_SYSTEM, "unexpected answer to SendMessageBatch") from error
        self._lose([message.event for place, message in enumerate(batch) if str(place) in refused], None)
        return [message for place, message in enumerate(batch) if str(place) not in sent | refused]

    def _lose(self, events: Sequence[MemoryEvent], error: Exception | None) -> None:
        """Write the events to the log: that is where they are to be found."""
        if isinstance(error, MemoryServiceError):
            reason = error.reason
        else:
            reason = type(error).__name__ if error else "refused_by_the_queue"
        for event in events:
            try:
                body = self._encode(replace(event, query=None))
            except Exception:  # noqa: BLE001  (at least say which)
                body = json.dumps({"id": event.id, "account_id": event.account_id, "type": event.type})
            _LOG.error("an event was not sent to the queue", extra={"event": body, "reason": reason})
