"""Make the Qdrant collection as ``collection.json`` says: ``make collection`` or ``make collection CHECK=--check``.

Reads QDRANT_URL (or QDRANT_HOST and QDRANT_PORT), QDRANT_API_KEY, QDRANT_COLLECTION, EMBEDDER, EMBEDDING_MODEL and
EMBEDDING_DIMENSIONS. Brings memories that an earlier version has stored up to date.
Idempotent; never drops data. Exit code 0: as defined. 1: drift is left (with --check: any drift). 2: Qdrant could
not be reached, or a setting is wrong.
"""

import argparse
import os
import sys
from collections.abc import Mapping

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.relevance import model_name

from infra.qdrant.backfill import index_again, number_accounts
from infra.qdrant.collection import Collection, collection_at
from infra.qdrant.plan import Action, desired_collection, plan


def apply(collection: Collection, dimensions: int, *, check: bool, embedder: str | None = None) -> list[str]:
    """Bring the collection to its definition (or, with ``check``, change nothing). ``embedder``: the model in use,
    which counts as that of memories of which it is not known.

    Returns a sentence for everything that differs afterwards.
    """
    desired = desired_collection(dimensions)
    steps = plan(desired, collection.describe())
    if check:
        return [step.sentence for step in steps] or _left_to_do(collection, embedder)
    for step in steps:
        if step.action is not Action.REPORT:
            collection.run(step)
            sys.stdout.write(f"{step.sentence} Applied.\n")
    left = [step.sentence for step in plan(desired, collection.describe())]
    if not left:
        number_accounts(collection)
        index_again(collection, embedder)
        left += _strange(collection, embedder)
    return left


def _left_to_do(collection: Collection, embedder: str | None) -> list[str]:
    left = []
    if accounts := collection.unnumbered():
        left.append(f"Memories of {len(accounts)} or more accounts lack their account's number.")
    if accounts := collection.unindexed():
        left.append(f"Memories of {len(accounts)} or more accounts are indexed in an earlier form.")
    return left + _strange(collection, embedder)


def _strange(collection: Collection, embedder: str | None) -> list[str]:
    """A sentence for every other model that has embedded memories."""
    return [
        f"The vectors of {count} memories are from the embedding model {model}, not {embedder}: they are found by "
        "words alone (set EMBEDDING_MODEL back, or QDRANT_COLLECTION to another name)."
        for model, count in collection.embedders().items()
        if embedder is not None and model != embedder
    ]


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.qdrant.apply", description=__doc__)
    parser.add_argument("--check", action="store_true", help="report drift, change nothing")
    check: bool = parser.parse_args(arguments).check
    try:
        settings = load_settings(environ)
        name, key = settings.qdrant_collection, settings.qdrant_api_key
        with collection_at(settings.qdrant_base_url, name, api_key=key) as collection:
            embedder = model_name(settings.embedding_model)
            left = apply(collection, settings.embedding_dimensions, check=check, embedder=embedder)
    except MemoryServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for sentence in left:
        sys.stdout.write(f"Drift: {sentence}\n")
    if not left:
        sys.stdout.write(f"{settings.qdrant_collection} is as defined.\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
