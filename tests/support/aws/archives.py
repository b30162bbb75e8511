"""Archives, in memory and in S3 with their index, and memories to put into them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from operator_memory.adapters.archive.index import ArchiveIndex
from operator_memory.adapters.archive.objects import ArchiveObjects
from operator_memory.adapters.archive.store import StoredArchive
from operator_memory.adapters.qdrant.requests import payload_of
from operator_memory.application.ports.archive import ErasableArchive
from operator_memory.application.ports.lifecycle import MemoryArchive
from operator_memory.domain.lifecycle.archived import ArchivedEntry, ArchivedMemory, WholeMemory, archived
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from tests.support.builders import AGENT_KEY, SESSION_KEY, a_memory

ACCOUNT, TENTH = AccountId("acct-1"), AccountId("acct-10")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALL = Target(TargetKind.ACCOUNT)
USER = Target(TargetKind.USER)


class Archive(MemoryArchive, ErasableArchive, Protocol):
    """All that an archive can do."""


@dataclass
class InS3:
    """The real archive, with a way to look at what is in its bucket and its table."""

    store: StoredArchive
    s3: Any
    bucket: str
    dynamodb: Any
    table: str

    def keys(self) -> list[str]:
        """The keys of all objects."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def items(self) -> list[str]:
        """The names of all items of the index."""
        found = self.dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return sorted(item["item"]["S"] for item in found)

    def with_clients(self, *, s3: Any = None, dynamodb: Any = None) -> StoredArchive:
        """The same archive through other clients."""
        objects = ArchiveObjects(s3 or self.s3, self.bucket, page_size=2)
        return StoredArchive(objects, ArchiveIndex(dynamodb or self.dynamodb, self.table, writers=1))


def whole(memory: Memory, vector: tuple[float, ...] = (0.6, 0.8)) -> WholeMemory:
    """A memory as the store would give it."""
    return WholeMemory(memory, payload_of(memory), {"": list(vector), "bm25": {"indices": [3], "values": [1.5]}})


def kept(memory: Memory, *, at: datetime = NOW, reason: str = "idle") -> ArchivedMemory:
    """A memory as it goes into the archive."""
    return archived(whole(memory), reason=reason, at=at)


def of(account: AccountId, memory: Memory) -> Memory:
    """The same memory of another account."""
    return replace(memory, account_id=account)


def everything(store: MemoryArchive, account: AccountId = ACCOUNT, limit: int = 100) -> list[ArchivedEntry]:
    """All entries, read page by page."""
    found: list[ArchivedEntry] = []
    after: str | None = None
    while True:
        page, after = store.entries(account, after=after, limit=limit)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


def texts(store: MemoryArchive, account: AccountId = ACCOUNT) -> set[str]:
    """What the archived memories say."""
    return {str(memory.payload["data"]) for memory in store.read(account, everything(store, account))}


def an_hour_ago(text: str, **fields: Any) -> Memory:
    """A memory that was said an hour before ``NOW``."""
    return a_memory(text, days_old=1 / 24, **fields)


SOME = (
    an_hour_ago("user"),
    an_hour_ago("agent", key=AGENT_KEY, author_id="ada"),
    an_hour_ago("turn", key=SESSION_KEY, author_id="ben"),
    an_hour_ago("learnt there", thread_id="session-1", author_id="ben"),
    an_hour_ago("other agent", key=replace(AGENT_KEY, owner_id="agent-2")),
)
"""Memories of every part of an account."""

A_DAY = timedelta(days=1)
