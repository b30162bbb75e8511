"""Notes what was done: makes the events of the trail and hands them on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_memory.domain.management.audit_events import EventType, MemoryEvent, new_event_id
from operator_memory.domain.memory.scopes import AccountId

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.application.ports.core import Clock
    from operator_memory.application.ports.management import EventSink
    from operator_memory.domain.memory.memory import Memory


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a use case notes what it did."""

    sink: "EventSink"
    clock: "Clock"

    def note_memory(self, actor: str, what: EventType, memory: "Memory", **metadata: str | int | bool) -> None:
        """Note what was done to one memory. Never raises."""
        self.note(
            memory.account_id,
            actor,
            what,
            memory_ids=[memory.id],
            agent_id=memory.agent_id,
            thread_id=memory.thread_id,
            metadata=metadata,
        )

    def note(
        self,
        account_id: AccountId,
        actor: str,
        what: EventType,
        *,
        event_id: str | None = None,
        memory_ids: Sequence[str] = (),
        agent_id: str | None = None,
        thread_id: str | None = None,
        result_count: int | None = None,
        query: str | None = None,
        metadata: Mapping[str, str | int | bool] | None = None,
    ) -> None:
        """Note one event. ``event_id`` is given where the cause may be worked off again. Never raises."""
        self.sink.emit(
            MemoryEvent(
                id=event_id or new_event_id(),
                account_id=account_id,
                actor=actor,
                type=what,
                occurred_at=self.clock.now(),
                agent_id=agent_id,
                thread_id=thread_id,
                memory_ids=tuple(memory_ids),
                query=query,
                result_count=len(memory_ids) if result_count is None else result_count,
                metadata=metadata or {},
            )
        )
