"""What a retrieval costs and reaches on the real engine: one embedding call and one request, whatever is asked."""

from dataclasses import dataclass, replace

import pytest
from operator_memory.adapters.local.system_clock import SystemClock
from operator_memory.adapters.qdrant.memories import QdrantMemories
from operator_memory.application.recall.retrieve_context import (
    ContextRequest,
    ContextResult,
    Deadlines,
    RetrievalPolicy,
    RetrieveContext,
)
from operator_memory.application.shared.audit_trail import AuditTrail
from operator_memory.domain.memory.memory import memory_id
from operator_memory.domain.memory.scopes import AccountId, Kind, Scope
from operator_memory.domain.recall.ranked_memory import Source

from tests.support.builders import ACCOUNT, AGENT_KEY, SESSION_KEY, USER_KEY, a_memory
from tests.support.fakes.core import FakeEmbedder
from tests.support.fakes.limits import FakeEvents
from tests.support.fakes.platform import FakePlatform, FakeSwitches
from tests.support.qdrant.shelves import ObservedClient
from tests.support.qdrant.stores import put

pytest_plugins = ["tests.support.qdrant.store_fixtures"]

PATIENT = Deadlines(switches=10, embedding=10, search=10, total=30)
ALL_SCOPES = ContextRequest(ACCOUNT, "agent-1", "session-1", query="Which tea do I like?", limit=20, past_sessions=True)
OTHER = AccountId("acct-other")


@dataclass
class Calls:
    """A retrieval on the real store, and what it sends to whom."""

    retrieve: RetrieveContext
    embedder: FakeEmbedder
    engine: ObservedClient

    def __call__(self, request: ContextRequest) -> tuple[ContextResult, int, int]:
        """The answer, and how many calls of the embedder and requests to Qdrant it took."""
        self.embedder.calls.clear()
        self.engine.reset()
        result = self.retrieve.retrieve(request, actor="service:agent-runtime")
        assert result.degraded == ()
        return result, len(self.embedder.calls), self.engine.sent


@pytest.fixture
def calls(real_store: QdrantMemories, engine: ObservedClient) -> Calls:
    keys = {
        "tea of the user": USER_KEY,
        "tea of the agent": AGENT_KEY,
        "tea of this session": SESSION_KEY,
        "tea of a past session": replace(SESSION_KEY, owner_id="session-0"),
        "tea of another agent": replace(AGENT_KEY, owner_id="agent-2"),
    }
    kinds = {Scope.SESSION: Kind.TURN}
    mine = [a_memory(text, key=key, kind=kinds.get(key.scope, Kind.FACT)) for text, key in keys.items()]
    put(real_store, *mine)
    put(real_store, *(replace(m, account_id=OTHER, id=memory_id(OTHER, m.key, m.text)) for m in mine))
    embedder, clock = FakeEmbedder(), SystemClock()
    retrieve = RetrieveContext(
        search=real_store,
        embedder=embedder,
        switches=FakeSwitches(FakePlatform()),
        trail=AuditTrail(FakeEvents(), clock),
        clock=clock,
        policy=RetrievalPolicy(deadlines=PATIENT),
    )
    return Calls(retrieve, embedder, engine)


REQUESTS = {
    "all scopes": ALL_SCOPES,
    "the user's only": ContextRequest(ACCOUNT, query="tea"),
    "one scope asked for": replace(ALL_SCOPES, scopes=(Scope.AGENT,)),
    "fifty": replace(ALL_SCOPES, limit=50),
    "a budget": replace(ALL_SCOPES, token_budget=60),
    "a very long query": replace(ALL_SCOPES, query="tea " * 20_000),
    "nothing to find": ContextRequest(AccountId("never-seen"), query="tea"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_with_a_query_exactly_one_embedding_call_and_one_request(request_: ContextRequest, calls: Calls) -> None:
    _, embedded, sent = calls(request_)
    assert (embedded, sent) == (1, 1)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_without_a_query_no_embedding_call_and_one_request(request_: ContextRequest, calls: Calls) -> None:
    _, embedded, sent = calls(replace(request_, query=None))
    assert (embedded, sent) == (0, 1)


def test_asked_again_it_searches_again_and_embeds_nothing(calls: Calls) -> None:
    first, *_ = calls(ALL_SCOPES)
    second, embedded, sent = calls(ALL_SCOPES)
    assert (embedded, sent) == (0, 1)
    assert [m.memory.id for m in second.memories] == [m.memory.id for m in first.memories]


def test_all_that_belongs_to_the_run_is_found_and_nothing_else(calls: Calls) -> None:
    result, *_ = calls(ALL_SCOPES)
    assert {(m.source, m.memory.text) for m in result.memories} == {
        (Source.USER, "tea of the user"),
        (Source.AGENT, "tea of the agent"),
        (Source.SESSION, "tea of this session"),
        (Source.PAST_SESSIONS, "tea of a past session"),
    }
    assert {m.memory.account_id for m in result.memories} == {ACCOUNT}
    assert all(m.parts.meaning > 0 and m.parts.words > 0 for m in result.memories)


def test_without_a_query_the_past_stays_in_the_past(calls: Calls) -> None:
    result, *_ = calls(replace(ALL_SCOPES, query=None))
    assert {m.source for m in result.memories} == {Source.USER, Source.AGENT, Source.SESSION}
