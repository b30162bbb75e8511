"""Points as compressed JSON lines: written from a collection, and read back. Works on every Qdrant."""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from operator_memory.domain.errors import ConfigurationError

from infra.backup.manifest import File, Manifest
from infra.backup.places import Place
from infra.qdrant.points import SCOPES, Points

Json = dict[str, Any]

_POINTS_IN_A_FILE = 1000
"""Of the usual vectors (1,536 numbers) some 12 MB compressed: read whole, so that its checksum comes first."""

_GZIP = 31
"""What zlib calls gzip's format. It writes no time into it: the same points make the same file."""


def write_points(
    points: Points, place: Place, identity: str, told: Callable[[int], None]
) -> tuple[list[File], dict[str, int]]:
    """Write all points below ``identity``; returns the files, and how many points they hold in all and by scope.

    ``told`` is called with the number of each page. What is stored from the beginning on, and not deleted meanwhile, is
    in it.
    """
    files: list[File] = []
    counts = Counter({"all": 0, **dict.fromkeys(SCOPES, 0)})
    writing = _Writing(place, identity)
    for page in points.pages():
        for point in page:
            counts["all"] += 1
            scope = (point.get("payload") or {}).get("scope")
            if scope in SCOPES:
                counts[scope] += 1
        files += writing.add(page)
        told(len(page))
    return [*files, *writing.end()], dict(counts)


class _Writing:
    """Fills one file after the other."""

    def __init__(self, place: Place, identity: str) -> None:
        self._place = place
        self._identity = identity
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._packed: list[bytes] = []
        self._points = 0

    def add(self, page: list[Json]) -> list[File]:
        lines = b"".join(json.dumps(point, separators=(",", ":")).encode() + b"\n" for point in page)
        self._packed.append(self._packer.compress(lines))
        self._points += len(page)
        return self.end() if self._points >= _POINTS_IN_A_FILE else []

    def end(self) -> list[File]:
        if not self._points:
            return []
        content = b"".join([*self._packed, self._packer.flush()])
        file = File(
            f"points-{self._number:06}.jsonl.gz", hashlib.sha256(content).hexdigest(), len(content), self._points
        )
        self._place.write(f"{self._identity}/{file.name}", [content])
        self._number += 1
        self._begin()
        return [file]


def read_points(place: Place, manifest: Manifest) -> Iterator[list[Json]]:
    """The points of a backup, some hundreds at a time.

    Raises:
        ConfigurationError: a file is missing, or is not as it was written. No point of it has been given then.
    """
    for file in manifest.files:
        content = b"".join(place.read(f"{manifest.id}/{file.name}"))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ConfigurationError(f"{manifest.id}/{file.name} is damaged: its SHA-256 is not the manifest's.")
        yield from _pages(content)


def _pages(content: bytes) -> Iterator[list[Json]]:
    unpacker, rest = zlib.decompressobj(_GZIP), b""
    for start in range(0, len(content), 1 << 18):
        *lines, rest = (rest + unpacker.decompress(content[start : start + (1 << 18)])).split(b"\n")
        for begin in range(0, len(lines), 200):
            yield [json.loads(line) for line in lines[begin : begin + 200]]
