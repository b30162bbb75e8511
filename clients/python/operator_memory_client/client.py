"""The client for blocking code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import httpx

from operator_memory_client.api.methods import Methods
from operator_memory_client.base import LOG, Base
from operator_memory_client.context import Context, ContextMemory, empty, read_context
from operator_memory_client.errors import MemoryClientError
from operator_memory_client.placement import citations
from operator_memory_client.runs import Submitted, run_body, submission
from operator_memory_client.settings import ClientSettings
from operator_memory_client.transport.answers import lines_of, read_answer
from operator_memory_client.transport.calls import UNSET, Route, make_call
from operator_memory_client.transport.sync_http import SyncHttp

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from operator_memory_client.api.types import ContextOptions
    from operator_memory_client.runs import RunFields

A = TypeVar("A")


class MemoryClient(Base, Methods):
    """Operator Memory for blocking code. One client serves all threads of a process, and keeps connections open.

    `context` never raises and never takes longer than its deadline. Everything else raises `MemoryClientError`.
    """

    def __init__(self, settings: ClientSettings | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(settings or ClientSettings())
        self._http = SyncHttp(self._url, transport)

    def context(
        self, account_id: str = "", *, deadline: float | None = None, **options: Unpack[ContextOptions]
    ) -> Context:
        """The memories for one run, within ``deadline`` seconds (0.5). Never raises: an empty context says why."""
        if not self.enabled:
            return Context(degraded=("disabled",), detail="memory is off in this process")
        try:
            steps = self._context_steps(account_id, deadline, dict(options))
            return read_context(self._http.run(steps).body)
        except Exception as error:  # noqa: BLE001  (a run goes on without memory, whatever happened)
            return empty(error)

    def submit_run(
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
                self._queue.send(body, account_id=account_id)
                return Submitted(job_id, "queue")
            except MemoryClientError:
                if self._fault is not None:
                    raise
        self._http.run(self._steps(submission(body, account_id)))
        return Submitted(job_id, "http")

    def used(
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
                self.note_used(account_id=account_id, memory_ids=ids, agent_id=agent_id, thread_id=thread_id)
        except Exception as error:  # noqa: BLE001  (the run has ended well without it)
            LOG.info("what an answer cited was not noted (%s)", empty(error).reason)
        return found

    def export(self, account_id: str | None = None) -> Iterator[str]:
        """Everything that is held about the account, one line of JSON after the other."""
        cursor: str | None = None
        while True:
            part = self.export_part(account_id=account_id, cursor=cursor)
            yield from lines_of(part)
            cursor = part.next_cursor
            if cursor is None:
                return

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self,
        route: Route[A],
        path: Mapping[str, object],
        query: Mapping[str, object],
        headers: Mapping[str, object],
        body: object = UNSET,
    ) -> A:
        reply = self._http.run(self._steps(make_call(route, path, query, headers, body)))
        answer: A = read_answer(route, reply)
        return answer
