"""What do the context function's caches save: the vectors of repeated queries, and the switches that people hold?

An hour of fifty accounts is replayed in its own time: runs of 1 to 8 steps that ask the same within a minute, and
questions that come again later. First the hit rates, for one instance of the function and for several, among which
the steps of a run are spread by chance. Then what a request takes through the use case of ``POST /v1/context``, the
parts over loopback: each question is asked of four instances in turn, one that keeps nothing (the baseline), two that
keep one of both, and one that keeps both, as the function does. Run: ``python -m bench.caches.run [--runs 2]``.

The model server answers over loopback in a few milliseconds; what a provider's API takes is saved as well.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
from operator_memory.application.recall.query_vectors import KEPT_SECONDS
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.relevance import gate_for

from bench.caches.workload import Ask, CountedRest, Instance, hit_rates, workload
from bench.context.addresses import start_place
from bench.context.corpus import Account, Texts, layout
from bench.context.store import kept_store
from bench.report import machine_state, milliseconds, percentile, table, versions
from devstack.processes import Part

SIZE = 12_250
"""Memories: of the largest account 2,450, of the 49 others 200 each."""
INSTANCES = (1, 2, 4, 8)
BUSY = (4, 40)
"""Questions an account asks in the hour, not counting those that come again."""
WAYS = {"nothing kept": (False, False), "query vectors": (True, False), "switches": (False, True), "both": (True, True)}
_UNCOUNTED = 20


def main() -> None:
    """Replay, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2, help="questions of each account that latency is measured with")
    parser.add_argument("--data", type=Path, help="folder that the store is kept in; default: a temporary one")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('psycopg', 'qdrant-edge-py')}\n")
    accounts, texts = layout(SIZE), Texts()
    print(f"{_hits(accounts, texts)}\n")
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-caches-")))
        ways = _ways(accounts, args.data or folder, folder, cleanup)
        asks = workload(_questions(accounts, texts, args.runs))
        warming = workload(_questions(accounts[:5], texts, 3, seed=9))[:_UNCOUNTED]
        _measure(ways, warming)
        for way in ways.values():
            way.forget()
        samples = _measure(ways, asks)
    print(_latencies(ways, samples))


def _questions(accounts: Sequence[Account], texts: Texts, count: int, *, seed: int = 0) -> dict[AccountId, list[str]]:
    return {account.id: texts.questions(account, count, seed=seed) for account in accounts}


def _hits(accounts: Sequence[Account], texts: Texts) -> str:
    rows = []
    for count in BUSY:
        asks = workload(_questions(accounts, texts, count))
        for instances in INSTANCES:
            rates = hit_rates(asks, instances=instances)
            name = f"{len(asks):,} requests an hour, instances: {instances}"
            rows.append([name, f"{rates.vectors:.0%}", f"{rates.switches:.0%}"])
    header = [f"hits, {len(accounts)} accounts", "query vectors", "switches"]
    return f"{table(header, rows)}\nA vector is kept for {KEPT_SECONDS / 60:.0f} minutes at most."


def _ways(accounts: Sequence[Account], data: Path, logs: Path, cleanup: ExitStack) -> dict[str, Instance]:
    """An instance for each way, with connections of its own."""
    place = start_place(kept_store(SIZE, data), logs, cleanup)
    environment = {**place.environment, **_platform(logs, cleanup, [account.id for account in accounts])}
    ways = {}
    for name, (vectors, switches) in WAYS.items():
        parts = AdaptersInUse.from_environment(environment)
        supabase = CountedRest(parts.settings.supabase_url, parts.required_secret("supabase_service_key"))
        for close in (parts.qdrant.close, parts.embeddings_api.close, supabase.close):
            cleanup.callback(close)
        ways[name] = Instance(
            parts.memories(),
            parts.embedder(),
            supabase,
            gate=gate_for(parts.settings.embedding_model),
            keeps_vectors=vectors,
            keeps_switches=switches,
        )
    return ways


def _platform(logs: Path, cleanup: ExitStack, accounts: Sequence[str]) -> dict[str, str]:
    """A Postgres with its REST front, in which each account is a person's."""
    part = Part("supabase", "devstack.supabase", ["--data", str(logs / "supabase"), "--port", "0"], log_dir=logs)
    cleanup.callback(part.close)
    key, dsn = (re.search(rf"^{name}: (.+)$", part.output, re.MULTILINE) for name in ("service-role key", "database"))
    if key is None or dsn is None:
        raise RuntimeError("supabase did not say its key and database")
    with psycopg.connect(dsn.group(1)) as database, database.cursor() as cursor:
        people = [(account, f"{account}@example.com") for account in accounts]
        cursor.executemany("insert into auth.users (id, email) values (%s, %s)", people)
    return {"SUPABASE_URL": part.url, "SUPABASE_SERVICE_KEY": key.group(1)}


def _measure(ways: Mapping[str, Instance], asks: Sequence[Ask]) -> dict[str, list[float]]:
    """Seconds of each request, by way. Who is asked first changes, so that nobody finds the engine warmed."""
    samples: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number, ask in enumerate(asks):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            request = ways[name].prepare(ask)
            started = time.perf_counter()
            ways[name].answer(request)
            samples[name].append(time.perf_counter() - started)
        if number % 25 == 0:
            print(f"\rrequest {number} of {len(asks)}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return samples


def _latencies(ways: Mapping[str, Instance], samples: Mapping[str, Sequence[float]]) -> str:
    base = samples[next(iter(WAYS))]
    rows = []
    for name, seconds in samples.items():
        way, median, high = ways[name], statistics.median(seconds), percentile(seconds, 95)
        rows.append([
            name, milliseconds(median), f"{statistics.median(base) / median:.1f}x", milliseconds(high),
            f"{percentile(base, 95) / high:.1f}x", milliseconds(statistics.mean(seconds)),
            f"{statistics.mean(base) / statistics.mean(seconds):.1f}x",
            f"{way.vectors_reused / way.asked:.0%}", f"{way.switches_reused / way.asked:.0%}",
        ])  # fmt: skip
    header = ["kept", "median", "faster", "p95", "faster", "mean", "faster", "vectors hit", "switches hit"]
    told = f"Milliseconds a request, {len(base):,} requests, {SIZE:,} memories"
    return f"{told}\n\n{table(header, rows)}"


if __name__ == "__main__":
    main()
