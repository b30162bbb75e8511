"""Many runs on one client: threads, tasks, loops, forks; and calls that are cancelled leave nothing open."""

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from operator_memory_client.async_client import AsyncMemoryClient
from operator_memory_client.client import MemoryClient
from operator_memory_client.context import Context
from operator_memory_client.transport.shares import CONNECTIONS, POOLS

from tests.support.clients.sides import CONTEXT, settings_for
from tests.support.loopback import HttpServer, LoopbackServer, Request, read_request, reply
from tests.support.time_outs import AMPLE

RUNS = 200


def echo(request: Request) -> bytes:
    """The answer names the account that asked, so that no run can take another's for its own."""
    return reply({**CONTEXT, "context": request.json()["account_id"]})


def test_two_hundred_runs_in_threads() -> None:
    with HttpServer(echo) as server, MemoryClient(settings_for(server.url)) as client, ThreadPoolExecutor(RUNS) as pool:
        accounts = [f"acct-{n}" for n in range(RUNS)]
        assert [context.text for context in pool.map(client.context, accounts)] == accounts
        assert server.connections <= CONNECTIONS * POOLS


def test_two_hundred_runs_on_a_loop() -> None:
    async def ask_all(url: str) -> list[Context]:
        async with AsyncMemoryClient(settings_for(url)) as client:
            return await asyncio.gather(*(client.context(f"acct-{n}") for n in range(RUNS)))

    with HttpServer(echo) as server:
        assert [context.text for context in asyncio.run(ask_all(server.url))] == [f"acct-{n}" for n in range(RUNS)]
        assert server.connections <= CONNECTIONS * POOLS


def test_connections_are_used_again() -> None:
    with HttpServer(echo) as server, MemoryClient(settings_for(server.url)) as client:
        for _ in range(5):
            client.context("acct-1")
        assert server.connections == 1


def test_one_client_serves_one_event_loop_after_the_other() -> None:
    with HttpServer(echo) as server:
        client = AsyncMemoryClient(settings_for(server.url))

        async def ask() -> str:
            text = (await client.context("acct-1")).text
            await client.aclose()
            return text

        assert [asyncio.run(ask()) for _ in range(3)] == ["acct-1"] * 3


def test_a_forked_process_makes_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpServer(echo) as server, MemoryClient(settings_for(server.url)) as client:
        client.context("acct-1")
        [parents] = client._http._own.values()
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as the child sees it
        assert client.context("acct-2").text == "acct-2"
        client.close()
        assert server.connections == 2
        assert parents._pool.connections, "they are the parent's"  # type: ignore[attr-defined]
        parents.close()


class Silent(LoopbackServer):
    """Reads a request, answers nothing, and notices when the client goes away."""

    def __init__(self) -> None:
        self.asked, self.left = threading.Event(), threading.Event()
        super().__init__(self._listen)

    def _listen(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
            self.asked.set()
            stream.read()
        self.left.set()


def test_a_cancelled_call_closes_its_connection_and_goes_on_being_cancelled() -> None:
    async def cancel(server: Silent) -> list[Any]:
        client = AsyncMemoryClient(settings_for(server.url))
        task = asyncio.create_task(client.context("acct-1"))
        await asyncio.to_thread(server.asked.wait, AMPLE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.left.wait, AMPLE)
        assert client._contexts.circuit.failures == 0, "it says nothing about the service"
        open_ones: list[Any] = client._http._transport(0)._pool.connections  # type: ignore[attr-defined]
        await client.aclose()
        return open_ones

    with Silent() as server:
        assert asyncio.run(cancel(server)) == []


def test_a_call_that_took_too_long_closes_its_connection() -> None:
    with Silent() as server, MemoryClient(settings_for(server.url)) as client:
        assert client.context("acct-1", deadline=0.1).reason == "deadline"
        assert server.left.wait(AMPLE)


def test_leaving_a_loop_leaves_no_task_behind() -> None:
    async def ask(url: str) -> set[asyncio.Task[Any]]:
        async with AsyncMemoryClient(settings_for(url)) as client:
            await client.context("acct-1", deadline=0.1)
        return asyncio.all_tasks() - {asyncio.current_task()}

    with Silent() as server:
        assert asyncio.run(ask(server.url)) == set()
