"""Leaving each memory in one place."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from operator_memory.application.lifecycle import tidy_archive
from operator_memory.application.lifecycle.tidy_archive import TidyArchive, TidyReport
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.shared.holds import Hold, Holds

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.archive import InMemoryArchive
from tests.support.fakes.core import FakeClock, InMemoryMemories
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.whole import InMemoryWholeMemories, archived_copy

TWO_DAYS = timedelta(days=2)
HELD = FixedHolds({ACCOUNT: Holds(account=Hold("a lawsuit", NOW, "user:u"))})


@dataclass
class World:
    archive: InMemoryArchive = field(default_factory=InMemoryArchive)
    memories: InMemoryMemories = field(default_factory=InMemoryMemories)
    holds: FixedHolds = field(default_factory=FixedHolds)

    def archived(self, memory: Memory, *, ago: timedelta = TWO_DAYS) -> None:
        self.archive.put(ACCOUNT, archived_copy(memory, at=NOW - ago))

    def stored(self, memory: Memory) -> None:
        self.memories.upsert(ACCOUNT, [EmbeddedMemory(memory, [1.0])])

    @property
    def tidy(self) -> TidyArchive:
        return TidyArchive(
            archive=self.archive, memories=InMemoryWholeMemories(self.memories), clock=FakeClock(NOW), holds=self.holds
        )

    @property
    def left(self) -> set[str]:
        return {entry.id for entry in self.archive.index.values()}


BOTH, ENDED, ONLY = a_memory("In both."), a_memory("Has ended.", expires_at=NOW), a_memory("Archived.")


def test_what_is_in_the_store_too_and_what_has_ended_goes() -> None:
    world = World()
    for memory in (BOTH, ENDED, ONLY):
        world.archived(memory)
    world.stored(BOTH)
    assert world.tidy.tidy(ACCOUNT) == TidyReport(in_both=1, expired=1)
    assert world.left == {ONLY.id}
    assert world.memories.existing_ids(ACCOUNT, [BOTH.id]) == {BOTH.id}


def test_of_what_was_archived_today_only_what_is_in_the_store_too_goes() -> None:
    world = World()
    for memory in (BOTH, ENDED):
        world.archived(memory, ago=timedelta(hours=23))
    world.stored(BOTH)
    assert world.tidy.tidy(ACCOUNT) == TidyReport(in_both=1)
    assert world.left == {ENDED.id}


def test_a_worker_that_is_moving_it_out_finds_it_touched_and_leaves_it() -> None:
    world = World()
    world.stored(BOTH)
    whole = InMemoryWholeMemories(world.memories)
    read = whole.read(ACCOUNT, [BOTH.id])
    world.archived(BOTH, ago=timedelta())
    assert world.tidy.tidy(ACCOUNT) == TidyReport(in_both=1)
    assert whole.delete_unchanged(ACCOUNT, read) == {BOTH.id}


def test_what_is_held_stays() -> None:
    world = World(holds=HELD)
    for memory in (BOTH, ENDED):
        world.archived(memory)
        world.stored(BOTH)
    assert world.tidy.tidy(ACCOUNT) == TidyReport()
    assert world.left == {BOTH.id, ENDED.id}


def test_without_time_it_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy_archive, "PAGE", 1)
    world, left = World(), iter([30.0, 29.0, 1.0])
    ended = [a_memory(f"Ended {number}.", expires_at=NOW) for number in range(3)]
    for memory in ended:
        world.archived(memory)
    first = world.tidy.tidy(ACCOUNT, seconds_left=lambda: next(left))
    assert (first.expired, first.next) == (1, min(memory.id for memory in ended))
    assert world.tidy.tidy(ACCOUNT, after=first.next) == TidyReport(expired=2)
    assert world.left == set()
