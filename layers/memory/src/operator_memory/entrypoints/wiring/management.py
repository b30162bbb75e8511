"""Puts together the management API."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.management.identity import Caller
from operator_memory.entrypoints.adapters_in_use import AdaptersInUse
from operator_memory.entrypoints.settings import Settings
from operator_memory.entrypoints.wiring.archive import reading_of, restoring_of
from operator_memory.entrypoints.wiring.policies import expiry_index_of, policies_of, preview_of
from operator_memory.entrypoints.wiring.shared import erasures_of, jobs_of, removal_of, service_tokens
from operator_memory.entrypoints.wiring.usage import quota_of, usage_of

if TYPE_CHECKING:
    from operator_memory.application.learning.submit_jobs import SubmitJobs
    from operator_memory.application.learning.undo_many import UndoMany
    from operator_memory.application.learning.undo_run import UndoRun
    from operator_memory.application.lifecycle.hold_memories import HoldMemories
    from operator_memory.application.lifecycle.manage_policies import ManagePolicies
    from operator_memory.application.management.answer_once import AnswerOnce
    from operator_memory.application.management.erase_memories import EraseMemories
    from operator_memory.application.management.export_account import ExportSources
    from operator_memory.application.management.manage_memories import ManageMemories, WritingPorts
    from operator_memory.application.management.reinstate_memories import ReinstateMemories
    from operator_memory.application.management.screen_writing import ScreenWriting
    from operator_memory.application.ports.management import MemoryLibrary, PlatformSettings
    from operator_memory.application.recall.search_memories import SearchMemories
    from operator_memory.entrypoints.api.access import Access
    from operator_memory.entrypoints.api.resolver import MemoriesApi
    from operator_memory.entrypoints.api.services import Services
    from operator_memory.entrypoints.contracts.account import Prices


def build_memories(environ: Mapping[str, str] | None = None) -> "MemoriesApi":
    """The management API."""
    from operator_memory.entrypoints.api.resolver import MemoriesApi

    adapters = AdaptersInUse.from_environment(os.environ if environ is None else environ, deletes=True)
    services = _services(adapters)
    adapters.warm()
    return MemoriesApi(services)


def _services(adapters: AdaptersInUse) -> "Services":
    from operator_memory.adapters.supabase.settings import SupabasePlatformSettings
    from operator_memory.application.management.explain_memories import ExplainMemories
    from operator_memory.application.management.export_account import ExportAccount
    from operator_memory.application.management.import_memories import ImportMemories
    from operator_memory.application.management.manage_memories import WritingPorts
    from operator_memory.application.management.manage_settings import ManageSettings
    from operator_memory.application.management.note_use import NoteUse
    from operator_memory.application.management.screen_writing import ScreenWriting
    from operator_memory.entrypoints.api.services import Services

    settings, library = SupabasePlatformSettings(adapters.required_supabase()), adapters.library()
    clock, trail, embedder, writer = adapters.clock, adapters.trail(), adapters.embedder(), adapters.writer()
    access = _access(adapters, trail)
    screening, erasures = ScreenWriting(access.authorize, clock), erasures_of(adapters, trail)
    undoing, quota = _undoing(adapters, trail), quota_of(adapters, trail)
    return Services(
        access=access,
        memories=_management(adapters, WritingPorts(screening, embedder, writer, quota), trail),
        finder=_finder(adapters, trail),
        reinstatement=_reinstatement(adapters, screening, trail),
        settings=ManageSettings(settings, trail, index=expiry_index_of(adapters), clock=clock),
        erasures=erasures,
        exporter=ExportAccount(_export_sources(adapters, library, settings, trail), trail=trail, clock=clock),
        importer=ImportMemories(writer=writer, embedder=embedder, trail=trail, clock=clock, quota=quota),
        jobs=_submission(adapters),
        undoing=undoing,
        undoing_many=_undoing_many(adapters, undoing),
        once=_once(adapters),
        explanation=ExplainMemories(writer),
        use=NoteUse(writer, trail),
        holds=_holding(adapters, erasures, trail),
        usage=usage_of(adapters, quota, trail),
        policies=_policies(adapters, trail),
        policy_preview=preview_of(adapters),
        prices=_prices(adapters.settings),
        archive=reading_of(adapters, trail),
        restoring=restoring_of(adapters, trail),
        backup_days=adapters.settings.backup_days,
    )


def _finder(adapters: AdaptersInUse, trail: AuditTrail) -> "SearchMemories":
    from operator_memory.application.recall.search_memories import SearchMemories

    return SearchMemories(
        library=adapters.library(),
        embedder=adapters.embedder(),
        switches=adapters.switches(),
        trail=trail,
        clock=adapters.clock,
    )


def _policies(adapters: AdaptersInUse, trail: AuditTrail) -> "ManagePolicies":
    from operator_memory.application.lifecycle.manage_policies import ManagePolicies

    index = expiry_index_of(adapters)
    return ManagePolicies(policies=policies_of(adapters), index=index, trail=trail, clock=adapters.clock)


def _reinstatement(adapters: AdaptersInUse, screening: "ScreenWriting", trail: AuditTrail) -> "ReinstateMemories":
    from operator_memory.application.management.reinstate_memories import ReinstateMemories

    return ReinstateMemories(
        library=adapters.library(),
        writer=adapters.writer(),
        visibility=adapters.turn_visibility(),
        screening=screening,
        trail=trail,
        clock=adapters.clock,
    )


def _once(adapters: AdaptersInUse) -> "AnswerOnce":
    from operator_memory.adapters.dynamodb.answers import DynamoDBAnswers
    from operator_memory.application.management.answer_once import AnswerOnce

    return AnswerOnce(DynamoDBAnswers(adapters.dynamodb, adapters.required("memory_table")), adapters.clock)


def _management(adapters: AdaptersInUse, writing: "WritingPorts", trail: AuditTrail) -> "ManageMemories":
    from operator_memory.application.management.manage_memories import ManageMemories

    return ManageMemories(
        library=adapters.library(),
        writing=writing,
        visibility=adapters.turn_visibility(),
        remover=removal_of(adapters, archived=reading_of(adapters, trail)),
        trail=trail,
        clock=adapters.clock,
        archived=reading_of(adapters, trail),
    )


def _undoing(adapters: AdaptersInUse, trail: AuditTrail) -> "UndoRun":
    from operator_memory.application.learning.undo_run import UndoRun

    return UndoRun(
        jobs=jobs_of(adapters),
        learned=adapters.learned(),
        writer=adapters.writer(),
        remover=removal_of(adapters, archived=reading_of(adapters, trail)),
        visibility=adapters.turn_visibility(),
        trail=trail,
        clock=adapters.clock,
    )


def _undoing_many(adapters: AdaptersInUse, undoing: "UndoRun") -> "UndoMany":
    from operator_memory.application.learning.undo_many import UndoMany

    return UndoMany(runs=undoing, history=jobs_of(adapters), library=adapters.library(), clock=adapters.clock)


def _holding(adapters: AdaptersInUse, erasures: "EraseMemories", trail: AuditTrail) -> "HoldMemories":
    from operator_memory.adapters.dynamodb.expiry import DynamoDBExpiryIndex
    from operator_memory.application.lifecycle.hold_memories import HoldMemories

    return HoldMemories(
        holds=adapters.holds(),
        expiry=DynamoDBExpiryIndex(adapters.dynamodb, adapters.required("memory_table")),
        resume=erasures.resume_waiting,
        trail=trail,
        clock=adapters.clock,
    )


def _submission(adapters: AdaptersInUse) -> "SubmitJobs":
    from operator_memory.adapters.aws.sqs_jobs import SqsJobSender
    from operator_memory.adapters.dynamodb.idempotency import DynamoDBIdempotency
    from operator_memory.application.learning.submit_jobs import SubmitJobs

    return SubmitJobs(
        jobs=jobs_of(adapters),
        keys=DynamoDBIdempotency(adapters.dynamodb, adapters.required("memory_table")),
        sender=SqsJobSender(adapters.aws_client("sqs"), adapters.required("jobs_queue_url")),
        clock=adapters.clock,
    )


def _prices(settings: Settings) -> "Prices":
    from operator_memory.entrypoints.contracts.account import Prices

    return Prices(settings.extraction_price_prompt / 100, settings.extraction_price_completion / 100)


def _export_sources(
    adapters: AdaptersInUse, library: "MemoryLibrary", settings: "PlatformSettings", trail: AuditTrail
) -> "ExportSources":
    """Everything that is held about an account."""
    from operator_memory.adapters.dynamodb.erasures import DynamoDBErasures
    from operator_memory.adapters.supabase.event_store import SupabaseEventStore
    from operator_memory.application.management.export_account import ExportSources

    return ExportSources(
        library=library,
        jobs=jobs_of(adapters),
        erasures=DynamoDBErasures(adapters.dynamodb, adapters.required("memory_table")),
        archive=reading_of(adapters, trail),
        events=SupabaseEventStore(adapters.required_supabase()),
        settings=settings,
    )


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
    services, _ = service_tokens(adapters)
    memberships = SupabaseMemberships(adapters.required_supabase(), clock=adapters.clock)

    def authenticate(token: str) -> Caller:
        return services(token) if is_service_token(token) else users.verify(token)

    return Access(authenticate, adapters.limits(), Authorize(memberships, trail))
