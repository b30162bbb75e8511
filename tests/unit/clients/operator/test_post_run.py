"""After a run: told at least once, off the event loop, whatever the service does and however the run ends."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory_client.operator import PlatformMemory, PostRun, run_agent_with_memory
from operator_memory_client.operator.post_run import AGAIN, INVALID, KEPT, LATE, OFF

from tests.support.clients.hooks import Blocked, Hook
from tests.support.clients.memory_server import MemoryServer
from tests.support.clients.platform import Platform, run_agent_background
from tests.support.clients.runs import ENDED
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.clients.hook_fixtures"]


def test_a_run_is_told_with_names_and_times_only(hooks: list[PostRun], place: Path | None) -> None:
    told = Hook(hooks, place)
    assert told.tell(finished_at=ENDED, author_id="user-7") == KEPT
    assert told.hook.flush(AMPLE)
    assert told.server.jobs() == [
        {
            "job_id": "run-1",
            "account_id": "acct-1",
            "thread_id": "t-1",
            "agent_id": "agent-1",
            "author_id": "user-7",
            "status": "completed",
            "finished_at": ENDED.isoformat(),
            "memory_enabled": True,
        }
    ]
    job, _ = parse_job(told.server.requests[0].content.decode())
    assert job.messages is None, "the service reads them from the thread"
    assert told.hook.counts() == {"kept": 1, "sent": 1}
    assert told.hook.waiting() == 0


def test_the_same_run_is_told_once(hooks: list[PostRun], place: Path | None) -> None:
    """By the generator and by the actor, a moment later: another content under one id would be refused."""
    told = Hook(hooks, place)
    assert [told.tell(), told.tell()] == [KEPT, AGAIN]
    assert told.hook.flush(AMPLE)
    assert told.jobs() == ["run-1"]


def test_what_is_kept_out_of_memory_is_told_so(hooks: list[PostRun], place: Path | None) -> None:
    """Else the thread's next run would teach it."""
    told = Hook(hooks, place)
    told.tell(memory_enabled=False)
    assert told.hook.flush(AMPLE)
    assert told.server.jobs()[0]["memory_enabled"] is False


def test_builder_runs_and_runs_without_an_account_are_left_alone(hooks: list[PostRun], tmp_path: Path) -> None:
    told = Hook(hooks, tmp_path)
    assert told.tell(is_agent_builder=True) == OFF
    assert told.tell("run-2", "t-1", None, None, "completed") == OFF
    off = PostRun(MemoryServer().blocking(enabled=False), folder=tmp_path)
    hooks.append(off)
    assert off.hand_over("run-3", "t-1", "acct-1").result(AMPLE) == OFF
    assert (told.hook.waiting(), told.server.requests) == (0, [])


def test_a_wrong_id_is_named_in_the_log(hooks: list[PostRun], caplog: pytest.LogCaptureFixture) -> None:
    told = Hook(hooks, None)
    with caplog.at_level(logging.ERROR):
        assert told.tell("run 1; I keep bees") == INVALID
    assert "job_id is no id" in caplog.text
    assert "bees" not in caplog.text
    assert told.hook.counts() == {INVALID: 1}


class TestOnTheLoop:
    def test_told_again_waits_until_it_is_kept(self, hooks: list[PostRun], tmp_path: Path) -> None:
        spool = Blocked(tmp_path)
        told = Hook(hooks, None, spool=spool)
        first, again = (told.hook.hand_over("run-1", "t-1", "acct-1") for _ in range(2))
        assert spool.begun.wait(AMPLE)
        assert not again.done()
        spool.go.set()
        assert (first.result(AMPLE), again.result(AMPLE)) == (KEPT, AGAIN)
        assert told.hook.flush(AMPLE)

    def test_nothing_is_made_on_it(self, hooks: list[PostRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first client imports httpx, which takes a tenth of a second."""
        makers: list[threading.Thread] = []
        started = PostRun._started

        def noted(hook: PostRun) -> Any:
            makers.append(threading.current_thread())
            return started(hook)

        monkeypatch.setattr(PostRun, "_started", noted)
        told = Hook(hooks, tmp_path)
        told.hook.start()
        assert asyncio.run(told.hook.after_run("run-1", "t-1", "acct-1")) == KEPT
        assert told.hook.flush(AMPLE)
        assert threading.main_thread() not in makers
        assert makers

    def test_a_disk_that_hangs_holds_up_nothing(self, hooks: list[PostRun], tmp_path: Path) -> None:
        spool = Blocked(tmp_path)
        told = Hook(hooks, None, spool=spool, seconds=0.05)

        async def tell() -> str:
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0)

            ticking = asyncio.ensure_future(tick())
            answer = await told.hook.after_run("run-1", "t-1", "acct-1", "agent-1", "completed")
            ticking.cancel()
            assert ticks > 10, "the loop went on"
            return answer

        assert asyncio.run(tell()) == LATE
        spool.go.set()
        assert told.hook.flush(AMPLE)
        assert told.jobs() == ["run-1"]

    def test_a_cancellation_goes_through_and_changes_nothing(self, hooks: list[PostRun], tmp_path: Path) -> None:
        spool = Blocked(tmp_path)
        told = Hook(hooks, None, spool=spool)

        async def tell() -> None:
            task = asyncio.ensure_future(told.hook.after_run("run-1", "t-1", "acct-1"))
            while not spool.begun.is_set():
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(tell())
        spool.go.set()
        assert told.hook.flush(AMPLE)
        assert told.jobs() == ["run-1"]

    def test_it_waits_for_no_service(self, hooks: list[PostRun], tmp_path: Path) -> None:
        going = threading.Event()

        def hang(_: httpx.Request) -> httpx.Response:
            assert going.wait(AMPLE)
            return httpx.Response(202, json={})

        told = Hook(hooks, tmp_path, MemoryServer(hang))
        answers = [asyncio.run(told.hook.after_run(f"run-{n}", "t-1", "acct-1")) for n in range(3)]
        assert answers == [KEPT] * 3
        going.set()
        assert told.hook.flush(AMPLE)


def test_two_hundred_runs_end_each_in_its_way_and_all_are_told(hooks: list[PostRun], tmp_path: Path) -> None:
    told = Hook(hooks, tmp_path)

    def items_of(number: int) -> AsyncGenerator[Any, None]:
        platform = Platform(fails_at=1 if number % 4 == 1 else None)
        memory = PlatformMemory(run_agent=platform.run_agent, service=told.server.service(), post_run=told.hook)
        return run_agent_with_memory(
            f"t-{number}", "p", True, user_id="acct-1", memory=memory, agent_run_id=f"run-{number}"
        )

    async def run(number: int) -> None:
        async def after(run_id: str, status: str) -> None:
            await told.hook.after_run(run_id, f"t-{number}", "acct-1", None, status)

        stop_after = 1 if number % 4 == 2 else None
        await run_agent_background(f"run-{number}", f"t-{number}", items_of(number), stop_after=stop_after, after=after)

    async def all_runs() -> None:
        tasks = [asyncio.ensure_future(run(number)) for number in range(200)]
        for task in tasks[3::4]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_runs())
    assert told.hook.flush(AMPLE)
    never_began = 200 - told.hook.counts()["kept"]
    assert never_began < 50, "a task that is cancelled before it begins ran nothing"
    assert len(set(told.jobs())) == len(told.jobs()) == 200 - never_began
    assert {job["status"] for job in told.server.jobs()} >= {"completed", "stopped", "failed"}
    assert list(tmp_path.iterdir()) == []


def test_a_forked_process_has_a_sender_of_its_own(hooks: list[PostRun], tmp_path: Path) -> None:
    told = Hook(hooks, tmp_path)
    told.tell("run-1")
    assert told.hook.flush(AMPLE)
    before = told.hook._sender
    told.hook._process += 1  # as a child sees its parent's
    told.tell("run-2")
    assert told.hook.flush(AMPLE)
    assert told.hook._sender is not before
    before.close(AMPLE)
    assert told.jobs() == ["run-1", "run-2"]
