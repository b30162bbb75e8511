"""Use case: write queued events to the trail, once each, and count what was injected."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from operator_memory.application.management_ports import EventTrail, MemoryLibrary
from operator_memory.domain.errors import UpstreamRejectedError
from operator_memory.domain.events import EventType, MemoryEvent
from operator_memory.domain.scopes import AccountId

_LOG = logging.getLogger("operator_memory.audit")


class RecordEvents:
    """Doing a batch again changes nothing: events have ids, and an access that was counted is not later than the
    memory's last one."""

    def __init__(self, *, trail: EventTrail, library: MemoryLibrary) -> None:
        self._trail = trail
        self._library = library

    def __call__(self, events: Sequence[MemoryEvent]) -> set[str]:
        """Work off ``events``, of any accounts; returns the ids of those that the trail refuses for good.

        Raises:
            UpstreamError: a store cannot be reached; the whole batch can be repeated.
        """
        try:
            unknown, refused = self._trail.record(events), set[str]()
        except UpstreamRejectedError:
            unknown, refused = self._one_by_one(events)
        if unknown:
            # The account was deleted, and its trail with it: there is nothing left to write to.
            lost = [event for event in events if event.id in unknown]
            _LOG.warning(
                "events of accounts that do not exist",
                extra={"event_ids": [e.id for e in lost], "types": sorted({e.type.value for e in lost})},
            )
        for account_id, accesses in _accesses(events).items():
            self._library.record_access(account_id, accesses)
        return refused

    def _one_by_one(self, events: Sequence[MemoryEvent]) -> tuple[set[str], set[str]]:
        """A batch that is refused holds one that is: the others must not go down with it."""
        unknown: set[str] = set()
        refused: set[str] = set()
        for event in events:
            try:
                unknown |= self._trail.record([event])
            except UpstreamRejectedError as error:
                _LOG.warning("an event is refused", extra={"event_id": event.id, "reason": error.reason})
                refused.add(event.id)
        return unknown, refused


def _accesses(events: Sequence[MemoryEvent]) -> dict[AccountId, list[tuple[str, datetime]]]:
    """Which memories were put into a run's context, and when."""
    found: dict[AccountId, list[tuple[str, datetime]]] = defaultdict(list)
    for event in events:
        if event.type is EventType.INJECT:
            found[event.account_id] += [(memory, event.occurred_at) for memory in event.memory_ids]
    return found
