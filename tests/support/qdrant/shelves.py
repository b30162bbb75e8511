"""The store as people see it, with the way in which memories come into it: the fake and the real adapter."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from operator_memory.adapters.net.http import HttpClient, Response
from operator_memory.application.ports.core import MemorySearch, MemoryWriter
from operator_memory.application.ports.management import MemoryLibrary
from operator_memory.domain.management.listing import Page, Position, Sort
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.memory_filter import MemoryFilter

from tests.support.builders import ACCOUNT, NOW
from tests.support.fakes.core import FakeEmbedder

OTHER = AccountId("acct-other")
EVERYTHING = MemoryFilter(inactive=True)
EMBEDDER = FakeEmbedder()


Hook = Callable[[str, str, Any], None]
"""Is given a request's method, path and JSON body."""


def _nothing(method: str, path: str, body: Any) -> None:
    pass


class ObservedClient(HttpClient):
    """Counts the requests it sends, and lets a test do something just before or after one is answered."""

    def __init__(self, url: str) -> None:
        super().__init__(url, system="qdrant")
        self.reset()

    def reset(self) -> None:
        """As if nothing had been sent."""
        self.sent = 0
        self.before: Hook = _nothing
        self.after: Hook = _nothing

    def request(self, method: str, path: str, body: bytes | None = None, **options: Any) -> Response:
        self.sent += 1
        decoded = json.loads(body or b"null")
        self.before(method, path, decoded)
        answer = super().request(method, path, body, **options)
        self.after(method, path, decoded)
        return answer


@dataclass
class Shelf:
    """A library, and the way in which memories come into it."""

    library: MemoryLibrary
    writer: MemoryWriter
    search: MemorySearch
    account: AccountId = ACCOUNT
    order: Sort = field(default_factory=Sort)

    def put(self, *memories: Memory) -> None:
        for memory in memories:
            self.writer.upsert(memory.account_id, [EmbeddedMemory(memory, vector_of(memory.text))])

    def page(self, where: MemoryFilter = EVERYTHING, *, after: Position | None = None, limit: int = 10) -> Page:
        return self.library.page(self.account, where, self.order, after=after, limit=limit, now=NOW)

    def texts(self, where: MemoryFilter) -> set[str]:
        """The texts that ``where`` lets through; listing, counting and searching agree about them."""
        found = {memory.text for memory in self.page(where, limit=500).memories}
        assert self.library.count(self.account, where, now=NOW) == len(found)
        dense, _ = self.library.find(self.account, where, vector=vector_of("x"), text="x", limit=500, now=NOW)
        assert {hit.memory.text for hit in dense} == found
        return found

    def get(self, memory: Memory) -> Memory | None:
        return self.library.get(memory.account_id, memory.id)


def vector_of(text: str) -> list[float]:
    return EMBEDDER.embed([text], timeout=1)[0]
