"""The words of a search that reach the trail after they were erased."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from operator_memory.application.management.record_events import RecordEvents
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamRejectedError,
)
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.holds import Hold
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.builders import NOW
from tests.support.fakes.erasure import InMemoryTombstones
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.platform import FakeEventStore, FakePlatform

EVERYTHING = Target(TargetKind.ACCOUNT)
MINUTE = timedelta(minutes=1)


@dataclass
class Tombstones(InMemoryTombstones):
    """Notes what it is asked."""

    asked: list[tuple[AccountId, tuple[Target, ...]]] = field(default_factory=list)
    error: Exception | None = None

    def find(self, account_id: AccountId, targets: Sequence[Target]) -> list[Tombstone]:
        self.asked.append((account_id, tuple(targets)))
        if self.error:
            raise self.error
        return super().find(account_id, targets)


class BusyTrail(FakeEventStore):
    """A trail during whose writing something may happen."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        self.meanwhile()
        return super().record(events)


class Audit:
    """Two accounts whose searches are recorded with their words."""

    def __init__(self) -> None:
        self.platform = FakePlatform()
        self.ann, self.bob = (AccountId(self.platform.new_user()) for _ in range(2))
        self.trail, self.tombstones = BusyTrail(self.platform), Tombstones()
        self.holds = FixedHolds()
        self.record = RecordEvents(
            store=self.trail, library=InMemoryLibrary(), tombstones=self.tombstones, holds=self.holds
        )

    def erased(self, target: Target, account: AccountId | None = None) -> None:
        self.tombstones.put(account or self.ann, Tombstone(target, NOW))

    def words(self) -> dict[str, object]:
        return {name: row["query"] for name, row in self.trail.rows.items()}


@pytest.fixture
def audit() -> Audit:
    return Audit()


def searched(name: str, account: AccountId, *, actor: str = "user:u", after: timedelta = -MINUTE) -> MemoryEvent:
    return MemoryEvent(name, account, actor, EventType.SEARCH, NOW + after, query=f"words of {name}", result_count=3)


def test_a_search_that_was_on_its_way_when_its_account_was_erased_is_recorded_without_its_words(audit: Audit) -> None:
    audit.erased(EVERYTHING)
    batch = [
        searched("before", audit.ann),
        searched("at-once", audit.ann, after=timedelta()),
        searched("since", audit.ann, after=timedelta(microseconds=1)),
        searched("another", audit.bob),
    ]
    assert audit.record.record(batch) == set()
    assert audit.words() == {"before": None, "at-once": None, "since": "words of since", "another": "words of another"}
    assert audit.trail.rows["before"]["result_count"] == 3


def test_of_an_erased_member_of_a_team_only_their_own_words_are_left_out(audit: Audit) -> None:
    audit.erased(Target(TargetKind.AUTHOR, "u"))
    audit.erased(Target(TargetKind.AUTHOR, "agent-runtime"))
    batch = [
        searched("theirs", audit.ann),
        searched("since", audit.ann, after=MINUTE),
        searched("others", audit.ann, actor="user:u2"),
        searched("runtime", audit.ann, actor="service:agent-runtime"),
        searched("elsewhere", audit.bob),
    ]
    audit.record.record(batch)
    assert [name for name, query in audit.words().items() if query is None] == ["theirs"]


@pytest.mark.parametrize("target", [Target(TargetKind.USER), Target(TargetKind.SESSION, "u")], ids=lambda t: t.name)
def test_a_part_that_holds_no_searches_takes_none_of_their_words(audit: Audit, target: Target) -> None:
    audit.erased(target)
    audit.record.record([searched("before", audit.ann)])
    assert audit.words() == {"before": "words of before"}


@pytest.mark.parametrize("target", [EVERYTHING, Target(TargetKind.AUTHOR, "u")], ids=lambda t: t.name)
def test_an_erasure_while_the_batch_is_written_takes_the_words_too(audit: Audit, target: Target) -> None:
    audit.trail.meanwhile = lambda: audit.erased(target)
    audit.record.record([searched("before", audit.ann), searched("elsewhere", audit.bob)])
    assert audit.words() == {"before": None, "elsewhere": "words of elsewhere"}


def test_an_erasure_while_a_batch_is_written_one_by_one_takes_the_words_too(audit: Audit) -> None:
    def refuse_once() -> None:
        audit.trail.meanwhile = lambda: audit.erased(EVERYTHING)
        raise UpstreamRejectedError("supabase", "refused with 400")

    audit.trail.meanwhile = refuse_once
    audit.record.record([searched("e1", audit.ann), searched("e2", audit.ann)])
    assert audit.words() == {"e1": None, "e2": None}


@pytest.mark.parametrize("thread_id", [None, "thread-1"])
def test_words_in_the_trail_that_are_held_stay_there(audit: Audit, thread_id: str | None) -> None:
    audit.holds.place(audit.ann, Hold("Case 7", NOW, "service:legal", thread_id))
    audit.trail.meanwhile = lambda: audit.erased(EVERYTHING)
    audit.record.record([searched("before", audit.ann)])
    assert audit.words() == {"before": "words of before"}


def test_what_an_account_searched_since_its_erasure_keeps_its_words(audit: Audit) -> None:
    audit.erased(EVERYTHING)
    audit.record.record([searched("since", audit.ann, after=MINUTE)])
    audit.record.record([searched("late", audit.ann)])
    assert audit.words() == {"since": "words of since", "late": None}


def test_tombstones_are_asked_for_once_an_account_and_look_and_only_for_the_sake_of_words(audit: Audit) -> None:
    silent = MemoryEvent("silent", audit.bob, "user:u", EventType.SEARCH, NOW)
    audit.record.record([silent, *(searched(f"e{n}", audit.ann, actor=f"user:u{n}") for n in range(5))])
    assert [account for account, _ in audit.tombstones.asked] == [audit.ann] * 2
    audit.tombstones.asked.clear()
    audit.record.record([silent])
    assert audit.tombstones.asked == []


@pytest.mark.parametrize("actor", ["user:", "user:" + "\N{CAT FACE}" * 500, "user:*", "user"])
def test_an_actor_who_can_be_nobodys_author_does_not_stop_the_batch(audit: Audit, actor: str) -> None:
    """The table refuses keys that are empty or too long, and the whole batch with them, again and again."""
    audit.record.record([searched("e1", audit.ann, actor=actor)])
    assert audit.tombstones.asked == [(audit.ann, (EVERYTHING,))] * 2
    assert audit.words() == {"e1": "words of e1"}


def test_while_tombstones_cannot_be_read_nothing_is_written(audit: Audit) -> None:
    audit.tombstones.error = MalformedResponseError("dynamodb", "a tombstone cannot be read")
    with pytest.raises(MalformedResponseError):
        audit.record.record([searched("e1", audit.ann)])
    assert audit.words() == {}
