"""Which devstack is running with a data folder, and reading what it has recorded."""

import json
import os
import socket
from dataclasses import asdict
from pathlib import Path

from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.domain.memory.scopes import AccountId

from devstack.stack import Endpoints

_FILE = "running.json"


def remember(data: Path, endpoints: Endpoints) -> None:
    """Note where the system runs; the file holds a signing key and is readable by its owner only."""
    path = data / _FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(endpoints)))


def forget(data: Path) -> None:
    """The system has stopped."""
    (data / _FILE).unlink(missing_ok=True)


def find(data: Path) -> Endpoints | None:
    """The system running with ``data``, or ``None`` (a file left by one that was killed does not count)."""
    try:
        endpoints = Endpoints(**json.loads((data / _FILE).read_text()))
        os.kill(endpoints.pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValueError, TypeError):
        return None
    return endpoints if _listens(endpoints.api_url) else None


def _listens(url: str) -> bool:
    host, _, port = url.rpartition("//")[2].partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def job_record(endpoints: Endpoints, account_id: str, job_id: str) -> JobRecord | None:
    """The record of a job, read with the product's own adapter."""
    table = endpoints.aws_client("dynamodb")
    return DynamoDBJobs(table, endpoints.memory_table, record_days=30).get(AccountId(account_id), job_id)
