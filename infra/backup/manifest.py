"""What a backup says about itself: which files it has, what must be in them, and how the collection was made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from operator_memory.domain.errors import ConfigurationError

from infra.backup.places import Place

NAME = "manifest.json"
"""Of the file that is written last: a backup without one was never finished."""

_VERSION = 1
_STAMP = "%Y%m%dT%H%M%SZ"
POINTS, SNAPSHOT = "points", "snapshot"
"""Forms of a backup: points as JSON lines, or a snapshot of Qdrant's own."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its name within the backup, the SHA-256 of its bytes, and how many points it holds."""

    name: str
    sha256: str
    size: int
    points: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished backup. Holds no memory text."""

    id: str
    """Name of its folder: collection and time."""
    form: str
    collection: str
    started_at: datetime
    finished_at: datetime
    dimensions: int
    counts: Mapping[str, int]
    """Points in ``all`` and by scope: of `POINTS` what is in the files, of `SNAPSHOT` what was there just before."""
    counts_after: Mapping[str, int]
    """The same just after; of `POINTS` equal."""
    embedders: Mapping[str, int]
    """How many vectors each embedding model has made."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Qdrant's description of the collection."""
    files: Sequence[File] = ()


def backup_id(collection: str, moment: datetime) -> str:
    """The name of a backup that begins now."""
    return f"{collection}/{moment.astimezone(UTC).strftime(_STAMP)}"


def begun(name: str) -> datetime | None:
    """When the backup of this id, or of a file in it, was begun; ``None``: it is not one of ours."""
    parts = name.split("/")
    for part in parts[1:2]:
        try:
            return datetime.strptime(part, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
    return None


def write_manifest(place: Place, manifest: Manifest) -> None:
    """Write it: from now on the backup counts."""
    held = asdict(manifest) | {"version": _VERSION}
    held |= {name: getattr(manifest, name).isoformat() for name in ("started_at", "finished_at")}
    place.write(f"{manifest.id}/{NAME}", [json.dumps(held, indent=1, sort_keys=True).encode() + b"\n"])


def read_manifest(place: Place, identity: str) -> Manifest:
    """The manifest of a backup.

    Raises:
        ConfigurationError: there is none, or it is not one of ours.
    """
    content = b"".join(place.read(f"{identity}/{NAME}"))
    try:
        held = json.loads(content)
        if held.pop("version") != _VERSION:
            raise ValueError
        held["files"] = [File(**file) for file in held["files"]]
        times = {name: datetime.fromisoformat(held[name]) for name in ("started_at", "finished_at")}
        return Manifest(**{**held, **times})
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError(f"{identity} is not a backup that this version can read.") from None


def finished(place: Place, collection: str) -> list[str]:
    """The ids of the collection's finished backups, the oldest first."""
    names = place.names(f"{collection}/")
    return [name.removesuffix(f"/{NAME}") for name in names if name.endswith(f"/{NAME}") and begun(name)]


def newest(place: Place, collection: str) -> str:
    """The id of the newest finished backup.

    Raises:
        ConfigurationError: there is none.
    """
    found = finished(place, collection)
    if not found:
        raise ConfigurationError(f"There is no finished backup of {collection} there: run make backup.")
    return found[-1]


def prune(place: Place, collection: str, *, days: int, now: datetime, keep: str = "") -> list[str]:
    """Delete what was begun ``days - 1`` days ago or earlier; returns the ids. Unfinished ones too: they hold text.

    A day earlier than receipts say, since the next run comes a day later. ``keep``: the id of the newest.
    """
    oldest = now - timedelta(days=max(0, days - 1))
    others = [name for name in place.names(f"{collection}/") if not (keep and name.startswith(f"{keep}/"))]
    old = [name for name in others if (moment := begun(name)) is not None and moment <= oldest]
    # The manifest first: what is left of a pruning that was interrupted does not count as a backup.
    for name in sorted(old, key=lambda name: not name.endswith(f"/{NAME}")):
        place.delete(name)
    return sorted({"/".join(name.split("/")[:2]) for name in old})
