"""Memory as tools of the agent: plain functions, and their schemas as OpenAI's ``tools`` have them.

The tools are bound to one account and one agent: whatever the model asks for, it reaches nothing else. What they
answer is short text for the model; memories in it stand in the fence that marks them as data. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from operator_memory_client.errors import MemoryClientError, NotFoundError
from operator_memory_client.placement import section
from operator_memory_client.tool_schemas import SCHEMAS, arguments_of

if TYPE_CHECKING:
    from operator_memory_client.async_client import AsyncMemoryClient
    from operator_memory_client.client import MemoryClient
    from operator_memory_client.context import Context
    from operator_memory_client.models import MemoryView

SEARCH_SECONDS = 3.0
MOST_FOUND = 20
_LONGEST_SUBJECT = 128


class _Bound:
    """What both kinds of tools know: whose memory, and which memories the model has been shown."""

    schemas = SCHEMAS

    def __init__(self, account_id: str, agent_id: str | None, thread_id: str | None) -> None:
        self._account_id, self._agent_id, self._thread_id = account_id, agent_id, thread_id
        self._shown: dict[str, str] = {}

    def show(self, context: Context) -> None:
        """Let the model forget what stands in ``context``, by its citations; a later context's replace an earlier's."""
        self._shown.update({m.citation: m.id for m in context.memories if m.citation is not None})

    def _asked(self, query: str, limit: int) -> dict[str, Any]:
        fields = {"agent_id": self._agent_id, "thread_id": self._thread_id}
        return {"query": query, "limit": max(1, min(int(limit), MOST_FOUND)), **{k: v for k, v in fields.items() if v}}

    def _found(self, context: Context) -> str:
        self.show(context)
        if context:
            return section(context)
        return f"Memory cannot be searched now ({context.reason})." if context.reason else "Nothing is remembered."

    def _new(self, text: str) -> dict[str, Any]:
        thread = {"thread_id": self._thread_id} if self._thread_id else {}
        return {"memory": text, "account_id": self._account_id, "source_class": "assistant", **thread}

    def _known(self, citation: str) -> str | None:
        return self._shown.get(citation.strip().strip("[]"))


def _subject(service: str, agent_id: str | None) -> str:
    return f"{service}/{agent_id}"[:_LONGEST_SUBJECT] if agent_id else service


def _remembered(memory: MemoryView) -> str:
    waits = memory.rejected is not None
    return "Noted; the owner has to approve it before it counts." if waits else "Remembered."


def _failed(what: str, error: Exception) -> str:
    if isinstance(error, MemoryClientError) and not error.retryable:
        return f"It could not be {what}: {error.detail}"
    return f"It could not be {what} now."


_UNKNOWN = "No such memory was shown: search for it, and name it by its citation, such as m335."
_GONE = "It was forgotten already."
_FORGOTTEN = "Forgotten."


class MemoryTools(_Bound):
    """``search_memory``, ``remember`` and ``forget`` for blocking code.

    In the audit trail they act as ``service:<service>/<agent>``.
    """

    def __init__(
        self, client: MemoryClient, account_id: str, agent_id: str | None = None, *, thread_id: str | None = None
    ) -> None:
        super().__init__(account_id, agent_id, thread_id)
        self._client = client.acting_as(_subject(client.settings.service, agent_id))

    def search_memory(self, query: str, limit: int = 5) -> str:
        """What is remembered about ``query``, as a fenced text with citations."""
        asked = self._asked(query, limit)
        return self._found(self._client.context(self._account_id, deadline=SEARCH_SECONDS, **asked))

    def remember(self, text: str) -> str:
        """Remember one fact about the person."""
        try:
            return _remembered(self._client.add_memory(**self._new(text)))
        except Exception as error:  # noqa: BLE001  (the model is told, and the run goes on)
            return _failed("remembered", error)

    def forget(self, citation: str) -> str:
        """Delete the memory that ``citation`` (``m335``) named when it was shown."""
        identity = self._known(citation)
        if identity is None:
            return _UNKNOWN
        try:
            self._client.delete_memory(identity, account_id=self._account_id)
        except NotFoundError:
            return _GONE
        except Exception as error:  # noqa: BLE001
            return _failed("forgotten", error)
        return _FORGOTTEN

    def call(self, name: str, arguments: str | Mapping[str, Any]) -> str:
        """The answer to a tool call as a model makes it, its arguments as JSON or decoded."""
        given = arguments_of(name, arguments)
        if isinstance(given, str):
            return given
        function: Callable[..., str] = getattr(self, name)
        return function(**given)


class AsyncMemoryTools(_Bound):
    """The same for event loops."""

    def __init__(
        self, client: AsyncMemoryClient, account_id: str, agent_id: str | None = None, *, thread_id: str | None = None
    ) -> None:
        super().__init__(account_id, agent_id, thread_id)
        self._client = client.acting_as(_subject(client.settings.service, agent_id))

    async def search_memory(self, query: str, limit: int = 5) -> str:
        """What is remembered about ``query``, as a fenced text with citations."""
        asked = self._asked(query, limit)
        return self._found(await self._client.context(self._account_id, deadline=SEARCH_SECONDS, **asked))

    async def remember(self, text: str) -> str:
        """Remember one fact about the person."""
        try:
            return _remembered(await self._client.add_memory(**self._new(text)))
        except Exception as error:  # noqa: BLE001
            return _failed("remembered", error)

    async def forget(self, citation: str) -> str:
        """Delete the memory that ``citation`` (``m335``) named when it was shown."""
        identity = self._known(citation)
        if identity is None:
            return _UNKNOWN
        try:
            await self._client.delete_memory(identity, account_id=self._account_id)
        except NotFoundError:
            return _GONE
        except Exception as error:  # noqa: BLE001
            return _failed("forgotten", error)
        return _FORGOTTEN

    async def call(self, name: str, arguments: str | Mapping[str, Any]) -> str:
        """The answer to a tool call as a model makes it, its arguments as JSON or decoded."""
        given = arguments_of(name, arguments)
        if isinstance(given, str):
            return given
        answer: str = await getattr(self, name)(**given)
        return answer
