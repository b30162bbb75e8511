"""The trail of a system without an events queue: one log record an event. Standard library only (hot path)."""

import json
import logging
from collections.abc import Callable

from operator_memory.domain.shared.audit_events import MemoryEvent

_LOG = logging.getLogger("operator_memory.events")


class LoggedEvents:
    """Port ``EventSink``. The words of a search are left out: a log is no place for them."""

    def __init__(self, *, encode: Callable[[MemoryEvent], str]) -> None:
        """``encode`` makes an event's JSON."""
        self._encode = encode

    def emit(self, event: MemoryEvent) -> None:
        """Write the event into the log."""
        body = json.loads(self._encode(event))
        body.pop("query", None)
        _LOG.info("event", extra={"event": body})
