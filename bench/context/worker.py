"""A process that asks one way's questions: a Lambda runs a function once a process, one request at a time.

``python -m bench.context.worker plan|ours|local`` reads a `Place` and then orders, one JSON a line, and answers each
with a line of JSON. `Worker` is the other end.
"""

import json
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from bench.context.addresses import COLLECTION, Place
from bench.context.our_way import Answer
from devstack.processes import child_environment
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL, ROOT

WAYS = {"plan": "the plan's", "ours": "ours", "local": "ours, EMBEDDER=local"}


class Worker:
    """The process of one way (a key of `WAYS`) at ``place``; ``log`` takes what it says on stderr."""

    def __init__(self, way: str, place: Place, log: Path) -> None:
        self.way = way
        command = [sys.executable, "-m", "bench.context.worker", way]
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=child_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._log = log
        self._send(asdict(place))

    def start(self, account: str, questions: Sequence[str], *, seconds: float = 0.0) -> None:
        """Have it ask, at once; with ``seconds`` over and over for so long. `answers` brings what came of it."""
        self._send({"account": account, "questions": list(questions), "seconds": seconds})

    def answers(self, patience: float | None = None) -> list[Answer]:
        """What has come of the questions since `start`, once all are answered.

        Raises:
            RuntimeError: if the process ended, with its last words.
            TimeoutError: if that takes more than ``patience`` seconds. The worker is of no use then.
        """
        return [Answer(*each) for each in self._read(patience)]

    def ask(self, account: str, question: str) -> Answer:
        """One question."""
        self.start(account, [question])
        return self.answers()[0]

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, order: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the worker has no input")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _read(self, patience: float | None) -> Any:  # noqa: ANN401  (JSON)
        if self._process.stdout is None:
            raise RuntimeError("the worker has no output")
        if patience is not None and not select.select([self._process.stdout], [], [], patience)[0]:
            raise TimeoutError
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker of {WAYS[self.way]} ended: {self._log.read_text(errors='replace')[-2000:]}")
        return json.loads(line)


def _way(name: str, place: Place) -> Any:  # noqa: ANN401  (either way: only one is imported)
    if name != "plan":
        from bench.context.our_way import OurWay

        return OurWay(place.environment if name == "ours" else place.local_environment)
    from bench.context.plan_way import PlanWay

    return PlanWay(place.qdrant_url, place.models_url, COLLECTION, LOCAL_MODEL, LOCAL_DIMENSIONS, makes_indexes=False)


def _asked(way: Any, account: str, question: str) -> Answer:  # noqa: ANN401
    started = time.perf_counter()
    try:
        answer: Answer = way.ask(account, question)
    except Exception as error:  # noqa: BLE001  (the plan's way raises what its dependencies do: it is what is measured)
        return Answer(time.perf_counter() - started, 0.0, 0, f"raises {type(error).__name__}")
    return answer


def main() -> None:
    """Answer orders until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    way = _way(sys.argv[1], Place(**json.loads(sys.stdin.readline())))
    for line in sys.stdin:
        order = json.loads(line)
        until = time.monotonic() + order["seconds"]
        came = []
        while True:
            came += [_asked(way, order["account"], question) for question in order["questions"]]
            if time.monotonic() >= until:
                break
        answers.write(json.dumps(came) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
