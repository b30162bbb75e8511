"""The whole system for end-to-end tests, and what a caller does with it."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from operator_memory.domain.jobs import JobRecord, JobState

from devstack import running
from devstack.stack import DevStack, Endpoints

T = TypeVar("T")
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class System:
    """A running system, seen from outside."""

    stack: DevStack

    @property
    def at(self) -> Endpoints:
        return self.stack.endpoints

    def context(self, token: str | None = None, **body: Any) -> dict[str, Any]:
        """The answer of ``POST /v1/context``; it must be a 200."""
        status, answer = self.post_context(json.dumps(body).encode(), token)
        assert status == 200, answer
        return answer

    def post_context(self, body: bytes, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of ``POST /v1/context``."""
        request = urllib.request.Request(
            f"{self.at.api_url}/v1/context",
            data=body,
            headers={"Authorization": f"Bearer {token or self.at.token()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def send(self, job: dict[str, Any] | str, *, group: str | None = None) -> None:
        """Put a job into the queue, as the runner does."""
        body = job if isinstance(job, str) else json.dumps(job)
        self.at.aws_client("sqs").send_message(
            QueueUrl=self.at.jobs_queue_url,
            MessageBody=body,
            MessageGroupId=group or json.loads(body)["account_id"],
            MessageDeduplicationId=str(uuid.uuid4()),
        )

    def record(self, job: dict[str, Any]) -> JobRecord | None:
        """The job's record."""
        return running.job_record(self.at, job["account_id"], job["job_id"])

    def extracted(self, job: dict[str, Any]) -> JobRecord:
        """Send the job and wait until it is done."""
        self.send(job)
        return eventually(lambda: record if (record := self.record(job)) and record.state is JobState.DONE else None)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Takes what is in the dead-letter queue: bodies with their reasons."""
        sqs = self.at.aws_client("sqs")
        url = self.stack.aws.queue_url("MemoryJobsDeadLetterQueue")
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages


def a_job(account: str | None = None, *said: str, **fields: Any) -> dict[str, Any]:
    """A finished run in which the user said ``said``."""
    return {
        "job_id": str(uuid.uuid4()),
        "account_id": account or an_account(),
        "thread_id": "thread-1",
        "status": "completed",
        "finished_at": datetime.now(UTC).isoformat(),
        "messages": [{"role": "user", "content": text} for text in said],
        **fields,
    }


def an_account() -> str:
    """A fresh account id."""
    return str(uuid.uuid4())


def eventually(check: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """The first true value of ``check()``; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := check():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds")
