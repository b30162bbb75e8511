"""The memory of one run: asked for once, beside whatever else is prepared, and awaited where the prompt is sent."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from operator_memory_client.base import LOG
from operator_memory_client.context import Context, empty
from operator_memory_client.messages import in_order, last_question, latest_rows
from operator_memory_client.operator.memory_service import MemoryService
from operator_memory_client.placement import as_system_section, section

QUESTION_ROWS = 20
"""Messages of the thread among which the last question is looked for."""
LEAST_SECONDS = 0.05
_ENDING_SECONDS = 1.0

CURRENT: ContextVar[RunMemory | None] = ContextVar("operator_memory_run", default=None)
"""The run that the present task works for."""


def current_run(thread_id: object = None) -> RunMemory | None:
    """The memory of the run that is under way in this task, if it is one of ``thread_id``; ``None`` if it has none."""
    run = CURRENT.get()
    return run if run is not None and (thread_id is None or str(thread_id) == run.thread_id) else None


@dataclass
class RunMemory:
    """Whose memory, and for which question. ``query``: left out, what the thread's person said last is the question.

    ``options``: others of ``context``, such as ``model`` and ``token_budget``.
    """

    service: MemoryService
    account_id: str
    thread_id: str
    agent_id: str | None = None
    query: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    in_prompt: bool = False
    """Whether the agent's own prompt has it, so that no other place needs it."""
    taken: bool = False
    """Whether somebody puts it into prompts."""
    _task: asyncio.Task[Context] | None = field(default=None, repr=False)

    def begin(self, database: object = None) -> None:
        """Start asking, unless that has begun. ``database``: the platform's, with ``client`` to be awaited."""
        if self._task is None and (self.query is not None or database is not None):
            self._ask(database)

    async def context(self, database: object = None) -> Context:
        """The memories, the same for the whole run. Never raises, and is never late."""
        task = self._task or self._ask(database)
        return await asyncio.shield(task)

    async def place(self, prompt: Any, database: object = None) -> Any:
        """A system message with the memories as its last section. A new one; the given one stays as it is."""
        context = await self.context(database)
        self.taken = True
        return with_section(prompt, context) if context else prompt

    async def end(self) -> None:
        """Ask no longer. Nothing is left open."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_ENDING_SECONDS)

    def _ask(self, database: object) -> asyncio.Task[Context]:
        self._task = asyncio.get_running_loop().create_task(self._found(database))
        return self._task

    async def _found(self, database: object) -> Context:
        loop = asyncio.get_running_loop()
        seconds = self.service.client.settings.context_seconds
        ends = loop.time() + seconds
        try:
            query = self.query if self.query is not None else await self._question(database, seconds / 2)
            return await self.service.context(
                self.account_id,
                deadline=max(LEAST_SECONDS, ends - loop.time()),
                agent_id=self.agent_id,
                thread_id=self.thread_id,
                query=query or None,
                **self.options,
            )
        except Exception as error:  # noqa: BLE001  (a run goes on without memory)
            return empty(error)

    async def _question(self, database: object, seconds: float) -> str | None:
        """What the person said last; without it, the context is the profile."""
        if database is None or not self.service.client.enabled:
            return None
        try:
            return await asyncio.wait_for(_last_question(database, self.thread_id), seconds)
        except Exception as error:  # noqa: BLE001
            LOG.info("the question of a run could not be read (%s)", type(error).__name__)
            return None


async def connected(database: Any) -> Any:
    """The Supabase client of the platform's ``db``, whose ``client`` is to be awaited; or the client itself."""
    client = getattr(database, "client", database)
    return await client if inspect.isawaitable(client) else client


async def read_rows(database: Any, thread_id: str, limit: int) -> list[Mapping[str, Any]]:
    """The latest rows of a thread that people and assistants wrote, oldest first."""
    answer = latest_rows(await connected(database), thread_id, limit).execute()
    found = await answer if inspect.isawaitable(answer) else answer
    return in_order(found.data)


async def _last_question(database: object, thread_id: str) -> str | None:
    return last_question(await read_rows(database, thread_id, QUESTION_ROWS))


def with_section(prompt: Any, context: Context) -> Any:
    """``prompt`` with ``context`` as its last section: text, a system message, or one whose content is a list of parts.

    What is none of these stays as it is.
    """
    if isinstance(prompt, str):
        return as_system_section(context, prompt)
    if not isinstance(prompt, Mapping):
        return prompt
    content = prompt.get("content")
    if isinstance(content, str):
        return {**prompt, "content": as_system_section(context, content)}
    if isinstance(content, list):
        return {**prompt, "content": [*content, {"type": "text", "text": section(context)}]}
    return prompt
