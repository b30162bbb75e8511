"""Memories of usual length: what the person of the devstack's demo conversation says, a sentence each."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.text import sentences

_DEMO = Path(__file__).parents[2] / "devstack" / "demo_conversation.json"
_NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@cache
def _texts() -> tuple[str, ...]:
    runs = json.loads(_DEMO.read_text("utf-8"))["runs"]
    said = (message["content"] for run in runs for message in run["messages"] if message["role"] == "user")
    return tuple(sentence.strip() for text in said for sentence in sentences(text))


def memories(number: int) -> list[Memory]:
    """So many of them, of different days."""
    texts = [_texts()[n % len(_texts())] for n in range(number)]
    return [
        Memory(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{n}{text}")),
            account_id=AccountId("acct-1"),
            scope=Scope.USER,
            kind=Kind.FACT,
            text=text,
            created_at=_NOW - timedelta(days=n // 3),
            updated_at=_NOW,
        )
        for n, text in enumerate(texts)
    ]
