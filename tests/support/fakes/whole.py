"""Port ``WholeMemories`` on `InMemoryMemories`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from operator_memory.adapters.qdrant.requests import memory_of, payload_of
from operator_memory.domain.lifecycle.archived import ArchivedMemory, WholeMemory, archived
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId

from tests.support.builders import NOW
from tests.support.fakes.core import InMemoryMemories


@dataclass
class InMemoryWholeMemories:
    """Payloads are those of the real store; the keyword vector is what was said before a turn."""

    memories: InMemoryMemories

    def _points(self, account_id: AccountId) -> dict[str, EmbeddedMemory]:
        return self.memories.points.setdefault(account_id, {})

    def read(self, account_id: AccountId, ids: Sequence[str]) -> list[WholeMemory]:
        points = self._points(account_id)
        return [_whole(points[i]) for i in dict.fromkeys(ids) if i in points]

    def delete_unchanged(self, account_id: AccountId, memories: Sequence[WholeMemory]) -> set[str]:
        points = self._points(account_id)
        ids = {whole.memory.id for whole in memories}
        for whole in memories:
            if whole.memory.id in points and _whole(points[whole.memory.id]).payload == whole.payload:
                del points[whole.memory.id]
        return ids & points.keys()

    def touch(self, account_id: AccountId, ids: Sequence[str], *, at: datetime) -> set[str]:
        points = self._points(account_id)
        there = set(ids) & points.keys()
        for identity in there:
            memory = points[identity].memory
            last = max(at, memory.last_accessed_at or at)
            used = replace(memory, last_accessed_at=last, access_count=memory.access_count + 1)
            points[identity] = replace(points[identity], memory=used)
        return there

    def put_back(
        self, account_id: AccountId, memories: Sequence[WholeMemory], *, used_at: datetime, own_words: Collection[str]
    ) -> None:
        if any(whole.memory.account_id != account_id for whole in memories):
            raise ValueError("a memory of another account")
        for whole in memories:
            memory, before = replace(whole.memory, last_accessed_at=used_at), str(whole.vectors["bm25"])
            if memory.id in own_words:
                memory, before = replace(memory, follows=None), ""
            vector = whole.vectors[""]
            assert isinstance(vector, list)
            self._points(account_id).setdefault(memory.id, EmbeddedMemory(memory, vector, before))

    def understood(self, account_id: AccountId, archived: ArchivedMemory) -> WholeMemory:
        memory = memory_of(account_id, {"id": archived.entry.id, "payload": archived.payload})
        return WholeMemory(memory, archived.payload, archived.vectors)


def archived_copy(memory: Memory, *, at: datetime = NOW, reason: str = "idle") -> ArchivedMemory:
    """``memory`` as it is in an archive."""
    return archived(_whole(EmbeddedMemory(memory, [1.0])), reason=reason, at=at)


def _whole(embedded: EmbeddedMemory) -> WholeMemory:
    vectors = {"": list(embedded.vector), "bm25": embedded.before}  # type: ignore[arg-type]
    return WholeMemory(embedded.memory, payload_of(embedded.memory), vectors)
