"""After a restore: which runs were learned from since the backup, so that the platform can send them again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.domain.learning.jobs import JobRecord, JobState, JobSubject

from tests.support.builders import ACCOUNT
from tests.support.qdrant.deployment import Deployment

pytest_plugins = ["tests.support.aws.fixtures", "tests.support.qdrant.deployment_fixtures"]


def test_they_are_those_that_may_be_learned_from_again(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, since = DynamoDBJobs(*deployment.table, record_days=30), datetime.now(UTC)
    subject = JobSubject(thread_id="thread-1", session_id="session-1", agent_id="agent-1", author_id="ada")

    def saved(job_id: str, state: JobState = JobState.DONE, minutes: float = 1, **fields: Any) -> None:
        moment = since + timedelta(minutes=minutes)
        jobs.claim(ACCOUNT, job_id, content_hash="hash", subject=subject, now=moment, lease_seconds=0)
        jobs.save(JobRecord(ACCOUNT, job_id, state, "hash", moment, subject=subject, **fields))

    saved("lost")
    saved("before the backup", minutes=-1)
    saved("failed", JobState.FAILED)
    saved("kept out of memory", skipped={"memory_disabled_thread": 1})
    saved("erased", skipped={"erased": 2})
    saved("undone", undone_at=since)
    assert deployment.backup("lost-runs", since.isoformat()) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told.pop("done_at") == (since + timedelta(minutes=1)).isoformat()
    assert told == {
        "account_id": ACCOUNT,
        "job_id": "lost",
        "thread_id": "thread-1",
        "session_id": "session-1",
        "agent_id": "agent-1",
        "author_id": "ada",
    }
