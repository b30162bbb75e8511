"""How fast is ``POST /v1/context``, beside the plan's way on the same data, engine and embedder?

The plan's way: plain Mem0, one ``Memory.search`` per scope, one after another. Ours: the context function's own
handler with a true API Gateway event, from the parsing of the token to the JSON of the answer. Both talk to the
same Qdrant front and the same model server over loopback. Run: ``python -m bench.context [--sizes 1000,10000]``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from operator_memory.adapters.http import HttpClient
from operator_memory.adapters.openai_embeddings import OpenAIEmbeddings
from operator_memory.adapters.qdrant import QdrantMemories

from bench import corpus, plan_way
from bench.our_way import OurWay
from bench.report import machine_state, milliseconds, percentile, table, versions
from devstack.processes import Part, child_environment
from devstack.stack import LOCAL_DIMENSIONS, LOCAL_MODEL, ROOT

COLLECTION = "bench_memories"
COLD_STARTS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: seconds in all, and of these in the embedding call or calls."""

    total: float
    embedding: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where both ways find their parts."""

    qdrant_url: str
    models_url: str
    account: str


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000", help="memories in the store, comma separated")
    parser.add_argument("--rounds", type=int, default=60, help="questions asked of each way and size")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-client', 'qdrant-edge-py')}\n")
    rows: list[list[str]] = []
    for size in map(int, args.sizes.split(",")):
        with ExitStack() as cleanup:
            place = prepare(size, cleanup)
            rows += _measure(size, place, args.rounds)
            cold = _cold_starts(place) if size == int(args.sizes.split(",")[0]) else []
            for line in cold:
                print(line)
    header = ["memories, way", "median", "p95", "ratio", "w/o embedding", "p95", "ratio"]
    print(f"\nMilliseconds a request; ratio = the plan's median over ours\n\n{table(header, rows)}")


def prepare(size: int, cleanup: ExitStack) -> Place:
    """Start a store of ``size`` memories and a model server; ``cleanup`` stops them."""
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-context-")))

    def part(name: str, module: str, *arguments: str) -> Part:
        started = Part(name, module, [*arguments, "--port", "0"], log_dir=folder)
        cleanup.callback(started.close)
        return started

    qdrant = part("qdrant", "devstack.qdrant", "--data", str(folder / "qdrant"))
    models = part("models", "devstack.models")
    settings = {
        "QDRANT_URL": qdrant.url,
        "QDRANT_COLLECTION": COLLECTION,
        "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
    }
    apply = [sys.executable, "-m", "infra.qdrant.apply"]
    subprocess.run(apply, cwd=ROOT, env=child_environment(settings), check=True, stdout=subprocess.DEVNULL)
    store = QdrantMemories(HttpClient(qdrant.url, system="qdrant"), collection=COLLECTION, write_timeout=60)
    models_client = HttpClient(models.url, system="embeddings")
    embedder = OpenAIEmbeddings(models_client, model=LOCAL_MODEL, dimensions=LOCAL_DIMENSIONS)
    made = corpus.build(size, embed=lambda texts: embedder.embed(texts, timeout=60))
    stored, started = 0, time.perf_counter()
    for account, memories in made.batches:
        store.upsert(account, memories)
        stored += len(memories)
        if stored % 10_000 < len(memories):
            print(f"\rfilling: {stored:,} of {size:,}", end="", file=sys.stderr, flush=True)
    print(f"\rfilled {stored:,} memories in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    _optimize(qdrant.url)
    return Place(qdrant.url, models.url, made.account)


def _optimize(qdrant_url: str) -> None:
    """Let the engine build its indexes before anything is measured."""
    response = HttpClient(qdrant_url, system="qdrant").request("POST", "/_devstack/optimize", b"{}", timeout=600)
    if response.status != 200:
        raise RuntimeError(f"the engine could not be optimized: {response.status}")


def _measure(size: int, place: Place, rounds: int) -> list[list[str]]:
    theirs_way = plan_way.PlanWay(place.qdrant_url, place.models_url, COLLECTION, LOCAL_MODEL, LOCAL_DIMENSIONS)
    ours_way = OurWay(our_environment(place))
    ways: dict[str, Callable[[str], Sample]] = {
        "the plan's": lambda question: Sample(*theirs_way.ask(place.account, question)),
        "ours": lambda question: Sample(*ours_way.ask(place.account, question)),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for round_number in range(-5, rounds):  # the first five are not counted
        question = corpus.QUESTIONS[round_number % len(corpus.QUESTIONS)]
        for name, ask in ways.items():  # in turn, so that both meet the same state of the machine
            sample = ask(question)
            if round_number >= 0:
                samples[name].append(sample)
    return [_row(f"{size:,}, {name}", samples[name], samples["the plan's"]) for name in ways]


def _row(label: str, samples: Sequence[Sample], baseline: Sequence[Sample]) -> list[str]:
    row = [label]
    for without in (False, True):
        values, base = ([s.total - s.embedding * without for s in which] for which in (samples, baseline))
        median = statistics.median(values)
        ratio = statistics.median(base) / median
        row += [milliseconds(median), milliseconds(percentile(values, 95)), f"{ratio:.1f}x"]
    return row


def our_environment(place: Place) -> dict[str, str]:
    """The context function's environment for the benchmark's parts."""
    return {
        "QDRANT_URL": place.qdrant_url,
        "QDRANT_COLLECTION": COLLECTION,
        "OPENAI_BASE_URL": place.models_url,
        "OPENAI_API_KEY": "local",
        "EMBEDDING_MODEL": LOCAL_MODEL,
        "EMBEDDING_DIMENSIONS": str(LOCAL_DIMENSIONS),
        "SERVICE_TOKEN_KEYS": json.dumps({"bench": "k" * 40}),
        **{f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")},
    }


def _cold_starts(place: Place) -> list[str]:
    """Fresh process to first answer, both ways in turn."""
    commands = {
        "the plan's": ["bench.plan_way", place.qdrant_url, place.models_url, COLLECTION, LOCAL_MODEL,
                       str(LOCAL_DIMENSIONS), place.account],
        "ours": ["bench.our_way", place.account],
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(COLD_STARTS):
        for name, command in commands.items():
            started = time.perf_counter()
            environment = {**child_environment(our_environment(place)), "PYTHONDONTWRITEBYTECODE": ""}
            subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["the plan's"])
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        rows.append([name, milliseconds(median), milliseconds(max(values)), f"{base / median:.1f}x"])
    bare = _bare_interpreter()
    title = f"Cold start, fresh process to first answer ({COLD_STARTS} each; a bare interpreter takes {bare} ms)"
    return [title, "", table(["way", "median ms", "slowest", "ratio"], rows)]


def _bare_interpreter() -> str:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True, env=dict(os.environ))
    return milliseconds(time.perf_counter() - started)


if __name__ == "__main__":
    main()
