"""A legal hold and an undo on the real store, through the API: what is held stays, what is not goes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.application.lifecycle.expire_memories import ExpireMemories
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter

from devstack.qdrant import QdrantFront
from tests.support.builders import NOW, SESSION_KEY, a_memory
from tests.support.fakes.core import DIMENSIONS
from tests.support.management.api import Answer, Management
from tests.support.management.checks import belonging_to
from tests.support.qdrant.collections import make_collection
from tests.support.time_outs import AMPLE

EVERYTHING = MemoryFilter(inactive=True)
FACT = {"scope": "user", "kind": "fact", "created_at": "2026-01-01T00:00:00Z"}
LINES = [json.dumps({**FACT, "id": str(UUID(int=n + 1)), "text": f"Fact {n}."}) for n in range(5)]


@dataclass
class System:
    """The API over one real store, and somebody with memories of two threads."""

    store: QdrantMemories
    api: Management
    user: str

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.api.call(method, path, user=self.user, body=body, **options)

    def hold(self, thread: str, method: str = "PUT") -> None:
        token, body = self.api.service_token("holds:write"), {"reason": "Case 7"} if method == "PUT" else None
        path = f"/v1/holds/threads/{thread}"
        assert self.api.call(method, path, token=token, account_id=self.user, body=body).status < 300

    def left(self) -> set[str]:
        account, now = AccountId(self.user), self.api.clock.now()
        found, _ = self.api.library.oldest(account, EVERYTHING, after=None, limit=100, now=now)
        return {memory.text for memory in found}


@pytest.fixture
def system() -> Iterator[System]:
    with QdrantFront() as front:
        make_collection(front.url, "memories", DIMENSIONS)
        client = HttpClient(front.url, system="qdrant")
        store = QdrantMemories(client, collection="memories", write_timeout=AMPLE)
        api = Management(
            library=QdrantLibrary(client, collection="memories", timeout=AMPLE),
            writer=store,
            erasable=QdrantErasure(client, collections=[("memories", "memories")], write_timeout=AMPLE),
            search=store,
            marks=QdrantTurnMarks(client, collection="memories", write_timeout=AMPLE),
            learned=QdrantLearnedMemories(client, collection="memories", timeout=AMPLE),
        )
        api.clock.time = NOW
        made = System(store, api, api.platform.new_user())
        ended = NOW - timedelta(hours=1)
        memories = [
            a_memory("Held fact.", thread_id="thread-1"),
            a_memory("Held turn.", key=SESSION_KEY, kind=Kind.TURN, thread_id="thread-1", expires_at=ended),
            a_memory("Free fact.", thread_id="thread-2"),
            replace(a_memory("Free turn.", key=SESSION_KEY, kind=Kind.TURN, expires_at=ended), session_id="thread-2"),
        ]
        api.put(*(belonging_to(made.user, memory) for memory in memories))
        yield made
        client.close()


def test_what_a_thread_holds_stays_and_the_rest_goes(system: System) -> None:
    system.hold("thread-1")
    index, holds = system.api.expiry, system.api.holds
    sweep = ExpireMemories(memories=system.store, index=index, holds=holds, clock=system.api.clock)
    assert sweep.expire(lambda: 900.0).deleted == 1
    assert system.left() == {"Held fact.", "Held turn.", "Free fact."}
    erase = {"target": "user", "confirm": "erase"}
    waiting = system.call("POST", "/v1/erasures", erase)
    assert (waiting.status, waiting.json["detail"]) == (409, "A legal hold keeps this: Case 7")
    by_filter = {"filter": {"scope": "user"}, "dry_run": False, "expected": 2}
    assert system.call("POST", "/v1/memories/delete", by_filter).status == 409
    assert system.call("POST", "/v1/erasures", {**erase, "target": "session", "id": "thread-2"}).status == 200
    assert system.left() == {"Held fact.", "Held turn."}
    system.hold("thread-1", "DELETE")
    assert system.left() == {"Held turn."}, "the erasure that waited is done"
    assert sweep.expire(lambda: 900.0).deleted == 1


def test_an_import_is_taken_back_as_a_whole(system: System) -> None:
    before = system.left()
    done = system.call("POST", "/v1/import", "\n".join(LINES).encode()).json
    assert done["added"] == len(LINES)
    undo = {"import_id": done["import_id"]}
    assert system.call("POST", "/v1/undo/preview", undo).json["removed"] == len(LINES)
    assert system.call("POST", "/v1/undo", undo).json["removed"] == len(LINES)
    assert system.left() == before
