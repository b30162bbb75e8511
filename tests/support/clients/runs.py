"""Finished runs, and processes of their own that keep, claim and send them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operator_memory_client.operator.spool.finished_run import FinishedRun, finished_run

ROOT = Path(__file__).resolve().parents[3]
ENDED = datetime(2026, 12, 1, 12, tzinfo=UTC)


def a_run(number: int = 1, thread_id: str = "", **fields: Any) -> FinishedRun:
    """The run of this number, in a thread of its own; a higher number ended later."""
    said = {"job_id": f"run-{number}", "account_id": "acct-1", "thread_id": thread_id or f"t-{number}"}
    return finished_run({**said, "finished_at": ENDED + timedelta(seconds=number), **fields})


def process_of(code: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Another interpreter that runs ``code``, with the client and the tests' support at hand."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{ROOT / 'clients' / 'python'}:{ROOT}", "PATH": "/usr/bin:/bin", **environment},
    )


def heard(process: "subprocess.Popen[str]") -> str:
    """The next line that it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> int:
    """Waits for its end, and leaves nothing open; the exit code."""
    process.communicate(timeout=60)
    return process.returncode
