"""The plan's ``EnhancedContextManager``: a mixin for the platform's ``ContextManager``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from operator_memory_client.messages import conversation, last_question
from operator_memory_client.operator.memory_service import MemoryService

HEADING = "--- Recent Conversation ---"


class EnhancedContextManager:
    """Put it before the platform's class: ``EnhancedContextManager.over(ContextManager)``.

    The plan calls ``get_thread_context``, which the platform does not have. The conversation is what the platform's
    own ``get_messages_for_summarization`` gives: what was said since the last summary.
    """

    def __init__(self, *args: Any, memory_service: MemoryService | None = None, **options: Any) -> None:
        """Everything but ``memory_service`` goes to the platform's class."""
        super().__init__(*args, **options)
        self.memory_service = memory_service or MemoryService()

    @classmethod
    def over(cls, context_manager: type) -> type:
        """The platform's class with memory, under its own name."""
        return type(context_manager.__name__, (cls, context_manager), {"__doc__": context_manager.__doc__})

    async def get_enhanced_context(
        self, thread_id: str, user_id: str, agent_id: str | None = None, latest_message: str | None = None
    ) -> str:
        """The memories, if there are any, and the recent conversation. Both are read at once, if ``latest_message`` is
        given; else what the person said last is looked up first. Memory raises nothing; what the platform raises goes
        through."""
        reading = asyncio.ensure_future(self._messages(thread_id))
        try:
            query = latest_message or last_question(await reading)
            memories = await self.memory_service.get_memory_context(user_id, agent_id, query, limit=10)
            said = "\n".join(f"{turn['role']}: {turn['content']}" for turn in conversation(await reading))
        finally:
            reading.cancel()
        return f"{memories}\n\n{HEADING}\n{said}" if memories else said

    async def _messages(self, thread_id: str) -> Sequence[Any]:
        found: Sequence[Any] = await self.get_messages_for_summarization(thread_id)  # type: ignore[attr-defined]
        return found
