"""The use case: one embedding call, one search request, and an answer whatever the dependencies do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from operator_memory.application.recall.retrieve_context import (
    STANDING_AGENT_FACTS,
    ContextRequest,
    Deadlines,
)
from operator_memory.domain.errors import (
    MalformedResponseError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from operator_memory.domain.memory.scopes import AccountId, Scope
from operator_memory.domain.memory.vectors import InferenceText
from operator_memory.domain.recall.parameters import RankingParameters
from operator_memory.domain.recall.query_words import MAX_QUERY_CHARACTERS, searchable_query
from operator_memory.domain.shared.audit_events import EventType, MemoryEvent
from operator_memory.domain.shared.search_plan import AnyScope, Hit, Search, SearchMode, SearchPlan

from tests.support.builders import ACCOUNT, AGENT_KEY, NOW, SESSION_KEY, USER_KEY, a_hit
from tests.support.recall.retrieval_world import (
    ALL_SCOPES,
    DEADLINES,
    VECTOR,
    ScriptedEmbedder,
    World,
    finds_everywhere,
)

CANDIDATES = RankingParameters().candidates
DENSE, KEYWORD, PINNED, IMPORTANT, RECENT, _ = SearchMode


def test_one_embedding_call_and_one_search_request_serve_all_scopes() -> None:
    world = World()
    world.search.answers = finds_everywhere
    result = world()
    assert [texts for texts, _ in world.embedder.calls] == [["What do I drink?"]]
    [(account, plan, now, _)] = world.search.calls
    assert (account, now) == (ACCOUNT, NOW)
    assert (plan.vector, plan.text) == (VECTOR, "What do I drink?")
    assert {m.memory.scope for m in result.memories} == set(Scope)
    assert result.degraded == ()
    assert all(r.memory.text in result.text for r in result.memories)


@pytest.mark.parametrize(("limit", "candidates"), [(1, 40), (10, 40), (25, 40), (30, 48), (50, 80)])
def test_a_long_list_is_chosen_from_more_candidates(limit: int, candidates: int) -> None:
    world = World()
    world(replace(ALL_SCOPES, limit=limit))
    assert {s.limit for s in world.plan.searches if s.mode in (DENSE, KEYWORD)} == {candidates}


def test_with_a_query_one_search_by_meaning_and_words_the_words_scores_the_pinned_and_the_agents_latest() -> None:
    world = World()
    world(replace(ALL_SCOPES, limit=7))
    everything = AnyScope((USER_KEY, AGENT_KEY, SESSION_KEY), past_sessions=True)
    assert world.plan.searches == (
        Search(everything, DENSE, CANDIDATES),
        Search(everything, KEYWORD, CANDIDATES),
        Search(everything, PINNED, 7),
        Search(AGENT_KEY, RECENT, STANDING_AGENT_FACTS),  # what it learnt last about how to work, whatever the query
    )


def test_of_an_agents_latest_there_are_never_more_than_asked_for() -> None:
    world = World()
    world(replace(ALL_SCOPES, limit=2))
    assert world.plan.searches[-1] == Search(AGENT_KEY, RECENT, 2)


def test_without_a_vector_words_bring_their_memories_themselves_and_each_scope_its_profile() -> None:
    world = World()
    world.embedder.fails = UpstreamUnavailableError("embeddings", "x")
    world(replace(ALL_SCOPES, limit=7))
    everything = AnyScope((USER_KEY, AGENT_KEY, SESSION_KEY), past_sessions=True)
    profile = [Search(key, mode, 7) for key in everything.keys for mode in (IMPORTANT, RECENT)]
    assert world.plan.searches == (Search(everything, KEYWORD, CANDIDATES), Search(everything, PINNED, 7), *profile)


@pytest.mark.parametrize("scopes", [(Scope.SESSION,), (Scope.AGENT,), (Scope.AGENT, Scope.SESSION)])
def test_past_sessions_are_the_persons_and_left_out_where_theirs_are_not_asked_for(scopes: tuple[Scope, ...]) -> None:
    world = World()
    world(replace(ALL_SCOPES, scopes=scopes))
    keys = [search.key for search in world.plan.searches if isinstance(search.key, AnyScope)]
    assert keys
    assert not any(key.past_sessions or USER_KEY in key.keys for key in keys)


@pytest.mark.parametrize(
    ("request_", "keys"),
    [
        (ContextRequest(ACCOUNT), [USER_KEY]),
        (ContextRequest(ACCOUNT, agent_id="agent-1"), [USER_KEY, AGENT_KEY]),
        (ContextRequest(ACCOUNT, session_id="session-1"), [USER_KEY, SESSION_KEY]),
        (ContextRequest(ACCOUNT, "agent-1", "session-1", scopes=(Scope.SESSION,)), [SESSION_KEY]),
    ],
)
def test_the_scopes_are_those_asked_for_or_those_whose_id_is_given(
    request_: ContextRequest, keys: list[object]
) -> None:
    assert list(request_.scope_keys) == keys


@pytest.mark.parametrize("query", [None, "", "  \n", "\x00\x01", "?!", "👍", "\ud800"])
def test_without_words_to_search_for_the_answer_is_the_profile_and_nothing_is_embedded(query: str | None) -> None:
    world = World()
    world.search.answers = finds_everywhere
    result = world(ContextRequest(ACCOUNT, query=query))
    assert world.embedder.calls == []
    assert world.modes == [PINNED, IMPORTANT, RECENT]
    assert len(result.memories) == 1
    assert result.degraded == ()
    assert result.timing.embedding == 0.0


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UpstreamTimeoutError("embeddings", "x"), "embeddings_timeout"),
        (UpstreamUnavailableError("embeddings", "x"), "embeddings_unavailable"),
        (UpstreamRejectedError("embeddings", "x"), "embeddings_failed"),
        (MalformedResponseError("embeddings", "x"), "embeddings_failed"),
        (UpstreamUnavailableError("ssm", "the key cannot be read"), "ssm_unavailable"),
    ],
)
def test_when_the_embedder_fails_words_and_profile_answer(failure: UpstreamError, code: str) -> None:
    world = World()
    world.search.answers = finds_everywhere
    world.embedder.fails = failure
    result = world()
    assert world.modes[:2] == [KEYWORD, PINNED]
    assert world.search.calls[0][1].vector is None
    assert result.memories
    assert result.degraded == (code,)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UpstreamTimeoutError("qdrant", "x"), "qdrant_timeout"),
        (UpstreamUnavailableError("qdrant", "x"), "qdrant_unavailable"),
        (UpstreamRejectedError("qdrant", "x"), "qdrant_failed"),
        (MalformedResponseError("qdrant", "x"), "qdrant_failed"),
    ],
)
def test_when_the_store_fails_the_answer_is_empty_and_says_so(failure: UpstreamError, code: str) -> None:
    world = World()
    world.search.fails = failure
    result = world()
    assert (result.text, result.memories, result.token_count) == ("", (), 0)
    assert result.degraded == (code,)


@dataclass
class NamesTheText(ScriptedEmbedder):
    """The store makes the vectors."""

    def embed(self, texts: Sequence[str], *, timeout: float) -> list[InferenceText]:  # type: ignore[override]
        return [InferenceText(text, "a-model") for text in texts]


def world_of_a_store_that_embeds() -> World:
    world = World()
    world.embedder = NamesTheText(world.clock)
    world.retrieve._embedder = world.embedder
    return world


def test_a_store_that_cannot_embed_is_asked_by_words_and_profile() -> None:
    world = world_of_a_store_that_embeds()

    def no_model(plan: SearchPlan) -> list[list[Hit]]:
        if plan.vector is not None:
            raise UpstreamUnavailableError("qdrant", "the model is not there")
        return finds_everywhere(plan)

    world.search.answers = no_model
    result = world()
    assert [call[1].vector is None for call in world.search.calls] == [False, True]
    assert SearchMode.KEYWORD in world.modes
    assert SearchMode.DENSE not in world.modes
    assert (result.degraded, len(result.memories)) == (("qdrant_unavailable",), 3)


def test_a_store_that_embeds_and_is_gone_is_asked_twice_and_named_once() -> None:
    world = world_of_a_store_that_embeds()
    world.search.fails = UpstreamUnavailableError("qdrant", "refused")
    result = world()
    assert (len(world.search.calls), result.degraded, result.memories) == (2, ("qdrant_unavailable",), ())


def test_a_store_that_embeds_and_hangs_is_asked_again_within_the_deadline() -> None:
    world = world_of_a_store_that_embeds()
    world.search.takes = 60.0
    started = world.clock.monotonic()
    assert world().degraded == ("qdrant_timeout",)
    assert world.clock.monotonic() - started <= DEADLINES.total + 0.05


def test_when_both_hang_the_answer_comes_within_the_total_deadline_naming_both() -> None:
    world = World()
    world.embedder.takes = world.search.takes = 60.0
    result = world()
    assert result.degraded == ("embeddings_timeout", "qdrant_timeout")
    assert result.timing.total <= 900
    assert (result.timing.embedding, result.timing.search) == (450.0, 400.0)


def test_each_call_gets_its_deadline_and_the_search_no_more_than_what_is_left() -> None:
    world = World(deadlines=Deadlines(embedding=0.6, search=0.5, total=0.8))
    world.embedder.takes = 0.55
    world()
    assert world.embedder.calls[0][1] == 0.6
    assert world.search.calls[0][3] == pytest.approx(0.25)
    greedy = World(deadlines=Deadlines(embedding=5.0, search=5.0, total=0.8))
    greedy.embedder.takes = greedy.search.takes = 60.0
    assert greedy().timing.total <= 860, "no single deadline may exceed the total"


def test_an_account_without_memories_gets_an_empty_answer_that_is_not_degraded() -> None:
    result = World()(ContextRequest(AccountId("never-seen"), query="tea"))
    assert (result.text, result.memories, result.degraded) == ("", (), ())


def test_switched_off_it_answers_empty_and_calls_nobody() -> None:
    world = World(enabled=False)
    result = world()
    assert (result.text, result.degraded) == ("", ("memory_disabled",))
    assert world.embedder.calls == []
    assert world.search.calls == []


def test_one_run_can_go_without_memory() -> None:
    world = World()
    result = world(replace(ALL_SCOPES, memory_enabled=False))
    assert (result.text, result.degraded) == ("", ("memory_disabled_run",))
    assert (world.embedder.calls, world.search.calls, world.switches.timeouts) == ([], [], [])


@pytest.mark.parametrize("which", ["account", "agent", "thread", "session", "session of another thread"])
def test_a_persons_switch_keeps_memory_out_and_the_query_from_the_embedder(which: str) -> None:
    world = World()
    account = AccountId(world.platform.new_user())
    agent, thread = world.platform.new_agent(account), world.platform.new_thread(account)
    if which == "account":
        world.platform.accounts[account] = {"memory_enabled": False}
    elif which == "agent":
        world.platform.agents[agent].settings["memory_enabled"] = False
    else:
        world.platform.threads[thread].settings.update(memory_enabled=False, memory_session_id="session-1")
    named = {"thread_id": thread, "session_id": "session-2"}
    if which == "session":
        named = {"session_id": "session-1"}
    if which == "session of another thread":
        named = {"thread_id": world.platform.new_thread(account), "session_id": "session-1"}
    result = world(ContextRequest(account, agent_id=agent, query="What do I drink?", **named))  # type: ignore[arg-type]
    off = which if which in ("account", "agent") else "thread"
    assert (result.text, result.degraded) == ("", (f"memory_disabled_{off}",))
    assert (world.embedder.calls, world.search.calls, world.events.events) == ([], [], [])


def test_switches_that_cannot_be_read_count_as_off() -> None:
    world = World()
    world.platform.error = UpstreamTimeoutError("supabase", "no answer")
    result = world()
    assert (result.text, result.degraded) == ("", ("supabase_timeout",))
    assert (world.embedder.calls, world.search.calls) == ([], [])
    assert world.switches.timeouts == [DEADLINES.switches]


def test_what_was_injected_is_on_record_without_the_words_of_the_query() -> None:
    world = World()
    world.search.answers = finds_everywhere
    result = world(replace(ALL_SCOPES, thread_id="thread-1"))
    assert world.events.events == [
        MemoryEvent(
            id=world.events.events[0].id,
            account_id=ACCOUNT,
            actor="service:agent-runtime",
            type=EventType.INJECT,
            occurred_at=NOW,
            agent_id="agent-1",
            thread_id="thread-1",
            memory_ids=tuple(r.memory.id for r in result.memories),
            result_count=len(result.memories),
            metadata={"tokens": result.token_count},
        )
    ]


def test_an_account_may_have_its_queries_kept() -> None:
    world = World()
    world.platform.accounts[ACCOUNT] = {"record_queries": True}
    world()
    assert [event.query for event in world.events.events] == ["What do I drink?"]


def test_a_budget_leaves_memories_out_of_text_and_citations_alike() -> None:
    world = World()
    world.search.answers = lambda plan: (
        [[a_hit("word " * 50 + str(n), 0.9 - n / 10) for n in range(5)]] + [[] for _ in plan.searches[1:]]
    )
    result = world(ContextRequest(ACCOUNT, query="word", token_budget=300))
    assert 0 < len(result.memories) < 5
    assert result.token_count <= 300
    assert all(r.memory.text in result.text for r in result.memories)


def test_a_query_of_100_000_characters_is_searched_by_its_two_ends() -> None:
    world = World()
    world(ContextRequest(ACCOUNT, query="BEGIN " + "x" * 99_985 + " the END?"))
    [(texts, _)] = world.embedder.calls
    assert len(texts[0]) <= MAX_QUERY_CHARACTERS
    assert texts[0].startswith("BEGIN x")
    assert texts[0].endswith("x the END?")


def test_a_query_is_sent_on_as_valid_text() -> None:
    assert searchable_query("a\x00b\ud800 \n c\u0085d") == "a b c d"
    assert searchable_query("Ko\u0308\u00adln\u200b") == "K\u00f6ln"
    assert searchable_query("שלום 👩‍👩‍👧") == "שלום 👩‍👩‍👧"
    assert searchable_query("x" * MAX_QUERY_CHARACTERS) == "x" * MAX_QUERY_CHARACTERS


def test_a_mistake_of_our_own_is_not_hidden_as_degraded() -> None:
    world = World()
    world.search.answers = lambda _plan: [[]]
    with pytest.raises(ValueError, match="zip"):
        world()
