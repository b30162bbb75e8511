"""The plan's ten methods, over the client."""

import asyncio
import inspect
import json
import logging
from typing import Any

import httpx
import pytest
from operator_memory_client.errors import MemoryClientError
from operator_memory_client.operator import MemoryService

from tests.support.builders import NOW
from tests.support.clients.memory_server import EVIL, MemoryServer, answering, away, saying

SAID = [{"role": "user", "content": "I keep bees.", "created_at": "2026-12-01T12:00:00Z"}]
SIGNATURES = {
    "add_user_memory": ["user_id", "messages", "metadata"],
    "add_agent_memory": ["agent_id", "messages", "metadata"],
    "add_session_memory": ["user_id", "session_id", "messages"],
    "search_user_memories": ["user_id", "query", "limit"],
    "search_agent_memories": ["agent_id", "query", "limit"],
    "get_all_user_memories": ["user_id", "limit"],
    "get_all_agent_memories": ["agent_id", "limit"],
    "clear_user_memories": ["user_id"],
    "clear_agent_memories": ["agent_id"],
    "get_memory_context": ["user_id", "agent_id", "query", "limit"],
}
MEMORY = {
    "id": "id-1",
    "memory": "Keeps bees.",
    "scope": "user",
    "kind": "fact",
    "created_at": NOW.isoformat(),
    "updated_at": NOW.isoformat(),
    "version": 1,
    "importance": 0.5,
    "pinned": False,
}
LIST = {"memories": [MEMORY], "next_cursor": None}


def done(work: Any) -> Any:
    return asyncio.run(work)


def test_the_plans_names_and_parameters() -> None:
    for name, parameters in SIGNATURES.items():
        method = getattr(MemoryService, name)
        assert inspect.iscoroutinefunction(method), name
        assert list(inspect.signature(method).parameters)[1:] == parameters


def test_messages_are_learned_as_one_job_however_often_they_are_told() -> None:
    server = MemoryServer()
    service = server.service()
    told = {"thread_id": "t-1", "agent_id": "agent-1"}
    first = done(service.add_user_memory("acct-1", SAID, told))
    second = done(service.add_agent_memory("agent-1", SAID, {"thread_id": "t-1", "user_id": "acct-1"}))
    assert first == second
    assert first["by"] == "http"
    one, other = server.jobs()
    assert one == other
    assert (one["job_id"], one["account_id"], one["agent_id"]) == (first["job_id"], "acct-1", "agent-1")
    assert (one["thread_id"], one["messages"]) == ("t-1", SAID)
    assert one["finished_at"] == "2026-12-01T12:00:00+00:00"


def test_a_session_has_its_own() -> None:
    server = MemoryServer()
    done(server.service().add_session_memory("acct-1", "s-1", SAID))
    [job] = server.jobs()
    assert (job["session_id"], job["thread_id"]) == ("s-1", "s-1")


def test_an_agent_without_an_account_learns_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The plan would have mixed what all customers of an agent told it."""
    server = MemoryServer()
    service = server.service()
    with caplog.at_level(logging.WARNING):
        assert done(service.add_agent_memory("agent-1", SAID)) == {}
        assert done(service.search_agent_memories("agent-1", "bees")) == []
    assert server.requests == []
    assert "name the account" in caplog.text
    assert "bees" not in caplog.text


def test_searches_and_lists_stay_in_the_account_and_scope() -> None:
    server = MemoryServer(lambda _: httpx.Response(200, json=LIST))
    service = server.service("acct-1")
    assert done(service.search_user_memories("acct-2", "bees", limit=500))[0]["memory"] == "Keeps bees."
    done(service.search_agent_memories("agent-1", "bees"))
    done(service.get_all_user_memories("acct-2", limit=0))
    done(service.get_all_agent_memories("agent-1", limit=3))
    asked = [(dict(one.url.params), json.loads(one.content or b"{}")) for one in server.requests]
    assert asked == [
        ({"account_id": "acct-2"}, {"query": "bees", "limit": 100, "filter": {"scope": "user"}}),
        (
            {"account_id": "acct-1"},
            {"query": "bees", "limit": 10, "filter": {"scope": "agent", "agent_id": "agent-1"}},
        ),
        ({"account_id": "acct-2", "scope": "user", "limit": "1"}, {}),
        ({"account_id": "acct-1", "scope": "agent", "agent_id": "agent-1", "limit": "3"}, {}),
    ]


def test_a_context_is_fenced_and_calls_up_no_template() -> None:
    server = MemoryServer(saying(EVIL))
    text = done(server.service().get_memory_context("acct-1", "agent-1", "tea", limit=99))
    assert text
    assert "{{" not in text
    assert server.asked()[0] == {"account_id": "acct-1", "agent_id": "agent-1", "query": "tea", "limit": 50}


@pytest.mark.parametrize("answer", [away, answering(500), answering(200, b"[1"), answering(403), answering(429)])
def test_what_a_run_waits_for_raises_nothing(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    service = MemoryServer(answer).service("acct-1", call_seconds=0.05)
    assert done(service.add_user_memory("acct-1", SAID)) == {} or answer(httpx.Request("GET", "http://x")).is_success
    assert done(service.search_user_memories("acct-1", "bees")) == []
    assert done(service.get_all_agent_memories("agent-1")) == []
    assert done(service.get_memory_context("acct-1")) == ""
    assert "bees" not in caplog.text


@pytest.mark.parametrize("answer", [away, answering(500), answering(409)])
def test_what_is_not_cleared_is_not_called_cleared(answer: Any) -> None:
    service = MemoryServer(answer).service("acct-1", call_seconds=0.05)
    with pytest.raises(MemoryClientError):
        done(service.clear_user_memories("acct-1"))
    with pytest.raises(MemoryClientError):
        done(service.clear_agent_memories("agent-1"))


def test_an_agents_memory_is_cleared_for_one_account() -> None:
    server = MemoryServer(answering(404))
    with pytest.raises(MemoryClientError, match="name the account"):
        done(server.service().clear_agent_memories("agent-1"))
    assert server.requests == []


def test_services_without_a_client_share_one() -> None:
    assert MemoryService().client is MemoryService().client
