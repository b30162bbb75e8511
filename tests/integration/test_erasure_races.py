"""Erasure while a job is worked off, on the real store and the real table: whatever the moment, nothing is left."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.dynamodb.records import DynamoDBRecords
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies
from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.conversation import RawMessage, Turn
from operator_memory.domain.learning.jobs import JobRecord, RunJob
from operator_memory.domain.management.erasure import ErasureState
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.shared.tombstones import Target, TargetKind

from devstack.qdrant import QdrantFront
from tests.support.fakes.core import DIMENSIONS, FakeClock, FakeEmbedder
from tests.support.fakes.holds import nothing_held
from tests.support.fakes.learning import ScriptedExtractor
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.usage import FixedQuota
from tests.support.qdrant.collections import make_collection
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.aws.fixtures"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TARGETS = [
    Target(TargetKind.ACCOUNT),
    Target(TargetKind.AGENT, "agent-1"),
    Target(TargetKind.SESSION, "session-1"),
    Target(TargetKind.AUTHOR, "member-1"),
    Target(TargetKind.USER),
]


class KilledError(BaseException):
    """Lambda ends the process: nothing after it runs."""


@dataclass
class System:
    """Extraction and erasure over one store and one table."""

    qdrant: HttpClient
    collection: str
    table: tuple[Any, str]
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    extractor: ScriptedExtractor = field(default_factory=ScriptedExtractor)
    account: AccountId = field(default_factory=lambda: AccountId(str(uuid.uuid4())))
    before_upsert: Callable[[], None] = lambda: None
    after_upsert: Callable[[], None] = lambda: None

    def stored(self, account_id: AccountId, ids: Sequence[str]) -> dict[str, Memory]:
        return self.store.stored(account_id, ids)

    def supersede(self, account_id: AccountId, ids: Sequence[str], *, by: str, at: datetime) -> None:
        self.store.supersede(account_id, ids, by=by, at=at)

    def replaced_by(self, account_id: AccountId, ids: Sequence[str]) -> list[Memory]:
        return self.store.replaced_by(account_id, ids)

    def count_facts(self, account_id: AccountId, *, now: datetime) -> int:
        return self.store.count_facts(account_id, now=now)

    def existing_ids(self, account_id: AccountId, ids: Sequence[str]) -> set[str]:
        return self.store.existing_ids(account_id, ids)

    def upsert(self, account_id: AccountId, memories: Sequence[EmbeddedMemory]) -> None:
        self.before_upsert()
        self.store.upsert(account_id, memories)
        self.after_upsert()

    @property
    def store(self) -> QdrantMemories:
        return QdrantMemories(self.qdrant, collection=self.collection, write_timeout=AMPLE)

    @property
    def erasable(self) -> QdrantErasure:
        collections = (("memories", self.collection), ("entities", f"{self.collection}_entities"))
        return QdrantErasure(self.qdrant, collections=collections, write_timeout=AMPLE)

    @property
    def trail(self) -> AuditTrail:
        return AuditTrail(FakeEvents(), self.clock)

    @property
    def job(self) -> RunJob:
        """One that ended before now."""
        return RunJob(
            job_id="job-1",
            account_id=self.account,
            thread_id="thread-1",
            status="completed",
            finished_at=NOW - timedelta(minutes=1),
            agent_id="agent-1",
            session_id="session-1",
            author_id="member-1",
            messages=(RawMessage("user", "I like tea. Answer briefly"), RawMessage("assistant", "Noted")),
        )

    def run(self) -> JobRecord:
        """Extract the job."""
        writer = GuardedWriter(
            memories=self,
            expiry=DynamoDBExpiryIndex(*self.table),
            erasable=self.erasable,
            tombstones=DynamoDBTombstones(*self.table),
            held=nothing_held(),
        )
        marks = QdrantTurnMarks(self.qdrant, collection=self.collection, write_timeout=AMPLE)
        visibility = TurnVisibility(search=self.store, marks=marks, clock=self.clock)
        ports = ExtractionPorts(
            jobs=DynamoDBJobs(*self.table, record_days=30),
            redactor=SecretRedactor(),
            search=self.store,
            switches=FixedSwitches(),
            watermarks=DynamoDBWatermarks(*self.table),
            thread_messages=None,
            clock=self.clock,
        )
        learned = QdrantLearnedMemories(self.qdrant, collection=self.collection, timeout=AMPLE)
        fact_ports = FactDependencies(
            self.extractor, self.store, writer, SecretRedactor(), self.clock, visibility, learned
        )
        extract = ExtractRun(
            ports,
            ExtractionPolicy(),
            turns=StoreTurns(embedder=FakeEmbedder(), memories=writer, lifetime=timedelta(days=30)),
            facts=LearnFacts(fact_ports, chunk_characters=48_000, limits=AccountLimits(FixedQuota(1_000))),
            memories=writer,
            trail=self.trail,
        )
        return extract.extract(self.job, "hash")

    @property
    def erasures(self) -> EraseMemories:
        ports = ErasurePorts(
            tombstones=DynamoDBTombstones(*self.table),
            erasures=DynamoDBErasures(*self.table),
            memories=self.erasable,
            records=DynamoDBRecords(*self.table),
            archive=None,
            events=None,
            held=nothing_held(),
        )
        return EraseMemories(ports, trail=self.trail, clock=self.clock)

    def erase(self, target: Target) -> None:
        receipt = self.erasures.start(self.account, target, requested_by="user:u")
        assert receipt.state is ErasureState.COMPLETE
        assert set(receipt.remaining.values()) == {0}

    def left(self, target: Target) -> int:
        """Memories of ``target``, counted in the store."""
        return self.erasable.count_erasable(self.account, target, until=NOW)["memories"]


@pytest.fixture(scope="module")
def front() -> Iterator[QdrantFront]:
    with QdrantFront() as running:
        yield running


@pytest.fixture(scope="module")
def qdrant(front: QdrantFront) -> Iterator[HttpClient]:
    client = HttpClient(front.url, system="qdrant")
    yield client
    client.close()


@pytest.fixture
def system(front: QdrantFront, qdrant: HttpClient, table: tuple[Any, str]) -> System:
    name = f"memories_{uuid.uuid4().hex}"
    make_collection(front.url, name, DIMENSIONS)
    made = System(qdrant, name, table)
    made.extractor.facts = lambda _: [("Likes tea", "user"), ("Answer briefly", "assistant")]
    return made


def test_without_an_erasure_there_is_something_to_erase(system: System) -> None:
    system.run()
    assert [system.left(target) > 0 for target in TARGETS] == [True] * 5


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("write", [1, 2], ids=["turns", "facts"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_erasure_around_a_write_leaves_nothing(system: System, target: Target, write: int, moment: str) -> None:
    writes: list[int] = []

    def at_write() -> None:
        writes.append(1)
        if len(writes) == write:
            system.erase(target)

    setattr(system, f"{moment}_upsert", at_write)
    system.run()
    assert len(writes) >= write
    assert system.left(target) == 0


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_an_erasure_while_the_model_thinks_leaves_nothing(system: System, target: Target) -> None:
    def facts(_: Sequence[Turn]) -> list[tuple[str, str]]:
        system.erase(target)
        return [("Likes tea", "user"), ("Answer briefly", "assistant")]

    system.extractor.facts = facts
    system.run()
    assert system.left(target) == 0


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("again", ["the message comes again", "it does not"])
def test_a_worker_killed_between_its_write_and_its_second_look_leaves_nothing(
    system: System, target: Target, again: str
) -> None:
    killed: list[int] = []

    def erase_then_die() -> None:
        killed.append(1)
        if len(killed) == 2:  # the facts were written after the erasure had counted its zero
            raise KilledError

    def erase_then_write() -> None:
        if len(killed) == 1:
            system.erase(target)

    system.before_upsert, system.after_upsert = erase_then_write, erase_then_die
    with pytest.raises(KilledError):
        system.run()
    system.before_upsert = system.after_upsert = lambda: None
    system.clock.advance(hours=1)
    if again == "the message comes again":
        system.run()
        if target.kind is TargetKind.USER or target.kind is TargetKind.AGENT:
            assert system.left(target) == 0
    done, failed = system.erasures.resume_due()
    assert (done, failed) == (1, 0)
    assert system.left(target) == 0
    [receipt] = system.erasures.receipts(system.account)
    assert receipt.state is ErasureState.VERIFIED
