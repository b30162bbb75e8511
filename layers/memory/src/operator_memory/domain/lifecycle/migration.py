"""A move of all memories into another collection, with vectors of another model: where it stands. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MigrationState(StrEnum):
    """``copying`` until both were compared; ``verified`` until the functions are told; ``switched`` from then on."""

    COPYING = "copying"
    VERIFIED = "verified"
    SWITCHED = "switched"


@dataclass(frozen=True, slots=True)
class OtherCollection:
    """The collection beside the one in use, and whether to delete there ``first``.

    The source comes first: the copier looks at it again after it has written to the target, so whatever it has copied
    in between, either it or the deletion from the target finds.
    """

    name: str
    first: bool


@dataclass(frozen=True, slots=True)
class Migration:
    """One move. While there is one, what is deleted and erased goes from both collections."""

    source: str
    target: str
    model: str
    """Name of the embedding model whose vectors ``target`` holds, and their length."""
    dimensions: int
    started_at: datetime
    state: MigrationState = MigrationState.COPYING
    place: str | None = None
    """Where the pass under way goes on, as the copier writes it; ``None``: at the beginning."""
    passes: int = 0
    """Passes over all points that have ended."""
    copied: int = 0
    """Vectors made so far."""
    verified_at: datetime | None = None
    switched_at: datetime | None = None

    def beside(self, collection: str) -> "OtherCollection | None":
        """Return the other one of the two; ``None`` for a collection that is neither."""
        if collection == self.source:
            return OtherCollection(self.target, first=False)
        return OtherCollection(self.source, first=True) if collection == self.target else None
