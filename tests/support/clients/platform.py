"""Stand-ins of the agent platform's own classes, with the signatures and the behaviour that are known of it.

Nothing of its code is here: what it keeps (rows of messages), calls and passes on is written down for tests to look at.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

DEFAULT_PROMPT = "You are the platform's own agent."
BUILDER_PROMPT = "You build agents."


@dataclass
class Database:
    """``DBConnection`` with its Supabase client, and the rows of ``messages``. ``fails``: as one that is away."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    fails: Exception | None = None
    hangs: bool = False
    reads: int = 0

    @property
    async def client(self) -> Any:
        return self

    def table(self, name: str) -> "Query":
        assert name == "messages"
        return Query(self, list(self.rows))


@dataclass
class Query:
    """A query as supabase-py builds it."""

    database: Database
    rows: list[dict[str, Any]]

    def select(self, columns: str) -> "Query":
        assert set(columns.split(",")) >= {"type", "content"}
        return self

    def eq(self, column: str, value: object) -> "Query":
        return Query(self.database, [row for row in self.rows if row[column] == value])

    def in_(self, column: str, values: Sequence[object]) -> "Query":
        return Query(self.database, [row for row in self.rows if row[column] in values])

    def order(self, column: str, *, desc: bool = False) -> "Query":
        """The first order counts most, so rows are sorted by the whole key when they are read."""
        assert desc
        assert column in ("created_at", "message_id")
        return self

    def limit(self, count: int) -> "Query":
        newest = sorted(self.rows, key=lambda row: (row["created_at"], row["message_id"]), reverse=True)
        return Query(self.database, newest[:count])

    async def execute(self) -> "Answer":
        self.database.reads += 1
        if self.database.hangs:
            await asyncio.Event().wait()
        if self.database.fails:
            raise self.database.fails
        return Answer(self.rows)


@dataclass
class Answer:
    data: list[dict[str, Any]]


class ThreadManager:
    """No hooks, and a database of its own. ``sent``: the system prompts of its calls to the model."""

    database: Database = Database()
    sent: list[Any]

    def __init__(
        self, trace: object = None, is_agent_builder: bool = False, target_agent_id: str | None = None
    ) -> None:
        self.trace, self.is_agent_builder, self.target_agent_id = trace, is_agent_builder, target_agent_id
        self.db = type(self).database
        self.sent = []

    async def add_message(
        self,
        thread_id: str,
        type: str,  # noqa: A002  (the platform's name)
        content: Any,
        is_llm_message: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        number = len(self.db.rows)
        self.db.rows.append(row(thread_id, number, type, content))

    async def get_llm_messages(self, thread_id: str) -> list[dict[str, Any]]:
        return [one["content"] for one in self.db.rows if one["thread_id"] == thread_id]

    async def run_thread(
        self,
        thread_id: str,
        system_prompt: dict[str, Any],
        stream: bool = True,
        temporary_message: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Any, None]:
        self.sent.append(system_prompt)

        async def answer() -> AsyncGenerator[Any, None]:
            yield {"type": "assistant", "content": "Hello."}

        return answer()


class ContextManager:
    """There is no ``get_thread_context``."""

    def __init__(self, token_threshold: int = 120000) -> None:
        self.token_threshold = token_threshold
        self.messages: list[dict[str, Any]] = []

    async def get_thread_token_count(self, thread_id: str) -> int:
        return len(self.messages)

    async def get_messages_for_summarization(self, thread_id: str) -> list[dict[str, Any]]:
        return self.messages


def rendered(prompt: str) -> str:
    """As later versions fill in the variables of a prompt."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: f"<value of {found[1]}>", prompt)


@dataclass
class Platform:
    """``agent.run`` with its ``run_agent``: it makes a thread manager of its own, whatever it is given.

    ``prepare``: what it awaits before its first call to the model; ``fails_at``: the step at which the model fails.
    """

    manager: Callable[..., Any] = ThreadManager
    steps: int = 2
    prepare: Callable[[], Any] | None = None
    fails_at: int | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[Any] = field(default_factory=list)
    closed: int = 0

    async def run_agent(
        self,
        thread_id: str,
        project_id: str,
        stream: bool,
        thread_manager: object = None,
        model_name: str = "anthropic/claude-3-7-sonnet-latest",
        agent_config: dict[str, Any] | None = None,
        is_agent_builder: bool = False,
        **options: Any,
    ) -> AsyncIterator[Any]:
        self.calls.append({"agent_config": agent_config, "model_name": model_name, **options})
        manager = self.manager(is_agent_builder=is_agent_builder)
        if self.prepare is not None:
            await self.prepare()
        prompt = {"role": "system", "content": rendered(self._prompt(agent_config, is_agent_builder))}
        try:
            for step in range(self.steps):
                if step == self.fails_at:
                    raise RuntimeError("the model fails")
                answer = await manager.run_thread(
                    thread_id=thread_id, system_prompt=prompt, stream=stream, temporary_message=None
                )
                async with aclosing(answer):
                    async for item in answer:
                        yield item
        finally:
            self.closed += 1
            self.prompts += [sent["content"] for sent in manager.sent]

    @staticmethod
    def _prompt(agent_config: dict[str, Any] | None, is_agent_builder: bool) -> str:
        own: str | None = agent_config.get("system_prompt") if agent_config else None
        return own or (BUILDER_PROMPT if is_agent_builder else DEFAULT_PROMPT)


def row(thread_id: str, number: int, kind: str, content: Any) -> dict[str, Any]:
    """A row of ``messages``."""
    return {
        "thread_id": thread_id,
        "message_id": f"m-{number:04d}",
        "type": kind,
        "content": content,
        "created_at": f"2026-12-01T12:{number // 60:02d}:{number % 60:02d}.5+00:00",
    }


async def run_agent_background(
    agent_run_id: str,
    thread_id: str,
    items: AsyncIterator[Any],
    *,
    stop_after: int | None = None,
    after: Callable[[str, str], Any],
) -> str:
    """The dramatiq actor: it breaks out of the generator when it is stopped, and leaves its tail where it is.

    ``after``: what its ``finally`` does, with the run and its status. A run whose model failed is stored ``completed``.
    """
    status, seen = "running", 0
    try:
        async for _ in items:
            seen += 1
            if seen == stop_after:
                status = "stopped"
                break
        else:
            status = "completed"
    except RuntimeError:
        status = "completed"
    finally:
        await after(agent_run_id, status)
    return status
