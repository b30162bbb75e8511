"""One way to extract, in a process of its own, so that its memory and its processor time are its alone.

``python -m bench.extraction_load.worker ours|plan``: reads SQS events from standard input, one JSON a line, and
answers each with a line of JSON (see `Answer`). The environment says where the parts are.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

Handler = Callable[[dict[str, Any]], None]
PLAN_COLLECTION = "bench_plan"


@dataclass(frozen=True, slots=True)
class Answer:
    """One event. Seconds in all and of the processor, the peak memory so far in MB, and ``[requests, seconds]`` of
    each other system."""

    seconds: float
    processor: float
    peak: float
    outside: dict[str, tuple[int, float]] = field(default_factory=dict)


class Outside:
    """Counts the requests to each other system and the time until their answers, in the client."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[int, float]] = {}

    def take(self) -> dict[str, tuple[int, float]]:
        """What has been counted since this was last asked."""
        taken, self._spent = self._spent, {}
        return taken

    @contextmanager
    def counted(self, system: str) -> Iterator[None]:
        """Count one request to ``system``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            requests, seconds = self._spent.get(system, (0, 0.0))
            self._spent[system] = requests + 1, seconds + time.perf_counter() - started

    def watch(self, owner: Any, method: str, system_of: Callable[..., str]) -> None:  # noqa: ANN401  (any class)
        """Count the calls of ``owner.method``."""
        original = getattr(owner, method)

        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (a wrapped method)
            with self.counted(system_of(*args)):
                return original(*args, **kwargs)

        setattr(owner, method, watched)


def watch_all() -> Outside:
    """Watch the HTTP clients that either way uses: ours, boto3's, httpx2 (the OpenAI SDK) and httpx (qdrant-client)."""
    import httpx
    import httpx2
    from botocore.httpsession import URLLib3Session
    from operator_memory.adapters.net.http import HttpClient

    outside = Outside()
    outside.watch(HttpClient, "request", lambda client, *_: client._system)
    outside.watch(URLLib3Session, "send", lambda _, request: "dynamodb" if _is_dynamodb(request) else "sqs")
    for client in (httpx.Client, httpx2.Client):
        outside.watch(client, "send", lambda _, request: _by_path(request.url.path))
    return outside


def _is_dynamodb(request: Any) -> bool:  # noqa: ANN401  (botocore's)
    target = request.headers.get("X-Amz-Target", b"")
    return (target.decode() if isinstance(target, bytes) else target).startswith("DynamoDB")


def _by_path(path: str) -> str:
    return "llm" if path.endswith("/chat/completions") else "embeddings" if path.endswith("/embeddings") else "qdrant"


def peak_megabytes() -> float:
    """The most memory that this process has had resident so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1024


def ours() -> Handler:
    """The extraction function's handler."""
    from functions.extraction import app

    def handle(event: dict[str, Any]) -> None:
        answer = app.handler(event, None)
        if answer["batchItemFailures"]:
            raise RuntimeError("a run failed")

    return handle


def plan() -> Handler:
    """The plan's function: for each message the three adds."""
    from operator_memory.adapters.net.http import HttpClient

    from bench.extraction.labelled import Case, Run
    from bench.extraction.plan_way import PlanExtraction

    way = PlanExtraction(os.environ, HttpClient(os.environ["QDRANT_URL"], system="qdrant"), PLAN_COLLECTION)

    def handle(event: dict[str, Any]) -> None:
        for record in event["Records"]:
            body = json.loads(record["body"])
            messages = tuple((message["role"], message["content"]) for message in body["messages"])
            run = Run(datetime.fromisoformat(body["finished_at"]), body["agent_id"], messages)
            case = Case(body["account_id"], "load", (run,))
            if errors := way.run(case, 0, run):
                raise RuntimeError(f"a run failed: {errors}")

    return handle


def main() -> None:
    """Work events off until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function prints is no answer
    handle = {"ours": ours, "plan": plan}[sys.argv[1]]()
    outside = watch_all()

    def say(answer: Answer) -> None:
        answers.write(json.dumps(asdict(answer)) + "\n")
        answers.flush()

    say(Answer(0.0, 0.0, peak_megabytes()))
    for line in sys.stdin:
        event = json.loads(line)
        outside.take()
        started, processor = time.perf_counter(), time.process_time()
        handle(event)
        seconds, used = time.perf_counter() - started, time.process_time() - processor
        say(Answer(seconds, used, peak_megabytes(), outside.take()))


if __name__ == "__main__":
    main()
