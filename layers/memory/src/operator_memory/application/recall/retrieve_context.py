"""Use case: retrieves the memories worth injecting into a run, with one embedding call and one search request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from operator_memory.application.ports.core import Clock, Embedder, MemorySearch
from operator_memory.application.recall.query_vectors import QueryVectors
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.errors import MODEL_CHANGED, UpstreamError, degradation
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory.domain.memory.vectors import InferenceText, Vector
from operator_memory.domain.recall.parameters import USUAL, RankingParameters
from operator_memory.domain.recall.query_words import QueryWords, read_query, searchable_query
from operator_memory.domain.recall.question_dates import AskedTimes, asked_times
from operator_memory.domain.recall.ranked_memory import RankedMemory, Source
from operator_memory.domain.recall.ranking import RankingRequest, by_meaning, choose, score
from operator_memory.domain.recall.relevance import OPEN, RelevanceGate
from operator_memory.domain.recall.rendering import render_context
from operator_memory.domain.recall.selection import Breadth
from operator_memory.domain.recall.token_count import ESTIMATE, Estimate, TokenCounter, encoding_of
from operator_memory.domain.shared.audit_events import EventType, Touched
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan, Span, comparable
from operator_memory.domain.shared.switches import Switches

if TYPE_CHECKING:  # every import here costs the context function a cold start
    from operator_memory.application.ports.management import SwitchReader
    from operator_memory.application.recall.rerank_memories import RerankMemories

STANDING_AGENT_FACTS = 5
"""How many of the agent's latest memories are considered whatever the query."""


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """A checked request. ``scopes``: those to search.

    ``token_budget`` is in tokens of ``model``, or of the estimate where its tokenizer is unknown.
    ``memory_enabled=False``: this run goes without memory. ``thread_id`` serves only to read its switch.
    ``past_sessions``: search the turns of the account's other sessions too, except withheld ones. ``recall``: how far
    behind the best memory others may be.
    ``now`` and ``zone``: the asker's, for "yesterday"; they decide nothing else.
    """

    account_id: AccountId
    agent_id: str | None = None
    session_id: str | None = None
    query: str | None = None
    limit: int = 10
    token_budget: int | None = None
    model: str | None = None
    scopes: tuple[Scope, ...] | None = None
    thread_id: str | None = None
    memory_enabled: bool = True
    past_sessions: bool = True
    recall: Breadth = Breadth.BALANCED
    now: datetime | None = None
    zone: tzinfo | None = None

    def asked_at(self, now: datetime) -> datetime:
        """Return the asker's own date and time; ``now`` is the server's."""
        asked = self.now or now
        return asked if self.zone is None else asked.astimezone(self.zone)

    @property
    def scope_keys(self) -> tuple[ScopeKey, ...]:
        """The scopes to search: the requested ones, else every one whose id is given."""
        owners = {Scope.USER: None, Scope.AGENT: self.agent_id, Scope.SESSION: self.session_id}
        wanted = self.scopes or tuple(s for s in Scope if s is Scope.USER or owners[s])
        return tuple(ScopeKey(scope, owners[scope]) for scope in wanted)


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in milliseconds; all but ``total`` are 0.0 where the call was not made."""

    total: float
    embedding: float
    search: float
    reranking: float = 0.0


@dataclass(frozen=True, slots=True)
class ContextResult:
    """The text to inject, the memories in it, and what did not work (``degraded``, codes)."""

    text: str
    memories: tuple[RankedMemory, ...]
    token_count: int
    degraded: tuple[str, ...]
    timing: Timing
    vector_reused: bool = False
    """The query's vector was known from an earlier step: no embedding call was made."""
    tokenizer: str = ESTIMATE
    """What counted the tokens: an encoding's name, or ``estimate``."""
    citations: Mapping[str, str] = field(default_factory=dict)
    """How the text cites each memory, by its id."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Most seconds for reading the switches, the embedding call, the search request, and all together."""

    switches: float = 0.25

    embedding: float = 0.45
    search: float = 0.4
    total: float = 0.9


@dataclass(frozen=True, slots=True)
class RetrievalPolicy:
    """What a deployment sets."""

    enabled: bool = True
    """``False``: every request is answered with an empty context."""
    deadlines: Deadlines = Deadlines()
    gate: RelevanceGate = OPEN
    """What has to do with the query."""
    ranking: RankingParameters = USUAL
    rerank: "RerankMemories | None" = None
    """What judges the ranked once more, if anything."""


class RetrieveContext:
    """Finds, ranks and renders memories. A failing dependency makes the answer poorer, never an error."""

    def __init__(
        self,
        *,
        search: MemorySearch,
        embedder: Embedder,
        switches: "SwitchReader",
        trail: AuditTrail,
        clock: Clock,
        counter_of: Callable[[str], TokenCounter] = lambda _: Estimate(),
        policy: RetrievalPolicy = RetrievalPolicy(),
    ) -> None:
        """``counter_of`` finds the counter of a model by its name."""
        self._rerank = policy.rerank
        self._policy = policy
        self._counter_of = counter_of
        self._vectors = QueryVectors()
        self._switches = switches
        self._trail = trail
        self._search = search
        self._embedder = embedder
        self._clock = clock

    def retrieve(self, request: ContextRequest, *, actor: str, started: float | None = None) -> ContextResult:
        """Answer ``request`` within about ``Deadlines.total`` seconds, even if dependencies fail.

        ``actor``: who asks, as the trail names them. ``started``: the monotonic time at which the request came in, if
        something has been waited for since; that is taken off the total.
        """
        run = _Run(self._clock.monotonic() if started is None else started)
        switches = self._switches_of(request, run)
        if switches is None:
            return self._result(run, request, [])
        query = searchable_query(request.query)
        words = read_query(query) if query else None
        now = self._clock.now()
        times = asked_times(query, request.asked_at(now))
        searches, hits = self._searched(request, query, words, now, run, times)
        breadth = request.recall if by_meaning(searches) else Breadth.BROAD
        asked = RankingRequest(now, words, request.session_id, times, breadth)
        parameters = self._policy.ranking
        scored = score(searches, hits, asked, gate=self._policy.gate, parameters=parameters)
        if self._rerank is not None and query is not None:
            scored = self._reranked(self._rerank, request, query, scored, run)
        ranked = choose(scored, asked, limit=request.limit, parameters=parameters)
        result = self._result(run, request, ranked)
        self._note(request, result, actor, query if switches.record_queries else None)
        return result

    def _switches_of(self, request: ContextRequest, run: "_Run") -> Switches | None:
        """Return the switches, or ``None`` (and note the reason) if memory stays out of this run.

        They are read before the query leaves for the embedder. Switches that cannot be read count as off: a person may
        have set them so.
        """
        if not self._policy.enabled or not request.memory_enabled:
            run.degraded.append("memory_disabled_run" if self._policy.enabled else "memory_disabled")
            return None
        try:
            switches = self._switches.read(
                request.account_id,
                agent_id=request.agent_id,
                thread_id=request.thread_id,
                session_id=request.session_id,
                timeout=max(0.05, min(self._policy.deadlines.switches, self._left(run))),
            )
        except UpstreamError as error:
            run.degraded.append(degradation(error))
            return None
        if switches.off:
            run.degraded.append(f"memory_disabled_{switches.off}")
            return None
        return switches

    def _note(self, request: ContextRequest, result: ContextResult, actor: str, query: str | None) -> None:
        self._trail.note(
            request.account_id,
            actor,
            EventType.INJECT,
            Touched(tuple(ranked.memory.id for ranked in result.memories), request.agent_id, request.thread_id),
            query=query,
            metadata={"tokens": result.token_count},
        )

    def _vector(self, account_id: AccountId, query: str, run: "_Run") -> Vector | None:
        """Return the query's vector, made once for all steps of a run; ``None`` (and note the reason) if it cannot be
        made."""
        known = self._vectors.get(account_id, query, now=self._clock.monotonic())
        if known is not None:
            run.vector_reused = True
            return known
        vector = self._embed(query, run)
        if vector is not None and not isinstance(vector, InferenceText):
            self._vectors.put(account_id, query, vector, now=self._clock.monotonic())
        return vector

    def _embed(self, query: str, run: "_Run") -> Vector | None:
        started = self._clock.monotonic()
        try:
            timeout = max(0.01, min(self._policy.deadlines.embedding, self._left(run)))
            return self._embedder.embed([query], timeout=timeout)[0]
        except UpstreamError as error:
            run.degraded.append(degradation(error))
            return None
        finally:
            run.embedding = self._clock.monotonic() - started

    def _searched(
        self,
        request: ContextRequest,
        query: str | None,
        words: QueryWords | None,
        now: datetime,
        run: "_Run",
        times: AskedTimes,
    ) -> tuple[Sequence[Search], list[list[Hit]]]:
        """Return the searches that were made, and what each has found."""
        vector = None
        if words is not None and words.small_talk:
            plan = SearchPlan(_standing(request))
        else:
            vector = self._vector(request.account_id, query, run) if query else None
            plan = plan_searches(request, query, vector, times.spans, parameters=self._policy.ranking)
        hits = self._find(request.account_id, plan, now, run)
        # It may be the vector alone that fails: the store makes it, or holds those of another model.
        fails = hits is None and (isinstance(vector, InferenceText) or MODEL_CHANGED in run.degraded)
        if (fails or (hits is not None and run.strange_vectors(plan, hits))) and self._left(run) > 0:
            plan = plan_searches(request, query, None, times.spans, parameters=self._policy.ranking)
            hits = self._find(request.account_id, plan, now, run)
        return plan.searches, [[] for _ in plan.searches] if hits is None else hits

    def _find(self, account: AccountId, plan: SearchPlan, now: datetime, run: "_Run") -> list[list[Hit]] | None:
        started = self._clock.monotonic()
        try:
            timeout = max(0.05, min(self._policy.deadlines.search, self._left(run)))
            found = self._search.search(account, plan, now=now, timeout=timeout)
            hits, changed = comparable(found, plan.searches)
            if changed and MODEL_CHANGED not in run.degraded:
                run.degraded.append(MODEL_CHANGED)
            return hits
        except UpstreamError as error:
            run.note(error)
            return None
        finally:
            run.search += self._clock.monotonic() - started

    def _reranked(
        self, rerank: "RerankMemories", request: ContextRequest, query: str, scored: list[RankedMemory], run: "_Run"
    ) -> list[RankedMemory]:
        """Return ``scored`` as the reranker orders it; as it is (and note the reason) if that fails."""
        started = self._clock.monotonic()
        try:
            timeout = max(0.01, self._left(run))
            all_fit = request.token_budget is None and request.recall is Breadth.BROAD
            return rerank.rerank(query, scored, limit=request.limit, timeout=timeout, all_fit=all_fit)
        except UpstreamError as error:
            run.note(error)
            return scored
        finally:
            run.reranking = self._clock.monotonic() - started

    def _left(self, run: "_Run") -> float:
        return self._policy.deadlines.total - (self._clock.monotonic() - run.started)

    def _result(self, run: "_Run", request: ContextRequest, ranked: list[RankedMemory]) -> ContextResult:
        context = render_context(
            [r.memory for r in ranked],
            token_budget=request.token_budget,
            counter=self._counter(run, request.model) if ranked else None,
            earlier={r.memory.id for r in ranked if r.source is Source.PAST_SESSIONS},
        )
        score_of = {r.memory.id: r for r in ranked}
        total = self._clock.monotonic() - run.started
        return ContextResult(
            text=context.text,
            memories=tuple(score_of[m.id] for m in context.memories),
            token_count=context.token_count,
            degraded=tuple(run.degraded),
            timing=Timing(*(round(seconds * 1000, 2) for seconds in (total, *run.calls))),
            vector_reused=run.vector_reused,
            tokenizer=context.tokenizer,
            citations=context.citations,
        )

    def _counter(self, run: "_Run", model: str | None) -> TokenCounter:
        """Return the counter of ``model``. A known one that could not be loaded is replaced by the estimate, and
        noted."""
        counter = self._counter_of(model) if model else Estimate()
        if counter.name == ESTIMATE and encoding_of(model):
            run.degraded.append("tokenizer_unavailable")
        return counter


class _Run:
    """What one call notes on its way."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.embedding = 0.0
        self.search = 0.0
        self.reranking = 0.0
        self.vector_reused = False
        self.degraded: list[str] = []

    @property
    def calls(self) -> tuple[float, float, float]:
        """The seconds of each call, as `Timing` has them."""
        return self.embedding, self.search, self.reranking

    def note(self, error: UpstreamError) -> None:
        """Note what failed, once."""
        code = degradation(error)
        if code not in self.degraded:
            self.degraded.append(code)

    def strange_vectors(self, plan: SearchPlan, hits: Sequence[Sequence[Hit]]) -> bool:
        """Tell whether a search by meaning has found nothing but vectors of another model."""
        pairs = zip(plan.searches, hits, strict=True)
        none = not any(found for search, found in pairs if search.mode is SearchMode.DENSE)
        return plan.vector is not None and MODEL_CHANGED in self.degraded and none


def plan_searches(
    request: ContextRequest,
    query: str | None,
    vector: Vector | None,
    during: tuple[Span, ...] = (),
    *,
    parameters: RankingParameters = USUAL,
) -> SearchPlan:
    """Plan the searches: by meaning and by words with a query, the profile without one.

    With a query but no vector (the embedder failed) it plans words and profile. Pinned memories are always looked up: a
    person asked for them to be remembered. So is what the agent learned last about how to work: "answer in short bullet
    points" bears on every run and resembles no query. ``during``: the times that the query names, of which memories
    are looked up besides.
    """
    candidates = parameters.candidates_for(request.limit)
    everything = _everything(request)
    searches: list[Search] = []
    if query and vector is not None:
        searches.append(Search(everything, SearchMode.DENSE, candidates))
    if query:
        searches.append(Search(everything, SearchMode.KEYWORD, candidates))
    if query and during:
        mode = SearchMode.RECENT if vector is None else SearchMode.DENSE
        searches.append(Search(everything, mode, parameters.dated_candidates, during=during))
    if vector is not None:
        searches += _standing(request)
    else:
        searches.append(Search(everything, SearchMode.PINNED, request.limit))
        modes = (SearchMode.IMPORTANT, SearchMode.RECENT)
        searches += [Search(key, mode, request.limit) for key in request.scope_keys for mode in modes]
    return SearchPlan(tuple(searches), vector=vector, text=query)


def _everything(request: ContextRequest) -> AnyScope:
    """Return all that the run may see. What was said in other sessions belongs to what is known of the user."""
    of_user = Scope.USER in {key.scope for key in request.scope_keys}
    return AnyScope(request.scope_keys, past_sessions=request.past_sessions and of_user)


def _standing(request: ContextRequest) -> tuple[Search, ...]:
    """Return the searches that do not depend on the query; a greeting gets only these."""
    latest = min(STANDING_AGENT_FACTS, request.limit)
    agents = [key for key in request.scope_keys if key.scope is Scope.AGENT]
    pinned = Search(_everything(request), SearchMode.PINNED, request.limit)
    return (pinned, *(Search(key, SearchMode.RECENT, latest) for key in agents))
