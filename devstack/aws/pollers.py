"""What calls functions besides people: queues and the clock."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from devstack.aws.events import schedule_event, sqs_event
from devstack.aws.resources import aws_client
from devstack.aws.runtime import MOST_PROCESSES, Function, FunctionError
from devstack.aws.schedules import Next, parse_schedule
from devstack.aws.template import QueueMapping, QueueSpec, ScheduleSpec

_LOG = logging.getLogger("devstack.aws")
_POLL_SECONDS = 0.1
_LONGEST_WINDOW = 1.0
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
        """Receive no more."""
        self._stop.set()

    def close(self) -> None:
        """Receive no more and wait for the batches under way (close their function first)."""
        self.stop()
        self._thread.join()
        self._batches.shutdown(wait=True)

    def _poll(self) -> None:
        # one thread receives, so that two batches of a FIFO group never overlap
        while not self._stop.is_set():
            if not self._slots.acquire(timeout=_POLL_SECONDS):
                continue
            messages = self._gather()
            if messages:
                self._batches.submit(self._work_off, messages)
            else:
                self._slots.release()
                self._stop.wait(_POLL_SECONDS)

    def _gather(self) -> list[dict[str, Any]]:
        """A batch: full, or what has come within the window of its first message."""
        messages = self._receive(self._mapping.batch_size)
        due = time.monotonic() + min(self._mapping.window, _LONGEST_WINDOW)
        while messages and len(messages) < self._mapping.batch_size and not self._stop.is_set():
            left = due - time.monotonic()
            if left <= 0:
                break
            more = self._receive(self._mapping.batch_size - len(messages))
            messages += more
            if not more:
                self._stop.wait(min(left, _POLL_SECONDS))
        return messages

    def _receive(self, most: int) -> list[dict[str, Any]]:
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(most, _MOST_MESSAGES),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError):
            if not self._stop.is_set():
                _LOG.exception("receiving from %s failed", self._mapping.queue)
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
        except (BotoCoreError, ClientError, ValueError):
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
