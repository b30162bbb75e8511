"""The plan's ``run_agent_with_memory``: the platform's own agent run, with memory in its prompt."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from operator_memory_client.base import LOG
from operator_memory_client.operator.memory_service import MemoryService
from operator_memory_client.operator.run_memory import CURRENT, RunMemory
from operator_memory_client.placement import as_system_section

if TYPE_CHECKING:
    from operator_memory_client.operator.post_run import PostRun

MOST_MEMORIES = 15
_OWN = ("query", "agent_run_id", "author_id")
_DONE = object()


@dataclass(frozen=True)
class PlatformMemory:
    """How a platform uses memory; one for the whole process.

    ``run_agent``: the platform's; left out, ``agent.run.run_agent`` is imported with the first run. ``db``: its
    ``DBConnection``; with it, memory is asked for before the platform begins. ``post_run``: where runs are handed over
    when they end, too; leave it out where the actor's ``finally`` does that.

    ``place_in``: ``thread_manager`` (`MemoryAwareThreadManager` puts memory into whatever prompt is sent, and waits for
    it there), or ``agent_config``, for a platform whose thread manager is its own. An agent without a prompt of its own
    then has memory only with ``default_prompt``, a function that gives the platform's.
    """

    run_agent: Callable[..., AsyncIterator[Any]] | None = None
    service: MemoryService | None = None
    db: Any = None
    post_run: PostRun | None = None
    place_in: Literal["thread_manager", "agent_config"] = "thread_manager"
    default_prompt: Callable[[], str] | None = None
    limit: int = MOST_MEMORIES
    token_budget: int | None = None


async def run_agent_with_memory(
    thread_id: str,
    project_id: str,
    stream: bool,
    *,
    user_id: str | None = None,
    agent_config: Mapping[str, Any] | None = None,
    memory: PlatformMemory | None = None,
    memory_enabled: bool = True,
    **options: Any,
) -> AsyncGenerator[Any, None]:
    """What the platform's ``run_agent`` gives, of a run that knows the account's memory.

    ``user_id``: the thread's account, a person's own or a team's. ``memory_enabled``: ``False`` keeps this run out of
    memory. ``query``, ``agent_run_id`` and ``author_id`` are for memory, if they are given; all other ``options`` go to
    ``run_agent`` as they are. Builder runs go there untouched.
    """
    memory = memory or PlatformMemory()
    told = {name: options.pop(name) for name in _OWN if name in options}
    told |= {"user_id": user_id, "memory_enabled": memory_enabled and not _is_off(agent_config)}
    run = _memory_of_run(memory, thread_id, told, agent_config, options)
    status = "stopped"
    try:
        if run is not None:
            run.begin(memory.db)
            if memory.place_in == "agent_config":
                agent_config = await _with_prompt(agent_config, run, memory)
        told_platform = {"thread_id": thread_id, "project_id": project_id, "stream": stream, **options}
        iterator = _run_agent(memory)(agent_config=agent_config, **told_platform)
        async with aclosing(_steps(iterator, run)) as items:  # else it is closed whenever it is collected
            async for item in items:
                yield item
        status = "completed"
    except Exception:
        status = "failed"
        raise
    finally:
        _hand_over(memory, thread_id, told, agent_config, status, options)
        if run is not None:
            await _end(run, status)


async def _end(run: RunMemory, status: str) -> None:
    await run.end()
    if status == "completed" and not run.taken:
        LOG.warning("no prompt of a run had its memory: is the thread manager a MemoryAwareThreadManager?")


def _memory_of_run(
    memory: PlatformMemory,
    thread_id: str,
    told: Mapping[str, Any],
    agent_config: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> RunMemory | None:
    """``None`` where the run has no memory, for whatever reason."""
    if not told["user_id"] or not told["memory_enabled"] or options.get("is_agent_builder"):
        return None
    service = memory.service or MemoryService()
    if not service.client.enabled:
        return None
    asked = {"limit": memory.limit, "token_budget": memory.token_budget, "model": _model(options.get("model_name"))}
    return RunMemory(
        service,
        str(told["user_id"]),
        str(thread_id),
        _agent_of(agent_config),
        query=told.get("query"),
        options={name: value for name, value in asked.items() if value is not None},
    )


async def _with_prompt(
    agent_config: Mapping[str, Any] | None, run: RunMemory, memory: PlatformMemory
) -> Mapping[str, Any] | None:
    """A new configuration whose prompt has the memories; the same one where they would replace the default prompt."""
    run.taken = True
    config = agent_config if isinstance(agent_config, Mapping) else {}
    prompt = config.get("system_prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        prompt = memory.default_prompt() if memory.default_prompt is not None else ""
    if not prompt.strip():
        return agent_config
    context = await run.context(memory.db)
    run.in_prompt = True
    return {**config, "system_prompt": as_system_section(context, prompt)} if context else agent_config


async def _steps(iterator: AsyncIterator[Any], run: RunMemory | None) -> AsyncGenerator[Any, None]:
    """The items of the platform's run. Its code, and nobody else's, sees ``run`` as the current one."""
    items = iterator.__aiter__()
    try:
        while (item := await _next(items, run)) is not _DONE:
            yield item
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()


async def _next(items: AsyncIterator[Any], run: RunMemory | None) -> Any:
    token = CURRENT.set(run)
    try:
        return await items.__anext__()
    except StopAsyncIteration:
        return _DONE
    finally:
        with suppress(ValueError):  # it is closed from elsewhere
            CURRENT.reset(token)


def _hand_over(
    memory: PlatformMemory,
    thread_id: str,
    told: Mapping[str, Any],
    agent_config: Mapping[str, Any] | None,
    status: str,
    options: Mapping[str, Any],
) -> None:
    if memory.post_run is None or not told["user_id"]:
        return
    memory.post_run.hand_over(
        told.get("agent_run_id") or uuid4().hex,
        thread_id,
        told["user_id"],
        _agent_of(agent_config),
        status,
        is_agent_builder=bool(options.get("is_agent_builder")),
        memory_enabled=bool(told["memory_enabled"]),
        author_id=told.get("author_id"),
    )


def _run_agent(memory: PlatformMemory) -> Callable[..., AsyncIterator[Any]]:
    if memory.run_agent is not None:
        return memory.run_agent
    found: Callable[..., AsyncIterator[Any]] = importlib.import_module("agent.run").run_agent
    return found


def _is_off(agent_config: Mapping[str, Any] | None) -> bool:
    """Whether the agent's own row says so; what only the service knows, its answer says."""
    return isinstance(agent_config, Mapping) and agent_config.get("memory_enabled") is False


def _agent_of(agent_config: Mapping[str, Any] | None) -> str | None:
    agent_id = agent_config.get("agent_id") if isinstance(agent_config, Mapping) else None
    return str(agent_id) if agent_id else None


def _model(name: object) -> str | None:
    """``openai/gpt-4o`` is ``gpt-4o`` to the tokenizer."""
    return name.rpartition("/")[2] or None if isinstance(name, str) else None
