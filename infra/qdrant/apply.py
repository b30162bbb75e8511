"""Make the Qdrant collection as ``collection.json`` says: ``make collection`` or ``make collection CHECK=--check``.

Reads QDRANT_URL (or QDRANT_HOST and QDRANT_PORT), QDRANT_API_KEY, QDRANT_COLLECTION and EMBEDDING_DIMENSIONS.
Idempotent; never drops data. Exit code 0: as defined. 1: drift is left (with --check: any drift). 2: Qdrant could
not be reached, or a setting is wrong.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from operator_memory.adapters.net.http import HttpClient, json_object
from operator_memory.domain.errors import MalformedResponseError, MemoryServiceError, UpstreamRejectedError
from operator_memory.entrypoints.settings import load_settings

from infra.qdrant.backfill import number_accounts, unnumbered
from infra.qdrant.plan import Action, Step, desired_collection, plan

_TIMEOUT = 30.0
_LONG_TIMEOUT = 300.0


class Collection:
    """The collection on the server."""

    def __init__(self, client: HttpClient, name: str) -> None:
        self._client = client
        self._path = f"/collections/{name}"

    def describe(self) -> dict[str, Any] | None:
        """Qdrant's description, or ``None`` if it does not exist."""
        response = self._client.request("GET", self._path, timeout=_TIMEOUT)
        if response.status == 404:
            return None
        result = json_object("qdrant", response).get("result")
        if not isinstance(result, dict):
            raise MalformedResponseError("qdrant", "the answer does not describe a collection")
        return result

    def post(self, path: str, body: bytes) -> Any:  # noqa: ANN401  (JSON)
        """The ``result`` of a request below the collection."""
        response = self._client.request("POST", self._path + path, body, timeout=_LONG_TIMEOUT)
        return json_object("qdrant", response).get("result")

    def run(self, step: Step) -> None:
        """Send a step's request."""
        method = "PATCH" if step.action is Action.UPDATE else "PUT"
        body = json.dumps(step.body).encode()
        response = self._client.request(method, self._path + step.path, body, timeout=_TIMEOUT)
        if 400 <= response.status < 500:
            raise UpstreamRejectedError(
                "qdrant", f"{step.sentence} But it refused: {response.body.decode('utf-8', 'replace')[:300]}"
            )
        json_object("qdrant", response)


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
        number_accounts(collection.post)
    return left


def _left_to_number(collection: Collection) -> list[str]:
    accounts = unnumbered(collection.post)
    return [f"Memories of {len(accounts)} or more accounts lack their account's number."] if accounts else []


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.qdrant.apply", description=__doc__)
    parser.add_argument("--check", action="store_true", help="report drift, change nothing")
    check: bool = parser.parse_args(arguments).check
    try:
        settings = load_settings(environ)
        key = settings.qdrant_api_key
        headers = {"api-key": key} if key else {}
        with closing(HttpClient(settings.qdrant_base_url, system="qdrant", headers=headers)) as client:
            left = apply(Collection(client, settings.qdrant_collection), settings.embedding_dimensions, check=check)
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
