"""Backups of the memories: make, try and restore them (``make backup``, ``make restore-drill``, ``make restore``).

Reads the functions' own variables (QDRANT_URL, QDRANT_API_KEY, QDRANT_COLLECTION, EMBEDDING_MODEL, BACKUP_DAYS,
MEMORY_TABLE ...), and BACKUPS_AT: a folder, or s3://bucket/prefix.
Exit code 0: done. 1: a fault was found. 2: a setting is wrong, or a system could not be reached. 130: interrupted.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, cast

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.requests import SYSTEM
from operator_memory.domain.errors import ConfigurationError
from operator_memory.entrypoints.load_settings import load_settings
from operator_memory.entrypoints.relevance import model_name
from operator_memory.entrypoints.settings import Settings

from infra import operators
from infra.backup import drill, manifest, points_files
from infra.backup.lost_runs import lost_runs
from infra.backup.make_backup import Server, make_backup
from infra.backup.manifest import SNAPSHOT, Manifest
from infra.backup.places import Place, place_of
from infra.backup.recovery import recover_erasures, recovery_of
from infra.backup.restore import Pages, restore
from infra.backup.scratch import scratch_collection
from infra.backup.snapshots import Snapshots, spooled
from infra.backup.table import try_table
from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at
from infra.qdrant.plan import desired_collection, plan
from infra.qdrant.points import Points

OK, FAULT = 0, 1


@dataclass(frozen=True, slots=True)
class Tools:
    """What the commands work with."""

    settings: Settings
    environ: Mapping[str, str]
    client: HttpClient
    server: Server

    @property
    def place(self) -> Place:
        """Where backups are kept."""
        operators.use_aws(self.environ)
        return place_of(self.environ.get("BACKUPS_AT", "").strip())

    @property
    def live(self) -> Points:
        """The collection in use."""
        return self.server.points


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The command; returns its exit code."""
    return operators.run_command(_parser().parse_args(arguments), environ, _tools)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.backup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    operators.add_options(parser)
    command = operators.subcommands(parser)

    making = command("make", _make, "make a backup, then delete those that are too old")
    making.add_argument("--form", choices=("auto", "points", "snapshot"), default="auto", help="auto: a snapshot "
                        "where Qdrant makes one of the whole collection, else points")  # fmt: skip
    command("list", _list, "the finished backups, oldest first")
    for name, run, does in (
        ("drill", _drill, "put a backup into a scratch collection and compare"),
        ("restore", _restore, "bring a backup back into the collection, without what was erased since"),
    ):
        command(name, run, does).add_argument("backup", nargs="?", help="its id; the newest, if none is given")
    lost = command("lost-runs", _lost_runs, "the runs learned from since a time, which a restore has lost, as JSON")
    lost.add_argument("since", nargs="?", help="that time; when the newest backup was begun, if none is given")
    table = command("table-drill", _table_drill, "recover the table into a scratch table, compare, and delete that")
    table.add_argument("--at", help="the moment, with its zone; the latest possible, if none is given")
    again = command("erase-again", _erase_again, "carry out once more the erasures since a time, on what is there")
    again.add_argument("since", help="when the copy was made that was restored: 2026-11-24T09:00:00Z")
    return parser


@contextmanager
def _tools(environ: Mapping[str, str]) -> Iterator[Tools]:
    settings = load_settings(environ)
    url, key, name = settings.qdrant_base_url, settings.qdrant_api_key, settings.qdrant_collection
    client = HttpClient(url, system=SYSTEM, auth=(lambda: {"api-key": key}) if key else None)
    snapshots = Snapshots(url, key)
    try:
        with collection_at(url, name, api_key=key) as collection:
            yield Tools(settings, environ, client, Server(Points(client, name), collection, snapshots))
    finally:
        snapshots.close()
        client.close()


def _make(args: argparse.Namespace, tools: Tools) -> int:
    made, pruned = make_backup(
        tools.server, tools.place, form=args.form, days=tools.settings.backup_days, now=lambda: datetime.now(UTC)
    )
    size = sum(file.size for file in made.files)
    print(f"{made.id}: {made.counts['all']} points, {size} bytes, as {made.form}.")
    if pruned:
        print(f"Deleted, since BACKUP_DAYS is {tools.settings.backup_days}: {', '.join(pruned)}.")
    return OK


def _list(_args: argparse.Namespace, tools: Tools) -> int:
    place = tools.place
    found = manifest.finished(place, tools.live.collection)
    for identity in found:
        held = manifest.read_manifest(place, identity)
        size = sum(file.size for file in held.files)
        print(f"{identity}  {held.counts['all']} points  {size} bytes  {held.form}")
    if not found:
        print(f"There is no finished backup of {tools.live.collection}.")
    return OK


def _chosen(args: argparse.Namespace, tools: Tools) -> tuple[Place, Manifest]:
    place = tools.place
    return place, manifest.read_manifest(place, args.backup or manifest.newest(place, tools.live.collection))


def _drill(args: argparse.Namespace, tools: Tools) -> int:
    place, held = _chosen(args, tools)
    print(f"Trying {held.id}, begun at {held.started_at.isoformat()}.")
    with scratch_collection(tools.client, tools.live.collection) as scratch:
        if held.form == SNAPSHOT:
            _recover(tools, place, held, scratch)
            sample = drill.sample_of(scratch)
        else:
            _make_scratch(tools, scratch.collection, held.dimensions)
            sample = drill.load(points_files.read_points(place, held), scratch, held.counts["all"])
        live = tools.live if tools.live.exists() else None
        found = drill.compare(held, scratch, sample, live)
    print("\n".join(found.sentences()))
    print("The backup is no good." if found.faults else "The backup is good.")
    return FAULT if found.faults else OK


def _restore(args: argparse.Namespace, tools: Tools) -> int:
    place, held = _chosen(args, tools)
    wanted = tools.settings.embedding_dimensions
    if held.dimensions != wanted:
        raise ConfigurationError(
            f"The vectors of the backup have {held.dimensions} numbers, and EMBEDDING_DIMENSIONS is {wanted}: set "
            "model and dimensions as they were then, and re-embed afterwards."
        )
    with recovery_of(tools.environ, since=held.started_at) as recovery, _pages(tools, place, held) as pages:
        left = _make_collection(tools, tools.live.collection, wanted)
        report = restore(pages, recovery.into(tools.live), recovery.gates, total=held.counts["all"])
    print(f"From {held.id}, begun at {held.started_at.isoformat()}:")
    print("\n".join([*report.sentences(), *(f"Drift: {sentence}" for sentence in left)]))
    print("What was stored after that time is not in it: docs/operations.md says how runs are learned from again.")
    return FAULT if left else OK


def _lost_runs(args: argparse.Namespace, tools: Tools) -> int:
    since = _moment(args.since) if args.since else _chosen(argparse.Namespace(backup=None), tools)[1].started_at
    with recovery_of(tools.environ, since=since) as recovery:
        for line in lost_runs(recovery.adapters.dynamodb, recovery.table, since=since):
            print(line)
    return OK


def _table_drill(args: argparse.Namespace, tools: Tools) -> int:
    moment = _moment(args.at) if args.at else None
    with recovery_of(tools.environ, since=datetime.now(UTC)) as recovery:
        found = try_table(recovery.adapters.dynamodb, recovery.table, at=moment)
    print("\n".join(found.sentences()))
    return FAULT if found.faults else OK


def _moment(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError("say the time with its zone, such as 2026-11-24T09:00:00Z")
    return moment


def _erase_again(args: argparse.Namespace, tools: Tools) -> int:
    with recovery_of(tools.environ, since=_moment(args.since)) as recovery:
        report = recover_erasures(tools.live, recovery)
    out = ", ".join(f"{count} {reason}" for reason, count in sorted(report.kept_out.items()))
    print(f"Taken out: {out or 'none'}. What has expired goes with the next sweep.")
    return OK


@contextmanager
def _pages(tools: Tools, place: Place, held: Manifest) -> Iterator[Pages]:
    if held.form != SNAPSHOT:
        yield lambda: points_files.read_points(place, held)
        return
    with scratch_collection(tools.client, tools.live.collection) as scratch:
        _recover(tools, place, held, scratch)
        yield scratch.pages


def _recover(tools: Tools, place: Place, held: Manifest, scratch: Points) -> None:
    (file,) = held.files
    name = f"{held.id}/{file.name}"
    with tempfile.TemporaryFile() as local:
        spooled(place.read(name), cast("BinaryIO", local), file.sha256, name)
        tools.server.snapshots.recover(scratch.collection, cast("BinaryIO", local), checksum=file.sha256)


def _make_collection(tools: Tools, name: str, dimensions: int) -> list[str]:
    settings = tools.settings
    with collection_at(settings.qdrant_base_url, name, api_key=settings.qdrant_api_key) as collection:
        return apply(collection, dimensions, check=False, embedder=model_name(settings.embedding_model))


def _make_scratch(tools: Tools, name: str, dimensions: int) -> None:
    settings = tools.settings
    with collection_at(settings.qdrant_base_url, name, api_key=settings.qdrant_api_key) as collection:
        for step in plan(desired_collection(dimensions), None):
            collection.run(step)
