"""The store and the archive, both real, with a wire on which every call to one of them can be watched and cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from operator_memory.adapters.aws.boto3_clients import CLIENT_CONFIG as CLIENT_CONFIG
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.lifecycle.archive_memories import ArchiveMemories
from operator_memory.application.lifecycle.restore_memories import RestoreMemories, RestorePorts
from operator_memory.application.lifecycle.tidy_archive import TidyArchive
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.lifecycle.archived import ArchiveSelection
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind, Tombstone

from tests.support.aws.archives import InS3, everything
from tests.support.fakes.core import FakeClock, InMemoryExpiryIndex
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.limits import FakeEvents
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import COLLECTION, put
from tests.support.time_outs import AMPLE

ALL = ArchiveSelection()


class KilledError(BaseException):
    """The worker is gone: nothing catches this."""


@dataclass
class Wire:
    """Counts the calls of one worker; does something just before or after one of them, or after each."""

    at: int = -1
    do: Callable[[], object] = lambda: None
    afterwards: bool = False
    each: Callable[[], object] = lambda: None
    calls: int = 0
    busy: bool = False

    def around(self, call: Callable[[], Any]) -> Any:
        """Let the call through."""
        if self.busy:  # what is done in between calls, too
            return call()
        number, self.calls = self.calls, self.calls + 1
        if number == self.at and not self.afterwards:
            self._aside(self.do)
        answer = call()
        if number == self.at and self.afterwards:
            self._aside(self.do)
        self._aside(self.each)
        return answer

    def _aside(self, action: Callable[[], object]) -> None:
        self.busy = True
        try:
            action()
        finally:
            self.busy = False


class OnWire:
    """A client of AWS whose calls go over the wire."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client, self._wire = client, wire

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda **request: self._wire.around(lambda: method(**request))


class QdrantOnWire(ObservedClient):
    """A client of Qdrant whose calls go over the wire."""

    def __init__(self, url: str, wire: Wire) -> None:
        super().__init__(url)
        self._wire = wire

    def request(self, method: str, path: str, body: bytes | None = None, **options: Any) -> Any:
        ask = super().request
        return self._wire.around(lambda: ask(method, path, body, **options))


@dataclass
class Worker:
    """One process with its own connections."""

    archive: Any
    archiving: ArchiveMemories
    restoring: RestoreMemories
    tidying: TidyArchive
    writer: GuardedWriter
    library: QdrantLibrary
    whole: QdrantWholeMemories
    erasure: QdrantErasure
    memories: QdrantMemories


@dataclass
class Moving:
    """Two places and those who move memories between them."""

    url: str
    in_s3: InS3
    clock: FakeClock = field(default_factory=FakeClock)
    events: FakeEvents = field(default_factory=FakeEvents)
    expiry: InMemoryExpiryIndex = field(default_factory=InMemoryExpiryIndex)
    clients: list[ObservedClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calm = self.worker(Wire())

    def worker(self, wire: Wire) -> Worker:
        """A worker whose calls go over ``wire``."""
        client = QdrantOnWire(self.url, wire)
        self.clients.append(client)
        dynamodb = OnWire(self.in_s3.dynamodb, wire)
        archive = self.in_s3.with_clients(s3=OnWire(self.in_s3.s3, wire), dynamodb=dynamodb)
        memories = QdrantMemories(client, collection=COLLECTION, write_timeout=AMPLE)
        erasure = QdrantErasure(client, collections=[("memories", COLLECTION)], write_timeout=AMPLE)
        tombstones = DynamoDBTombstones(dynamodb, self.in_s3.table)  # type: ignore[arg-type]
        writer = GuardedWriter(
            memories=memories,
            expiry=self.expiry,
            erasable=erasure,
            tombstones=tombstones,
            held=nothing_held(),
        )
        whole = QdrantWholeMemories(client, collection=COLLECTION, timeout=AMPLE)
        trail, clock = AuditTrail(self.events, self.clock), self.clock
        return Worker(
            archive,
            ArchiveMemories(memories=whole, archive=archive, writer=writer, trail=trail, clock=clock),
            RestoreMemories(RestorePorts(archive, whole, writer), trail=trail, clock=clock),
            TidyArchive(archive=archive, memories=memories, clock=clock),
            writer,
            QdrantLibrary(client, collection=COLLECTION, timeout=AMPLE),
            whole,
            erasure,
            memories,
        )

    def close(self) -> None:
        """End all connections."""
        for client in self.clients:
            client.close()

    # ---- what is done ----------------------------------------------------------------------------------------

    def store(self, *memories: Memory) -> None:
        """Put memories into the store."""
        put(self.calm.memories, *memories)

    def archive(self, worker: Worker, memories: Sequence[Memory]) -> int:
        """Move them into the archive."""
        return worker.archiving.archive(memories[0].account_id, {memory.id: "idle" for memory in memories})

    def restore(self, worker: Worker, account: AccountId, **options: Any) -> Any:
        """Bring everything back."""
        return worker.restoring.restore(account, ALL, actor="user:u", **options)

    def erase(self, account: AccountId, kind: TargetKind = TargetKind.USER) -> None:
        """Erase a part of the account, in the order of `EraseMemories`."""
        stone = Tombstone(Target(kind), self.clock.now())
        DynamoDBTombstones(self.in_s3.dynamodb, self.in_s3.table).put(account, stone)
        self.calm.erasure.erase(account, stone.target, until=stone.erased_at)
        self.calm.archive.erase(account, stone.target, until=stone.erased_at)

    def delete(self, memory: Memory) -> None:
        """Delete it as a person does."""
        account = memory.account_id
        self.calm.writer.bury(account, [memory], at=self.clock.now())
        self.calm.archive.forget(account, [memory.id])
        self.calm.library.delete(account, [memory.id])

    def settle(self, account: AccountId) -> None:
        """Two days later: nobody is at it any more, and the archive is tidied."""
        self.clock.time += timedelta(days=2)
        self.calm.tidying.tidy(account)

    # ---- what is where ---------------------------------------------------------------------------------------

    def stored(self, memories: Sequence[Memory]) -> set[str]:
        """The ids of those that are in the store."""
        return self.calm.memories.existing_ids(memories[0].account_id, [memory.id for memory in memories])

    def archived(self, account: AccountId) -> set[str]:
        """The ids of those that can be read from the archive."""
        entries = everything(self.calm.archive, account)
        return {memory.entry.id for memory in self.calm.archive.read(account, entries)}

    def lines(self, account: AccountId) -> list[str]:
        """The ids of all lines in all objects of the account."""
        found = self.in_s3.keys()
        keys = [key for key in found if key.startswith(f"accounts/{account}/")]
        return [
            line.archived.entry.id
            for key in keys
            for line in self.calm.archive._lines(account, key)
            if line.archived is not None
        ]
