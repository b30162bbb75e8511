"""The client for event loops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import httpx

from operator_memory_client.api.async_methods import AsyncMethods
from operator_memory_client.base import LOG, Base
from operator_memory_client.context import Context, ContextMemory, empty, read_context
from operator_memory_client.errors import DeadlineError, MemoryClientError
from operator_memory_client.placement import citations
from operator_memory_client.runs import Submitted, run_body, submission
from operator_memory_client.settings import ClientSettings
from operator_memory_client.transport.answers import lines_of, read_answer
from operator_memory_client.transport.async_http import AsyncHttp
from operator_memory_client.transport.calls import UNSET, Route, make_call

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from operator_memory_client.api.types import ContextOptions
    from operator_memory_client.runs import RunFields

A = TypeVar("A")


class AsyncMemoryClient(Base, AsyncMethods):
    """Operator Memory for event loops. One client serves all tasks, and keeps connections open.

    `context` never raises and never takes longer than its deadline; only its own cancellation goes through. Everything
    else raises `MemoryClientError`.
    """

    def __init__(
        self, settings: ClientSettings | None = None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(settings or ClientSettings())
        self._http = AsyncHttp(self._url, transport)

    async def context(
        self, account_id: str = "", *, deadline: float | None = None, **options: Unpack[ContextOptions]
    ) -> Context:
        """The memories for one run, within ``deadline`` seconds (0.5). Never raises: an empty context says why."""
        if not self.enabled:
            return Context(degraded=("disabled",), detail="memory is off in this process")
        try:
            steps = self._context_steps(account_id, deadline, dict(options))
            return read_context((await self._http.run(steps)).body)
        except Exception as error:  # noqa: BLE001  (a run goes on without memory, whatever happened)
            return empty(error)

    async def submit_run(
        self,
        account_id: str,
        job_id: str,
        thread_id: str,
        messages: Sequence[object] | None = None,
        **fields: Unpack[RunFields],
    ) -> Submitted:
        """Hand over a finished run: to the queue, if there is one, and by HTTP where there is none or it fails.

        Submitting the same run again, with the same ``finished_at``, changes nothing. Without ``messages`` the service
        reads the thread itself.
        """
        if not self.enabled:
            return Submitted(job_id, "")
        body = run_body(account_id, job_id, thread_id, messages, fields)
        if self._queue is not None:
            try:
                await self._enqueue(body, account_id)
                return Submitted(job_id, "queue")
            except MemoryClientError:
                if self._fault is not None:
                    raise
        await self._http.run(self._steps(submission(body, account_id)))
        return Submitted(job_id, "http")

    async def used(
        self,
        account_id: str,
        context: Context,
        answer: object,
        *,
        agent_id: str | None = None,
        thread_id: str | None = None,
    ) -> list[ContextMemory]:
        """Tell the service which memories of ``context`` the ``answer`` cites, and return them. Never raises."""
        found: list[ContextMemory] = []
        try:
            found = citations(answer, context)
            if found and self.enabled:
                ids = [memory.id for memory in found]
                await self.note_used(account_id=account_id, memory_ids=ids, agent_id=agent_id, thread_id=thread_id)
        except Exception as error:  # noqa: BLE001  (the run has ended well without it)
            LOG.info("what an answer cited was not noted (%s)", empty(error).reason)
        return found

    async def export(self, account_id: str | None = None) -> AsyncIterator[str]:
        """Everything that is held about the account, one line of JSON after the other."""
        cursor: str | None = None
        while True:
            part = await self.export_part(account_id=account_id, cursor=cursor)
            for line in lines_of(part):
                yield line
            cursor = part.next_cursor
            if cursor is None:
                return

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _enqueue(self, body: str, account_id: str) -> None:
        """boto3 blocks, so it works in a thread; nobody waits for it longer than for another call."""
        assert self._queue is not None  # noqa: S101  (its caller has looked)
        send = partial(self._queue.send, body, account_id=account_id)
        with anyio.move_on_after(self.settings.call_seconds) as scope:
            await anyio.to_thread.run_sync(send, abandon_on_cancel=True)
        if scope.cancelled_caught:
            raise DeadlineError("the queue did not answer in time")

    async def _call(
        self,
        route: Route[A],
        path: Mapping[str, object],
        query: Mapping[str, object],
        headers: Mapping[str, object],
        body: object = UNSET,
    ) -> A:
        reply = await self._http.run(self._steps(make_call(route, path, query, headers, body)))
        answer: A = read_answer(route, reply)
        return answer
