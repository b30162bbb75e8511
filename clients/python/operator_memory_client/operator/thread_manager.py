"""The plan's ``MemoryAwareThreadManager``: a mixin for the platform's ``ThreadManager``."""

from __future__ import annotations

import inspect
from typing import Any

from operator_memory_client.base import LOG
from operator_memory_client.context import empty
from operator_memory_client.messages import conversation
from operator_memory_client.operator.memory_service import MemoryService
from operator_memory_client.operator.run_memory import current_run, read_rows
from operator_memory_client.operator.times import moment_of

MOST_ROWS = 200


class MemoryAwareThreadManager:
    """Put it before the platform's class: ``MemoryAwareThreadManager.over(ThreadManager)``.

    The platform's class needs ``db``, with a Supabase client in ``await db.client``, and ``run_thread(thread_id,
    system_prompt, ...)``. Outside of a run with memory it does what the platform's class does.
    """

    db: Any

    def __init__(self, *args: Any, memory_service: MemoryService | None = None, **options: Any) -> None:
        """Everything but ``memory_service`` goes to the platform's class."""
        super().__init__(*args, **options)
        self.memory_service = memory_service or MemoryService()
        run = current_run()
        if run is not None:
            run.taken = True
            run.begin(getattr(self, "db", None))

    @classmethod
    def over(cls, thread_manager: type) -> type:
        """The platform's class with memory, under its own name."""
        return type(thread_manager.__name__, (cls, thread_manager), {"__doc__": thread_manager.__doc__})

    async def run_thread(self, thread_id: str, system_prompt: Any, *args: Any, **options: Any) -> Any:
        """The platform's own, with the run's memory as the last section of the system prompt, whichever that is.

        The prompt is complete here, and its variables are filled in: a default prompt survives, and nothing renders
        what memories say.
        """
        run = current_run(thread_id)
        if run is not None and not run.in_prompt:
            system_prompt = await run.place(system_prompt, getattr(self, "db", None))
        answer = super().run_thread(thread_id, system_prompt, *args, **options)  # type: ignore[misc]
        return await answer if inspect.isawaitable(answer) else answer

    async def process_conversation_for_memory(
        self, thread_id: str, user_id: str, agent_id: str | None = None, session_id: str | None = None
    ) -> dict[str, Any]:
        """Have the service learn what is new in the thread: it reads the thread itself, from where it stopped.

        Answers with the job's id; ``{}`` if there is nothing, or it could not be handed over. The same conversation
        again is the same job. Never raises. A run's end is told better by `after_run`, which is told at least once.
        """
        try:
            rows = await read_rows(self.db, thread_id, 1)
            if not rows:
                return {}
            ended, message = moment_of(rows[-1].get("created_at")), rows[-1].get("message_id")
            done = await self.memory_service.client.submit_run(
                user_id,
                f"{thread_id}.{message}",
                thread_id,
                finished_at=ended,
                agent_id=agent_id,
                session_id=session_id,
            )
            return {"job_id": done.job_id, "by": done.by} if done.by else {}
        except Exception as error:  # noqa: BLE001  (what was said is learned with the thread's next run)
            LOG.warning("a conversation was not handed to memory (%s)", empty(error).reason)
            return {}

    async def get_recent_conversation_messages(self, thread_id: str, limit: int = 10) -> list[dict[str, str]]:
        """What person and assistant said last, oldest first: plain text, without tools, uploads and memories.

        Never raises: ``[]`` if the thread cannot be read.
        """
        try:
            return conversation(await read_rows(self.db, thread_id, max(1, min(limit, MOST_ROWS))))
        except Exception as error:  # noqa: BLE001
            LOG.warning("the messages of a thread could not be read (%s)", type(error).__name__)
            return []
