"""The whole system for end-to-end tests, and what a caller does with it."""

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from operator_memory.domain.learning.jobs import JobRecord, JobState
from psycopg.rows import dict_row

from devstack import running
from devstack.stack import DevStack, Endpoints
from tests.support.time_outs import AMPLE, eventually


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class System:
    """A running system, seen from outside."""

    stack: DevStack

    @property
    def at(self) -> Endpoints:
        return self.stack.endpoints

    def context(self, token: str | None = None, **body: Any) -> dict[str, Any]:
        """The answer of ``POST /v1/context``; it must be a 200. Asked again where a busy machine took too long."""

        def undisturbed() -> dict[str, Any] | None:
            status, answer = self.post_context(json.dumps(body).encode(), token)
            if status == 500 or any(code.endswith("_timeout") for code in answer.get("degraded", ())):
                return None
            assert status == 200, answer
            return answer

        return eventually(undisturbed)

    def post_context(self, body: bytes, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of ``POST /v1/context``."""
        answer = self.request("POST", "/v1/context", body, token=token)
        return answer.status, answer.json

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The answer of the API; without ``token`` as the agent runtime."""
        request = urllib.request.Request(
            f"{self.at.api_url}{path}",
            method=method,
            data=body,
            headers={
                "Authorization": f"Bearer {token or self.at.token()}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=AMPLE) as response:
                return Answer(response.status, dict(response.headers.items()), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read())

    def call(self, user: str, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """The answer of the API to a person. ``headers`` with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body).encode()
        return self.request(method, path, raw, token=self.at.user_token(user), headers=named)

    def new_user(self) -> str:
        """A person with a personal account of the same id."""
        user = str(uuid.uuid4())
        with psycopg.connect(self.stack.database_dsn) as database:
            database.execute("insert into auth.users (id, email) values (%s, %s)", (user, f"{user}@example.com"))
        return user

    def new_team(self, owner: str, *members: str) -> str:
        """A team account."""
        team = str(uuid.uuid4())
        with psycopg.connect(self.stack.database_dsn) as database:
            database.execute(
                "insert into basejump.accounts (id, primary_owner_user_id, name, slug) values (%s, %s, 'Team', %s)",
                (team, owner, team),
            )
            for member in members:
                database.execute("insert into basejump.account_user values (%s, %s, 'member')", (member, team))
        return team

    def trail(self, account: str) -> list[dict[str, Any]]:
        """The account's events, in the order in which they happened."""
        with psycopg.connect(self.stack.database_dsn, row_factory=dict_row) as database:
            found = database.execute(
                "select * from memory_events where account_id = %s order by occurred_at", (account,)
            )
            return list(found)

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
