"""Use case: writes queued events to the audit trail, once each, and counts what was injected or cited."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from operator_memory.application.ports.core import HoldReader
from operator_memory.application.ports.management import EventStore, MemoryLibrary, Tombstones
from operator_memory.application.ports.usage import EventMeter
from operator_memory.domain.errors import InvalidInputError, UpstreamRejectedError
from operator_memory.domain.memory.scopes import AccountId, checked_id
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.tombstones import Target, TargetKind
from operator_memory.domain.usage.counts import UsageEvent
from operator_memory.domain.usage.event_counts import usage_of_event

_EVERYTHING = Target(TargetKind.ACCOUNT)
_LOG = logging.getLogger("operator_memory.audit")


class RecordEvents:
    """Writes batches of events. Repeating a batch changes nothing: events have ids, and an access that was counted is
    not later than the memory's last one.

    An event may come long after an erasure was verified, since the trail could not be reached or dead letters are sent
    again. So the words of searches are written as memories are: it looks for tombstones before and again after.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        library: MemoryLibrary,
        tombstones: Tombstones,
        holds: HoldReader,
        usage: EventMeter | None = None,
    ) -> None:
        """``usage``: counts what the events tell, each once."""
        self._usage = usage
        self._store = store
        self._library = library
        self._tombstones = tombstones
        self._holds = holds

    def record(self, events: Sequence[MemoryEvent]) -> set[str]:
        """Write ``events``, of any accounts, to the trail. Return the ids of those that the trail refuses for good.

        Raises:
            UpstreamError: a store cannot be reached; the whole batch can be repeated.
        """
        erased = self._erased(events)
        events = [replace(event, query=None) if event.id in erased else event for event in events]
        try:
            unknown, refused = self._store.record(events), set[str]()
        except UpstreamRejectedError:
            unknown, refused = self._one_by_one(events)
        if unknown:
            # The account was deleted, and its trail with it: there is nothing left to write to.
            gone = [event for event in events if event.id in unknown]
            _LOG.warning(
                "events of accounts that do not exist",
                extra={"event_ids": [e.id for e in gone], "types": sorted({e.type.value for e in gone})},
            )
        for account_id, target in set(self._erased(events).values()):
            # It was erased meanwhile, maybe before the words arrived. Words in the trail that are held stay there.
            if self._holds.holds(account_id).first is None:
                self._store.forget_queries(account_id, target)
        for account_id, accesses in _accesses(events).items():
            self._library.record_access(account_id, accesses)
        if self._usage is not None:  # last: nothing that comes again for another reason is asked about twice
            lost = unknown | refused
            for account_id, counted in _counted([event for event in events if event.id not in lost]).items():
                self._usage.count_events(account_id, counted)
        return refused

    def _erased(self, events: Sequence[MemoryEvent]) -> dict[str, tuple[AccountId, Target]]:
        """Return the ids of the events whose words a person has erased, each with what was erased."""
        found: dict[str, tuple[AccountId, Target]] = {}
        for account_id, searches in _searches(events).items():
            targets = dict.fromkeys(target for event in searches for target in _targets(event))
            for stone in self._tombstones.find(account_id, list(targets)):
                for event in searches:
                    if stone.target in _targets(event) and event.occurred_at <= stone.erased_at:
                        found[event.id] = (account_id, stone.target)
        return found

    def _one_by_one(self, events: Sequence[MemoryEvent]) -> tuple[set[str], set[str]]:
        """Write a refused batch one by one: one event is refused, and the others must not go down with it."""
        unknown: set[str] = set()
        refused: set[str] = set()
        for event in events:
            try:
                unknown |= self._store.record([event])
            except UpstreamRejectedError as error:
                _LOG.warning("an event is refused", extra={"event_id": event.id, "reason": error.reason})
                refused.add(event.id)
        return unknown, refused


def _searches(events: Iterable[MemoryEvent]) -> dict[AccountId, list[MemoryEvent]]:
    """The events that hold the words of a search, by account."""
    found: dict[AccountId, list[MemoryEvent]] = defaultdict(list)
    for event in events:
        if event.query is not None:
            found[event.account_id].append(event)
    return found


def _targets(event: MemoryEvent) -> list[Target]:
    """What a person may have erased that holds the event's words."""
    kind, _, identity = event.actor.partition(":")
    if kind != "user":
        return [_EVERYTHING]
    try:
        return [_EVERYTHING, Target(TargetKind.AUTHOR, checked_id("actor", identity))]
    except InvalidInputError:
        return [_EVERYTHING]  # such an id names nobody whose words could be erased


def _counted(events: Iterable[MemoryEvent]) -> dict[AccountId, list[UsageEvent]]:
    """What the events count for, by account."""
    found: dict[AccountId, list[UsageEvent]] = defaultdict(list)
    for event in events:
        if (counted := usage_of_event(event)) is not None:
            found[event.account_id].append(counted)
    return found


def _accesses(events: Sequence[MemoryEvent]) -> dict[AccountId, list[tuple[str, datetime]]]:
    """Which memories were put into a run's context or cited by its answer, and when."""
    found: dict[AccountId, list[tuple[str, datetime]]] = defaultdict(list)
    for event in events:
        if event.type in (EventType.INJECT, EventType.USE):
            found[event.account_id] += [(memory, event.occurred_at) for memory in event.memory_ids]
    return found
