"""Carries out the steps of an exchange on an event loop."""

from __future__ import annotations

import os
from typing import Any

import anyio
import httpx
from anyio.lowlevel import current_token

from operator_memory_client.errors import DeadlineError
from operator_memory_client.transport.cancelling import CancellingTransport
from operator_memory_client.transport.exchange import Failure, Outcome, Reply, Send, Steps
from operator_memory_client.transport.shares import CONNECTIONS, Shares
from operator_memory_client.transport.sync_http import (
    KEEPALIVE_SECONDS,
    NETWORK_ERRORS,
    check_size,
    failure,
    reply_of,
    request_of,
    tls,
)


class AsyncHttp:
    """Kept-alive connections of an event loop. A call that is cancelled closes its connection.

    Another loop than the last one, or a forked process, makes connections of its own: they belong to their loop.
    """

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport``: one of the caller's own, for proxies or tests; it is not closed here."""
        self._url = url
        self._given = transport
        self._shares = Shares()
        self._own: dict[int, httpx.AsyncBaseTransport] = {}
        self._home: tuple[int, Any] | None = None
        tls()

    async def run(self, steps: Steps) -> Reply:
        """The answer at the end of ``steps``."""
        outcome: Outcome | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Send):
                    outcome = await self._sent(step)
                else:
                    outcome = None
                    await anyio.sleep(step.seconds)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        finally:
            steps.close()

    async def aclose(self) -> None:
        """Close the connections of this loop; a later call opens new ones."""
        own, self._own = self._own, {}
        if self._home == _home():
            for transport in own.values():
                await transport.aclose()

    def _transport(self, number: int) -> httpx.AsyncBaseTransport:
        if self._given is not None:
            return self._given
        home = _home()
        if self._home != home:
            self._own, self._shares, self._home = {}, Shares(), home
        if number not in self._own:
            self._own[number] = CancellingTransport(tls(), CONNECTIONS, KEEPALIVE_SECONDS)
        return self._own[number]

    async def _sent(self, step: Send) -> Outcome:
        try:
            with anyio.move_on_after(step.seconds), self._shares.one() as number:
                return await self._answer(self._transport(number), step)
        except NETWORK_ERRORS as error:
            return failure(error, step.seconds)
        return Failure(DeadlineError(f"no complete answer within {step.seconds:.3g} seconds"))

    async def _answer(self, transport: httpx.AsyncBaseTransport, step: Send) -> Reply:
        answer = await transport.handle_async_request(request_of(self._url, step))
        try:
            pieces, size = [], 0
            async for piece in answer.aiter_bytes():
                pieces.append(piece)
                size += len(piece)
                check_size(size)
            return reply_of(answer, b"".join(pieces))
        finally:
            await answer.aclose()


def _home() -> tuple[int, Any]:
    return os.getpid(), current_token()
