"""The platform's agent run with memory: every fault of the plan, against stand-ins of the platform."""

import asyncio
import copy
import logging
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest
from operator_memory_client.operator import (
    MemoryAwareThreadManager,
    PlatformMemory,
    RunMemory,
    current_run,
    run_agent_with_memory,
)

from tests.support.clients.memory_server import EVIL, MemoryServer, answering, away, saying
from tests.support.clients.platform import (
    BUILDER_PROMPT,
    DEFAULT_PROMPT,
    Database,
    Platform,
    ThreadManager,
    row,
)
from tests.support.clients.sides import CONTEXT

QUESTION = "What do I drink?"
TEXT = CONTEXT["context"]
AGENT = {"agent_id": "agent-1", "system_prompt": "You are a pirate.", "tools": {"web": True}}


class World:
    """A platform with memory: ``place_in`` and the other settings of `PlatformMemory` as given."""

    def __init__(self, server: MemoryServer | None = None, **settings: Any) -> None:
        self.server = server or MemoryServer()
        self.db = Database([row("t-1", 0, "user", f'{{"role": "user", "content": "{QUESTION}"}}')])
        known = settings.pop("client", {})
        self.service = self.server.service(**known)

        class Manager(ThreadManager):
            database = self.db

        managed = settings.get("place_in") != "agent_config"
        aware = MemoryAwareThreadManager.over(Manager) if managed else Manager
        made = (lambda **of: aware(memory_service=self.service, **of)) if managed else aware
        self.platform = Platform(made)
        given = {"run_agent": self.platform.run_agent, "service": self.service, **settings}
        if not managed:
            given.setdefault("db", self.db)
        self.memory = PlatformMemory(**given)

    def start(self, **options: Any) -> AsyncGenerator[Any, None]:
        told = {"thread_id": "t-1", "project_id": "p-1", "stream": True, "user_id": "acct-1", **options}
        return run_agent_with_memory(memory=self.memory, **told)

    def run(self, **options: Any) -> list[Any]:
        """A whole run's items; nothing is left open after it."""

        async def all_items() -> list[Any]:
            items = [item async for item in self.start(**options)]
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert current_run() is None
            return items

        return asyncio.run(all_items())

    @property
    def prompts(self) -> list[str]:
        return self.platform.prompts


def with_memory(prompt: str) -> str:
    return f"{prompt}\n\n{TEXT}"


@pytest.mark.parametrize("agent_config", [None, {}, {"system_prompt": ""}, {"system_prompt": None, "agent_id": "a-1"}])
class TestTheDefaultPromptSurvives:
    def test_in_the_thread_manager(self, agent_config: dict[str, Any] | None) -> None:
        world = World()
        assert world.run(agent_config=agent_config)
        assert world.prompts == [with_memory(DEFAULT_PROMPT)] * 2

    def test_in_the_configuration_memory_stays_out(self, agent_config: dict[str, Any] | None) -> None:
        world = World(place_in="agent_config")
        world.run(agent_config=agent_config)
        assert world.prompts == [DEFAULT_PROMPT] * 2
        assert world.platform.calls[0]["agent_config"] is agent_config

    def test_in_the_configuration_after_the_platforms_prompt(self, agent_config: dict[str, Any] | None) -> None:
        world = World(place_in="agent_config", default_prompt=lambda: DEFAULT_PROMPT)
        world.run(agent_config=agent_config)
        assert world.prompts == [with_memory(DEFAULT_PROMPT)] * 2


@pytest.mark.parametrize("place_in", ["thread_manager", "agent_config"])
class TestWhereverMemoryGoes:
    def test_after_the_agents_own_prompt(self, place_in: str) -> None:
        world = World(place_in=place_in)
        world.run(agent_config=AGENT, model_name="openai/gpt-4o", enable_thinking=True)
        assert world.prompts == [with_memory("You are a pirate.")] * 2
        [call] = world.platform.calls
        assert (call["model_name"], call["enable_thinking"]) == ("openai/gpt-4o", True)
        assert call["agent_config"]["tools"] == {"web": True}

    def test_it_is_asked_for_once_with_what_the_person_said(self, place_in: str) -> None:
        world = World(place_in=place_in, token_budget=300)
        world.platform.steps = 5
        world.run(agent_config=AGENT, model_name="openai/gpt-4o")
        [asked] = world.server.asked()
        assert asked == {
            "account_id": "acct-1",
            "agent_id": "agent-1",
            "thread_id": "t-1",
            "query": QUESTION,
            "limit": 15,
            "token_budget": 300,
            "model": "gpt-4o",
        }
        assert world.db.reads == 1

    def test_the_callers_dictionary_stays_as_it_is(self, place_in: str) -> None:
        given = copy.deepcopy(AGENT)
        World(place_in=place_in).run(agent_config=given)
        assert given == AGENT

    def test_builder_runs_are_left_alone(self, place_in: str) -> None:
        world = World(place_in=place_in)
        world.run(is_agent_builder=True, agent_config=None)
        assert world.prompts == [BUILDER_PROMPT] * 2
        assert (world.server.requests, world.db.reads) == ([], 0)

    def test_memories_call_up_no_template(self, place_in: str) -> None:
        world = World(MemoryServer(saying(EVIL)), place_in=place_in)
        world.run(agent_config={"system_prompt": "Hello {{name}}."})
        for prompt in world.prompts:
            assert prompt.startswith("Hello <value of name>.\n\nSays ")
            assert "{{" not in prompt
            assert "{%" not in prompt
            assert "<value of system_prompt>" not in prompt

    def test_a_dead_service_changes_nothing(self, place_in: str) -> None:
        for answer in (away, answering(500), answering(200, b"[1"), answering(200, b"<html>"), answering(429)):
            world = World(MemoryServer(answer), place_in=place_in)
            assert len(world.run(agent_config=AGENT)) == 2
            assert world.prompts == ["You are a pirate."] * 2

    def test_a_dead_database_means_the_profile(self, place_in: str) -> None:
        world = World(place_in=place_in)
        world.db.fails = ConnectionError("no database")
        world.run(agent_config=AGENT)
        assert world.prompts == [with_memory("You are a pirate.")] * 2
        assert "query" not in world.server.asked()[0]


@pytest.mark.parametrize(("agent_config", "prompt"), [(AGENT, "You are a pirate."), (None, DEFAULT_PROMPT)])
def test_both_places_are_one(agent_config: dict[str, Any] | None, prompt: str) -> None:
    """A thread manager with memory does not repeat what the agent's prompt has, and serves the agents without one."""
    world = World()
    world.memory = replace(world.memory, place_in="agent_config")
    world.run(agent_config=agent_config)
    assert world.prompts == [with_memory(prompt)] * 2
    assert len(world.server.asked()) == 1


class TestOff:
    @pytest.mark.parametrize(
        "options", [{"memory_enabled": False}, {"agent_config": {**AGENT, "memory_enabled": False}}, {"user_id": None}]
    )
    def test_nothing_is_asked(self, options: dict[str, Any]) -> None:
        world = World()
        world.run(**{"agent_config": AGENT, **options})
        assert world.prompts == ["You are a pirate."] * 2
        assert (world.server.requests, world.db.reads) == ([], 0)

    def test_in_this_process(self) -> None:
        world = World(client={"enabled": False})
        world.run(agent_config=AGENT)
        assert (world.prompts, world.server.requests, world.db.reads) == (["You are a pirate."] * 2, [], 0)

    @pytest.mark.parametrize("switch", ["account", "agent", "thread"])
    def test_a_switch_is_heard_of_once(self, switch: str) -> None:
        off = {**CONTEXT, "context": "", "memories": [], "degraded": [f"memory_disabled_{switch}"]}
        world = World(MemoryServer(lambda _: httpx.Response(200, json=off)))
        for _ in range(3):
            world.run(agent_config=AGENT)
        assert len(world.server.requests) == 1
        other: dict[str, dict[str, Any]] = {
            "account": {"user_id": "acct-2"},
            "agent": {"agent_config": {}},
            "thread": {"thread_id": "t-2"},
        }
        world.run(**{"agent_config": AGENT, **other[switch]})
        assert len(world.server.requests) == 2, "it is off there alone"


class TestBesideOtherPreparation:
    def test_the_run_prepares_while_memory_is_asked_for(self) -> None:
        """Each waits for the other to have begun: one after the other, they would wait for ever."""
        world = World()
        begun, prepared = asyncio.Event(), asyncio.Event()
        ask = world.service.client.context

        async def context(*args: Any, **options: Any) -> Any:
            begun.set()
            await prepared.wait()
            return await ask(*args, **options)

        async def prepare() -> None:
            await begun.wait()
            prepared.set()

        world.service.client.context = context  # type: ignore[method-assign]
        world.platform.prepare = prepare
        assert world.run()
        assert world.prompts == [with_memory(DEFAULT_PROMPT)] * 2

    def test_a_database_that_hangs_holds_up_nothing(self) -> None:
        world = World(client={"context_seconds": 0.1})
        world.db.hangs = True
        assert len(world.run()) == 2

    def test_a_slow_service_holds_up_nothing(self) -> None:
        world = World(client={"context_seconds": 0.1})

        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        world.service.client._http._given = type("Slow", (httpx.AsyncBaseTransport,), {"handle_async_request": never})()
        assert len(world.run()) == 2
        assert world.prompts == [DEFAULT_PROMPT] * 2


def started(work: Coroutine[Any, Any, None]) -> None:
    """Runs ``work`` and sees that it leaves no task behind."""

    async def watched() -> None:
        await work
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert current_run() is None

    asyncio.run(watched())


class TestEnding:
    def test_a_generator_that_is_closed_closes_the_platforms(self) -> None:
        world = World()

        async def stop() -> None:
            items = world.start()
            await items.__anext__()
            await items.aclose()

        started(stop())
        assert world.platform.closed == 1

    def test_a_run_that_is_cancelled_while_it_waits_for_memory(self) -> None:
        world = World()
        world.db.hangs = True

        async def cancel() -> None:
            task = asyncio.ensure_future(world.start().__anext__())
            while not world.db.reads:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        started(cancel())
        assert world.platform.closed == 1

    def test_a_failure_goes_through_as_it_is(self) -> None:
        world = World()
        world.platform.fails_at = 1
        with pytest.raises(RuntimeError, match="the model fails"):
            world.run()

    def test_runs_side_by_side_in_one_task_keep_their_memories(self) -> None:
        """A task that takes turns between two runs must not show one account's memories to the other."""
        mine, other = World(), World(MemoryServer(saying("<other/>")))

        async def take_turns() -> None:
            first, second = mine.start(), other.start(user_id="acct-2")
            for items in (first, second, first, second):
                await items.__anext__()
                assert current_run() is None, "what is between the steps has no run"
            for items in (first, second):
                await items.aclose()

        started(take_turns())
        assert set(mine.prompts) == {with_memory(DEFAULT_PROMPT)}
        assert set(other.prompts) == {f"{DEFAULT_PROMPT}\n\n<other/>"}

    def test_another_thread_of_the_run_gets_nothing(self) -> None:
        world = World()

        async def elsewhere() -> None:
            manager = world.platform.manager(is_agent_builder=False)
            await manager.run_thread("t-9", {"role": "system", "content": "x"})
            assert [sent["content"] for sent in manager.sent] == ["x"]

        world.platform.prepare = elsewhere
        world.run()
        assert world.prompts == [with_memory(DEFAULT_PROMPT)] * 2


def test_a_platform_that_places_memory_nowhere_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    platform = Platform(ThreadManager)
    memory = PlatformMemory(run_agent=platform.run_agent, service=world.service, db=world.db)
    world.memory = memory
    with caplog.at_level(logging.WARNING):
        world.run()
    assert "MemoryAwareThreadManager" in caplog.text
    assert platform.prompts == [DEFAULT_PROMPT] * 2


def test_a_question_may_be_given() -> None:
    world = World()
    world.run(query="tea", author_id="user-7")
    assert world.server.asked()[0]["query"] == "tea"
    assert "tea" not in repr(RunMemory(world.service, "acct-1", "t-1", query="tea")), "as in all of the client"
    assert world.db.reads == 0
    assert "query" not in world.platform.calls[0]
    assert "author_id" not in world.platform.calls[0]
