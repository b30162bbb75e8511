"""The extraction use case between in-memory ports."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies
from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits, WithoutModel
from operator_memory.application.learning.progress import Progress
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.management.authorize import Authorize
from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts
from operator_memory.application.management.screen_writing import ScreenWriting
from operator_memory.application.ports.core import Clock
from operator_memory.application.ports.learning import Redactor
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.application.usage.check_budget import CheckBudget
from operator_memory.application.usage.count_usage import CountUsage
from operator_memory.application.usage.keep_quota import KeepQuota
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.learning.jobs import JobRecord, JobState, RunJob
from operator_memory.domain.learning.taught import Undone
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.usage.budget import NO_LIMIT, Limit
from operator_memory.domain.usage.counts import Prices
from operator_memory.domain.usage.quota import WhenFull

from tests.support.fakes.core import FakeClock, FakeEmbedder, InMemoryExpiryIndex, InMemoryMemories
from tests.support.fakes.erasure import InMemoryErasures, InMemoryRecords, InMemoryTombstones
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.learning import FakeThreadMessages, InMemoryJobs, InMemoryWatermarks, ScriptedExtractor
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakeMemberships, FakePlatform, FakeSwitches
from tests.support.fakes.usage import FakeArchiver, FakeMetrics, FixedQuota, InMemoryBudgets, InMemoryUsage

ACCOUNT = AccountId("account-1")
FINISHED = datetime(2026, 11, 20, 8, tzinfo=UTC)
PRICES = Prices(15, 60)


@dataclass
class World:
    """Every port of an extraction, and what a person can do to it meanwhile."""

    clock: FakeClock = field(default_factory=FakeClock)
    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    extractor: ScriptedExtractor = field(default_factory=ScriptedExtractor)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    memories: InMemoryMemories = field(default_factory=InMemoryMemories)
    expiry: InMemoryExpiryIndex = field(default_factory=InMemoryExpiryIndex)
    tombstones: InMemoryTombstones = field(default_factory=InMemoryTombstones)
    erasures: InMemoryErasures = field(default_factory=InMemoryErasures)
    platform: FakePlatform = field(default_factory=FakePlatform)
    events: FakeEvents = field(default_factory=FakeEvents)
    watermarks: InMemoryWatermarks = field(default_factory=InMemoryWatermarks)
    threads: FakeThreadMessages | None = field(default_factory=FakeThreadMessages)
    policy: ExtractionPolicy = field(default_factory=ExtractionPolicy)
    redactor: Redactor = field(default_factory=SecretRedactor)
    chunk_characters: int = 48_000
    quota: int = 20_000
    when_full: WhenFull = WhenFull.REFUSE
    archiver: FakeArchiver | None = None
    prices: Prices = PRICES
    default_limit: Limit = NO_LIMIT
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    usage: InMemoryUsage = field(default_factory=InMemoryUsage)
    rules: ScriptedExtractor = field(default_factory=ScriptedExtractor)
    """What extracts when the budget is used up."""
    session_days: int = 30
    holds: FixedHolds = field(default_factory=FixedHolds)

    def __post_init__(self) -> None:
        self.extractor.memories = self.memories
        self.extractor.only_said = self.chunk_characters < 100
        self.rules.memories = self.memories
        self.budgets = InMemoryBudgets(self.usage)
        self.extractor.meter = self.counting

    @property
    def library(self) -> InMemoryLibrary:
        """The store as people see it."""
        return InMemoryLibrary(self.memories)

    @property
    def writer(self) -> GuardedWriter:
        """The one way to store a memory."""
        return GuardedWriter(
            memories=self.memories,
            expiry=self.expiry,
            erasable=self.library,
            tombstones=self.tombstones,
            held=self.held,
        )

    @property
    def held(self) -> KeepHeld:
        """What keeps that which is held."""
        return KeepHeld(holds=self.holds, library=self.library, trail=AuditTrail(self.events, self.clock))

    @property
    def visibility(self) -> TurnVisibility:
        """What keeps outdated turns out of other sessions."""
        return TurnVisibility(search=self.memories, marks=self.memories, clock=self.clock)

    @property
    def screening(self) -> ScreenWriting:
        """What looks at the words that people write."""
        trail = AuditTrail(self.events, self.clock)
        return ScreenWriting(Authorize(FakeMemberships(self.platform), trail), self.clock)

    @property
    def remover(self) -> RemoveMemories:
        """What deletes for a person."""
        return RemoveMemories(
            library=self.library,
            learned=self.memories,
            writer=self.writer,
            visibility=self.visibility,
            held=self.held,
            clock=self.clock,
        )

    def undo(self, job_id: str = "job-1", account: AccountId = ACCOUNT) -> Undone:
        """Take back what the job taught."""
        undoing = UndoRun(
            jobs=self.jobs,
            learned=self.memories,
            writer=self.writer,
            remover=self.remover,
            visibility=self.visibility,
            trail=AuditTrail(self.events, self.clock),
            clock=self.clock,
        )
        return undoing.undo("user:ada", account, job_id)

    @property
    def erase(self) -> EraseMemories:
        """Erasure over the same ports."""
        records = InMemoryRecords(self.jobs, self.watermarks)
        ports = ErasurePorts(
            self.tombstones, self.erasures, self.library, records, archive=None, events=None, held=self.held
        )
        return EraseMemories(ports, trail=AuditTrail(self.events, self.clock), clock=self.clock)

    def run(self, job: RunJob, content: str = "hash") -> JobRecord:
        """Work the job off."""
        ports = ExtractionPorts(
            jobs=self.jobs,
            redactor=self.redactor,
            search=self.memories,
            switches=FakeSwitches(self.platform),
            watermarks=self.watermarks,
            thread_messages=self.threads,
            clock=self.clock,
            usage=self.counting,
        )
        fact_ports = FactDependencies(
            self.extractor, self.memories, self.writer, self.redactor, self.clock, self.visibility, self.memories
        )
        extract = ExtractRun(
            ports,
            self.policy,
            turns=StoreTurns(embedder=self.embedder, memories=self.writer, lifetime=timedelta(days=self.session_days)),
            facts=LearnFacts(fact_ports, chunk_characters=self.chunk_characters, limits=self._limits()),
            memories=self.writer,
            trail=AuditTrail(self.events, self.clock),
        )
        return extract.extract(job, content)

    @property
    def counting(self) -> CountUsage:
        """What counts usage."""
        return CountUsage(self.usage, prices=self.prices, clock=self.clock, measure=self.metrics)

    def _limits(self) -> AccountLimits:
        rule = FixedQuota(self.quota, self.when_full)
        archive = FakeArchiver(self.memories) if self.archiver is None else self.archiver
        room = KeepQuota(rule=rule, library=self.library, clock=self.clock, archive=archive, holds=self.holds)
        check = CheckBudget(
            self.budgets,
            default=self.default_limit,
            prices=self.prices,
            trail=AuditTrail(self.events, self.clock),
            clock=self.clock,
            measure=self.metrics,
        )
        return AccountLimits(rule, room, WithoutModel(check, self.rules))

    def of_scope(self, scope: Scope, account: AccountId = ACCOUNT) -> list[Memory]:
        """What is stored in the scope."""
        return [memory for memory in self.memories.of(account) if memory.scope is scope]


def a_job(*said: tuple[str, str], account: AccountId = ACCOUNT, **fields: object) -> RunJob:
    """A finished run in which ``said`` (type and text) was said."""
    messages = tuple(RawMessage(role, text) for role, text in said)
    job = RunJob("job-1", account, "thread-1", "completed", FINISHED, agent_id="agent-1", messages=messages)
    return replace(job, **fields)  # type: ignore[arg-type]


def new_progress(job: RunJob, clock: Clock) -> Progress:
    """Of a job's first attempt, without end."""
    record = JobRecord(job.account_id, job.job_id, JobState.RUNNING, "hash", clock.now(), started_at=clock.now())
    return Progress(record, InMemoryJobs(), clock, lease_seconds=330, chunk_seconds=100, ends_at=None)
