"""The steps of a move: start, verify, switch, settle, drop. Each may be repeated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from operator_memory.adapters.reembedding.migrations import DynamoDBMigrations
from operator_memory.domain.errors import ConfigurationError, ConflictError
from operator_memory.domain.lifecycle.migration import Migration, MigrationState

from infra.backup.gate import Gate
from infra.progress import Progress
from infra.qdrant.points import Points
from infra.reembed.copying import Changes, Copier
from infra.reembed.prints import COPIED_AS
from infra.reembed.verifying import compare

MOST_PASSES = 6
"""Of one ``start``: traffic that changes memories faster than they are copied is not to hold it for ever."""
FEW = 0.001
"""A pass that finds no larger share changed ends the copying: what is left is caught up with by ``switch``."""
FRESH = timedelta(hours=24)
"""How long a verification counts."""


@dataclass(slots=True)
class Move:
    """One migration, and what works on it."""

    migrations: DynamoDBMigrations
    copier: Copier
    now: Callable[[], datetime]
    gate: Callable[[datetime], Gate]
    """Makes a gate that knows what was deleted since a moment."""
    embedders: Callable[[], Mapping[str, int]] = dict
    """How many vectors of the new collection each model has made."""

    def begin(self, wanted: Migration) -> Migration:
        """The migration of this kind: the one under way, or a new one, written first: from now on deletions reach both.

        Raises:
            ConflictError: another one is under way.
        """
        current = self.migrations.current()
        if current is None:
            self.migrations.begin(wanted)
            current = self.migrations.current() or wanted
        if _kind(current) != _kind(wanted):
            raise ConflictError(
                f"memories are being moved from {current.source} to {current.target} ({current.model}, "
                f"{current.dimensions} numbers): end that first, or give the same settings"
            )
        return current

    def copy(self, current: Migration) -> tuple[Migration, Changes]:
        """Copy until a pass finds almost nothing to do; returns what the last one did."""
        for _ in range(MOST_PASSES):
            whole = current.place is None
            current, changes = self.one_pass(current)
            if whole and changes.found <= FEW * self.copier.source.count():
                break
        return current, changes

    def one_pass(self, current: Migration) -> tuple[Migration, Changes]:
        """One pass, from where the last one was stopped."""
        held = [current]
        if current.switched_at is not None:
            self.copier.gate = self.gate(current.started_at)

        def keep(place: str, embedded: int) -> None:
            held[0] = replace(held[0], place=place, copied=held[0].copied + embedded)
            self.migrations.save(held[0])

        progress = Progress("compared", self.copier.source.count())
        try:
            changes = self.copier.run(current.place, keep, progress)
        finally:
            progress.end()
        last = changes.embedded - (held[0].copied - current.copied)
        ended = replace(held[0], place=None, passes=current.passes + 1, copied=held[0].copied + last)
        self.migrations.save(ended)
        return ended, changes

    def verify(self, current: Migration, *, tries: int = 3) -> tuple[Migration, list[str]]:
        """Catch up and compare; what was changed in between is compared once more."""
        faults: list[str] = []
        for _ in range(tries):
            current, _ = self.one_pass(current)
            faults = compare(self.copier, current.dimensions, self.embedders)
            if not faults:
                break
        verified = None if faults else self.now()
        state = MigrationState.COPYING if faults else MigrationState.VERIFIED
        current = replace(current, state=state, verified_at=verified)
        self.migrations.save(current)
        return current, faults

    def switch(self, current: Migration) -> tuple[Migration, Changes]:
        """Catch up a last time, and note that the functions are being told.

        Raises:
            ConflictError: it is not verified, or was long ago.
        """
        if current.switched_at is None:
            if current.verified_at is None or current.verified_at < self.now() - FRESH:
                raise ConflictError("the new collection was not verified in the last day: run verify first")
            current, changes = self.one_pass(current)
            current = replace(current, state=MigrationState.SWITCHED, switched_at=self.now())
            self.migrations.save(current)
            return current, changes
        return current, Changes()

    def settle(self, current: Migration) -> tuple[Migration, Changes]:
        """Bring over what the old functions have written since.

        Raises:
            ConflictError: the functions were not told of the new collection.
        """
        _must_be_switched(current)
        return self.one_pass(current)

    def drop(self, current: Migration, live: str) -> None:
        """Delete the old collection, and take the marks of copies off the new one.

        Raises:
            ConflictError: the old one has something that the new one lacks, or is still in use.
        """
        _must_be_switched(current)
        if live != current.target:
            raise ConfigurationError(f"QDRANT_COLLECTION is {live}: set it to {current.target}, as for the functions.")
        source, target = self.copier.source, self.copier.target
        if source.exists():
            if left := self._left_over(current):
                raise ConflictError(f"{left} memories of {source.collection} are not in the new collection: run settle")
            source.drop()
            entities = Points(source.client, f"{source.collection}_entities")
            if entities.exists():  # Mem0's own: nothing would erase from it any more
                entities.drop()
        for page in target.pages(payload=[COPIED_AS], vectors=False):
            target.without_field(COPIED_AS, [point["id"] for point in page if (point.get("payload") or {})])
        self.migrations.end()

    def _left_over(self, current: Migration) -> int:
        self.copier.gate, self.copier.write = self.gate(current.started_at), False
        progress = Progress("compared", self.copier.source.count())
        try:
            return self.copier.run(None, lambda _place, _embedded: None, progress).to_write
        finally:
            progress.end()
            self.copier.write = True

    def abandon(self, current: Migration) -> None:
        """Delete the new collection.

        Raises:
            ConflictError: the functions use it, or are being told to.
        """
        if current.switched_at is not None:
            raise ConflictError(f"the functions were told of {current.target}: it is not deleted")
        if self.copier.target.exists():
            self.copier.target.drop()
        self.migrations.end()


def _kind(migration: Migration) -> tuple[str, str, str, int]:
    return migration.source, migration.target, migration.model, migration.dimensions


def _must_be_switched(current: Migration) -> None:
    if current.switched_at is None:
        raise ConflictError("the functions were not told of the new collection yet: run switch first")
