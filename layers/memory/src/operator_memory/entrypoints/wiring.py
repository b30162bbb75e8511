"""The one place that chooses adapters. Each ``build_*`` makes what one function needs, from the environment.

Imports stand inside the builders, so that a function loads only what it uses: the context function must not
pay for Mem0. A setting that a function cannot do without is checked here, when the function starts.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from operator_memory.application.management.authorize import AuthorizeService
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.recall.retrieve_context import Deadlines, RetrievalPolicy, RetrieveContext
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import UpstreamError
from operator_memory.domain.management.identity import Caller
from operator_memory.domain.recall.parameters import USUAL
from operator_memory.domain.recall.token_count import Estimate, TokenCounter, encoding_of
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.relevance import gate_for
from operator_memory.entrypoints.settings import Settings

if TYPE_CHECKING:
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.application.learning.extract_run import ExtractRun
    from operator_memory.application.learning.submit_jobs import SubmitJobs
    from operator_memory.application.learning.undo_run import UndoRun
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories
    from operator_memory.application.management.erase_memories import EraseMemories
    from operator_memory.application.management.export_account import ExportSources
    from operator_memory.application.management.manage_memories import ManageMemories
    from operator_memory.application.management.record_events import RecordEvents
    from operator_memory.application.management.screen_writing import ScreenWriting
    from operator_memory.application.ports.management import MemoryLibrary, PlatformSettings
    from operator_memory.application.recall.rerank_memories import RerankMemories
    from operator_memory.application.shared.remove_memories import RemoveMemories
    from operator_memory.entrypoints.api.access import Access
    from operator_memory.entrypoints.api.resolver import MemoriesApi
    from operator_memory.entrypoints.api.services import Services
    from operator_memory.entrypoints.contracts.account import Prices

Authenticate = Callable[[str], Caller]


@dataclass(frozen=True, slots=True)
class ContextApp:
    """What the context function calls."""

    authenticate: Authenticate
    limit: LimitRate
    authorize: AuthorizeService
    context: RetrieveContext


def build_context(environ: Mapping[str, str] | None = None) -> ContextApp:
    """What the context function calls."""
    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    settings = adapters.settings
    authenticate, read_keys = _service_tokens(adapters)
    trail = adapters.trail(wait=settings.events_wait_ms / 1000)
    rerank = _rerank(adapters)
    ranking = USUAL if rerank is None else replace(USUAL, candidates=rerank.candidates)
    gate = gate_for(settings.embedding_model)
    retrieve = RetrieveContext(
        search=adapters.memories(),
        embedder=adapters.embedder(),
        switches=adapters.switches(),
        trail=trail,
        clock=adapters.clock,
        counter_of=_token_counter,
        policy=RetrievalPolicy(settings.memory_enabled, _deadlines(settings), gate, ranking, rerank),
    )
    limit = adapters.limits()
    adapters.warm()
    with suppress(UpstreamError):  # keys that cannot be read yet are read on the first request
        read_keys()  # malformed ones stop the start
    return ContextApp(authenticate, limit, AuthorizeService(trail), retrieve)


def _rerank(adapters: AdaptersInUse) -> "RerankMemories | None":
    reranker = adapters.reranker()
    if reranker is None:
        return None
    from operator_memory.application.recall.rerank_memories import RerankMemories

    return RerankMemories(reranker, timeout=adapters.settings.reranker_timeout_ms / 1000)


def _deadlines(settings: Settings) -> Deadlines:
    return Deadlines(
        switches=settings.switches_timeout_ms / 1000,
        embedding=settings.embedding_timeout_ms / 1000,
        search=settings.search_timeout_seconds,
        total=settings.context_timeout_ms / 1000,
    )


def _token_counter(model: str) -> TokenCounter:
    """Exact where the model's tokenizer is known. Loaded only then: it takes a fresh function 80 ms."""
    encoding = encoding_of(model)
    if encoding is None:
        return Estimate()
    from operator_memory.adapters.models.token_counter import counter_of

    return counter_of(encoding)


def build_extraction(environ: Mapping[str, str] | None = None) -> "ConsumeJobs":
    """The extraction function: what consumes one message of the queue."""
    from operator_memory.adapters.aws.sqs_queue import SqsJobQueue
    from operator_memory.application.learning.consume_jobs import ConsumeJobs
    from operator_memory.entrypoints.contracts.job import parse_job

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    jobs = _jobs(adapters)
    extract_run = _extract_run(adapters, jobs)
    queue = SqsJobQueue(
        adapters.aws_client("sqs"),
        queue_url=adapters.required("jobs_queue_url"),
        dead_letter_queue_url=adapters.required("jobs_dead_letter_queue_url"),
    )
    return ConsumeJobs(parse=parse_job, extract=extract_run.extract, queue=queue, jobs=jobs)


def _extract_run(adapters: AdaptersInUse, jobs: "DynamoDBJobs") -> "ExtractRun":
    from operator_memory.adapters.dynamodb.watermarks import DynamoDBWatermarks
    from operator_memory.adapters.models.mem0_engine import Mem0Extractor
    from operator_memory.adapters.secrets.redactor import SecretRedactor
    from operator_memory.application.learning.chunk_facts import FactDependencies
    from operator_memory.application.learning.extract_run import (
        STORING_SECONDS,
        ExtractionPolicy,
        ExtractionPorts,
        ExtractRun,
    )
    from operator_memory.application.learning.learn_facts import LearnFacts
    from operator_memory.application.learning.store_turns import StoreTurns

    settings, clock, redactor = adapters.settings, adapters.clock, SecretRedactor()
    embedder, memories, writer = adapters.embedder(), adapters.memories(), adapters.writer()
    extractor = Mem0Extractor(model=adapters.chat_model(), embedder=embedder, memories=memories, clock=clock)
    visibility, learned = adapters.turn_visibility(), adapters.learned()
    fact_ports = FactDependencies(extractor, memories, writer, redactor, clock, visibility, learned)
    ports = ExtractionPorts(
        jobs=jobs,
        redactor=redactor,
        search=memories,
        switches=adapters.switches(),
        watermarks=DynamoDBWatermarks(adapters.dynamodb, adapters.required("memory_table")),
        thread_messages=adapters.thread_messages(),
        clock=clock,
    )
    return ExtractRun(
        ports,
        ExtractionPolicy(
            chunk_seconds=settings.extraction_timeout_seconds + STORING_SECONDS, enabled=settings.memory_enabled
        ),
        turns=StoreTurns(embedder=embedder, memories=writer, lifetime=timedelta(days=settings.session_memory_days)),
        facts=LearnFacts(
            fact_ports, chunk_characters=settings.extraction_chunk_characters, quota=settings.memory_quota
        ),
        memories=writer,
        trail=adapters.trail(),
    )


def build_memories(environ: Mapping[str, str] | None = None) -> "MemoriesApi":
    """The management API."""
    from operator_memory.entrypoints.api.resolver import MemoriesApi

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    services = _services(adapters)
    adapters.warm()
    return MemoriesApi(services)


def _services(adapters: AdaptersInUse) -> "Services":
    from operator_memory.adapters.dynamodb.answers import DynamoDBAnswers
    from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
    from operator_memory.application.management.answer_once import AnswerOnce
    from operator_memory.application.management.explain_memories import ExplainMemories
    from operator_memory.application.management.export_account import ExportAccount
    from operator_memory.application.management.import_memories import ImportMemories
    from operator_memory.application.management.manage_settings import ManageSettings
    from operator_memory.application.management.reinstate_memories import ReinstateMemories
    from operator_memory.application.management.screen_writing import ScreenWriting
    from operator_memory.application.recall.search_memories import SearchMemories
    from operator_memory.entrypoints.api.services import Services

    settings, switches = SupabasePlatformSettings(adapters.required_supabase()), adapters.switches()
    clock, trail, embedder = adapters.clock, adapters.trail(), adapters.embedder()
    library, writer, visibility = adapters.library(), adapters.writer(), adapters.turn_visibility()
    access = _access(adapters, trail)
    screening = ScreenWriting(access.authorize, clock)
    return Services(
        access=access,
        memories=_management(adapters, screening, trail),
        finder=SearchMemories(library=library, embedder=embedder, switches=switches, trail=trail, clock=clock),
        reinstatement=ReinstateMemories(
            library=library, writer=writer, visibility=visibility, screening=screening, trail=trail, clock=clock
        ),
        settings=ManageSettings(settings, trail),
        erasures=_erasures(adapters, trail),
        exporter=ExportAccount(_export_sources(adapters, library, settings), trail=trail, clock=clock),
        importer=ImportMemories(writer=writer, embedder=embedder, trail=trail, clock=clock),
        jobs=_submission(adapters),
        undoing=_undoing(adapters, trail),
        once=AnswerOnce(DynamoDBAnswers(adapters.dynamodb, adapters.required("memory_table")), clock),
        explanation=ExplainMemories(writer),
        prices=_prices(adapters.settings),
        backup_days=adapters.settings.backup_days,
    )


def _management(adapters: AdaptersInUse, screening: "ScreenWriting", trail: AuditTrail) -> "ManageMemories":
    from operator_memory.application.management.manage_memories import ManageMemories, WritingPorts

    return ManageMemories(
        library=adapters.library(),
        writing=WritingPorts(screening, adapters.embedder(), adapters.writer()),
        visibility=adapters.turn_visibility(),
        remover=_removal(adapters),
        trail=trail,
        clock=adapters.clock,
    )


def _undoing(adapters: AdaptersInUse, trail: AuditTrail) -> "UndoRun":
    from operator_memory.application.learning.undo_run import UndoRun

    return UndoRun(
        jobs=_jobs(adapters),
        learned=adapters.learned(),
        writer=adapters.writer(),
        remover=_removal(adapters),
        visibility=adapters.turn_visibility(),
        trail=trail,
        clock=adapters.clock,
    )


def _removal(adapters: AdaptersInUse) -> "RemoveMemories":
    from operator_memory.application.shared.remove_memories import RemoveMemories

    return RemoveMemories(
        library=adapters.library(),
        learned=adapters.learned(),
        writer=adapters.writer(),
        visibility=adapters.turn_visibility(),
        clock=adapters.clock,
    )


def _submission(adapters: AdaptersInUse) -> "SubmitJobs":
    from operator_memory.adapters.aws.sqs_jobs import SqsJobSender
    from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
    from operator_memory.application.learning.submit_jobs import SubmitJobs

    return SubmitJobs(
        jobs=_jobs(adapters),
        keys=DynamoDBIdempotency(adapters.dynamodb, adapters.required("memory_table")),
        sender=SqsJobSender(adapters.aws_client("sqs"), adapters.required("jobs_queue_url")),
        clock=adapters.clock,
    )


def _prices(settings: Settings) -> "Prices":
    from operator_memory.entrypoints.contracts.account import Prices

    return Prices(settings.extraction_price_prompt / 100, settings.extraction_price_completion / 100)


def _export_sources(adapters: AdaptersInUse, library: "MemoryLibrary", settings: "PlatformSettings") -> "ExportSources":
    """Everything that is held about an account."""
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.export_account import ExportSources

    return ExportSources(
        library=library,
        jobs=_jobs(adapters),
        erasures=DynamoDBErasures(adapters.dynamodb, adapters.required("memory_table")),
        archive=adapters.archive(),
        events=SupabaseEventStore(adapters.required_supabase()),
        settings=settings,
    )


def build_audit(environ: Mapping[str, str] | None = None) -> "RecordEvents":
    """The audit function: what records a batch of events."""
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.record_events import RecordEvents

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    supabase = adapters.required_supabase()
    tombstones = DynamoDBTombstones(adapters.dynamodb, adapters.required("memory_table"))
    adapters.warm()
    return RecordEvents(store=SupabaseEventStore(supabase), library=adapters.library(), tombstones=tombstones)


@dataclass(frozen=True, slots=True)
class ArchiveApp:
    """What the archive function calls."""

    expiry: "ExpireMemories"
    erasures: "EraseMemories"
    gone: "EraseGoneAccounts | None"
    """``None`` where there is no platform whose accounts could be gone."""


def build_archive(environ: Mapping[str, str] | None = None) -> ArchiveApp:
    """The archive function's sweeps."""
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
    from operator_memory.application.lifecycle.erase_gone_accounts import EraseGoneAccounts
    from operator_memory.application.lifecycle.expire_memories import ExpireMemories

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ)
    index = DynamoDBExpiryIndex(adapters.dynamodb, adapters.required("memory_table"))
    adapters.warm()
    expire = ExpireMemories(memories=adapters.memories(), index=index, clock=adapters.clock)
    erasures = _erasures(adapters, adapters.trail())
    platform, gone = adapters.gone_accounts(), None
    if platform is not None:
        gone = EraseGoneAccounts(platform=platform, known=adapters.known_accounts(), erase=erasures.erase_gone_account)
    return ArchiveApp(expire, erasures, gone)


def _jobs(adapters: AdaptersInUse) -> "DynamoDBJobs":
    from operator_memory.adapters.dynamodb.jobs import DynamoDBJobs

    table = adapters.required("memory_table")
    return DynamoDBJobs(adapters.dynamodb, table, record_days=adapters.settings.job_record_days)


def _erasures(adapters: AdaptersInUse, trail: AuditTrail) -> "EraseMemories":
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.dynamodb.records import DynamoDBRecords
    from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts

    table = adapters.required("memory_table")
    ports = ErasurePorts(
        tombstones=DynamoDBTombstones(adapters.dynamodb, table),
        erasures=DynamoDBErasures(adapters.dynamodb, table),
        memories=adapters.erasable(),
        records=DynamoDBRecords(adapters.dynamodb, table),
        archive=adapters.archive(),
        events=SupabaseEventStore(adapters.supabase) if adapters.supabase is not None else None,
    )
    return EraseMemories(ports, trail=trail, clock=adapters.clock)


def _service_tokens(adapters: AdaptersInUse) -> tuple[Authenticate, Callable[[], object]]:
    """Verifies the runtime's tokens; and what reads their keys."""
    from operator_memory.adapters.net.service_tokens import ServiceTokens, key_provider

    keys = key_provider(adapters.required_secret("service_token_keys"))
    tokens = ServiceTokens(keys)
    return (lambda token: tokens.verify(token, now=_now(adapters))), keys


def _now(adapters: AdaptersInUse) -> datetime:
    return adapters.clock.now()


def _access(adapters: AdaptersInUse, trail: AuditTrail) -> "Access":
    """People by their Supabase token, services by their own; in front of everything, the limits."""
    from operator_memory.adapters.net.service_tokens import is_service_token
    from operator_memory.adapters.supabase.memberships import SupabaseMemberships
    from operator_memory.adapters.supabase.user_tokens import UserTokens
    from operator_memory.application.management.authorize import Authorize
    from operator_memory.entrypoints.api.access import Access

    settings = adapters.settings
    base = settings.supabase_url.rstrip("/")
    users = UserTokens(
        issuer=f"{base}/auth/v1",
        hs256_secret=adapters.secret("supabase_jwt_secret"),
        jwks_url=settings.supabase_jwks_url or f"{base}/auth/v1/.well-known/jwks.json",
        clock=adapters.clock,
    )
    services, _ = _service_tokens(adapters)
    memberships = SupabaseMemberships(adapters.required_supabase(), clock=adapters.clock)

    def authenticate(token: str) -> Caller:
        return services(token) if is_service_token(token) else users.verify(token)

    return Access(authenticate, adapters.limits(), Authorize(memberships, trail))
