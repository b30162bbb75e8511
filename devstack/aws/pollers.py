"""What calls functions besides people: queues and the clock."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from devstack.aws.events import schedule_event, sqs_event
from devstack.aws.resources import AWS_ERRORS, aws_client
from devstack.aws.runtime import MOST_PROCESSES, Function, FunctionError
from devstack.aws.schedules import Next, parse_schedule
from devstack.aws.template import QueueMapping, QueueSpec, ScheduleSpec

_LOG = logging.getLogger("devstack.aws")
_LONGEST_POLL = 20  # seconds, SQS's most
_LONGEST_WINDOW = 1
"""Seconds. A batch is not waited for as long as in AWS: here somebody looks on."""
_MOST_MESSAGES = 10  # of one SQS call


class QueuePoller:
    """Feeds one queue to its function in batches, as Lambda's event source mapping does.

    What the function reports as done is deleted; the rest becomes visible again when its time is up, and the
    queue itself moves a message to the dead letters after too many receives.
    """

    def __init__(self, mapping: QueueMapping, queue: QueueSpec, function: Function, *, endpoint_url: str) -> None:
        """Start polling."""
        self._mapping, self._queue, self._function = mapping, queue, function
        self._sqs: Any = aws_client("sqs", endpoint_url)
        self._url: str = self._sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        self._stop = threading.Event()
        self._slots = threading.Semaphore(min(mapping.concurrency, MOST_PROCESSES))
        self._batches = ThreadPoolExecutor(MOST_PROCESSES, thread_name_prefix=f"{mapping.queue}-batch")
        self._thread = threading.Thread(target=self._poll, name=f"{mapping.queue}-poll", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hand no more over."""
        self._stop.set()

    def settle(self) -> None:
        """Hand no more over and wait for the batches under way (close their function first)."""
        self.stop()
        self._batches.shutdown(wait=True)

    def close(self) -> None:
        """End. Stop the queue's server first: a receive waits there for twenty seconds."""
        self.settle()
        self._thread.join()

    def _poll(self) -> None:
        # one thread receives, so that two batches of a FIFO group never overlap
        while not self._stop.is_set():
            self._slots.acquire()
            messages = self._gather()
            if messages and not self._stop.is_set():
                with contextlib.suppress(RuntimeError):  # settled meanwhile: they are received again at the next start
                    self._batches.submit(self._work_off, messages)
                    continue
            self._slots.release()

    def _gather(self) -> list[dict[str, Any]]:
        """A batch: full, or what has come within the window of its first message."""
        messages = self._receive(self._mapping.batch_size, _LONGEST_POLL)
        window = int(min(self._mapping.window, _LONGEST_WINDOW))
        due = time.monotonic() + window
        while messages and window and len(messages) < self._mapping.batch_size and time.monotonic() < due:
            messages += self._receive(self._mapping.batch_size - len(messages), window)
        return messages

    def _receive(self, most: int, seconds: int) -> list[dict[str, Any]]:
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                WaitTimeSeconds=seconds,
                MaxNumberOfMessages=min(most, _MOST_MESSAGES),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except AWS_ERRORS as error:
            if not self._stop.is_set():
                _LOG.warning("receiving from %s failed: %s", self._mapping.queue, error)
                self._stop.wait(1)
            return []
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _work_off(self, messages: list[dict[str, Any]]) -> None:
        try:
            event = sqs_event(messages, self._queue)
            answer = json.loads(self._function.invoke(json.dumps(event).encode()))
            kept = failed_items(answer, messages) if self._mapping.partial_responses else set()
            done = [message for message in messages if message["MessageId"] not in kept]
            for start in range(0, len(done), _MOST_MESSAGES):
                some = done[start : start + _MOST_MESSAGES]
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(some)]
                self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except FunctionError as error:
            if not self._stop.is_set():
                _LOG.warning("%s failed on a batch of %d: %s", self._mapping.function, len(messages), error)
        except (*AWS_ERRORS, ValueError):
            _LOG.exception("a batch of %s could not be settled", self._mapping.queue)
        finally:
            self._slots.release()


def failed_items(answer: object, messages: list[dict[str, Any]]) -> set[str]:
    """Ids of the messages that stay in the queue, from a function's partial batch response.

    As in Lambda: nothing reported means that all are done, and an answer that makes no sense (an empty or
    unknown id) that none is.
    """
    everything = {str(message["MessageId"]) for message in messages}
    if not answer:
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if not failures:
        return set() if isinstance(answer, Mapping) else everything
    ids = {item.get("itemIdentifier") if isinstance(item, Mapping) else None for item in failures}
    return {str(name) for name in ids} if ids <= everything else everything


class Clock:
    """Runs the functions that have a schedule."""

    def __init__(self, schedules: list[ScheduleSpec], functions: Mapping[str, Function]) -> None:
        """Start one thread a schedule.

        Raises:
            TemplateError: a schedule cannot be read.
        """
        self._functions = functions
        self._schedules = {schedule.function: schedule for schedule in schedules}
        self._stop = threading.Event()
        due = [(schedule, parse_schedule(schedule.expression)) for schedule in schedules]
        self._threads = [threading.Thread(target=self._keep, args=pair, daemon=True) for pair in due]
        for thread in self._threads:
            thread.start()

    def run(self, function: str) -> Any:  # noqa: ANN401  (a function answers any JSON)
        """Run a scheduled function now and return its answer.

        Raises:
            KeyError: the function has no schedule.
            FunctionError: it failed.
        """
        event = schedule_event(self._schedules[function])
        return json.loads(self._functions[function].invoke(json.dumps(event).encode()))

    def stop(self) -> None:
        """Start nothing more."""
        self._stop.set()

    def close(self) -> None:
        """Start nothing more and wait for what runs (close the functions first)."""
        self.stop()
        for thread in self._threads:
            thread.join()

    def _keep(self, schedule: ScheduleSpec, following: Next) -> None:
        due = following(datetime.now(UTC))
        while not self._stop.wait(max(0.0, (due - datetime.now(UTC)).total_seconds())):
            try:
                self.run(schedule.function)
            except FunctionError as error:
                if not self._stop.is_set():
                    _LOG.warning("%s failed on its schedule: %s", schedule.function, error)
            due = following(datetime.now(UTC))
