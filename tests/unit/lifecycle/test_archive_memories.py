"""Moving memories into the archive and back, as use cases over fakes; the races are in the tests of integration."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from operator_memory.application.lifecycle.archive_memories import ArchiveMemories
from operator_memory.application.lifecycle.restore_memories import RestoreMemories, RestorePorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory, ArchiveSelection
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType
from operator_memory.domain.shared.deletions import marks_of
from operator_memory.domain.shared.holds import Hold, Holds
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.builders import ACCOUNT, NOW, a_memory
from tests.support.fakes.archive import InMemoryArchive
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex, InMemoryMemories
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import FixedHolds, nothing_held
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.whole import InMemoryWholeMemories, archived_copy

OTHER = AccountId("acct-2")
TEA, PORTO = a_memory("Likes tea."), a_memory("Lives in Porto.")


@dataclass
class Reading(InMemoryArchive):
    """An archive that notes which objects are read."""

    read_from: list[str] = field(default_factory=list)

    def read(self, account_id: AccountId, entries: Sequence[ArchivedEntry]) -> list[ArchivedMemory]:
        self.read_from += sorted({entry.place for entry in entries})
        return super().read(account_id, entries)


class World:
    def __init__(self, holds: FixedHolds | None = None) -> None:
        self.clock, self.events, self.archive = FakeClock(NOW), FakeEvents(), Reading()
        self.memories, self.tombstones = InMemoryMemories(), InMemoryTombstones()
        self.whole = InMemoryWholeMemories(self.memories)
        writer = GuardedWriter(
            memories=self.memories,
            expiry=InMemoryExpiryIndex(),
            erasable=InMemoryLibrary(self.memories),
            tombstones=self.tombstones,
            held=nothing_held(),
        )
        trail = AuditTrail(self.events, self.clock)
        self.archiving = ArchiveMemories(
            memories=self.whole, archive=self.archive, writer=writer, trail=trail, clock=self.clock
        )
        ports = RestorePorts(self.archive, self.whole, writer, holds)
        self.restoring = RestoreMemories(ports, trail=trail, clock=self.clock)

    def store(self, *memories: Memory) -> None:
        for memory in memories:
            self.memories.upsert(memory.account_id, [EmbeddedMemory(memory, [1.0])])

    def stored(self, account: AccountId = ACCOUNT) -> set[str]:
        return {memory.id for memory in self.memories.of(account)}

    @property
    def archived(self) -> dict[str, str]:
        """The reasons of what is archived, by id."""
        return {identity: entry.reason for (_, identity), entry in self.archive.index.items()}


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_named_moves_for_its_reason_and_is_on_the_trail(world: World) -> None:
    world.store(TEA, PORTO, replace(TEA, account_id=OTHER))
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle", "none": "idle"}) == 1
    assert (world.stored(), world.archived, world.stored(OTHER)) == ({PORTO.id}, {TEA.id: "idle"}, {TEA.id})
    [event] = world.events.events
    assert (event.type, event.actor, event.memory_ids) == (EventType.ARCHIVE, "system:lifecycle", (TEA.id,))
    assert world.tombstones.marks == {}, "nobody deleted it"
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle"}) == 0, "it is there already"
    assert len(world.events.events) == 1


@pytest.mark.parametrize("imported", [False, True])
def test_what_was_deleted_a_moment_ago_and_came_again_is_moved_and_not_lost(world: World, imported: bool) -> None:
    world.tombstones.bury(ACCOUNT, marks_of(TEA), at=NOW - timedelta(seconds=30))
    came = NOW - timedelta(seconds=20)
    again = replace(TEA, imported_at=came) if imported else replace(TEA, created_at=came)
    world.store(again)
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle"}) == 1
    assert (world.stored(), world.archived) == (set(), {TEA.id: "idle"})
    world.restoring.restore(ACCOUNT, ArchiveSelection(), actor="user:u")
    assert world.stored() == {TEA.id}


def test_a_hundred_go_into_an_object_and_each_is_read_once_on_the_way_back(world: World) -> None:
    many = [a_memory(f"Fact {number}.") for number in range(205)]
    world.store(*many)
    assert world.archiving.archive(ACCOUNT, {memory.id: "idle" for memory in many}) == 205
    assert [len(lines) for lines in world.archive.objects.values()] == [100, 100, 5]
    report = world.restoring.restore(ACCOUNT, ArchiveSelection(), actor="user:u")
    assert report.restored == 205
    assert len(world.archive.read_from) == 3
    assert (len(world.stored()), world.archived) == (205, {})


def test_what_is_erased_already_is_in_neither_place(world: World) -> None:
    world.store(TEA)
    world.tombstones.put(ACCOUNT, Tombstone(Target(TargetKind.USER), NOW))
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle"}) == 0
    assert (world.stored(), world.archived, world.events.events) == (set(), {}, [])


def test_what_has_been_pinned_since_it_was_chosen_stays(world: World) -> None:
    world.store(replace(TEA, pinned=True), PORTO)
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle", PORTO.id: "idle"}) == 1
    assert (world.stored(), set(world.archived)) == ({TEA.id}, {PORTO.id})


def test_moving_again_what_a_killed_worker_left_in_both_ends_in_one(world: World) -> None:
    world.store(TEA)
    world.archive.put(ACCOUNT, archived_copy(TEA, at=NOW - timedelta(hours=1)))
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle"}) == 1
    assert (world.stored(), len(world.archive.objects)) == (set(), 1)


def test_what_another_worker_archives_later_is_left_to_it(world: World) -> None:
    world.store(TEA)
    world.archive.put(ACCOUNT, archived_copy(TEA, at=NOW + timedelta(seconds=1), reason="other"))
    assert world.archiving.archive(ACCOUNT, {TEA.id: "idle"}) == 0
    assert (world.stored(), world.archived) == ({TEA.id}, {TEA.id: "other"})


def test_of_what_is_held_nothing_is_dropped_and_the_rest_comes_back() -> None:
    world = World(FixedHolds({ACCOUNT: Holds(account=Hold("a lawsuit", NOW, "user:u"))}))
    ended = a_memory("Was away.", expires_at=NOW)
    world.archive.put(ACCOUNT, archived_copy(TEA), archived_copy(ended))
    report = world.restoring.restore(ACCOUNT, ArchiveSelection(), actor="user:u")
    assert (report.restored, report.expired) == (1, 1)
    assert (world.stored(), set(world.archived)) == ({TEA.id}, {ended.id})
