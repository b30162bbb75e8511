"""Makes the store that ``bench.context.run`` measures, in minutes and straight on the engine.

A million points through HTTP would take an hour. Here the collection is made by the steps of ``infra.qdrant``, and
the points are the bodies that our own write path sends, applied by the functions that the Qdrant front applies them
with; only the wire is left out. A finished store is kept under a name made of its size and of what it holds, so that
a second run starts at once and another schema makes another store.

``python -m bench.context.store --size 1000000 --data FOLDER`` makes one and prints its folder.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from operator_memory.adapters.models.local_embeddings import DIMENSIONS
from operator_memory.adapters.qdrant import requests as qdrant_requests

from bench.context.addresses import COLLECTION
from bench.context.corpus import Account, Corpus, layout
from bench.report import versions
from devstack.models.minilm import MiniLM
from devstack.processes import child_environment
from devstack.qdrant.engine import optimizer
from devstack.qdrant.engine.collection import Collection
from devstack.qdrant.engine.schema import parse_schema
from devstack.qdrant.engine.store import Store
from devstack.qdrant.requests import updates
from devstack.stack import ROOT
from infra.qdrant.plan import Action, desired_collection, plan

_BODIES_AHEAD = 8
_COMMON_WORK = 10  # niceness of the filling

Body = dict[str, Any]


def kept_store(size: int, data: Path) -> Path:
    """The front's data folder with ``size`` memories, made in a process of its own if ``data`` does not have it.

    Raises:
        subprocess.CalledProcessError: if it could not be made; its reason is on stderr.
    """
    folder = data / f"{size}-{_schema()}"
    if not folder.exists():
        command = [sys.executable, "-m", "bench.context.store", "--size", str(size), "--data", str(data)]
        subprocess.run(command, cwd=ROOT, env=child_environment(), check=True, stdout=subprocess.DEVNULL)
    return folder


def _schema() -> str:
    """Changes with the collection's definition, with what our write path stores, and with the engine."""
    account = Account(0, layout(1_000)[0].id, 100)
    sample = next(Corpus(lambda texts: [[1.0] * 2] * len(texts)).memories(account))
    body = qdrant_requests.upsert(account.id, sample)
    parts = [desired_collection(DIMENSIONS), body, versions("qdrant-edge-py")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _fill(size: int, folder: Path) -> None:
    store = Store(folder, maintain=False)
    try:
        collection = _collection(store)
        started, stored = time.perf_counter(), 0
        for body in _ahead(_bodies(size)):
            updates.upsert(collection, body)
            stored += len(body["points"])
            _say(f"filling: {stored:,} of {size:,}, {stored / (time.perf_counter() - started):,.0f} a second")
        shard, definition = collection.folder / collection.definition.shard, collection.folder / "collection.json"
    finally:
        store.close()
    _say(f"filled {size:,} in {time.perf_counter() - started:.0f} s; building the indexes")
    optimizer.finish(optimizer.start(shard, definition))
    _say(f"made a store of {size:,} memories in {time.perf_counter() - started:.0f} s\n")


def _collection(store: Store) -> Collection:
    """The collection that a deploy makes."""
    create, *indexes = plan(desired_collection(DIMENSIONS), None)
    collection = store.create(COLLECTION, dict(create.body or {}))
    for step in indexes:
        if step.action is Action.INDEX and step.body is not None:
            schema, engine_schema = parse_schema(step.body["field_schema"])
            collection.create_index(step.body["field_name"], schema, engine_schema)
    return collection


def _bodies(size: int) -> Iterator[Body]:
    model = MiniLM()
    corpus = Corpus(model.embed)
    for account in layout(size):
        for memories in corpus.memories(account):
            yield qdrant_requests.upsert(account.id, memories)


def _ahead(bodies: Iterator[Body]) -> Iterator[Body]:
    """``bodies``, made in a thread while the engine, which leaves Python alone meanwhile, applies those before."""
    made: Queue[Body | BaseException | None] = Queue(_BODIES_AHEAD)

    def work() -> None:
        try:
            for body in bodies:
                made.put(body)
            made.put(None)
        except BaseException as error:  # noqa: BLE001  (raised where the bodies are used)
            made.put(error)

    threading.Thread(target=work, daemon=True).start()
    while (body := made.get()) is not None:
        if isinstance(body, BaseException):
            raise body
        yield body


def _say(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Make one store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True, help="memories in the store")
    parser.add_argument("--data", type=Path, required=True, help="folder that stores are kept in")
    args = parser.parse_args()
    os.nice(_COMMON_WORK)
    folder = args.data / f"{args.size}-{_schema()}"
    unfinished = args.data / f"{folder.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _fill(args.size, unfinished)
    unfinished.rename(folder)
    print(folder)


if __name__ == "__main__":
    main()
