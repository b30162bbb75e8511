"""The management API in this process: the real routes, gate and tokens over in-memory ports, or a real store."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from operator_memory.adapters.net.service_tokens import ServiceTokens, is_service_token, mint
from operator_memory.adapters.supabase.user_tokens import UserTokens
from operator_memory.application.learning.submit_jobs import SubmitJobs
from operator_memory.application.learning.undo_many import UndoMany
from operator_memory.application.learning.undo_run import UndoRun
from operator_memory.application.lifecycle.hold_memories import HoldMemories
from operator_memory.application.lifecycle.manage_policies import ManagePolicies
from operator_memory.application.lifecycle.plan_policies import PlanPolicies
from operator_memory.application.lifecycle.preview_policies import PreviewPolicies
from operator_memory.application.lifecycle.read_archive import ReadArchive
from operator_memory.application.lifecycle.restore_memories import RestoreMemories, RestorePorts
from operator_memory.application.management.answer_once import AnswerOnce
from operator_memory.application.management.authorize import Authorize
from operator_memory.application.management.erase_memories import EraseMemories, ErasurePorts
from operator_memory.application.management.explain_memories import ExplainMemories
from operator_memory.application.management.export_account import ExportAccount, ExportSources
from operator_memory.application.management.import_memories import ImportMemories
from operator_memory.application.management.limit_rate import LimitRate
from operator_memory.application.management.manage_memories import ManageMemories, WritingPorts
from operator_memory.application.management.manage_settings import ManageSettings
from operator_memory.application.management.note_use import NoteUse
from operator_memory.application.management.reinstate_memories import ReinstateMemories
from operator_memory.application.management.screen_writing import ScreenWriting
from operator_memory.application.ports.archive import WholeMemories
from operator_memory.application.ports.core import LearnedMemories, MemorySearch, MemoryWriter, TurnMarks
from operator_memory.application.ports.management import ErasableMemories, MemoryLibrary
from operator_memory.application.recall.search_memories import SearchMemories
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.application.shared.guarded_writer import GuardedWriter
from operator_memory.application.shared.keep_held import KeepHeld
from operator_memory.application.shared.remove_memories import RemoveMemories
from operator_memory.application.shared.turn_visibility import TurnVisibility
from operator_memory.application.usage.keep_quota import KeepQuota
from operator_memory.application.usage.manage_usage import ManageUsage, UsageSources
from operator_memory.domain.management.identity import Action, Caller
from operator_memory.domain.management.rate_limits import Bucket, RateLimit
from operator_memory.domain.memory.memory import EmbeddedMemory, Memory
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.usage.budget import NO_LIMIT, Limit
from operator_memory.domain.usage.counts import Prices as CentPrices
from operator_memory.entrypoints.api.access import Access
from operator_memory.entrypoints.api.resolver import MemoriesApi
from operator_memory.entrypoints.api.services import Services
from operator_memory.entrypoints.contracts.account import Prices

from devstack.aws.events import HttpRequest, api_event
from tests.support.fakes.archive import InMemoryArchive
from tests.support.fakes.core import FakeClock, FakeEmbedder, InMemoryExpiryIndex, InMemoryMemories
from tests.support.fakes.erasure import (
    InMemoryAnswers,
    InMemoryErasures,
    InMemoryIdempotency,
    InMemoryRecords,
    InMemoryTombstones,
)
from tests.support.fakes.holds import FixedHolds
from tests.support.fakes.learning import InMemoryJobs, InMemoryWatermarks
from tests.support.fakes.library import InMemoryLibrary
from tests.support.fakes.lifecycle import (
    ArchivingFake,
    FakeAgentPolicies,
    InMemoryPolicies,
    InMemoryPolicyMemories,
    PolicyMemoriesOf,
)
from tests.support.fakes.limits import FakeEvents, InMemoryTokenBuckets
from tests.support.fakes.platform import (
    FakeEventStore,
    FakeMemberships,
    FakePlatform,
    FakePlatformSettings,
    FakeSwitches,
)
from tests.support.fakes.usage import FakeArchiver, FixedQuota, InMemoryBudgets, InMemorySizes, InMemoryUsage
from tests.support.fakes.whole import InMemoryWholeMemories

ISSUER = "https://project.test/auth/v1"
SECRET = "the-project's-jwt-secret-of-more-than-32-characters"
SERVICE_KEY = "a-key-of-at-least-thirty-two-characters"
ALL_SCOPES = [action.value for action in Action]
NO_LIMITS = {bucket: RateLimit(0) for bucket in Bucket}


@dataclass(frozen=True)
class Terms:
    """How often callers may call, and what accounts may keep and spend."""

    rates: Mapping[Bucket, RateLimit] = field(default_factory=lambda: NO_LIMITS)
    quota: FixedQuota = FixedQuota(20_000)  # noqa: RUF009  (frozen)
    default_limit: Limit = NO_LIMIT
    prices: CentPrices = CentPrices(15, 60)  # noqa: RUF009  (frozen)


USUAL_TERMS = Terms()


@dataclass
class FakeSender:
    """Port ``JobSender``; notes what is sent."""

    sent: list[tuple[str, AccountId, str]] = field(default_factory=list)
    error: Exception | None = None

    def send(self, body: str, *, account_id: AccountId, deduplication_id: str) -> None:
        if self.error:
            raise self.error
        self.sent.append((body, account_id, deduplication_id))


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer; ``json`` is its decoded body."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        """The ids of a list of memories."""
        return [memory["id"] for memory in self.json["memories"]]


@dataclass(frozen=True)
class FunctionContext:
    """What Lambda gives the function with each request, as far as it is used."""

    management: "Management"

    def get_remaining_time_in_millis(self) -> float:
        return self.management.seconds_left() * 1000


class Management:
    """A platform with its API. What it is given of ``library``, ``writer``, ``erasable``, ``search`` and ``marks``
    is one store; by default in memory."""

    def __init__(
        self,
        *,
        library: MemoryLibrary | None = None,
        writer: MemoryWriter | None = None,
        erasable: ErasableMemories | None = None,
        search: MemorySearch | None = None,
        marks: TurnMarks | None = None,
        learned: LearnedMemories | None = None,
        terms: Terms = USUAL_TERMS,
    ) -> None:
        self.clock = FakeClock()
        self.seconds_left: Callable[[], float] = lambda: 900.0
        self.memories = InMemoryMemories()
        fake = InMemoryLibrary(self.memories)
        self._search, self._marks = search or self.memories, marks or self.memories
        self.library, self.erasable = library or fake, erasable or fake
        self.learned = learned or self.memories
        self.platform = FakePlatform()
        self.switches = FakeSwitches(self.platform)
        self.events = FakeEvents()
        self.embedder = FakeEmbedder()
        self.buckets = InMemoryTokenBuckets()
        self.jobs, self.watermarks = InMemoryJobs(), InMemoryWatermarks()
        self.keys, self.sender = InMemoryIdempotency(), FakeSender()
        self.answers = InMemoryAnswers()
        self.tombstones, self.erasures, self.archive = InMemoryTombstones(), InMemoryErasures(), InMemoryArchive()
        self.usage = InMemoryUsage()
        self.budgets, self.archiver, self.terms = InMemoryBudgets(self.usage), FakeArchiver(self.memories), terms
        self.quota = KeepQuota(rule=terms.quota, library=self.library, clock=self.clock, archive=self.archiver)
        self.event_store = FakeEventStore(self.platform)
        self.expiry, self.policies, self.holds = InMemoryExpiryIndex(), InMemoryPolicies(), FixedHolds()
        self.trail = AuditTrail(self.events, self.clock)
        self.held = KeepHeld(holds=self.holds, library=self.library, trail=self.trail)
        self.agent_policies = FakeAgentPolicies(self.platform)
        self.writer = self._writer(writer or self.memories)
        self.erase = self._erase()
        self.move_by(InMemoryWholeMemories(self.memories), terms.rates)

    def _writer(self, memories: MemoryWriter) -> GuardedWriter:
        return GuardedWriter(
            memories=memories,
            expiry=self.expiry,
            erasable=self.erasable,
            tombstones=self.tombstones,
            held=self.held,
        )

    def move_by(self, whole: WholeMemories, limits: Mapping[Bucket, RateLimit] = NO_LIMITS) -> None:
        """Let ``whole`` move memories between the store and the archive."""
        self.whole = whole
        self.archived = ReadArchive(archive=self.archive, memories=whole, trail=self.trail)
        ports = RestorePorts(self.archive, whole, self.writer, self.holds)
        self.restoring = RestoreMemories(ports, trail=self.trail, clock=self.clock)
        self.api = MemoriesApi(self._services(limits))

    def _erase(self) -> EraseMemories:
        ports = ErasurePorts(
            tombstones=self.tombstones,
            erasures=self.erasures,
            memories=self.erasable,
            records=InMemoryRecords(self.jobs, self.watermarks, self.keys, self.answers, self.usage),
            archive=self.archive,
            events=self.event_store,
            held=self.held,
        )
        return EraseMemories(ports, trail=self.trail, clock=self.clock)

    def _services(self, limits: Mapping[Bucket, RateLimit]) -> Services:
        settings = FakePlatformSettings(self.platform)
        clock, trail, embedder = self.clock, self.trail, self.embedder
        visibility = TurnVisibility(search=self._search, marks=self._marks, clock=clock)
        remover = self._remover(visibility)
        access, undoing = self._access(limits), self._undoing(remover, visibility)
        screening = ScreenWriting(access.authorize, clock)
        return Services(
            access=access,
            memories=self._memories(screening, visibility, remover),
            finder=self._finder(),
            reinstatement=ReinstateMemories(
                library=self.library,
                writer=self.writer,
                visibility=visibility,
                screening=screening,
                trail=trail,
                clock=clock,
            ),
            settings=ManageSettings(settings, trail, index=self.expiry, clock=clock),
            erasures=self.erase,
            exporter=ExportAccount(self._sources(settings), trail=trail, clock=clock),
            importer=ImportMemories(writer=self.writer, embedder=embedder, trail=trail, clock=clock, quota=self.quota),
            jobs=SubmitJobs(jobs=self.jobs, keys=self.keys, sender=self.sender, clock=clock),
            undoing=undoing,
            undoing_many=UndoMany(runs=undoing, history=self.jobs, library=self.library, clock=clock),
            once=AnswerOnce(self.answers, clock),
            explanation=ExplainMemories(self.writer),
            use=NoteUse(self.writer, self.trail),
            holds=self._holding(),
            usage=self._usage(),
            policies=ManagePolicies(policies=self.policies, index=self.expiry, trail=trail, clock=clock),
            policy_preview=self._policy_preview(),
            prices=Prices(prompt=0.15, completion=0.60),
            archive=self.archived,
            restoring=self.restoring,
        )

    def _memories(
        self, screening: ScreenWriting, visibility: TurnVisibility, remover: RemoveMemories
    ) -> ManageMemories:
        return ManageMemories(
            library=self.library,
            writing=WritingPorts(screening, self.embedder, self.writer, self.quota),
            visibility=visibility,
            remover=remover,
            trail=self.trail,
            clock=self.clock,
            archived=self.archived,
        )

    def _usage(self) -> ManageUsage:
        sources = UsageSources(self.library, InMemorySizes(self.memories), self.usage, self.budgets, self.archived)
        return ManageUsage(
            sources,
            quota=self.quota,
            default=self.terms.default_limit,
            prices=self.terms.prices,
            trail=self.trail,
            clock=self.clock,
        )

    def _policy_preview(self) -> PreviewPolicies:
        memories = self.selected = PolicyMemoriesOf(InMemoryPolicyMemories(self.memories))
        self.archiving = ArchivingFake(self.memories, self.clock)
        plan = PlanPolicies(
            memories=memories, policies=self.policies, agents=self.agent_policies, holds=self.holds, archiving=True
        )
        return PreviewPolicies(plan=plan, memories=memories, archive=self.archiving, clock=self.clock)

    def _finder(self) -> SearchMemories:
        return SearchMemories(
            library=self.library, embedder=self.embedder, switches=self.switches, trail=self.trail, clock=self.clock
        )

    def _sources(self, settings: FakePlatformSettings) -> ExportSources:
        return ExportSources(self.library, self.jobs, self.erasures, self.archived, self.event_store, settings)

    def _remover(self, visibility: TurnVisibility) -> RemoveMemories:
        return RemoveMemories(
            library=self.library,
            learned=self.learned,
            writer=self.writer,
            visibility=visibility,
            held=self.held,
            clock=self.clock,
            archived=self.archived,
        )

    def _holding(self) -> HoldMemories:
        return HoldMemories(
            holds=self.holds,
            expiry=self.expiry,
            resume=self.erase.resume_waiting,
            trail=self.trail,
            clock=self.clock,
        )

    def _undoing(self, remover: RemoveMemories, visibility: TurnVisibility) -> UndoRun:
        return UndoRun(
            jobs=self.jobs,
            learned=self.learned,
            writer=self.writer,
            remover=remover,
            visibility=visibility,
            trail=self.trail,
            clock=self.clock,
        )

    def _access(self, limits: Mapping[Bucket, RateLimit]) -> Access:
        users = UserTokens(issuer=ISSUER, hs256_secret=lambda: SECRET, jwks_url=None, clock=self.clock)
        services = ServiceTokens(lambda: {"k1": SERVICE_KEY.encode()})

        def authenticate(token: str) -> Caller:
            return services.verify(token, now=self.clock.now()) if is_service_token(token) else users.verify(token)

        limit = LimitRate(self.buckets, limits=limits, service_factor=10, clock=self.clock)
        return Access(authenticate, limit, Authorize(FakeMemberships(self.platform), self.trail))

    # ---- callers ----------------------------------------------------------------------------------------------

    def user_token(self, user_id: str, **changes: object) -> str:
        """A person's access token, as Supabase signs it."""
        now = int(self.clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": "authenticated", "role": "authenticated", "sub": user_id, "iat": now}
        return jwt.encode({**claims, "exp": now + 3600, **changes}, SECRET, algorithm="HS256")

    def service_token(self, *scopes: str, account: str | None = None) -> str:
        """A service's token with ``scopes`` (all, if none are given)."""
        return mint(
            "k1",
            SERVICE_KEY.encode(),
            permissions=scopes or ALL_SCOPES,
            now=self.clock.now(),
            lifetime=timedelta(minutes=5),
            account=account,
        )

    # ---- requests ---------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        *,
        user: str | None = None,
        token: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """The answer to a request, as the person ``user`` or with ``token``."""
        token = self.user_token(user) if user is not None else token
        sent = {"content-type": "application/json", **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        text = urlencode({name: _text(value) for name, value in query.items() if value is not None})
        request = HttpRequest(method, quote(path, safe="/%"), text, list(sent.items()), raw, "127.0.0.1")
        response = self.api.handle(api_event(request, "$default", {}), FunctionContext(self))
        return Answer(
            int(response["statusCode"]),
            {name.lower(): str(value) for name, value in response["headers"].items()},
            response.get("body") or "",
        )

    def put(self, *memories: Memory) -> None:
        """Store memories past the API."""
        for memory in memories:
            vector = self.embedder.embed([memory.text], timeout=1)[0]
            self.writer.upsert(memory.account_id, [EmbeddedMemory(memory, vector)])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
