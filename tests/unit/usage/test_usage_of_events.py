"""What the trail tells counts once: contexts, searches, and what people add."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from operator_memory.application.management.record_events import RecordEvents
from operator_memory.application.usage.count_usage import CountUsage
from operator_memory.domain.errors import UpstreamUnavailableError
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.usage.counts import Counts, Prices

from tests.support.fakes.core import FakeClock
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.platform import FakeEventStore, FakePlatform
from tests.support.fakes.usage import FakeMetrics, InMemoryUsage

NOW = FakeClock().now()


class World:
    """Two accounts, their trail and their counts."""

    def __init__(self) -> None:
        self.platform = FakePlatform()
        self.ann, self.bob = (AccountId(self.platform.new_user()) for _ in range(2))
        self.usage, self.metrics, self.trail = InMemoryUsage(), FakeMetrics(), FakeEventStore(self.platform)
        counting = CountUsage(self.usage, prices=Prices(), clock=FakeClock(), measure=self.metrics)
        self.record = RecordEvents(
            store=self.trail,
            library=InMemoryLibrary(),
            tombstones=InMemoryTombstones(),
            holds=FixedHolds(),
            usage=counting,
        ).record

    def event(self, name: str, what: EventType = EventType.INJECT, **fields: object) -> MemoryEvent:
        made = MemoryEvent(name, self.ann, "service:runner", what, NOW, "agent-1", memory_ids=("m1", "m2"))
        return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def test_contexts_searches_and_additions_are_counted(world: World) -> None:
    world.record(
        [
            world.event("e1"),
            world.event("e2", memory_ids=()),
            world.event("e3", EventType.SEARCH, metadata={"how": "search"}),
            world.event("e4", EventType.SEARCH, metadata={"how": "list"}),
            world.event("e5", EventType.ADD, actor="user:ann", result_count=500),
            world.event("e6", EventType.ADD, actor="system:extraction"),
            world.event("e7", EventType.DELETE),
            world.event("e8", account_id=world.bob, agent_id=None),
        ]
    )
    assert world.usage.of(world.ann) == Counts(contexts=2, memories_injected=2, searches=1, memories_added=500)
    assert world.usage.of(world.bob) == Counts(contexts=1, memories_injected=2)
    assert world.metrics.numbers["Contexts"] == 3


def test_an_event_counts_once_whatever_batch_it_comes_in(world: World) -> None:
    one, two, three = (world.event(f"e{n}") for n in (1, 2, 3))
    for batch in ([one, two], [two, three, two], [one, two, three]):
        world.record(batch)
    assert world.usage.of(world.ann).contexts == 3


def test_a_late_event_counts_for_the_day_it_happened_and_none_for_tomorrow(world: World) -> None:
    world.record([world.event("e1", occurred_at=NOW - timedelta(days=3))])
    world.record([world.event("e2", occurred_at=datetime(9999, 12, 31, tzinfo=UTC))])
    assert [day for _, day, _ in world.usage.rows] == [date(2026, 11, 21), date(2026, 11, 24)]


def test_what_an_account_did_that_is_gone_is_not_counted(world: World) -> None:
    world.record([world.event("e1", account_id=AccountId("nobody"))])
    assert world.usage.rows == {}


def test_counts_that_cannot_be_kept_hold_up_no_trail(world: World) -> None:
    world.usage.error = UpstreamUnavailableError("dynamodb", "throttled")
    assert world.record([world.event("e1")]) == set()
    assert list(world.trail.rows) == ["e1"]
    assert world.metrics.numbers == {"UsageNotCounted": 1}


def test_a_trail_that_fails_leaves_nothing_counted(world: World) -> None:
    world.platform.error = UpstreamUnavailableError("supabase", "503")
    with pytest.raises(UpstreamUnavailableError):
        world.record([world.event("e1")])
    assert world.usage.rows == {}
    world.platform.error = None
    world.record([world.event("e1")])
    assert world.usage.of(world.ann).contexts == 1
