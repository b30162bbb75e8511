"""What tests of the management API ask again and again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.entrypoints.contracts.event import event_body

from tests.support.builders import AGENT_KEY, NOW, SESSION_KEY, a_memory
from tests.support.management.api import Answer, Management


def added(
    platform: Management, user: str, text: str, *, account_id: str | None = None, **fields: Any
) -> dict[str, Any]:
    """A memory that ``user`` has just added by hand."""
    answer = platform.call("POST", "/v1/memories", user=user, account_id=account_id, body={"memory": text, **fields})
    assert answer.status == 201, answer.body
    memory: dict[str, Any] = answer.json
    return memory


def belonging_to(account: str, memory: Memory) -> Memory:
    """The same memory of that account."""
    return replace(memory, account_id=AccountId(account))


def is_problem(answer: Answer, status: int, field: str | None = None) -> None:
    """It is a problem+json of this status that says something, and names ``field`` if it is about one."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer.body
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("field") == field


def of_type(platform: Management, kind: EventType) -> list[MemoryEvent]:
    """The events of ``kind`` so far, oldest first."""
    return [event for event in platform.events.events if event.type is kind]


def the_event(platform: Management, kind: EventType) -> MemoryEvent:
    """The one event of ``kind`` that there is."""
    [event] = of_type(platform, kind)
    return event


def holds_no_text(platform: Management, *texts: str) -> None:
    """No event says any of ``texts``."""
    assert platform.events.events
    for event in platform.events.events:
        body = event_body(event)
        for text in texts:
            assert text not in body


def shelf(account: str) -> dict[str, Memory]:
    """Memories that differ in everything one can ask for."""
    found = {
        "tea": a_memory("I like tea, and coffee.", days_old=1, author_id="ann", pinned=True, importance=0.9),
        "porto": a_memory("Lives in São Paulo.", days_old=2, author_id="bob", importance=0.1),
        "tool": a_memory("Answers in French.", key=AGENT_KEY, days_old=3),
        "turn": a_memory("Good morning!", key=SESSION_KEY, kind=Kind.TURN, days_old=4, thread_id="thread-1"),
        "old": a_memory("Lived in Rome.", days_old=5, valid_until=NOW - timedelta(days=1)),
        "gone": a_memory("On holiday.", days_old=6, expires_at=NOW - timedelta(hours=1)),
    }
    return {name: belonging_to(account, memory) for name, memory in found.items()}
