"""Puts finished runs into the jobs queue (SQS FIFO). Needs boto3, which is imported when the first run is submitted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

from operator_memory_client.errors import (
    InvalidCallError,
    MemoryClientError,
    NotConfiguredError,
    UnavailableError,
)
from operator_memory_client.transport.locks import ForkSafeLock

MOST_BYTES = 1_047_552
"""Of a run's JSON; more than that neither the queue nor the API takes."""

_REFUSED = ("AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "NonExistentQueue", "QueueDoesNotExist")


class JobsQueue:
    """Sends to one queue; safe for threads, and makes a client of its own after a fork."""

    def __init__(self, url: str, seconds: float, make_client: Callable[[float], Any] | None = None) -> None:
        self._url, self._seconds = url, seconds
        self._make = make_client or _sqs_client
        self._lock = ForkSafeLock()
        self._client: Any = None
        self._process = 0

    def send(self, body: str, *, account_id: str) -> None:
        """Enqueue a run; one account's are worked off in order. Sending it again changes nothing.

        Raises:
            MemoryClientError: the queue does not take it.
        """
        try:
            self._connected().send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageGroupId=account_id,
                MessageDeduplicationId=hashlib.sha256(body.encode()).hexdigest(),
            )
        except MemoryClientError:
            raise
        except Exception as error:  # noqa: BLE001  (botocore's errors have no common base; their text may hold the body)
            raise _translated(error) from None

    def _connected(self) -> Any:  # noqa: ANN401  (boto3 makes its classes at run time)
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._make(self._seconds), os.getpid()
            return self._client


def _sqs_client(seconds: float) -> Any:  # noqa: ANN401
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise NotConfiguredError("to submit runs to a queue, install operator-memory-client[queue]") from None
    half = seconds / 2
    config = Config(connect_timeout=half, read_timeout=half, retries={"total_max_attempts": 2}, tcp_keepalive=True)
    return boto3.client("sqs", config=config)


def _translated(error: Exception) -> MemoryClientError:
    answer = getattr(error, "response", None)
    code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
    if any(refused in code for refused in _REFUSED):
        return NotConfiguredError(f"the queue refuses ({code})")
    if code.startswith("Invalid"):
        return InvalidCallError(f"the queue does not take this run ({code})")
    return UnavailableError(f"the queue cannot be reached ({code or type(error).__name__})")
