"""The plan's ``MemoryService``, over the client."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from operator_memory_client.base import LOG
from operator_memory_client.context import Context, empty
from operator_memory_client.errors import InvalidCallError
from operator_memory_client.operator.switches import KnownSwitches
from operator_memory_client.operator.times import moment_of
from operator_memory_client.placement import section

if TYPE_CHECKING:
    from operator_memory_client.async_client import AsyncMemoryClient
    from operator_memory_client.models import MemoryList

A = TypeVar("A")

MOST_LISTED = 100
MOST_IN_CONTEXT = 50
_clients: dict[int, AsyncMemoryClient] = {}


def default_client() -> AsyncMemoryClient:
    """The client of this process, by the environment: services that are made for each run share its connections."""
    from operator_memory_client.async_client import AsyncMemoryClient

    process = os.getpid()
    if process not in _clients:
        _clients[process] = AsyncMemoryClient()
    return _clients[process]


_switches = KnownSwitches()


class MemoryService:
    """The ten methods by the plan's names. ``user_id`` is the account: a person's own, or a team's.

    What a run waits for raises nothing: it answers with nothing, and the log says why. Clearing raises, so that nobody
    takes for cleared what is not. An agent's memory belongs to an account, so that no customer reads what another told
    the same agent: name the account when you make the service, or in ``metadata`` (``user_id``).
    """

    def __init__(
        self,
        client: AsyncMemoryClient | None = None,
        *,
        account_id: str | None = None,
        switches: KnownSwitches | None = None,
    ) -> None:
        self._client, self.account_id = client, account_id
        self._switches = switches or (_switches if client is None else KnownSwitches())

    @property
    def client(self) -> AsyncMemoryClient:
        """What it calls the service with."""
        return self._client or default_client()

    async def add_user_memory(
        self, user_id: str, messages: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Have the service learn from ``messages``. Answers at once with the job's id; ``{}`` if it could not."""
        return await self._learn({"user_id": user_id}, messages, metadata)

    async def add_agent_memory(
        self, agent_id: str, messages: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The same, for an agent: also how it should work is learned."""
        return await self._learn({"agent_id": agent_id}, messages, metadata)

    async def add_session_memory(
        self, user_id: str, session_id: str, messages: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The same, for a session."""
        return await self._learn({"user_id": user_id, "session_id": session_id}, messages, None)

    async def search_user_memories(self, user_id: str, query: str, limit: int = 10) -> list[dict[str, Any]]:
        """Memories of the account's person, best first."""
        return await self._search(user_id, query, limit, {"scope": "user"})

    async def search_agent_memories(self, agent_id: str, query: str, limit: int = 10) -> list[dict[str, Any]]:
        """Memories of an agent for this service's account, best first."""
        return await self._search(self.account_id, query, limit, {"scope": "agent", "agent_id": agent_id})

    async def get_all_user_memories(self, user_id: str, limit: int = 20) -> list[dict[str, Any]]:
        """The newest memories of the account's person."""
        return await self._list(user_id, limit, scope="user")

    async def get_all_agent_memories(self, agent_id: str, limit: int = 20) -> list[dict[str, Any]]:
        """The newest memories of an agent for this service's account."""
        return await self._list(self.account_id, limit, scope="agent", agent_id=agent_id)

    async def clear_user_memories(self, user_id: str) -> dict[str, Any]:
        """Erase the user memory for good.

        Raises:
            MemoryClientError: it is not cleared.
        """
        return _plain(await self.client.erase(target="user", confirm="erase", account_id=user_id))

    async def clear_agent_memories(self, agent_id: str) -> dict[str, Any]:
        """The same for what an agent learned for this service's account."""
        account_id = _required(self.account_id)
        erasure = await self.client.erase(target="agent", id=agent_id, confirm="erase", account_id=account_id)
        return _plain(erasure)

    async def get_memory_context(
        self, user_id: str, agent_id: str | None = None, query: str | None = None, limit: int = 10
    ) -> str:
        """The memories as text for a prompt, fenced and without templates; ``""`` if there are none."""
        return section(await self.context(user_id, agent_id=agent_id, query=query, limit=limit))

    async def context(self, user_id: str, *, deadline: float | None = None, **options: Any) -> Context:
        """As `AsyncMemoryClient.context`, and not asked for where memory is known to be off."""
        agent_id, thread_id = options.get("agent_id"), options.get("thread_id")
        off = self._switches.off(user_id, agent_id, thread_id)
        if off:
            return Context(degraded=(off,), detail="memory is switched off there")
        if "limit" in options:
            options["limit"] = _within(options["limit"], MOST_IN_CONTEXT)
        found = await self.client.context(user_id, deadline=deadline, **options)
        self._switches.note(found.degraded, user_id, agent_id, thread_id)
        return found

    async def _learn(
        self, named: dict[str, Any], messages: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        given = {**(metadata or {}), **named}
        if not messages:
            return {}
        return await _or(self._submitted(given, list(messages)), {}, "learned from")

    async def _submitted(self, given: Mapping[str, Any], messages: list[Mapping[str, Any]]) -> dict[str, Any]:
        """The same messages are the same job, so that telling them twice teaches nothing twice."""
        account_id = _required(given.get("user_id") or self.account_id)
        finished_at = _latest(messages) or datetime.now(timezone.utc)
        fields = {name: given.get(name) for name in ("agent_id", "session_id")}
        told = json.dumps([account_id, fields, given.get("thread_id"), finished_at, messages], default=str)
        job_id = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:40]
        thread_id = str(given.get("thread_id") or given.get("session_id") or job_id)
        done = await self.client.submit_run(
            account_id, job_id, thread_id, messages, finished_at=finished_at, agent_id=fields["agent_id"],
            session_id=fields["session_id"],
        )  # fmt: skip
        return {"job_id": done.job_id, "by": done.by} if done.by else {}

    async def _search(
        self,
        account_id: str | None,
        query: str,
        limit: int,
        filter: dict[str, Any],  # noqa: A002
    ) -> list[dict[str, Any]]:
        async def found() -> list[dict[str, Any]]:
            account, most = _required(account_id), _within(limit, MOST_LISTED)
            return _memories(
                await self.client.search_memories(query=query, account_id=account, limit=most, filter=filter)  # type: ignore[arg-type]
            )

        return await _or(found(), [], "searched")

    async def _list(self, account_id: str | None, limit: int, **where: Any) -> list[dict[str, Any]]:
        async def found() -> list[dict[str, Any]]:
            account, most = _required(account_id), _within(limit, MOST_LISTED)
            return _memories(await self.client.list_memories(account_id=account, limit=most, **where))

        return await _or(found(), [], "listed")


async def _or(work: Awaitable[A], otherwise: A, what: str) -> A:
    """What comes of ``work``; ``otherwise``, and a line in the log, if it fails."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001  (a run goes on without memory)
        found = empty(error)
        LOG.warning("memory could not be %s (%s): %s", what, found.reason, found.detail)
        return otherwise


def _memories(found: MemoryList) -> list[dict[str, Any]]:
    return [_plain(memory) for memory in found.memories]


def _plain(answer: Any) -> dict[str, Any]:
    plain: dict[str, Any] = answer.model_dump(mode="json")
    return plain


def _required(account_id: object) -> str:
    if not account_id:
        raise InvalidCallError("name the account: MemoryService(account_id=...), or user_id in the metadata")
    return str(account_id)


def _within(limit: object, most: int) -> int:
    return max(1, min(limit if isinstance(limit, int) else most, most))


def _latest(messages: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last message was said, where all say it."""
    try:
        return max(moment_of(message["created_at"]) for message in messages)
    except (KeyError, ValueError, TypeError):
        return None
