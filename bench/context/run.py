"""How fast is ``POST /v1/context``, beside the plan's way on the same data, engine and embedder?

The plan's way: plain Mem0, one ``Memory.search`` per scope, one after another. Ours: the context function's own
handler with a true API Gateway event, from the parsing of the token to the JSON of the answer. Both run in processes
of their own, as in a Lambda, and talk to the same Qdrant front and the same model server over loopback; no question
is asked twice of one process. Run: ``python -m bench.context.run [--sizes 10000,100000,1000000] [--data FOLDER]``.

The front is one Python process around the engine and the model server another: eight requests at once queue for
them and for the processors, so that what eight at a time take is a matter of the machine. A Qdrant server answers
searches side by side.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.context import tables as report
from bench.context.addresses import start_place
from bench.context.corpus import SMALL, named_accounts
from bench.context.measure import Measurements, Series, cold_starts
from bench.context.store import kept_store
from bench.context.trouble import counted, degraded
from bench.report import machine_state, versions

PARTS = ("latency", "crowd", "neighbours", "counts", "cold", "degraded")
_ONCE = ("cold", "degraded")
"""Parts that do not depend on the size: measured at the first."""


def main() -> None:
    """Fill, measure, print."""
    args = _arguments()
    print(f"{machine_state()}\n{versions('mem0ai', 'qdrant-client', 'qdrant-edge-py')}\n")
    figures: dict[str, Any] = {"machine": machine_state(), "sizes": {}}
    by_size: dict[int, list[Series]] = {}
    with ExitStack() as stack:
        data = args.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-context-")))
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-context-logs-")))
        for size in args.sizes:
            parts = [part for part in args.parts if part not in _ONCE or size == args.sizes[0]]
            by_size[size], figures["sizes"][size] = _measured(size, parts, args.rounds, data, logs)
        if len(args.sizes) > 1:
            growth = report.growth(by_size)
            print(growth.text)
            figures["growth"] = growth.figures
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=_numbers, default="10000,100000,1000000", help="memories in the store")
    parser.add_argument("--rounds", type=int, default=80, help="questions asked of each way about each account")
    parser.add_argument("--parts", type=_parts, default=",".join(PARTS), help="which of: %(default)s")
    parser.add_argument("--data", type=Path, help="folder that the stores are kept in; default: a temporary one")
    parser.add_argument("--json", type=Path, help="file that the figures are written to, in seconds")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _parts(text: str) -> list[str]:
    chosen = text.split(",")
    if not set(chosen) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}")
    return chosen


def _measured(
    size: int, parts: Sequence[str], rounds: int, data: Path, logs: Path
) -> tuple[list[Series], dict[str, Any]]:
    """Print the tables of one size; its latencies, and all its figures."""
    store, accounts = kept_store(size, data), named_accounts(size)
    described = ", ".join(f"{name} account {account.memories:,}" for name, account in accounts.items())
    print(f"== {size:,} memories ({described}; the others {SMALL} each)\n")
    with ExitStack() as cleanup:
        place = start_place(store, logs, cleanup)
        series: list[Series] = []
        tables = []
        if {"latency", "crowd", "neighbours"} & set(parts):
            measure = Measurements(place, size, logs, cleanup)
            _progress(f"{size:,}: warming up")
            measure.warm_up()
            _progress(f"{size:,}: latency")
            series += measure.one_at_a_time(rounds) if "latency" in parts else []
            series += measure.eight_at_a_time(rounds) if "crowd" in parts else []
            tables.append(report.latencies(series))
            if "neighbours" in parts:
                tables.append(report.neighbours(measure.neighbours(rounds)))
        if "counts" in parts:
            tables.append(report.counts(counted(place, accounts["large"], logs)))
        if "cold" in parts:
            _progress(f"{size:,}: cold starts")
            tables.append(report.cold(*cold_starts(place, accounts["small"])))
        if "degraded" in parts:
            _progress(f"{size:,}: degraded")
            tables.append(report.troubles(degraded(place, accounts["large"], logs)))
        _progress("")
        for table in tables:
            print(f"{table.text}\n")
    return series, {table.name: table.figures for table in tables}


def _progress(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
