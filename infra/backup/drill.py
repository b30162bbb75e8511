"""Tries a backup: puts it into a scratch collection and compares. Says nothing of what memories say."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.backup.manifest import SNAPSHOT, Manifest
from infra.progress import Progress
from infra.qdrant.points import PAGE, Points

Json = dict[str, Any]
SAMPLE = 200


@dataclass(slots=True)
class Findings:
    """What a drill found. ``faults`` say why the backup is no good; there must be none."""

    faults: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    sampled: int = 0
    live: Counter[str] = field(default_factory=Counter)
    """Of the sample, how many the live collection has ``the same``, ``changed since`` or ``gone since``."""
    searched: bool = False

    def sentences(self) -> list[str]:
        """For a person."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        told = [f"Restored: {counts}.", f"Compared byte for byte: {self.sampled} points."]
        if self.live:
            told.append("In the live collection: " + ", ".join(f"{n} {what}" for what, n in self.live.items()) + ".")
        else:
            told.append("There is no live collection to compare with.")
        told.append("A search finds what it must." if self.searched else "No search could be tried.")
        return told + [f"Fault: {fault}" for fault in self.faults]


class Sample:
    """Keeps some of the points that go by, each as likely as another."""

    def __init__(self, size: int = SAMPLE, seed: int = 0) -> None:
        self._size = size
        self._random = random.Random(seed)  # noqa: S311  (no secret)
        self._seen = 0
        self.points: list[Json] = []

    def add(self, page: list[Json]) -> None:
        """These go by."""
        for point in page:
            self._seen += 1
            if len(self.points) < self._size:
                self.points.append(point)
            elif (place := self._random.randrange(self._seen)) < self._size:
                self.points[place] = point


def load(pages: Iterator[list[Json]], into: Points, total: int) -> Sample:
    """Write all points into the scratch collection; returns a sample of them as the backup has them."""
    sample, progress = Sample(), Progress("restored", total)
    try:
        for page in pages:
            into.put(page)
            sample.add(page)
            progress.add(len(page))
    finally:
        progress.end()
    return sample


def sample_of(points: Points) -> Sample:
    """A sample of a collection."""
    sample = Sample()
    for page in points.pages():
        sample.add(page)
    return sample


def compare(manifest: Manifest, scratch: Points, sample: Sample, live: Points | None) -> Findings:
    """Compare what was restored with the backup, and with the live collection if there is one."""
    found = Findings(counts=scratch.counts(), sampled=len(sample.points))
    found.faults += _wrong_counts(manifest, found.counts)
    for start in range(0, len(sample.points), PAGE):
        some = sample.points[start : start + PAGE]
        found.faults += _different(some, scratch)
        if live is not None:
            found.live += _since(some, live, found.faults.append)
    if sample.points:
        found.searched = _searched(sample.points[0], scratch, live, found.faults.append)
    return found


def _wrong_counts(manifest: Manifest, counts: dict[str, int]) -> Iterator[str]:
    for name, expected in manifest.counts.items():
        low, high = sorted((expected, manifest.counts_after.get(name, expected)))
        if not low <= counts.get(name, 0) <= high:
            was = f"{low}" if low == high else f"{low} to {high}"
            yield f"{counts.get(name, 0)} points of {name}, where the backup has {was}."
    if manifest.form != SNAPSHOT and sum(file.points for file in manifest.files) != manifest.counts["all"]:
        yield "the files do not hold as many points as the manifest says."


def _different(some: list[Json], scratch: Points) -> Iterator[str]:
    restored = scratch.of_ids([point["id"] for point in some])
    for point in some:
        again = restored.get(point["id"])
        if again is None:
            yield f"point {point['id']} is missing."
            continue
        for part in ("payload", "vector"):
            if again.get(part) != point.get(part):
                yield f"point {point['id']} has another {part} than the backup."


def _since(some: list[Json], live: Points, fault: Callable[[str], None]) -> Counter[str]:
    """What has become of them; one that says the same must have the same vectors."""
    counts: Counter[str] = Counter()
    now = live.of_ids([point["id"] for point in some])
    for point in some:
        other = now.get(point["id"])
        if other is None:
            counts["gone since"] += 1
        elif other.get("payload") != point.get("payload"):
            counts["changed since"] += 1
        else:
            counts["the same"] += 1
            if other.get("vector") != point.get("vector"):
                fault(f"point {point['id']} has other vectors than the live collection, and the same payload.")
    return counts


def _searched(point: Json, scratch: Points, live: Points | None, fault: Callable[[str], None]) -> bool:
    """Search for the point by its own vector: it must be found, also in the live collection if that has it."""
    vectors, account = point.get("vector"), (point.get("payload") or {}).get("user_id")
    dense = vectors.get("") if isinstance(vectors, dict) else vectors
    if not isinstance(dense, list) or not isinstance(account, str):
        return False
    if point["id"] not in scratch.nearest(dense, account, limit=10):
        fault(f"a search does not find point {point['id']}.")
    if live is None:
        return True
    there = live.of_ids([point["id"]]).get(point["id"])
    if (
        there is not None
        and there.get("vector") == vectors
        and point["id"] not in live.nearest(dense, account, limit=10)
    ):
        fault(f"a search of the live collection does not find point {point['id']}.")
    return True
