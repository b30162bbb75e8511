"""The retrieval use case between a scripted embedder and a scripted store, in a time that a test moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import UpstreamError, UpstreamTimeoutError
from operator_memory.domain.memory.scopes import AccountId, ScopeKey
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, NOW, a_hit
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakePlatform, FakeSwitches

DEADLINES = Deadlines()
VECTOR = [0.6, 0.8]
ALL_SCOPES = ContextRequest(
    ACCOUNT, agent_id="agent-1", session_id="session-1", query="What do I drink?", past_sessions=True
)


class ManualClock:
    """Time that only moves when a dependency says how long it took."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class ScriptedEmbedder:
    clock: ManualClock
    takes: float = 0.0
    fails: UpstreamError | None = None
    calls: list[tuple[Sequence[str], float]] = field(default_factory=list)
    dimensions: int = 2

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:
        self.calls.append((texts, timeout))
        self.clock.seconds += min(self.takes, timeout)
        if self.takes > timeout:
            raise UpstreamTimeoutError("embeddings", "no answer")
        if self.fails:
            raise self.fails
        return [VECTOR for _ in texts]


@dataclass
class ScriptedSearch:
    clock: ManualClock
    answers: Callable[[SearchPlan], list[list[Hit]]] = lambda plan: [[] for _ in plan.searches]
    takes: float = 0.0
    fails: UpstreamError | None = None
    calls: list[tuple[AccountId, SearchPlan, datetime, float]] = field(default_factory=list)

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:
        self.calls.append((account_id, plan, now, timeout))
        self.clock.seconds += min(self.takes, timeout)
        if self.takes > timeout:
            raise UpstreamTimeoutError("qdrant", "no answer")
        if self.fails:
            raise self.fails
        return self.answers(plan)


class World:
    """The use case between a scripted embedder and a scripted store."""

    def __init__(self, *, deadlines: Deadlines = DEADLINES, enabled: bool = True, gate: RelevanceGate = OPEN) -> None:
        self.clock = ManualClock()
        self.embedder = ScriptedEmbedder(self.clock)
        self.search = ScriptedSearch(self.clock)
        self.platform = FakePlatform()
        self.switches = FakeSwitches(self.platform)
        self.events = FakeEvents()
        self.retrieve = RetrieveContext(
            search=self.search,
            embedder=self.embedder,
            switches=self.switches,
            trail=AuditTrail(self.events, self.clock),
            clock=self.clock,
            policy=RetrievalPolicy(enabled, deadlines, gate),
        )

    def __call__(self, request: ContextRequest = ALL_SCOPES) -> ContextResult:
        return self.retrieve.retrieve(request, actor="service:agent-runtime")

    @property
    def plan(self) -> SearchPlan:
        """What was searched for last."""
        return self.search.calls[-1][1]

    @property
    def modes(self) -> list[SearchMode]:
        """The modes of the last search."""
        return [s.mode for s in self.plan.searches]


def reached(search: Search) -> tuple[ScopeKey, ...]:
    return search.key.keys if isinstance(search.key, AnyScope) else (search.key,)


def finds_everywhere(plan: SearchPlan) -> list[list[Hit]]:
    """One memory of every scope that a search reaches, found by every search of it."""
    return [[a_hit(f"a memory of the {key.scope}", 0.5, key=key) for key in reached(s)] for s in plan.searches]
