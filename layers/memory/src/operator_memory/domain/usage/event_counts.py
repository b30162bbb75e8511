"""What an event of the trail counts for."""

from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.usage.counts import NOTHING, Counts, UsageEvent

EXTRACTION = "system:extraction"
"""Who adds memories that are counted with their jobs already."""


def usage_of_event(event: MemoryEvent) -> UsageEvent | None:
    """Return what ``event`` counts for, once however often it comes; ``None`` if it counts for nothing."""
    counts = _counts(event)
    return None if counts == NOTHING else UsageEvent(event.occurred_at, counts, event.agent_id, f"event:{event.id}")


def _counts(event: MemoryEvent) -> Counts:
    touched = len(event.memory_ids) if event.result_count is None else event.result_count
    match event.type:
        case EventType.INJECT:
            return Counts(contexts=1, memories_injected=touched)
        case EventType.SEARCH if event.metadata.get("how") == "search":
            return Counts(searches=1)
        case EventType.ADD if event.actor != EXTRACTION:
            return Counts(memories_added=touched)
        case _:
            return NOTHING
