"""Make the Qdrant collection as ``collection.json`` says: ``make collection`` or ``make collection CHECK=--check``.

Reads QDRANT_URL (or QDRANT_HOST and QDRANT_PORT), QDRANT_API_KEY, QDRANT_COLLECTION and EMBEDDING_DIMENSIONS.
Idempotent; never drops data. Exit code 0: as defined. 1: drift is left (with --check: any drift). 2: Qdrant could
not be reached, or a setting is wrong.
"""

import argparse
import os
import sys
from collections.abc import Mapping

from operator_memory.domain.errors import MemoryServiceError
from operator_memory.entrypoints.settings import load_settings

from infra.qdrant.backfill import number_accounts
from infra.qdrant.collection import Collection, collection_at
from infra.qdrant.plan import Action, desired_collection, plan


def apply(collection: Collection, dimensions: int, *, check: bool) -> list[str]:
    """Bring the collection to its definition (or, with ``check``, change nothing).

    Returns a sentence for everything that differs afterwards.
    """
    desired = desired_collection(dimensions)
    steps = plan(desired, collection.describe())
    if check:
        return [step.sentence for step in steps] or _left_to_number(collection)
    for step in steps:
        if step.action is not Action.REPORT:
            collection.run(step)
            sys.stdout.write(f"{step.sentence} Applied.\n")
    left = [step.sentence for step in plan(desired, collection.describe())]
    if not left:
        number_accounts(collection)
    return left


def _left_to_number(collection: Collection) -> list[str]:
    accounts = collection.unnumbered()
    return [f"Memories of {len(accounts)} or more accounts lack their account's number."] if accounts else []


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.qdrant.apply", description=__doc__)
    parser.add_argument("--check", action="store_true", help="report drift, change nothing")
    check: bool = parser.parse_args(arguments).check
    try:
        settings = load_settings(environ)
        name, key = settings.qdrant_collection, settings.qdrant_api_key
        with collection_at(settings.qdrant_base_url, name, api_key=key) as collection:
            left = apply(collection, settings.embedding_dimensions, check=check)
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
