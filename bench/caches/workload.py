"""An hour of questions by many accounts, as agents ask them, and what an instance of the context function keeps of it.

An agent asks for its context on every step of a run, mostly with the same words: the user's last message. Some
questions come again in a later run.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from operator_memory.adapters.supabase.rest import SupabaseRest
from operator_memory.adapters.supabase.switches import SupabaseSwitches
from operator_memory.application.ports.core import Embedder, MemorySearch
from operator_memory.application.recall.query_vectors import QueryVectors
from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.memory.scopes import AccountId
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate
from operator_memory.domain.shared.recent_values import RecentValues
from operator_memory.domain.shared.search_plan import Hit, SearchPlan
from operator_memory.domain.shared.switches import Switches

from bench.extraction.ports import NoEvents, RunClock

HOUR = 3_600.0
MOST_STEPS, RUN_SECONDS = 8, 60.0
AGAIN = 0.3
"""The share of questions that come again in a later run."""
_SOONEST, _LATEST = 120.0, HOUR  # after the first time
_PATIENT = Deadlines(switches=5, embedding=5, search=5, total=20)


@dataclass(frozen=True, slots=True)
class Ask:
    """One step's question. ``at``: seconds since the hour began; ``run``: the run's session."""

    at: float
    account: AccountId
    run: str
    question: str


def workload(questions: Mapping[AccountId, Sequence[str]], *, seed: int = 1) -> list[Ask]:
    """Runs of 1 to 8 steps within a minute, one for each of an account's ``questions`` and for some a second one."""
    chance = random.Random(seed)
    asks: list[Ask] = []
    for account, asked in questions.items():
        for number, question in enumerate(asked):
            start = chance.uniform(0, HOUR)
            starts = [start]
            if chance.random() < AGAIN:
                starts.append(start + chance.uniform(_SOONEST, _LATEST))
            for time, begun in enumerate(starts):
                steps = [0.0, *(chance.uniform(0, RUN_SECONDS) for _ in range(chance.randint(0, MOST_STEPS - 1)))]
                asks += [Ask(begun + step, account, f"run-{number}-{time}", question) for step in steps]
    return sorted(asks, key=lambda ask: ask.at)


class CountedRest(SupabaseRest):
    """The platform's database; counts the calls."""

    calls = 0

    def rpc(self, name: str, arguments: Mapping[str, object], *, timeout: float) -> object:
        """As the database answers."""
        self.calls += 1
        return self.answer(name, arguments, timeout)

    def answer(self, name: str, arguments: Mapping[str, object], timeout: float) -> object:
        """Ask it."""
        return super().rpc(name, arguments, timeout=timeout)


class _AllOn(CountedRest):
    """A database in which nobody has switched anything off, in memory."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1", str)

    def answer(self, name: str, arguments: Mapping[str, object], timeout: float) -> object:  # noqa: ARG002
        return {field.name: True for field in fields(Switches)}


class _Empty:
    """Ports ``MemorySearch`` and ``Embedder`` that cost nothing: where only hits are counted."""

    dimensions = 1

    def search(self, account_id: AccountId, plan: SearchPlan, *, now: datetime, timeout: float) -> list[list[Hit]]:  # noqa: ARG002
        return [[] for _ in plan.searches]

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[list[float]]:  # noqa: ARG002
        return [[1.0] for _ in texts]


class Instance:
    """One instance of the context function: the use case with its caches, in the workload's time."""

    def __init__(
        self,
        search: MemorySearch,
        embedder: Embedder,
        supabase: CountedRest,
        *,
        gate: RelevanceGate = OPEN,
        keeps_vectors: bool = True,
        keeps_switches: bool = True,
    ) -> None:
        """``keeps_vectors``, ``keeps_switches``: ``False`` empties that cache before each question."""
        self._clock = RunClock()
        self._begin = self._clock.time
        self._keeps = keeps_vectors, keeps_switches
        self._supabase = supabase
        self._switches = SupabaseSwitches(supabase, clock=self._clock)
        self._retrieve = RetrieveContext(
            search=search,
            embedder=embedder,
            switches=self._switches,
            trail=AuditTrail(NoEvents(), self._clock),
            clock=self._clock,
            policy=RetrievalPolicy(deadlines=_PATIENT, gate=gate),
        )
        self.asked = 0
        self.vectors_reused = 0

    @property
    def switches_reused(self) -> int:
        """How many questions were answered by switches that were known."""
        return self.asked - self._supabase.calls

    def prepare(self, ask: Ask) -> ContextRequest:
        """The request of ``ask``, at its time and with empty caches where nothing is kept."""
        self._clock.time = self._begin + timedelta(seconds=ask.at)
        vectors, switches = self._keeps
        if not vectors:
            self._retrieve._vectors = QueryVectors()
        if not switches:
            self._switches._known = RecentValues()
        return ContextRequest(ask.account, agent_id="agent-1", session_id=ask.run, query=ask.question)

    def answer(self, request: ContextRequest) -> ContextResult:
        """A full answer.

        Raises:
            RuntimeError: something did not work.
        """
        result = self._retrieve.retrieve(request, actor="service:bench")
        if result.degraded:
            raise RuntimeError(f"not a full answer: {result.degraded}")
        self.asked += 1
        self.vectors_reused += result.vector_reused
        return result

    def forget(self) -> None:
        """As if it had just been started; its connections stay."""
        self._retrieve._vectors = QueryVectors()
        self._switches._known = RecentValues()
        self._supabase.calls = self.asked = self.vectors_reused = 0


@dataclass(frozen=True, slots=True)
class HitRates:
    """Shares of the questions, 0..1, that were answered from each cache."""

    vectors: float
    switches: float


def hit_rates(asks: Sequence[Ask], *, instances: int, seed: int = 1) -> HitRates:
    """Of a workload that is spread by chance over so many instances, each with caches of its own."""
    chance = random.Random(seed)
    running = [Instance(_Empty(), _Empty(), _AllOn()) for _ in range(instances)]
    for ask in asks:
        instance = chance.choice(running)
        instance.answer(instance.prepare(ask))
    return HitRates(
        sum(instance.vectors_reused for instance in running) / len(asks),
        sum(instance.switches_reused for instance in running) / len(asks),
    )
