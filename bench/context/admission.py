"""What do authentication, rate limits, switches and the trail add to ``POST /v1/context``?

The same handler, the same parts over loopback, the same questions in turn: once without limits, platform and events
queue (the baseline), once with all three and what they know kept (*kept*: a token block is leased, the switches are
known), once with nothing known (*cold*: one question to DynamoDB for the caller, one for the account, one to
Postgres). Run: ``python -m bench.context.admission [--rounds 200]``.
"""

import argparse
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from operator_memory.adapters.net.service_tokens import ServiceTokens, mint
from operator_memory.domain.management.identity import READ_CONTEXT
from operator_memory.domain.shared.recent_values import RecentValues

from bench.context.addresses import start_place
from bench.context.corpus import Account, Texts, layout
from bench.context.our_way import OurWay
from bench.context.store import kept_store
from bench.report import machine_state, milliseconds, percentile, table, versions
from devstack.aws.resources import aws_client
from devstack.aws.template import read_template
from devstack.processes import Part
from devstack.stack import ROOT

SIZE = 1_000
AWS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
UNLIMITED = {f"RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "EXPENSIVE")}


def main() -> None:
    """Start the parts, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="questions asked of each way")
    args = parser.parse_args()
    print(f"{machine_state()}\n{versions('moto', 'psycopg', 'qdrant-edge-py')}\n")
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-gate-")))
        place, account = start_place(kept_store(SIZE, folder), folder, cleanup), layout(SIZE)[0]
        plain = place.environment
        guarded = {**plain, **_aws(folder, cleanup), **_platform(folder, cleanup, account.id)}
        bare = OurWay({**plain, **UNLIMITED})
        samples = _measure(bare, OurWay(guarded), account, args.rounds)
    base = samples["without"]
    rows = [_row(name, values, base) for name, values in samples.items()]
    header = ["POST /v1/context", "median", "p95", "added: median", "p95", "ratio"]
    print(f"\nMilliseconds a request, {SIZE:,} memories\n\n{table(header, rows)}")
    print(f"\nverifying the service token alone: {_verification() * 1e6:.0f} microseconds (median)")


def _row(name: str, samples: list[float], base: list[float]) -> list[str]:
    median, p95 = statistics.median(samples), percentile(samples, 95)
    added = [f"{(mine - theirs) * 1000:+.2f}" for mine, theirs in
             ((median, statistics.median(base)), (p95, percentile(base, 95)))]  # fmt: skip
    return [name, milliseconds(median), milliseconds(p95), *added, f"{median / statistics.median(base):.2f}x"]


def _measure(bare: OurWay, guarded: OurWay, account: Account, rounds: int) -> dict[str, list[float]]:
    app = guarded.module
    ways: dict[str, Callable[[str], float]] = {
        "without": lambda question: _seconds(bare, account, question),
        "kept": lambda question: _seconds(guarded, account, question),
        "cold": lambda question: _seconds(_forgotten(app, guarded), account, question),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    questions = iter(Texts().questions(account, 4 * (rounds + 10)))  # each asked once: no embedding is kept
    for number in range(-10, rounds):  # the first ten are not counted
        for name, ask in ways.items():  # in turn, so that all meet the same state of the machine
            seconds = ask(next(questions))
            if number >= 0:
                samples[name].append(seconds)
        _seconds(guarded, account, next(questions))  # so that "kept" finds what "cold" has dropped
    return samples


def _seconds(way: OurWay, account: Account, question: str) -> float:
    answer = way.ask(account.id, question)
    if answer.outcome != "ok":
        raise RuntimeError(f"not a full answer: {answer.outcome}")
    return answer.total


def _forgotten(app: Any, way: OurWay) -> OurWay:  # noqa: ANN401  (a module)
    """The function as if it had never heard of the account; its connections stay."""
    app._APP.limit._leases.clear()
    app._APP.context._switches._known = RecentValues()
    return way


def _aws(folder: Path, cleanup: ExitStack) -> dict[str, str]:
    moto = Part("aws", "devstack.aws.moto_server", ["--data", str(folder / "aws")], log_dir=folder)
    cleanup.callback(moto.close)
    template = read_template(
        ROOT / "template.yaml",
        endpoint_url=moto.url,
        parameters={"QdrantUrl": "http://unused", "SupabaseUrl": "http://unused"},
    )
    spec = template.tables["MemoryTable"]
    aws_client("dynamodb", moto.url).create_table(TableName=spec.name, **spec.definition)
    queue = aws_client("sqs", moto.url).create_queue(QueueName="events")["QueueUrl"]
    many = {"RATE_LIMIT_READS": "1000000"}
    return {"AWS_ENDPOINT_URL": moto.url, "MEMORY_TABLE": spec.name, "EVENTS_QUEUE_URL": queue, **AWS, **many}


def _platform(folder: Path, cleanup: ExitStack, account: str) -> dict[str, str]:
    arguments = ["--data", str(folder / "supabase"), "--port", "0"]
    part = Part("supabase", "devstack.supabase", arguments, log_dir=folder)
    cleanup.callback(part.close)
    key, dsn = (re.search(rf"^{name}: (.+)$", part.output, re.MULTILINE) for name in ("service-role key", "database"))
    if key is None or dsn is None:
        raise RuntimeError("supabase did not say its key and database")
    with psycopg.connect(dsn.group(1)) as database:
        database.execute("insert into auth.users (id, email) values (%s, 'bench@example.com')", (account,))
    return {"SUPABASE_URL": part.url, "SUPABASE_SERVICE_KEY": key.group(1)}


def _verification() -> float:
    key, now = b"k" * 40, datetime.now(UTC)
    token = mint("bench", key, permissions=[READ_CONTEXT], now=now)
    tokens, times = ServiceTokens(lambda: {"bench": key}), []
    for _ in range(500):
        started = time.perf_counter()
        tokens.verify(token, now=now)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    os.environ.pop("AWS_PROFILE", None)
    main()
