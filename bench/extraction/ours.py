"""Our way in the extraction benchmark: the use case of the extraction function with its production parts.

The store, the extractor and the model's client are those of production, reached over loopback; only what DynamoDB,
the events queue and the platform do is done in memory.
"""

import hashlib
import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import timedelta

from operator_memory.adapters.local.fixed_switches import FixedSwitches
from operator_memory.adapters.models.mem0_engine import Mem0Extractor
from operator_memory.adapters.secrets.redactor import SecretRedactor
from operator_memory.application.learning.chunk_facts import FactDependencies
from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
from operator_memory.application.learning.learn_facts import LearnFacts
from operator_memory.application.learning.limits import AccountLimits
from operator_memory.application.learning.store_turns import StoreTurns
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.domain.conversation import RawMessage
from operator_memory.domain.errors import MemoryServiceError
from operator_memory.domain.learning.jobs import JobRecord, RunJob
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse

from bench.extraction.labelled import Case, Run
from bench.extraction.ports import Jobs, NoEvents, NoExpiry, NoTombstones, NoWatermarks, RunClock, nothing_held
from bench.extraction.score import ACTIVE, TURN, Stored
from bench.extraction.store import payloads
from infra.qdrant.apply import apply
from infra.qdrant.collection import collection_at
from tests.support.fakes.usage import FixedQuota

ATTEMPTS = 3
"""As the queue does, a run that fails is tried again."""


def writer_of(parts: AdaptersInUse) -> GuardedWriter:
    """What stores, where nothing is erased, held or expires."""
    return GuardedWriter(
        memories=parts.memories(),
        expiry=NoExpiry(),
        erasable=parts.erasable(),
        tombstones=NoTombstones(),
        held=nothing_held(parts),
    )


def extract_run_of(parts: AdaptersInUse, clock: RunClock) -> ExtractRun:
    """The use case, put together as ``entrypoints.wiring.build_extraction`` does."""
    parts.clock = clock
    embedder, memories = parts.embedder(), parts.memories()
    settings, redactor = parts.settings, SecretRedactor()
    writer = writer_of(parts)
    extractor = Mem0Extractor(model=parts.chat_model(), embedder=embedder, memories=memories, clock=clock)
    ports = ExtractionPorts(
        jobs=Jobs(),
        redactor=redactor,
        search=memories,
        switches=FixedSwitches(),
        watermarks=NoWatermarks(),
        thread_messages=None,
        clock=clock,
    )
    fact_ports = FactDependencies(
        extractor=extractor,
        search=memories,
        memories=writer,
        redactor=redactor,
        clock=clock,
        visibility=parts.turn_visibility(),
        learned=parts.learned(),
    )
    return ExtractRun(
        ports,
        ExtractionPolicy(),
        turns=StoreTurns(embedder=embedder, memories=writer, lifetime=timedelta(days=settings.session_memory_days)),
        facts=LearnFacts(
            fact_ports,
            chunk_characters=settings.extraction_chunk_characters,
            limits=AccountLimits(FixedQuota(settings.memory_quota)),
        ),
        memories=writer,
        trail=AuditTrail(NoEvents(), clock),
    )


class OurWay:
    """Works off the runs of the set."""

    name = "ours"

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment``: as the extraction function's, with the addresses of the benchmark's parts."""
        parts = AdaptersInUse.from_environment(environment)
        self._qdrant = parts.qdrant
        self._collection = parts.settings.qdrant_collection
        at = collection_at(parts.settings.qdrant_base_url, self._collection)
        with redirect_stdout(io.StringIO()), at as collection:  # what it applies
            apply(collection, parts.settings.embedding_dimensions, check=False)
        self._clock = RunClock()
        self._use_case = extract_run_of(parts, self._clock)

    def run(self, case: Case, number: int, run: Run) -> dict[str, object]:
        """Extract one run; returns what its record says."""
        self._clock.time = run.finished_at + timedelta(minutes=1)
        job = RunJob(
            job_id=f"{case.id}-{number}",
            account_id=AccountId(case.id),
            thread_id=f"thread-{number}",
            status="completed",
            finished_at=run.finished_at,
            agent_id=run.agent_id,
            messages=tuple(RawMessage(role, text) for role, text in run.messages),
        )
        record, error = self._worked_off(job)
        if record is None:
            return {"error": error}
        outcomes = [
            {"memory_id": o.memory_id, "scope": o.scope.value, "outcome": o.outcome.value, "reason": o.reason}
            for o in record.facts
        ]
        return {"outcomes": outcomes, "skipped": dict(record.skipped)}

    def _worked_off(self, job: RunJob) -> tuple[JobRecord | None, str]:
        error = ""
        for _ in range(ATTEMPTS):
            try:
                return self._use_case.extract(job, hashlib.sha256(job.job_id.encode()).hexdigest()), ""
            except MemoryServiceError as failure:
                error = f"{type(failure).__name__}: {failure}"
        return None, error

    def stored(self, case: Case) -> list[Stored]:
        """Everything that the account holds, turns and superseded facts included."""
        return [
            Stored(str(payload["scope"]), str(payload["data"]), _state(payload))
            for payload in payloads(self._qdrant, self._collection, "user_id", case.id)
        ]


def _state(payload: Mapping[str, object]) -> str:
    if payload.get("kind") != "fact":
        return TURN
    if reason := payload.get("rejected"):
        return f"rejected: {reason}"
    return "superseded" if payload.get("superseded_by") or payload.get("valid_until") else ACTIVE
