"""Facts by where they were learned, in Qdrant, and what is known about that."""

from collections.abc import Sequence
from uuid import UUID

from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant import requests
from operator_memory.adapters.qdrant.collection import BATCH, QdrantCollection
from operator_memory.adapters.qdrant.evidence import learning_of
from operator_memory.adapters.qdrant.requests import Json
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind

PAGE = 500
_OF_REPLACEMENT = ["superseded_by", "valid_until"]


class QdrantLearnedMemories:
    """Port ``LearnedMemories`` on one collection."""

    def __init__(self, client: HttpClient, *, collection: str, timeout: float) -> None:
        """``timeout``: seconds for one request."""
        self._collection = QdrantCollection(client, collection, timeout=timeout)

    def facts_of_run(self, account_id: AccountId, run_id: str) -> list[Memory]:
        """All facts that the run taught, in any state."""
        return self._facts(account_id, requests.equals("source_run_id", run_id))

    def facts_of_session(self, account_id: AccountId, session_id: str) -> list[Memory]:
        """All facts that were learned in the session, in any state."""
        return self._facts(account_id, requests.equals(requests.SESSION, session_id))

    def _facts(self, account_id: AccountId, condition: Json) -> list[Memory]:
        found: dict[str, Memory] = {}
        start: str | None = None
        while True:
            page = self._collection.memories(account_id, facts(account_id, condition, start=start, limit=PAGE))
            found.update((memory.id, memory) for memory in page)
            if len(page) < PAGE:
                return list(found.values())
            last = max(UUID(memory.id).int for memory in page)
            start = str(UUID(int=min(last + 1, 2**128 - 1)))  # an offset is inclusive and need not exist

    def note_learning(self, account_id: AccountId, memories: Sequence[Memory]) -> None:
        """Write where each was learned."""
        for start in range(0, len(memories), BATCH):
            body = learning(account_id, memories[start : start + BATCH])
            self._collection.call("POST", "/points/batch?wait=true", body)

    def hold_again(self, account_id: AccountId, ids: Sequence[str], *, by: str) -> None:
        """Take back that ``by`` replaced them; what something else has replaced since stays replaced."""
        for start in range(0, len(ids), BATCH):
            body = not_replaced(account_id, ids[start : start + BATCH], by=by)
            self._collection.call("POST", "/points/payload/delete?wait=true", body)


def facts(account_id: AccountId, condition: Json, *, start: str | None, limit: int) -> Json:
    """Body of ``points/scroll``: facts by id, from ``start`` on."""
    of_account = requests.tenant_filter(account_id, requests.equals("kind", Kind.FACT.value), condition)
    body: Json = {"filter": of_account, "limit": limit, "with_payload": True, "with_vector": False}
    return body if start is None else {**body, "offset": start}


def learning(account_id: AccountId, memories: Sequence[Memory]) -> Json:
    """Body of ``points/batch``: where each of ``memories`` was learned, by its fields; those without a value go."""
    return {"operations": [operation for memory in memories for operation in _learning(account_id, memory)]}


def _learning(account_id: AccountId, memory: Memory) -> list[Json]:
    condition = requests.tenant_filter(account_id, {"has_id": [memory.id]})
    values = learning_of(memory)
    kept = {name: value for name, value in values.items() if value is not None}
    gone = [name for name, value in values.items() if value is None]
    made = [{"set_payload": {"payload": kept, "filter": condition}}] if kept else []
    return [*made, *([{"delete_payload": {"keys": gone, "filter": condition}}] if gone else [])]


def not_replaced(account_id: AccountId, ids: Sequence[str], *, by: str) -> Json:
    """Body of ``points/payload/delete``: of ``ids`` what is marked as replaced by ``by`` is so no more."""
    condition = requests.tenant_filter(account_id, {"has_id": list(ids)}, requests.equals("superseded_by", by))
    return {"keys": _OF_REPLACEMENT, "filter": condition}
