"""Moves all memories into a collection with another embedding model, while the functions go on (``make reembed``).

Reads the functions' own variables, which name the collection in use, and of the new one TO_COLLECTION, TO_MODEL and
TO_DIMENSIONS; where they differ also TO_EMBEDDER, TO_SEND_DIMENSIONS, TO_BASE_URL and TO_API_KEY.
Exit code 0: done. 1: a difference was found. 2: refused, a setting is wrong, or a system could not be reached. 130:
interrupted; the same command goes on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.requests import SYSTEM
from operator_memory.adapters.reembedding.migrations import DynamoDBMigrations
from operator_memory.domain.errors import ConfigurationError
from operator_memory.domain.lifecycle.migration import Migration
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.settings import Settings

from infra import operators
from infra.backup.gate import Gate
from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at
from infra.qdrant.points import Points
from infra.reembed.actions import Move
from infra.reembed.copying import Changes, Copier, Patience
from infra.reembed.settings import Wanted, wanted_of

OK, DIFFERENT = 0, 1


@dataclass(frozen=True, slots=True)
class Tools:
    """What the commands work with."""

    settings: Settings
    environ: Mapping[str, str]
    adapters: AdaptersInUse
    client: HttpClient

    @property
    def migrations(self) -> DynamoDBMigrations:
        """Where the move is recorded."""
        return DynamoDBMigrations(self.adapters.dynamodb, self.settings.memory_table)

    def current(self) -> Migration:
        """The move under way.

        Raises:
            ConfigurationError: there is none.
        """
        found = self.migrations.current()
        if found is None:
            raise ConfigurationError("no memories are being moved: run start")
        return found


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The command; returns its exit code."""
    said = "interrupted; the same command goes on where this one stopped"
    return operators.run_command(_parser().parse_args(arguments), environ, _tools, interrupted=said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.reembed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    operators.add_options(parser)
    command = operators.subcommands(parser)

    starting = command("start", _start, "make the new collection and copy into it, or go on with that")
    starting.add_argument("--texts-a-second", type=float, default=0.0, help="most texts to embed; 0: no limit")
    command("status", _status, "where it stands")
    command("verify", _verify, "catch up, then compare counts, samples, models and searches")
    command("switch", _switch, "catch up, and say how the functions are told of the new collection")
    command("settle", _settle, "after that deployment: bring over what was written to the old collection meanwhile")
    dropping = command("drop", _drop, "delete the old collection, unless it has something that the new one lacks")
    dropping.add_argument("--yes", action="store_true", help="really")
    command("abandon", _abandon, "before the switch: delete the new collection")
    return parser


@contextmanager
def _tools(environ: Mapping[str, str]) -> Iterator[Tools]:
    settings = load_settings(environ)
    if not settings.memory_table:
        raise ConfigurationError("MEMORY_TABLE is missing: the functions read there that memories are being moved.")
    operators.use_aws(environ)
    adapters = AdaptersInUse(settings, environ)
    key = settings.qdrant_api_key
    client = HttpClient(settings.qdrant_base_url, system=SYSTEM, auth=(lambda: {"api-key": key}) if key else None)
    try:
        yield Tools(settings, environ, adapters, client)
    finally:
        client.close()
        adapters.dynamodb.close()


@contextmanager
def _move(tools: Tools, source: str, target: str, wanted: Wanted, patience: Patience | None = None) -> Iterator[Move]:
    settings, adapters = tools.settings, AdaptersInUse(wanted.settings, wanted.environ)
    patience = patience or Patience(told=lambda sentence: print(sentence, file=sys.stderr))
    copier = Copier(
        Points(tools.client, source), Points(tools.client, target), adapters.embedder(), wanted.model, patience
    )

    def gate(since: datetime) -> Gate:
        return Gate(tools.adapters.dynamodb, settings.memory_table, since=since, now=datetime.now(UTC))

    with collection_at(settings.qdrant_base_url, target, api_key=settings.qdrant_api_key) as collection:
        try:
            yield Move(tools.migrations, copier, lambda: datetime.now(UTC), gate, collection.embedders)
        finally:
            if "embeddings_api" in vars(adapters):  # made, if it embeds by an API
                adapters.embeddings_api.close()


@contextmanager
def _moving(tools: Tools) -> Iterator[tuple[Move, Migration, Wanted]]:
    """The move under way, with the settings that it needs."""
    current = tools.current()
    given = {"TO_COLLECTION": current.target, "TO_DIMENSIONS": str(current.dimensions), "TO_MODEL": current.model}
    wanted = wanted_of({**given, **{name: value for name, value in tools.environ.items() if value}})
    found = (wanted.settings.qdrant_collection, wanted.model, wanted.settings.embedding_dimensions)
    if found != (current.target, current.model, current.dimensions):
        raise ConfigurationError(
            f"TO_COLLECTION, TO_MODEL and TO_DIMENSIONS must be {current.target}, {current.model} and "
            f"{current.dimensions}, as they were when it was started, or not set."
        )
    with _move(tools, current.source, current.target, wanted) as move:
        yield move, current, wanted


def _start(args: argparse.Namespace, tools: Tools) -> int:
    wanted, source = wanted_of(tools.environ), tools.settings.qdrant_collection
    target, dimensions = wanted.settings.qdrant_collection, wanted.settings.embedding_dimensions
    if target == source:
        raise ConfigurationError("TO_COLLECTION is the collection in use: give the new one another name.")
    if not Points(tools.client, source).exists():
        raise ConfigurationError(f"There is no collection {source} there.")
    patience = Patience(a_second=args.texts_a_second, told=lambda sentence: print(sentence, file=sys.stderr))
    with _move(tools, source, target, wanted, patience) as move:
        begun = Migration(source, target, wanted.model, dimensions, datetime.now(UTC))
        current = move.begin(begun)
        if current.started_at == begun.started_at and move.copier.target.exists() and move.copier.target.count():
            move.migrations.end()
            raise ConfigurationError(f"{target} holds something already: give the new collection another name.")
        with collection_at(tools.settings.qdrant_base_url, target, api_key=tools.settings.qdrant_api_key) as collection:
            drift = apply(collection, dimensions, check=False)
        if drift:
            raise ConfigurationError(f"{target} cannot be used: {drift[0]}")
        current, changes = move.copy(current)
    _tell(changes)
    print(f"{current.target} holds {current.copied} new vectors after {current.passes} passes. Next: verify.")
    return OK


def _tell(changes: Changes) -> None:
    print(
        f"The last pass made {changes.embedded} vectors, updated {changes.updated} points, removed {changes.removed}"
        f" and left out {changes.left_out} that were erased, deleted or archived since."
    )


def _status(_args: argparse.Namespace, tools: Tools) -> int:
    current = tools.current()
    print(f"From {current.source} to {current.target} ({current.model}, {current.dimensions} numbers).")
    begun = current.started_at.isoformat()
    print(f"Started {begun}; {current.state.value}; {current.passes} passes, {current.copied} vectors.")
    for name in (current.source, current.target):
        points = Points(tools.client, name)
        print(f"{name}: {points.count() if points.exists() else 'no collection'} points")
    return OK


def _verify(_args: argparse.Namespace, tools: Tools) -> int:
    with _moving(tools) as (move, current, _):
        if current.switched_at is not None:
            raise ConfigurationError("the functions were told of the new collection already: run settle")
        current, faults = move.verify(current)
    for fault in faults:
        print(f"Difference: {fault}")
    print("They differ." if faults else f"{current.target} can take the place of {current.source}. Next: switch.")
    return DIFFERENT if faults else OK


def _switch(_args: argparse.Namespace, tools: Tools) -> int:
    with _moving(tools) as (move, current, wanted):
        before = load_settings({**tools.environ, "QDRANT_COLLECTION": current.source})
        _, changes = move.switch(current)
    _tell(changes)
    print("Deploy now, all of it at once:")
    print(f"  {wanted.deployment(before)}")
    print("Then: settle. Until then what is changed in the old collection is not seen in the new one.")
    return OK


def _settle(_args: argparse.Namespace, tools: Tools) -> int:
    with _moving(tools) as (move, current, _):
        _, changes = move.settle(current)
    _tell(changes)
    if changes.to_write:
        print("Settle once more until nothing is left. Then: drop.")
    else:
        print("Nothing is left in the old collection. It is kept until you run drop.")
    return OK


def _drop(args: argparse.Namespace, tools: Tools) -> int:
    if not args.yes:
        raise ConfigurationError("say --yes: the old collection is gone for good then")
    with _moving(tools) as (move, current, _):
        move.drop(current, tools.settings.qdrant_collection)
    print(f"{current.source} is gone. {current.target} is the only collection.")
    return OK


def _abandon(_args: argparse.Namespace, tools: Tools) -> int:
    with _moving(tools) as (move, current, _):
        move.abandon(current)
    print(f"{current.target} is gone. {current.source} is the only collection.")
    return OK
