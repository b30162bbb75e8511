"""Writing events to the trail: once each, whatever is among them, and counting what was injected."""

import json
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from operator_memory.application.management.record_events import RecordEvents
from operator_memory.domain.errors import UpstreamRejectedError, UpstreamTimeoutError
from operator_memory.domain.memory.memory import EmbeddedMemory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.entrypoints.contracts.event import event_body

from tests.support.builders import NOW, a_memory
from tests.support.fakes.core import InMemoryMemories
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.platform import FakeEventStore, FakePlatform
from tests.support.functions import function
from tests.support.management.checks import belonging_to


class RefusingTrail(FakeEventStore):
    """A trail that refuses any batch in which there is one of ``refused``."""

    refused: frozenset[str] = frozenset()

    def record(self, events: Any) -> set[str]:
        if self.refused & {event.id for event in events}:
            raise UpstreamRejectedError("supabase", "refused with 400")
        return super().record(events)


class World:
    """Two accounts with a memory each, and the use case."""

    def __init__(self) -> None:
        self.platform = FakePlatform()
        self.trail = RefusingTrail(self.platform)
        self.memories = InMemoryMemories()
        self.ann, self.bob = (AccountId(self.platform.new_user()) for _ in range(2))
        self.memory = a_memory()
        for account in (self.ann, self.bob):
            self.memories.upsert(account, [EmbeddedMemory(belonging_to(account, self.memory), [1.0])])
        library = InMemoryLibrary(self.memories)
        self.record = RecordEvents(
            store=self.trail, library=library, tombstones=InMemoryTombstones(), holds=FixedHolds()
        )

    def injected(self, name: str, account: AccountId, *, minutes: int = 0, ids: tuple[str, ...] = ()) -> MemoryEvent:
        at = NOW + timedelta(minutes=minutes)
        return MemoryEvent(name, account, "service:runner", EventType.INJECT, at, memory_ids=ids or (self.memory.id,))

    def searched(self, name: str, account: AccountId) -> MemoryEvent:
        return MemoryEvent(name, account, "user:u", EventType.SEARCH, NOW, memory_ids=(self.memory.id,))

    def accesses(self, account: AccountId) -> tuple[int, Any]:
        [memory] = self.memories.of(account)
        return memory.access_count, memory.last_accessed_at


@pytest.fixture
def world() -> World:
    return World()


def test_a_batch_of_any_accounts_is_written_once(world: World) -> None:
    batch = [world.injected("e1", world.ann), world.searched("e2", world.bob), world.injected("e1", world.ann)]
    for _ in range(2):
        assert world.record.record(batch) == set()
    assert list(world.trail.rows) == ["e1", "e2"]


def test_what_was_cited_counts_as_an_access(world: World) -> None:
    injected = world.injected("e1", world.ann)
    cited = replace(world.injected("e2", world.ann, minutes=1), type=EventType.USE)
    world.record.record([injected, cited])
    assert world.accesses(world.ann) == (2, NOW + timedelta(minutes=1))


def test_only_what_was_injected_counts_as_an_access_of_its_own_account(world: World) -> None:
    world.record.record([world.injected("e1", world.ann), world.searched("e2", world.bob)])
    assert world.accesses(world.ann) == (1, NOW)
    assert world.accesses(world.bob) == (0, None)


def test_an_access_is_counted_once_however_often_the_batch_comes(world: World) -> None:
    batch = [world.injected("e1", world.ann), world.injected("e2", world.ann, minutes=5)]
    for _ in range(3):
        world.record.record(batch)
    assert world.accesses(world.ann) == (2, NOW + timedelta(minutes=5))


def test_a_batch_that_was_interrupted_between_trail_and_store_is_completed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: InMemoryLibrary, *_arguments: Any) -> int:
        raise UpstreamTimeoutError("qdrant", "no answer")

    with monkeypatch.context() as patched:
        patched.setattr(InMemoryLibrary, "record_access", fails)
        with pytest.raises(UpstreamTimeoutError):
            world.record.record([world.injected("e1", world.ann)])
    world.record.record([world.injected("e1", world.ann)])
    assert list(world.trail.rows) == ["e1"]
    assert world.accesses(world.ann) == (1, NOW)


def test_while_the_trail_cannot_be_reached_nothing_is_counted(world: World) -> None:
    world.platform.error = UpstreamTimeoutError("supabase", "no answer")
    with pytest.raises(UpstreamTimeoutError):
        world.record.record([world.injected("e1", world.ann)])
    assert world.accesses(world.ann) == (0, None)


def test_memories_that_are_gone_are_passed_over(world: World) -> None:
    assert world.record.record([world.injected("e1", world.ann, ids=("gone", world.memory.id))]) == set()
    assert world.accesses(world.ann) == (1, NOW)


def test_one_that_is_refused_is_named_and_the_others_are_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.trail.refused = frozenset({"bad"})
    batch = [world.searched("e1", world.ann), world.injected("bad", world.ann), world.injected("e2", world.bob)]
    assert world.record.record(batch) == {"bad"}
    assert list(world.trail.rows) == ["e1", "e2"]
    assert world.accesses(world.bob) == (1, NOW)
    assert [vars(record)["event_id"] for record in caplog.records] == ["bad"]


def test_events_of_an_account_that_is_gone_are_lost_with_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.platform.delete_account(world.ann)
    batch = [world.injected("e1", world.ann), world.searched("e2", world.bob)]
    assert world.record.record(batch) == set(), "they are not to come again"
    assert list(world.trail.rows) == ["e2"]
    [logged] = caplog.records
    assert (vars(logged)["event_ids"], vars(logged)["types"]) == (["e1"], ["inject"])


def test_both_at_once(world: World) -> None:
    world.platform.delete_account(world.ann)
    world.trail.refused = frozenset({"bad"})
    batch = [world.injected("e1", world.ann), world.searched("bad", world.bob), world.searched("e2", world.bob)]
    assert world.record.record(batch) == {"bad"}
    assert list(world.trail.rows) == ["e2"]


class TestTheFunction:
    """``functions/audit`` around it, as Lambda calls it."""

    def audit(self, world: World, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        return function("audit", "audit.build_audit", world.record, monkeypatch)

    def batch(self, *bodies: str) -> dict[str, Any]:
        return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}

    def test_a_batch_is_written(
        self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        event = self.batch(event_body(world.injected("e1", world.ann)), event_body(world.searched("e2", world.bob)))
        assert self.audit(world, monkeypatch).handler(event, None) == {"batchItemFailures": []}
        assert list(world.trail.rows) == ["e1", "e2"]
        metrics = json.loads(capsys.readouterr().out)
        assert (metrics["Events"], metrics["RefusedEvents"]) == (2, 0)

    @pytest.mark.parametrize("body", ["", "{", "[]", "{}", "[" * 10_000, '{"id": "e", "account_id": "*"}'])
    def test_what_cannot_be_read_stays_in_the_queue_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, body: str
    ) -> None:
        event = self.batch(body, event_body(world.searched("e2", world.bob)))
        answer = self.audit(world, monkeypatch).handler(event, None)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert list(world.trail.rows) == ["e2"]
        assert [vars(record)["message_id"] for record in caplog.records] == ["m0"]

    def test_nothing_that_can_be_read_is_no_reason_to_ask_the_trail(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.platform.error = UpstreamTimeoutError("supabase", "no answer")
        answer = self.audit(world, monkeypatch).handler(self.batch("{"), None)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}

    def test_what_the_trail_refuses_stays_too(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.trail.refused = frozenset({"bad"})
        bodies = [event_body(world.searched(name, world.ann)) for name in ("bad", "e1", "bad")]
        answer = self.audit(world, monkeypatch).handler(self.batch(*bodies), None)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]}

    def test_while_the_trail_cannot_be_reached_the_whole_batch_comes_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = self.audit(world, monkeypatch)
        world.platform.error = UpstreamTimeoutError("supabase", "no answer")
        event = self.batch(event_body(world.injected("e1", world.ann)))
        with pytest.raises(UpstreamTimeoutError):
            module.handler(event, None)
        world.platform.error = None
        assert module.handler(event, None) == {"batchItemFailures": []}
        assert world.accesses(world.ann) == (1, NOW)
