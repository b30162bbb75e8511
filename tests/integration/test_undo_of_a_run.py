"""A run from its words to its undoing, on the real store and the real table: learn, see why, take back, redeliver."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.adapters.net.http import HttpClient
from operator_memory.adapters.qdrant.erasure import QdrantErasure
from operator_memory.adapters.qdrant.learned import QdrantLearnedMemories
from operator_memory.adapters.qdrant.library import QdrantLibrary
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.adapters.qdrant.turn_marks import QdrantTurnMarks
from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies
from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.management.explain_memories import ExplainMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import JobRecord, RunJob, outcome_counts
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Kind
from operator_memory.domain.shared.memory_filter import MemoryFilter

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
ACCOUNT = AccountId("account-1")
PORTO, LISBON = "User lives in Porto", "User lives in Lisbon"


@dataclass
class System:
    """Extraction, explanation and undo over one store and one table."""

    client: HttpClient
    table: tuple[Any, str]
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    extractor: ScriptedExtractor = field(default_factory=ScriptedExtractor)

    def __post_init__(self) -> None:
        self.store = QdrantMemories(self.client, collection="memories", write_timeout=AMPLE)
        self.library = QdrantLibrary(self.client, collection="memories", timeout=AMPLE)
        self.learned = QdrantLearnedMemories(self.client, collection="memories", timeout=AMPLE)
        self.jobs = DynamoDBJobs(*self.table, record_days=30)
        self.writer = GuardedWriter(
            memories=self.store,
            expiry=DynamoDBExpiryIndex(*self.table),
            erasable=QdrantErasure(self.client, collections=[("memories", "memories")], write_timeout=AMPLE),
            tombstones=DynamoDBTombstones(*self.table),
            held=nothing_held(),
        )
        marks = QdrantTurnMarks(self.client, collection="memories", write_timeout=AMPLE)
        self.visibility = TurnVisibility(search=self.store, marks=marks, clock=self.clock)
        self.trail = AuditTrail(FakeEvents(), self.clock)

    def learn(self, job: RunJob) -> JobRecord:
        ports = ExtractionPorts(
            jobs=self.jobs,
            redactor=SecretRedactor(),
            search=self.store,
            switches=FixedSwitches(),
            watermarks=DynamoDBWatermarks(*self.table),
            thread_messages=None,
            clock=self.clock,
        )
        fact_ports = FactDependencies(
            self.extractor, self.store, self.writer, SecretRedactor(), self.clock, self.visibility, self.learned
        )
        turns = StoreTurns(embedder=FakeEmbedder(), memories=self.writer, lifetime=timedelta(days=30))
        facts = LearnFacts(fact_ports, chunk_characters=48_000, limits=AccountLimits(FixedQuota(5_000)))
        extract = ExtractRun(
            ports, ExtractionPolicy(), turns=turns, facts=facts, memories=self.writer, trail=self.trail
        )
        return extract.extract(job, job.job_id)

    def undo(self, job_id: str) -> tuple[int, int]:
        """How many memories are removed, and how many restored."""
        remover = RemoveMemories(
            library=self.library,
            learned=self.learned,
            writer=self.writer,
            visibility=self.visibility,
            held=nothing_held(),
            clock=self.clock,
        )
        undoing = UndoRun(
            jobs=self.jobs,
            learned=self.learned,
            writer=self.writer,
            remover=remover,
            visibility=self.visibility,
            trail=self.trail,
            clock=self.clock,
        )
        undone = undoing.undo("user:ada", ACCOUNT, job_id)
        return len(undone.removed), len(undone.restored)

    def facts(self) -> dict[str, Memory]:
        """Those in force, by their text."""
        where = MemoryFilter(kind=Kind.FACT)
        found = [*self.learned.facts_of_session(ACCOUNT, "thread-1")]
        in_force = {memory.text: memory for memory in found if memory.superseded_by is None}
        assert self.library.count(ACCOUNT, where, now=self.clock.now()) == len(in_force)
        return in_force

    def quotes(self, text: str) -> list[str]:
        memory = self.facts()[text]
        return [said.quote for said in ExplainMemories(self.writer).explain(ACCOUNT, [memory])[memory.id].quotes]


@pytest.fixture
def system(table: tuple[Any, str]) -> Iterator[System]:
    with QdrantFront() as front:
        make_collection(front.url, "memories", DIMENSIONS)
        client = HttpClient(front.url, system="qdrant")
        yield System(client, table)
        client.close()


def a_run(job: str, *texts: str, minutes: int = -60) -> RunJob:
    at = NOW + timedelta(minutes=minutes)
    messages = tuple(RawMessage("user", text, f"{text[:20]}-{n}", at) for n, text in enumerate(texts))
    return RunJob(job, ACCOUNT, "thread-1", "completed", at, messages=messages)


def test_learn_see_why_take_back_and_redeliver(system: System) -> None:
    before, run = a_run("job-0", PORTO, minutes=-90), a_run("job-1", LISBON, "User likes tea")
    system.learn(before)
    porto = system.facts()[PORTO].id
    system.extractor.details = {LISBON: {"replaces": (porto,)}}
    system.learn(run)
    assert set(system.facts()) == {LISBON, "User likes tea"}
    assert system.quotes(LISBON) == [LISBON]

    assert system.undo("job-1") == (2, 1)
    assert set(system.facts()) == {PORTO}
    assert system.quotes(PORTO) == [PORTO]
    assert system.undo("job-1") == (0, 0)

    assert system.learn(run).undone_at is not None, "the same job again"
    record = system.learn(replace(a_run("job-2", LISBON, "User likes tea"), job_id="job-2"))
    assert {outcome.reason for outcome in record.facts} == {"deleted"}, "what was said before, by another job"
    assert set(system.facts()) == {PORTO}

    system.clock.advance(days=1)
    system.learn(a_run("job-3", LISBON, minutes=60 * 23))
    assert set(system.facts()) == {LISBON}, "said again later"


def test_more_than_five_hundred_facts_are_counted_listed_and_taken_back(system: System) -> None:
    ends = ("ana", "bert", "dane", "eli", "fan", "gor", "hild", "jor", "kan", "lia", "mund", "nora", "olf", "zim")
    by_turn = [[a + b + end for end in ends] for a in ("Bar", "Cel", "Dor", "Fin", "Gal") for b in "aeioulrn"]
    names = [name for turn in by_turn for name in turn]
    system.extractor.facts = lambda _: [(f"User admires {name}", "user") for name in names]
    record = system.learn(a_run("job-1", *(f"I admire {', '.join(turn)}." for turn in by_turn)))
    stored = system.jobs.get(ACCOUNT, "job-1")
    assert stored is not None
    assert stored.facts == record.facts
    assert sum(outcome_counts(stored.facts).values()) == len(names) == 560
    assert len(system.learned.facts_of_run(ACCOUNT, "job-1")) == 560
    assert system.undo("job-1") == (560, 0)
    assert system.learned.facts_of_run(ACCOUNT, "job-1") == []
