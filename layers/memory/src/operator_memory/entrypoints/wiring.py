"""The one place that chooses adapters. Each ``build_*`` makes what one function needs, from the environment.

Imports stand inside the builders, so that a function loads only what it uses: the context function must not
pay for Mem0. A setting that a function cannot do without is checked here, when the function starts.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.recall.retrieve_context import Deadlines, RetrieveContext
from operator_memory.application.shared.audit_trail import Trail
from operator_memory.domain.errors import PermissionDeniedError, UpstreamError
from operator_memory.domain.management.audit_events import EventType
from operator_memory.domain.management.identity import READ_CONTEXT, Caller
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.token_count import Estimate, TokenCounter, encoding_of
from operator_memory.entrypoints.adapters_in_use import Parts
from operator_memory.entrypoints.relevance import gate_for

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories
    from operator_memory.application.management.erase_memories import EraseMemories
    from operator_memory.application.management.export_account import ExportSources
    from operator_memory.application.management.record_events import RecordEvents
    from operator_memory.application.ports.management import MemoryLibrary, PlatformSettings
    from operator_memory.entrypoints.api.access import Gate
    from operator_memory.entrypoints.api.resolver import MemoriesApi

Authenticate = Callable[[str], Caller]


@dataclass(frozen=True, slots=True)
class ContextApp:
    """What the context function calls."""

    authenticate: Authenticate
    limit: LimitRate
    retrieve: RetrieveContext
    trail: Trail

    def admit(self, caller: Caller, account_id: AccountId) -> None:
        """Let ``caller`` retrieve the account's memories, or put the refusal on record and raise it."""
        try:
            caller.require(READ_CONTEXT, account_id)
        except PermissionDeniedError:
            self.trail.note(account_id, caller.actor, EventType.DENIED, metadata={"action": READ_CONTEXT})
            raise


def build_context(environ: Mapping[str, str] | None = None) -> ContextApp:
    """The context function's parts."""
    parts = Parts.from_environment(os.environ if environ is None else environ)
    settings = parts.settings
    authenticate, read_keys = _service_tokens(parts)
    trail = parts.trail(wait=settings.events_wait_ms / 1000)
    retrieve = RetrieveContext(
        search=parts.memories(),
        embedder=parts.embedder(),
        switches=parts.switches(),
        trail=trail,
        clock=parts.clock,
        deadlines=Deadlines(
            switches=settings.switches_timeout_ms / 1000,
            embedding=settings.embedding_timeout_ms / 1000,
            search=settings.search_timeout_seconds,
            total=settings.context_timeout_ms / 1000,
        ),
        enabled=settings.memory_enabled,
        counter_of=_token_counter,
        gate=gate_for(settings.embedding_model),
    )
    limit = parts.limits()
    parts.warm()
    with suppress(UpstreamError):  # keys that cannot be read yet are read on the first request
        read_keys()  # malformed ones stop the start
    return ContextApp(authenticate, limit, retrieve, trail)


def _token_counter(model: str) -> TokenCounter:
    """Exact where the model's tokenizer is known. Loaded only then: it takes a fresh function 80 ms."""
    encoding = encoding_of(model)
    if encoding is None:
        return Estimate()
    from operator_memory.adapters.models.token_counter import counter_of

    return counter_of(encoding)


def build_extraction(environ: Mapping[str, str] | None = None) -> "ConsumeJobs":
    """The extraction function's parts: what works off one queue message."""
    from operator_memory.adapters.aws.sqs_queue import SqsJobQueue
    from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
    from operator_memory.adapters.models.mem0_engine import Mem0Extractor
    from operator_memory.adapters.secrets.redactor import SecretRedactor
    from operator_memory.application.learning.chunk_facts import FactPorts
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.application.learning.extract_run import ExtractionPolicy, ExtractionPorts, ExtractRun
    from operator_memory.application.learning.learn_facts import LearnFacts
    from operator_memory.entrypoints.contracts.job import parse_job

    parts = Parts.from_environment(os.environ if environ is None else environ)
    settings, clock = parts.settings, parts.clock
    embedder, memories, writer, redactor = parts.embedder(), parts.memories(), parts.writer(), SecretRedactor()
    extractor = Mem0Extractor(model=parts.chat_model(), embedder=embedder, memories=memories, clock=clock)
    fact_ports = FactPorts(extractor, memories, writer, redactor, clock, parts.past_turns())
    learn = LearnFacts(fact_ports, chunk_characters=settings.extraction_chunk_characters, quota=settings.memory_quota)
    ports = ExtractionPorts(
        jobs=_jobs(parts),
        facts=learn,
        redactor=redactor,
        embedder=embedder,
        search=memories,
        memories=writer,
        switches=parts.switches(),
        trail=parts.trail(),
        watermarks=DynamoDBWatermarks(parts.dynamodb, parts.required("memory_table")),
        thread_messages=parts.thread_messages(),
        clock=clock,
    )
    policy = ExtractionPolicy(session_days=settings.session_memory_days, enabled=settings.memory_enabled)
    queue = SqsJobQueue(
        parts.aws_client("sqs"),
        queue_url=parts.required("jobs_queue_url"),
        dead_letter_queue_url=parts.required("jobs_dead_letter_queue_url"),
    )
    return ConsumeJobs(parse=parse_job, extract=ExtractRun(ports, policy), queue=queue, jobs=ports.jobs)


def build_memories(environ: Mapping[str, str] | None = None) -> "MemoriesApi":
    """The management API."""
    from operator_memory.adapters.aws.sqs_jobs import SqsJobSender
    from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
    from operator_memory.adapters.qdrant.library import QdrantLibrary
    from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
    from operator_memory.application.learning.submit_jobs import SubmitJobs
    from operator_memory.application.management.export_account import ExportAccount
    from operator_memory.application.management.import_memories import ImportMemories
    from operator_memory.application.management.manage_memories import ManageMemories
    from operator_memory.application.management.manage_settings import ManageSettings
    from operator_memory.application.management.review_memories import ReviewMemories
    from operator_memory.entrypoints.api.resolver import MemoriesApi
    from operator_memory.entrypoints.api.services import Services
    from operator_memory.entrypoints.contracts.account import Prices

    parts = Parts.from_environment(os.environ if environ is None else environ)
    settings = SupabasePlatformSettings(parts.required_supabase())
    table, clock, trail = parts.required("memory_table"), parts.clock, parts.trail()
    writer, past_turns, embedder, jobs = parts.writer(), parts.past_turns(), parts.embedder(), _jobs(parts)
    library = QdrantLibrary(parts.qdrant, collection=parts.settings.qdrant_collection, timeout=parts.write_timeout)
    parts.warm()
    return MemoriesApi(
        Services(
            gate=_gate(parts, trail),
            memories=ManageMemories(
                library=library, writer=writer, past_turns=past_turns, embedder=embedder, trail=trail, clock=clock
            ),
            review=ReviewMemories(library=library, writer=writer, past_turns=past_turns, trail=trail, clock=clock),
            settings=ManageSettings(settings, trail),
            switches=parts.switches(),
            erasures=_erasures(parts, trail),
            exporter=ExportAccount(_held(parts, library, jobs, settings), trail=trail, clock=clock),
            importer=ImportMemories(writer=writer, embedder=embedder, trail=trail, clock=clock),
            jobs=SubmitJobs(
                jobs=jobs,
                keys=DynamoDBIdempotency(parts.dynamodb, table),
                sender=SqsJobSender(parts.aws_client("sqs"), parts.required("jobs_queue_url")),
                clock=clock,
            ),
            prices=Prices(
                parts.settings.extraction_price_prompt / 100, parts.settings.extraction_price_completion / 100
            ),
        )
    )


def _held(
    parts: Parts, library: "MemoryLibrary", jobs: "DynamoDBJobs", settings: "PlatformSettings"
) -> "ExportSources":
    """Everything that is held about an account."""
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.supabase.event_trail import SupabaseEventTrail
    from operator_memory.application.management.export_account import ExportSources

    return ExportSources(
        library=library,
        jobs=jobs,
        erasures=DynamoDBErasures(parts.dynamodb, parts.required("memory_table")),
        archive=parts.archive(),
        events=SupabaseEventTrail(parts.required_supabase()),
        settings=settings,
    )


def build_audit(environ: Mapping[str, str] | None = None) -> "RecordEvents":
    """The audit function: what writes a batch of events."""
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.qdrant.library import QdrantLibrary
    from operator_memory.adapters.supabase.event_trail import SupabaseEventTrail
    from operator_memory.application.management.record_events import RecordEvents

    parts = Parts.from_environment(os.environ if environ is None else environ)
    supabase = parts.required_supabase()
    library = QdrantLibrary(parts.qdrant, collection=parts.settings.qdrant_collection, timeout=parts.write_timeout)
    tombstones = DynamoDBTombstones(parts.dynamodb, parts.required("memory_table"))
    parts.warm()
    return RecordEvents(trail=SupabaseEventTrail(supabase), library=library, tombstones=tombstones)


@dataclass(frozen=True, slots=True)
class ArchiveApp:
    """What the archive function calls."""

    expire: "ExpireMemories"
    erasures: "EraseMemories"


def build_archive(environ: Mapping[str, str] | None = None) -> ArchiveApp:
    """The archive function's sweeps."""
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories

    parts = Parts.from_environment(os.environ if environ is None else environ)
    index = DynamoDBExpiryIndex(parts.dynamodb, parts.required("memory_table"))
    parts.warm()
    expire = ExpireMemories(memories=parts.memories(), index=index, clock=parts.clock)
    return ArchiveApp(expire, _erasures(parts, parts.trail()))


def _jobs(parts: Parts) -> "DynamoDBJobs":
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs

    table = parts.required("memory_table")
    return DynamoDBJobs(parts.dynamodb, table, record_days=parts.settings.job_record_days)


def _erasures(parts: Parts, trail: Trail) -> "EraseMemories":
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.dynamodb.records import DynamoDBRecords
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.supabase.event_trail import SupabaseEventTrail
    from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts

    table = parts.required("memory_table")
    ports = ErasurePorts(
        tombstones=DynamoDBTombstones(parts.dynamodb, table),
        erasures=DynamoDBErasures(parts.dynamodb, table),
        memories=parts.erasable(),
        records=DynamoDBRecords(parts.dynamodb, table),
        archive=parts.archive(),
        events=SupabaseEventTrail(parts.supabase) if parts.supabase is not None else None,
    )
    return EraseMemories(ports, trail=trail, clock=parts.clock)


def _service_tokens(parts: Parts) -> tuple[Authenticate, Callable[[], object]]:
    """Verifies the runtime's tokens; and what reads their keys."""
    from operator_memory.adapters.net.service_tokens import ServiceTokens, key_provider

    keys = key_provider(parts.required_secret("service_token_keys"))
    tokens = ServiceTokens(keys)
    return (lambda token: tokens.verify(token, now=_now(parts))), keys


def _now(parts: Parts) -> datetime:
    return parts.clock.now()


def _gate(parts: Parts, trail: Trail) -> "Gate":
    """People by their Supabase token, services by their own; in front of everything, the limits."""
    from operator_memory.adapters.net.service_tokens import is_service_token
    from operator_memory.adapters.supabase.memberships import SupabaseMemberships
    from operator_memory.adapters.supabase.user_tokens import UserTokens
    from operator_memory.application.management.authorize import Authorize
    from operator_memory.entrypoints.api.access import Gate

    settings = parts.settings
    base = settings.supabase_url.rstrip("/")
    users = UserTokens(
        issuer=f"{base}/auth/v1",
        hs256_secret=parts.secret("supabase_jwt_secret"),
        jwks_url=settings.supabase_jwks_url or f"{base}/auth/v1/.well-known/jwks.json",
        clock=parts.clock,
    )
    services, _ = _service_tokens(parts)
    memberships = SupabaseMemberships(parts.required_supabase(), clock=parts.clock)

    def authenticate(token: str) -> Caller:
        return services(token) if is_service_token(token) else users.verify(token)

    return Gate(authenticate, parts.limits(), Authorize(memberships, trail))
