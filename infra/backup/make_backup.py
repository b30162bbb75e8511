"""Makes a backup of the collection, and deletes those that are too old."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.domain.errors import ConfigurationError, MalformedResponseError

from infra.backup.manifest import POINTS, SNAPSHOT, File, Manifest, backup_id, prune, write_manifest
from infra.backup.places import Place
from infra.backup.points_files import write_points
from infra.backup.snapshots import Reading, Snapshots
from infra.progress import Progress
from infra.qdrant.collection import Collection
from infra.qdrant.points import Points


@dataclass(frozen=True, slots=True)
class Server:
    """The collection as three parts of Qdrant's API show it."""

    points: Points
    collection: Collection
    snapshots: Snapshots


def make_backup(
    server: Server, place: Place, *, form: str, days: int, now: Callable[[], datetime]
) -> tuple[Manifest, list[str]]:
    """Make one in this form (``auto``: a snapshot where it can be had), and prune; returns it and what was pruned.

    Raises:
        ConfigurationError: there is no such collection, or receipts say that there are no backups.
    """
    if not days:
        raise ConfigurationError(
            "BACKUP_DAYS is 0, so receipts say that there are no backups: deploy with another value first."
        )
    name = server.points.collection
    described = server.collection.describe()
    if described is None:
        raise ConfigurationError(f"There is no collection {name} there.")
    dimensions = described["config"]["params"].get("vectors", {}).get("size")
    if not isinstance(dimensions, int):
        raise ConfigurationError(f"{name} is no collection of memories: make collection has not made it.")
    whole = server.snapshots.available(name) if form != POINTS else False
    if form == SNAPSHOT and not whole:
        raise ConfigurationError("This Qdrant makes no snapshot of the whole collection: use FORM=points.")
    begun, counts = now(), server.points.counts()
    made = Manifest(
        id=backup_id(name, begun),
        form=SNAPSHOT if whole else POINTS,
        collection=name,
        started_at=begun,
        finished_at=begun,
        dimensions=dimensions,
        counts=counts,
        counts_after=counts,
        embedders=server.collection.embedders(),
        parameters=described["config"],
    )
    made = _snapshot(server, place, made) if whole else _points(server, place, made)
    made = replace(made, finished_at=now())
    write_manifest(place, made)
    return made, prune(place, name, days=days, now=now(), keep=made.id)


def _points(server: Server, place: Place, made: Manifest) -> Manifest:
    progress = Progress("written", made.counts["all"])
    try:
        files, counts = write_points(server.points, place, made.id, progress.add)
    finally:
        progress.end()
    return replace(made, files=files, counts=counts, counts_after=counts)


def _snapshot(server: Server, place: Place, made: Manifest) -> Manifest:
    name = made.collection
    sys.stderr.write("Qdrant makes a snapshot ...\n")
    snapshot, checksum = server.snapshots.make(name)
    try:
        reading = Reading()
        place.write(f"{made.id}/{SNAPSHOT}", server.snapshots.fetch(name, snapshot, reading))
        if checksum is not None and checksum != reading.sha256:
            place.delete(f"{made.id}/{SNAPSHOT}")
            raise MalformedResponseError("qdrant", "the snapshot that arrived has another checksum than was made")
    finally:
        server.snapshots.delete(name, snapshot)  # it holds text, and takes the cluster's disk
    counts = server.points.counts()
    return replace(made, counts_after=counts, files=[File(SNAPSHOT, reading.sha256, reading.size, counts["all"])])
