"""The life cycle put together over the embedded engine: the real use cases and adapters of store and archive.

The queue, the table (policies, holds, what is due, tombstones) and the trail are in memory.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operator_memory.adapters.archive.objects import ArchiveObjects
from operator_memory.adapters.archive.store import StoredArchive
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.net.http import HttpClient, Response
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.lifecycle.policy_memories import QdrantPolicyMemories
from operator_memory.adapters.qdrant.lifecycle.whole_memories import QdrantWholeMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.lifecycle.archive_memories import ArchiveMemories
from operator_memory.application.lifecycle.dispatch_due import DispatchDue
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.read_archive import ReadArchive
from operator_memory.application.lifecycle.tend_account import TendAccount, TendingPorts
from operator_memory.application.lifecycle.tidy_archive import TidyArchive
from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts
from operator_memory.application.management.export_account import ExportAccount, ExportSources
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.domain.shared.audit_events import MemoryEvent

from bench.lifecycle.stores import FolderBucket, SqliteIndex
from tests.support.fakes.core import InMemoryExpiryIndex
from tests.support.fakes.erasure import (
    InMemoryAnswers,
    InMemoryErasures,
    InMemoryIdempotency,
    InMemoryRecords,
    InMemoryTombstones,
)
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.learning import InMemoryJobs, InMemoryWatermarks
from tests.support.fakes.lifecycle import FakeTaskQueue, InMemoryPolicies
from tests.support.fakes.usage import InMemoryUsage

COLLECTION = "memories"
TIMEOUT = 60.0


class CountingClient(HttpClient):
    """Counts requests, and notes how many memories the largest answer has: without their vectors, and with them."""

    def __init__(self, url: str) -> None:
        super().__init__(url, system="qdrant")
        self.sent = self.most_read = self.most_whole = 0

    def request(self, method: str, path: str, body: bytes | None = None, **options: Any) -> Response:  # noqa: ANN401
        """Send it."""
        self.sent += 1
        answer = super().request(method, path, body, **options)
        if path.endswith("/points/scroll"):
            found = answer.body.count(b'"payload":{')
            if json.loads(body or b"{}").get("with_vector"):
                self.most_whole = max(self.most_whole, found)
            else:
                self.most_read = max(self.most_read, found)
        return answer


class NoTrail:
    """Port ``EventSink``: counts the events."""

    def __init__(self) -> None:
        self.events = 0

    def emit(self, event: MemoryEvent) -> None:
        """Count it."""
        del event
        self.events += 1


@dataclass
class World:
    """The use cases over one collection. ``folder``: where the archive lies."""

    url: str
    folder: Path
    index: InMemoryExpiryIndex = field(default_factory=InMemoryExpiryIndex)
    policies: InMemoryPolicies = field(default_factory=InMemoryPolicies)
    queue: FakeTaskQueue = field(default_factory=FakeTaskQueue)
    holds: FixedHolds = field(default_factory=FixedHolds)

    def __post_init__(self) -> None:
        self.client, self.clock, self.sink = CountingClient(self.url), SystemClock(), NoTrail()
        self.trail = AuditTrail(self.sink, self.clock)
        self.places = SqliteIndex(self.folder / "index")
        objects = ArchiveObjects(FolderBucket(self.folder), "archive")
        self.archive = StoredArchive(objects, self.places)  # type: ignore[arg-type]
        self.memories = QdrantMemories(self.client, collection=COLLECTION, write_timeout=TIMEOUT)
        self.library = QdrantLibrary(self.client, collection=COLLECTION, timeout=TIMEOUT)
        self.erasable = QdrantErasure(self.client, collections=[("memories", COLLECTION)], write_timeout=TIMEOUT)
        self.whole = QdrantWholeMemories(self.client, collection=COLLECTION, timeout=TIMEOUT)
        self.selected = QdrantPolicyMemories(self.client, collection=COLLECTION, timeout=TIMEOUT)
        self.tombstones, self.erasures = InMemoryTombstones(), InMemoryErasures()
        self.held = KeepHeld(holds=self.holds, library=self.library, trail=self.trail)
        self.archiving = self._archiving()
        self.reading = ReadArchive(archive=self.archive, memories=self.whole, trail=self.trail)

    def close(self) -> None:
        """Close connections and files."""
        self.client.close()
        self.places.close()

    def _archiving(self) -> ArchiveMemories:
        writer = GuardedWriter(
            memories=self.memories,
            expiry=self.index,
            erasable=self.erasable,
            tombstones=self.tombstones,
            held=self.held,
        )
        return ArchiveMemories(
            memories=self.whole, archive=self.archive, writer=writer, trail=self.trail, clock=self.clock
        )

    def dispatching(self) -> DispatchDue:
        """What the schedule calls."""
        return DispatchDue(index=self.index, queue=self.queue, clock=self.clock)

    def tending(self) -> TendAccount:
        """What works off a message."""
        tidying = TidyArchive(archive=self.archive, memories=self.whole, clock=self.clock, holds=self.holds)
        ports = TendingPorts(
            expired=self.memories,
            memories=self.selected,
            index=self.index,
            policies=self.policies,
            queue=self.queue,
            archive=self.archive,
            to_archive=self.archiving.archive,
            tidy=tidying.go_on,
        )
        plan = PlanPolicies(
            memories=self.selected, policies=self.policies, agents=None, holds=self.holds, archiving=True
        )
        return TendAccount(ports, plan=plan, trail=self.trail, clock=self.clock)

    def exporting(self) -> ExportAccount:
        """What exports an account."""
        sources = ExportSources(self.library, InMemoryJobs(), self.erasures, self.reading, None, None)
        return ExportAccount(sources, trail=self.trail, clock=self.clock)

    def erasing(self) -> EraseMemories:
        """What erases one."""
        records = InMemoryRecords(
            InMemoryJobs(), InMemoryWatermarks(), InMemoryIdempotency(), InMemoryAnswers(), InMemoryUsage()
        )
        ports = ErasurePorts(
            tombstones=self.tombstones,
            erasures=self.erasures,
            memories=self.erasable,
            records=records,
            archive=self.archive,
            events=None,
            held=self.held,
        )
        return EraseMemories(ports, trail=self.trail, clock=self.clock)
