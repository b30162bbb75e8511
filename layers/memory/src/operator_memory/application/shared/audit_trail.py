"""Notes what was done: makes the events of the audit trail and hands them on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent, Touched, new_event_id

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.application.ports.core import Clock
    from operator_memory.application.ports.management import EventSink

NOTHING = Touched()


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """Notes what a use case did."""

    sink: "EventSink"
    clock: "Clock"

    def note(
        self,
        account_id: AccountId,
        actor: str,
        what: EventType,
        touched: Touched = NOTHING,
        *,
        event_id: str | None = None,
        query: str | None = None,
        metadata: Mapping[str, str | int | bool] | None = None,
    ) -> None:
        """Note one event. Give ``event_id`` where the cause may be handled again. Never raises."""
        self.sink.emit(
            MemoryEvent(
                id=event_id or new_event_id(),
                account_id=account_id,
                actor=actor,
                type=what,
                occurred_at=self.clock.now(),
                agent_id=touched.agent_id,
                thread_id=touched.thread_id,
                memory_ids=touched.memory_ids,
                query=query,
                result_count=len(touched.memory_ids) if touched.count is None else touched.count,
                metadata=metadata or {},
            )
        )
