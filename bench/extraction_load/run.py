"""How many runs does the extraction function work off, with a model that answers at once, and how much memory does
it need? Beside the plan's way: plain Mem0, three ``Memory.add`` a run, with the same model, embedder and Qdrant front.

Ours is the function's own handler with true SQS events in batches of the template's size; it also keeps job records,
tombstones, the expiry index and the trail, in moto's DynamoDB and SQS, which the plan's way does not. Each way and each
part is a process of its own. Run: ``python -m bench.extraction_load.run [--runs 200]``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from operator_memory.adapters.net.http import HttpClient

from bench.extraction.store import payloads
from bench.extraction_load.runs import (
    FACTS,
    LONG_MESSAGES,
    LoadRun,
    event_of,
    largest_run,
    long_run,
    short_run,
)
from bench.extraction_load.tables import Load, Peaks, report
from bench.extraction_load.worker import PLAN_COLLECTION, Answer
from bench.report import machine_state, versions
from devstack.aws.resources import ACCESS_KEY, SECRET_KEY, aws_client
from devstack.aws.template import read_template
from devstack.processes import Part, child_environment
from devstack.stack import ROOT

OUR_COLLECTION = "bench_ours"
DIMENSIONS = 1536
"""As text-embedding-3-small, the default, has them."""

RUNS_AN_ACCOUNT = 10
WARM_UP = 5
WAYS = {"the plan's": "plan", "ours": "ours"}
_TABLE = "bench-memory"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parts are: the environment of either way, and the size of a batch."""

    environment: dict[str, str]
    batch_size: int


class Worker:
    """A way in a process of its own; a context manager that ends it."""

    def __init__(self, way: str, environment: Mapping[str, str], log: Path) -> None:
        """Start it and wait until it is ready. ``ready`` tells its memory after the import."""
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.extraction_load.worker", way],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=child_environment(environment),
                text=True,
            )
        self.ready = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=60)  # closes its input
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def work_off(self, runs: list[LoadRun]) -> Answer:
        """Have one batch worked off."""
        if self._process.stdin is None:
            raise RuntimeError("the process has no input")
        self._process.stdin.write(json.dumps(event_of(runs)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Answer:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the way failed:\n{self._log.read_text(errors='replace')[-3000:]}")
        told: dict[str, Any] = json.loads(line)
        return Answer(**told)


def main() -> None:
    """Start the parts, work the runs off both ways in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="runs of each way")
    args = parser.parse_args()
    if args.runs < RUNS_AN_ACCOUNT:
        parser.error(f"--runs must be at least {RUNS_AN_ACCOUNT}")
    print(f"{machine_state()}\n{versions('mem0ai', 'openai', 'qdrant-client', 'qdrant-edge-py', 'moto')}", flush=True)
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-load-")))
        place = prepare(folder, cleanup)
        loads = measure(place, folder, args.runs)
        peaks = [peaks_of(name, place, folder, load) for name, load in loads.items()]
    print(report(loads, peaks, batch_size=place.batch_size, dimensions=DIMENSIONS, example=short_run(1, "a")))


def prepare(folder: Path, cleanup: ExitStack) -> Place:
    """Start Qdrant's front, AWS's stand-in and the model; ``cleanup`` stops them."""

    def part(name: str, module: str, *arguments: str) -> str:
        started = Part(name, module, [*arguments, "--port", "0"], log_dir=folder)
        cleanup.callback(started.close)
        return str(started.url)

    aws = part("aws", "devstack.aws.moto_server", "--data", str(folder / "aws"))
    environment = {
        "QDRANT_URL": part("qdrant", "devstack.qdrant", "--data", str(folder / "qdrant")),
        "QDRANT_COLLECTION": OUR_COLLECTION,
        "OPENAI_BASE_URL": part("model", "bench.instant_model", "--dimensions", str(DIMENSIONS)),
        "OPENAI_API_KEY": "local",
        "EXTRACTION": "llm",
        "EXTRACTION_MODEL": "instant",
        "EMBEDDING_MODEL": "instant",
        "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "MEM0_DIR": str(folder / "mem0"),
        "MEM0_TELEMETRY": "False",
        "MEMORY_TABLE": _TABLE,
    }
    batch_size = _make_resources(aws, environment)
    apply = [sys.executable, "-m", "infra.qdrant.apply"]
    subprocess.run(apply, cwd=ROOT, env=child_environment(environment), check=True, stdout=subprocess.DEVNULL)
    return Place(environment, batch_size)


def _make_resources(aws: str, environment: dict[str, str]) -> int:
    """The table as the template has it, and queues; returns the size of a batch of jobs."""
    parameters = {"QdrantUrl": environment["QDRANT_URL"], "SupabaseUrl": "http://supabase.invalid"}
    template = read_template(ROOT / "template.yaml", endpoint_url=aws, parameters=parameters)
    aws_client("dynamodb", aws).create_table(TableName=_TABLE, **template.tables["MemoryTable"].definition)
    sqs = aws_client("sqs", aws)
    for variable, attributes in (
        ("JOBS_QUEUE_URL", {"FifoQueue": "true"}),
        ("JOBS_DEAD_LETTER_QUEUE_URL", {"FifoQueue": "true"}),
        ("EVENTS_QUEUE_URL", {}),
    ):
        name = variable.removesuffix("_URL").lower() + (".fifo" if attributes else "")
        environment[variable] = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return next(m.batch_size for m in template.mappings if m.function == "ExtractionFunction")


def measure(place: Place, folder: Path, runs: int) -> dict[str, Load]:
    """Work ``runs`` runs off both ways, in turn, so that both meet the same machine."""
    loads: dict[str, Load] = {}
    with ExitStack() as cleanup:
        workers = {name: cleanup.enter_context(_started(way, place, folder)) for name, way in WAYS.items()}
        for name, worker in workers.items():
            loads[name] = Load(place.batch_size, WARM_UP, worker.ready)
        for number, batch in enumerate(_batches(runs, place.batch_size)):
            for name, worker in workers.items():
                loads[name].answers.append(worker.work_off(batch))
            print(f"\r{number} of {runs // place.batch_size + WARM_UP}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':<30}\r", end="", file=sys.stderr, flush=True)
    _check_stored(place)
    return loads


def _batches(runs: int, size: int) -> Iterator[list[LoadRun]]:
    accounts = max(1, runs // RUNS_AN_ACCOUNT)
    for batch in range(runs // size + WARM_UP):
        numbers = range(batch * size, (batch + 1) * size)
        yield [short_run(number, f"account-{number % accounts}") for number in numbers]


@contextmanager
def _started(way: str, place: Place, folder: Path) -> Iterator[Worker]:
    with Worker(way, place.environment, folder / f"{way}.log") as worker:
        yield worker


def _check_stored(place: Place) -> None:
    """A way that stores nothing would be fast: each fact of an account must be there, once."""
    qdrant = HttpClient(place.environment["QDRANT_URL"], system="qdrant")
    numbers: dict[str, int] = {}
    for name, collection in (("ours", OUR_COLLECTION), ("the plan's", PLAN_COLLECTION)):
        held = payloads(qdrant, collection, "user_id", "account-0")
        # Only ours says the scope; what the plan's has with a run is its session memory.
        facts = [p["data"] for p in held if p.get("scope", "session" if p.get("run_id") else "user") == "user"]
        numbers[name] = len(set(facts)) if not any(p.get("rejected") or p.get("superseded_by") for p in held) else 0
    if len(set(numbers.values())) != 1 or not numbers["ours"] or numbers["ours"] % FACTS:
        raise RuntimeError(f"the facts stored differ: {numbers}")


def peaks_of(name: str, place: Place, folder: Path, load: Load) -> Peaks:
    """The memory of fresh processes that are given one very long run, and the largest message."""
    answers: list[Answer] = []
    runs: Sequence[LoadRun] = (long_run("long", messages=LONG_MESSAGES, characters=200), largest_run("largest"))
    for run in runs:
        with _started(WAYS[name], place, folder) as worker:
            worker.work_off([short_run(9_999, f"before-{run.account}")])  # what only a first run costs is told apart
            answers.append(worker.work_off([run]))
    return Peaks(name, load, *zip(runs, answers, strict=True))


if __name__ == "__main__":
    main()
