"""Copies, backs up and restores memories on the embedded engine: ``python -m bench.moving.run``.

Options: ``--sizes 1000,5000``, ``--memory``.


The vectors are made by arithmetic, so what is measured is everything else. Engine and command share the machine.
"""

import argparse
import hashlib
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.requests import payload_of
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope

from devstack.qdrant.process import QdrantProcess
from infra.backup.drill import load
from infra.backup.manifest import Manifest, backup_id
from infra.backup.places import Folder
from infra.backup.points_files import read_points, write_points
from infra.progress import Progress
from infra.qdrant.collection import collection_at
from infra.qdrant.plan import desired_collection, plan
from infra.qdrant.points import PAGE, Points
from infra.reembed.copying import Copier

OLD_DIMENSIONS, NEW_DIMENSIONS = 384, 768


class ArithmeticEmbedder:
    """A vector from the hash of a text, in microseconds."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:  # noqa: ARG002  (the port's)
        """One for each text."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        seed = hashlib.sha256(text.encode()).digest()
        return [seed[n % 32] / 255 + n / self.dimensions for n in range(self.dimensions)]


def fill(points: Points, count: int) -> None:
    """Store ``count`` memories of a hundred accounts."""
    embedder, moment = ArithmeticEmbedder(OLD_DIMENSIONS), datetime(2026, 11, 24, tzinfo=UTC)
    for start in range(0, count, PAGE):
        page = []
        for number in range(start, min(count, start + PAGE)):
            text = f"Said {number} things about tea, trains and the weather in Lund on day {number % 365}."
            identity = str(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
            account = AccountId(f"account-{number % 100}")
            memory = Memory(identity, account, Scope.USER, Kind.FACT, text, moment, moment)
            vector = {"": embedder.embed([text], timeout=1)[0], "bm25": {"text": text, "model": "qdrant/bm25"}}
            page.append({"id": identity, "payload": payload_of(memory), "vector": vector})
        points.put(page)


@contextmanager
def collection(url: str, client: HttpClient, name: str, dimensions: int) -> Iterator[Points]:
    """A collection as a deploy makes it, gone in the end."""
    with collection_at(url, name) as made:
        for step in plan(desired_collection(dimensions), None):
            made.run(step)
    points = Points(client, name)
    yield points
    points.drop()


def measured(what: str, count: int, do: Callable[[], object], *, memory: bool) -> None:
    """Do it, and print its rate, or the most memory that it took: to watch that makes it several times slower."""
    if memory:
        tracemalloc.start()
    began = time.perf_counter()
    do()
    told = f"{count / (time.perf_counter() - began):>7.0f} a second"
    if memory:
        told = f"peak {tracemalloc.get_traced_memory()[1] / 1e6:5.1f} MB"
        tracemalloc.stop()
    print(f"{count:>8} points  {what:<22} {told}")


def run(url: str, count: int, folder: Path, *, memory: bool) -> None:
    """All of it for one size."""
    client = HttpClient(url, system="qdrant")
    with (
        collection(url, client, "old", OLD_DIMENSIONS) as old,
        collection(url, client, "new", NEW_DIMENSIONS) as new,
        collection(url, client, "again", OLD_DIMENSIONS) as again,
    ):
        fill(old, count)
        copier = Copier(old, new, ArithmeticEmbedder(NEW_DIMENSIONS), "arithmetic")

        def one_pass() -> object:
            return copier.run(None, lambda _place, _embedded: None, Progress("copied", count))

        measured("copied", count, one_pass, memory=memory)
        measured("compared, nothing new", count, one_pass, memory=memory)
        place, moment = Folder(folder), datetime.now(UTC)
        identity = backup_id("old", moment)
        held: list[Manifest] = []

        def back_up() -> None:
            files, counts = write_points(old, place, identity, lambda _: None)
            held.append(
                Manifest(identity, "points", "old", moment, moment, OLD_DIMENSIONS, counts, counts, {}, {}, files)
            )

        measured("backed up", count, back_up, memory=memory)
        measured("restored", count, lambda: load(read_points(place, held[0]), again, count), memory=memory)
        assert again.counts() == old.counts()
        size = sum(file.size for file in held[0].files)
        print(f"{count:>8} points  {size / count:.0f} bytes each in the backup")
    client.close()


def main(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.moving.run", description=__doc__)
    parser.add_argument("--sizes", default="1000,5000")
    parser.add_argument("--memory", action="store_true", help="measure the most memory instead of the rate")
    args = parser.parse_args(arguments)
    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory() as data:
            process = QdrantProcess(Path(data) / "qdrant")
            try:
                run(process.url, size, Path(data) / "backups", memory=args.memory)
            finally:
                process.close()


if __name__ == "__main__":
    main(sys.argv[1:])
