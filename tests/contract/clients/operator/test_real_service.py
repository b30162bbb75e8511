"""The plan's service and the post-run hook against the service's own handlers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from operator_memory.domain.memory.scopes import AccountId, Scope, ScopeKey
from operator_memory_client.async_client import AsyncMemoryClient
from operator_memory_client.client import MemoryClient
from operator_memory_client.operator import MemoryService, PostRun

from tests.support.builders import NOW, a_memory
from tests.support.clients.real_service import over_http
from tests.support.clients.sides import settings_for
from tests.support.management.api import SERVICE_KEY, Management
from tests.support.management.checks import belonging_to
from tests.support.time_outs import AMPLE

SETTINGS = settings_for("http://memory.test", key=SERVICE_KEY)


@pytest.fixture
def platform() -> Management:
    management = Management()
    management.clock.time = NOW
    return management


@pytest.fixture
def user(platform: Management) -> str:
    return platform.platform.new_user()


@pytest.fixture
def service(platform: Management, user: str) -> MemoryService:
    transport = httpx.MockTransport(over_http(platform))
    return MemoryService(AsyncMemoryClient(SETTINGS, transport=transport), account_id=user)


@pytest.fixture
def hook(platform: Management, tmp_path: Path) -> Iterator[PostRun]:
    transport = httpx.MockTransport(over_http(platform))
    made = PostRun(MemoryClient(SETTINGS, transport=transport), folder=tmp_path)
    yield made
    made.close(AMPLE)


def done(work: Any) -> Any:
    return asyncio.run(work)


def test_what_is_stored_is_found_listed_and_cleared(platform: Management, service: MemoryService, user: str) -> None:
    agent = platform.platform.new_agent(AccountId(user))
    drinks = belonging_to(user, a_memory("Drinks green tea."))
    brief = belonging_to(user, a_memory("Answers briefly.", key=ScopeKey(Scope.AGENT, agent)))
    platform.put(drinks, brief)
    assert [one["id"] for one in done(service.search_user_memories(user, "tea"))] == [drinks.id]
    assert [one["memory"] for one in done(service.get_all_user_memories(user))] == ["Drinks green tea."]
    assert [one["id"] for one in done(service.search_agent_memories(agent, "briefly"))] == [brief.id]
    assert [one["memory"] for one in done(service.get_all_agent_memories(agent))] == ["Answers briefly."]
    assert done(service.clear_agent_memories(agent))["target"]
    assert done(service.get_all_agent_memories(agent)) == []
    assert done(service.get_all_user_memories(user))
    done(service.clear_user_memories(user))
    assert done(service.get_all_user_memories(user)) == []


def test_messages_become_one_job(platform: Management, service: MemoryService, user: str) -> None:
    said = [{"role": "user", "content": "I keep bees.", "created_at": NOW.isoformat()}]
    first, again = (done(service.add_user_memory(user, said, {"thread_id": "t-1"})) for _ in range(2))
    assert first == again
    assert done(service.client.get_job(first["job_id"], account_id=user)).state == "queued"


def test_a_run_that_has_ended_is_a_job_and_its_thread_is_read(
    platform: Management, hook: PostRun, service: MemoryService, user: str
) -> None:
    thread = platform.platform.new_thread(AccountId(user))
    assert done(hook.after_run("run-1", thread, user, None, "stopped")) == "kept"
    assert hook.flush(AMPLE)
    assert hook.counts() == {"kept": 1, "sent": 1}
    assert done(service.client.get_job("run-1", account_id=user)).job_id == "run-1"
