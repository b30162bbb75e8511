"""Rounds over many accounts, an export and an erasure: ``python -m bench.lifecycle.run``.

Options: ``--memories 200000``, ``--accounts 1000``. First a tenth of both, then all: what the worker holds must not
grow.

The first account has a tenth of the memories, and comes first. Store and engine are real; S3 is a folder, the index of
the archive a SQLite file, the queue and the table are in memory. One worker; a deployed system has four.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from operator_memory.adapters.net.http import HttpClient
from operator_memory.domain.memory.scopes import AccountId

from bench.lifecycle.measure import Erased, Exported, Rounds, Spent, erase, export, rounds
from bench.lifecycle.workload import DIMENSIONS, OF, load, memory, point, sizes
from bench.lifecycle.world import COLLECTION, World
from bench.report import machine_state, table
from devstack.qdrant.process import QdrantProcess
from infra.progress import Progress
from infra.qdrant.collection import collection_at
from infra.qdrant.plan import desired_collection, plan
from infra.qdrant.points import PAGE, Points

LEAVER = AccountId("account-leaver")
"""Whose memories are exported and then erased. A twentieth of them is in the archive."""


def make_collection(url: str) -> None:
    """As a deploy makes it."""
    with collection_at(url, COLLECTION) as made:
        for step in plan(desired_collection(DIMENSIONS), None):
            made.run(step)


def store_leaver(world: World, points: Points, size: int) -> None:
    """Store the memories of `LEAVER`, and archive a twentieth."""
    now = world.clock.now()
    all_of_them = (memory(LEAVER, number, now) for number in range(size))
    while page := list(islice(all_of_them, PAGE)):
        points.put([point(one) for one in page])
        world.archiving.archive(LEAVER, {one.id: "idle" for one in page[OF - 1 :: OF]})


def run(memories: int, accounts: int, folder: Path) -> tuple[Rounds, Exported, Erased]:
    """All of it at one size."""
    process = QdrantProcess(folder / "qdrant")
    try:
        make_collection(process.url)
        world, client = World(process.url, folder), HttpClient(process.url, system="qdrant")
        points, progress = Points(client, COLLECTION), Progress("stored", memories)
        load(world, points, sizes(memories, accounts), progress.add)
        progress.end()
        tended = rounds(world, accounts)
        store_leaver(world, points, memories // 10)
        exported = export(world, LEAVER, memories // 10)
        erased = erase(world, LEAVER)
        client.close()
        world.close()
    finally:
        process.close()
    return tended, exported, erased


def _megabytes(cost: Spent) -> str:
    return "not known" if cost.peak is None else f"{cost.peak:.0f} MB"


def _rounds_table(at: dict[tuple[int, int], Rounds]) -> str:
    large = next(iter(sizes(10, 2)))
    rows = []
    for (memories, accounts), made in at.items():
        cost, done = made.tended, made.done
        rows.append(
            [
                f"{memories:,} of {accounts:,}",
                f"{accounts / made.dispatched.seconds:,.0f}",
                f"{memories / cost.seconds:,.0f}",
                f"{accounts / cost.seconds:.1f}",
                f"{done.expired:,}, {done.deleted:,}, {done.archived:,}",
                f"{1000 * cost.requests / memories:.0f}",
                _megabytes(cost),
                f"{made.median_end():.0f} s of {cost.seconds:.0f} s",
                f"{made.before_median(large):.1f} s of {made.seconds_of(large):.1f} s",
            ]
        )
    header = (
        "memories of accounts", "sent a second", "memories a second", "accounts a second", "expired, deleted, archived",
        "requests for 1,000", "peak", "half are settled after", "of that the large one",
    )  # fmt: skip
    return table(header, rows)


def _leaving_table(at: dict[tuple[int, int], tuple[Exported, Erased]]) -> str:
    rows = []
    for (memories, _), (out, gone) in at.items():
        size = f"{memories // 10:,}"
        parts = f"{out.parts} parts, {out.size / 1e6:.1f} MB, {out.slowest:.1f} s at most"
        rows.append([f"export of {size}", f"{out.cost.seconds:.1f} s", parts, _megabytes(out.cost)])
        removed = ", ".join(f"{name} {count:,}" for name, count in gone.removed.items() if count)
        rows.append(
            [
                f"erasure of {size}",
                f"{gone.cost.seconds:.1f} s",
                f"calls {gone.calls}: {removed}",
                _megabytes(gone.cost),
            ]
        )
    return table(("what", "time", "in", "peak"), rows)


def main(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.lifecycle.run", description=__doc__)
    parser.add_argument("--memories", type=int, default=200_000)
    parser.add_argument("--accounts", type=int, default=1000)
    args = parser.parse_args(arguments)
    print(machine_state())
    made = {}
    for memories, accounts in ((args.memories // 10, args.accounts // 10), (args.memories, args.accounts)):
        with tempfile.TemporaryDirectory() as folder:
            made[memories, accounts] = run(memories, accounts, Path(folder))
    print(_rounds_table({size: each[0] for size, each in made.items()}))
    print(_leaving_table({size: (each[1], each[2]) for size, each in made.items()}))
    print(machine_state())


if __name__ == "__main__":
    main(sys.argv[1:])
