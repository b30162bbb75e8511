"""Use case: consumes one message of the life cycle's queue, which ends done, tried again, or as a dead letter."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from operator_memory.application.lifecycle.tend_account import TendAccount
from operator_memory.application.ports.lifecycle import TaskQueue
from operator_memory.domain.errors import MemoryServiceError, UpstreamError, where
from operator_memory.domain.lifecycle.rounds import MOST_TRIES, RoundReport, Task, retry_delay_seconds
from operator_memory.domain.shared.time_left import SecondsLeft

_LOG = logging.getLogger("operator_memory.archive")


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A message as received. ``receive_count`` is 1 the first time."""

    body: str
    receipt_handle: str
    receive_count: int


class ConsumeTasks:
    """Consumes messages. One that fails for good keeps no other account waiting, and comes back with its account's
    next due date in any case."""

    def __init__(self, *, parse: Callable[[str], Task], tend: TendAccount, queue: TaskQueue) -> None:
        """``parse`` reads the task in a message."""
        self._parse = parse
        self._tend = tend
        self._queue = queue

    def consume(self, message: QueuedTask, seconds_left: SecondsLeft) -> RoundReport | None:
        """Handle ``message``. Return what was done, or ``None``: it is a dead letter now.

        Raises:
            Exception: the message must stay in the queue; it has been scheduled for another try.
        """
        try:
            task = self._parse(message.body)
            return self._tend.tend(task, seconds_left)
        except Exception as error:  # a defect that one account meets must not keep the others
            delay = _delay(error, message.receive_count)
            reason, detail = _reason(error)
            extra = {"reason": reason, "receive_count": message.receive_count, "where": where(error)}
            if delay is None:
                _LOG.error("a round of the life cycle is given up", extra=extra)
                self._queue.bury(message.body, reason=reason, detail=detail, receive_count=message.receive_count)
                return None
            _LOG.warning("a round of the life cycle failed, to be tried again", extra=extra)
            self._try_again(message, delay)
            raise

    def _try_again(self, message: QueuedTask, delay: int) -> None:
        try:
            self._queue.retry_later(message.receipt_handle, delay_seconds=delay)
        except MemoryServiceError:
            _LOG.warning("the message comes again when the queue's own time-out ends")


def _delay(error: Exception, receive_count: int) -> int | None:
    """Seconds after which the message is to come again; ``None``: it is given up."""
    if receive_count >= MOST_TRIES or (isinstance(error, MemoryServiceError) and not error.retryable):
        return None
    asked = error.retry_after if isinstance(error, UpstreamError) else None
    return max(retry_delay_seconds(receive_count), asked or 0)


def _reason(error: Exception) -> tuple[str, str]:
    """A machine-readable name, and a sentence. The message of a defect may quote a memory."""
    if isinstance(error, MemoryServiceError):
        return error.reason, str(error)
    return "unexpected", type(error).__name__
