"""What a platform under attack learns: the jobs that its API has queued, carried out on its store by the rules."""

from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.models.rules_llm import RulesLLM
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.domain.learning.jobs import JobRecord
from operator_memory.entrypoints.contracts.job import parse_job

from tests.support.attack.world import AttackWorld
from tests.support.learning.extraction import World


class Learning(World):
    """The extraction of an `AttackWorld`, on its Qdrant engine."""

    def __init__(self, attacked: AttackWorld) -> None:
        made = attacked.management
        super().__init__(
            clock=made.clock,
            embedder=made.embedder,
            memories=attacked.store,  # type: ignore[arg-type]
            tombstones=made.tombstones,
            platform=made.platform,
            events=made.events,
        )
        self.attacked = attacked
        self.extractor = Mem0Extractor(  # type: ignore[assignment]
            model=RulesLLM(), embedder=self.embedder, memories=attacked.store, clock=self.clock
        )

    @property
    def writer(self) -> GuardedWriter:
        """The platform's."""
        return self.attacked.management.writer

    @property
    def visibility(self) -> TurnVisibility:
        """On the platform's store."""
        return TurnVisibility(search=self.attacked.store, marks=self.attacked.marks, clock=self.clock)

    def work_off(self) -> JobRecord:
        """Carry out the job that was queued last."""
        body, *_ = self.attacked.management.sender.sent[-1]
        job, digest = parse_job(body)
        return self.run(job, digest)
