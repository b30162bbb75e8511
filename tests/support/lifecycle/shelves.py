"""The store as policies see it, with the way in which memories come into it."""

from dataclasses import dataclass

from operator_memory.application.ports.core import MemoryWriter
from operator_memory.application.ports.lifecycle import PolicyMemories
from operator_memory.domain.memory.memory import Memory

from tests.support.qdrant.stores import embedded


@dataclass
class PolicyShelf:
    """The port, and the way in which memories come into it."""

    memories: PolicyMemories
    writer: MemoryWriter

    def put(self, *memories: Memory, before: str = "") -> None:
        account = memories[0].account_id
        self.writer.upsert(account, embedded(memories, before))
