"""A conversation over several sessions, played through the real system, with what it learns shown run by run."""

import json
import os
import sys
import tempfile
import textwrap
import time
import urllib.request
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operator_memory.domain.learning.jobs import JobRecord, JobState, Outcome, outcome_counts

from devstack import running
from devstack.stack import DevStack, Endpoints

_SCRIPT = Path(__file__).with_name("demo_conversation.json")
_WIDTH = 100
_JOB_SECONDS = 180.0  # the first waits for the function to start, on a busy machine for long


class DemoFailedError(RuntimeError):
    """A run was not extracted as it should be."""


@dataclass(frozen=True, slots=True)
class _Style:
    bold: str = ""
    dim: str = ""
    green: str = ""
    end: str = ""

    @classmethod
    def for_terminal(cls) -> "_Style":
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            return cls("\033[1m", "\033[2m", "\033[32m", "\033[0m")
        return cls()


def play(data: Path) -> int:
    """Play the demo on the system running with ``data``, or on a temporary one. Returns the exit code."""
    with ExitStack() as cleanup:
        endpoints = running.find(data)
        if endpoints is None:
            print("Starting a temporary system (nothing of it is kept) ...", flush=True)
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="operator-memory-demo-"))
            stack = DevStack(Path(folder), say=_say, failed=lambda error: _say(str(error)))
            endpoints = cleanup.enter_context(stack).endpoints
        else:
            print(f"Using the system at {endpoints.api_url}", flush=True)
        try:
            _Demo(endpoints, json.loads(_SCRIPT.read_text())).play()
        except DemoFailedError as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            return 1
    return 0


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


class _Demo:
    def __init__(self, endpoints: Endpoints, script: dict[str, Any]) -> None:
        self._at = endpoints
        self._script = script
        self._account = f"demo-{uuid.uuid4()}"  # a person of its own: the demo can be played again
        self._token = endpoints.token()
        self._queue = endpoints.aws_client("sqs")
        self._style = _Style.for_terminal()
        self._texts: dict[str, str] = {}

    def play(self) -> None:
        runs = self._script["runs"]
        print(f"\nThe memory of {self._script['person']} is empty. {len(runs)} runs follow.")
        for number, run in enumerate(runs, start=1):
            self._heading(f"Run {number}: {run['title']}  ({run['days_ago']} days ago, agent {run['agent_id']})")
            self._show_given(run, run["messages"][0]["content"])
            self._show_conversation(run["messages"])
            self._show_learnt(self._extract(run), run["agent_id"])
        last = self._script["last_question"]
        self._heading(last["title"])
        print(f"  user       {last['query']}")
        self._show_given(last, last["query"])

    def _heading(self, text: str) -> None:
        print(f"\n{self._style.bold}{'-' * _WIDTH}\n{text}\n{'-' * _WIDTH}{self._style.end}")

    def _show_given(self, run: dict[str, Any], query: str) -> None:
        answer = self._context(agent_id=run["agent_id"], session_id=run["thread_id"], query=query)
        millis = answer["timing_ms"]["total"]
        print(f"{self._style.dim}Given to the agent before the run ({millis:.0f} ms):{self._style.end}")
        print(textwrap.indent(answer["context"] or "(nothing yet)", "  | ", lambda _: True))
        print()

    def _show_conversation(self, messages: list[dict[str, str]]) -> None:
        for message in messages:
            lines = textwrap.wrap(message["content"], _WIDTH - 14) or [""]
            print(f"  {message['role']:<10} {lines[0]}")
            for line in lines[1:]:
                print(f"  {'':<10} {line}")

    def _show_learnt(self, record: JobRecord, agent_id: str) -> None:
        self._learn_texts(agent_id)
        print(f"\n{self._style.dim}Learnt from it:{self._style.end}")
        for fact in record.facts:
            text = self._texts.get(fact.memory_id, "")
            why = f"  ({fact.reason})" if fact.reason else ""
            mark = "+" if fact.outcome in (Outcome.ADDED, Outcome.SUPERSEDED) else " "
            line = f"  {mark} {fact.scope.value:<8} {fact.outcome.value:<10} {text}{why}"
            print(f"{self._style.green}{line}{self._style.end}" if mark == "+" else line)
            if fact.outcome is Outcome.SUPERSEDED:
                for older in fact.others:
                    print(f"  - {'':<8} {'replaced':<10} {self._texts.get(older, '')}")
        if not record.facts:
            print("    no facts: nothing here is worth remembering")
        counts = outcome_counts(record.turns)
        turns = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items())) or "nothing"
        skipped = ", ".join(f"{reason} {count}" for reason, count in record.skipped.items()) or "none"
        print(f"    session turns: {turns};  messages left out: {skipped};  LLM calls: {record.llm_calls}")

    def _learn_texts(self, agent_id: str) -> None:
        profile = self._context(agent_id=agent_id, limit=50)
        self._texts |= {memory["id"]: memory["memory"] for memory in profile["memories"]}

    def _extract(self, run: dict[str, Any]) -> JobRecord:
        job_id = str(uuid.uuid4())
        finished = datetime.now(UTC) - timedelta(days=run["days_ago"])
        job = {
            "job_id": job_id,
            "account_id": self._account,
            "agent_id": run["agent_id"],
            "thread_id": run["thread_id"],
            "status": "completed",
            "finished_at": finished.isoformat(),
            "messages": run["messages"],
        }
        self._queue.send_message(
            QueueUrl=self._at.jobs_queue_url,
            MessageBody=json.dumps(job),
            MessageGroupId=self._account,
            MessageDeduplicationId=job_id,
        )
        deadline = time.monotonic() + _JOB_SECONDS
        while time.monotonic() < deadline:
            record = running.job_record(self._at, self._account, job_id)
            if record is not None and record.state is JobState.DONE:
                return record
            time.sleep(0.1)
        raise DemoFailedError(f"{run['title']!r} was not extracted within {_JOB_SECONDS:.0f} s: {record}")

    def _context(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
        request = urllib.request.Request(
            f"{self._at.api_url}/v1/context",
            data=json.dumps({"account_id": self._account, **fields}).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
        return answer
