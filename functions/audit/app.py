"""SQS: events of the trail, written in batches."""

import logging
from typing import Any

from operator_memory.domain.errors import InvalidInputError
from operator_memory.domain.shared.audit_events import MemoryEvent
from operator_memory.entrypoints.contracts.event import parse_event
from operator_memory.entrypoints.observability import emit_metrics
from operator_memory.entrypoints.wiring.audit import build_audit

_LOG = logging.getLogger("operator_memory.audit")
_EVENTS = build_audit()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401  (the runtime's object)
    """Write a batch. What cannot be read or is refused stays in the queue alone, and ends among the dead letters.

    When the trail cannot be reached an exception lets the whole batch come again.
    """
    events: dict[str, MemoryEvent] = {}  # by message id
    failed: list[str] = []
    for record in event["Records"]:
        try:
            events[record["messageId"]] = parse_event(record["body"])
        except InvalidInputError as error:
            _LOG.warning("an event cannot be read", extra={"message_id": record["messageId"], "field": error.field})
            failed.append(record["messageId"])
    refused = _EVENTS.record(list(events.values())) if events else set()
    failed += [message for message, found in events.items() if found.id in refused]
    emit_metrics("audit", {"Events": (len(events), "Count"), "RefusedEvents": (len(failed), "Count")})
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
