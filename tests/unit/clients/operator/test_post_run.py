"""After a run: told at least once, off the event loop, whatever the service does and however the run ends."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from operator_memory.entrypoints.contracts.job import parse_job
from operator_memory_client.operator import PlatformMemory, PostRun, run_agent_with_memory, sender
from operator_memory_client.operator.post_run import AGAIN, INVALID, KEPT, LATE, OFF
from operator_memory_client.operator.spool.folder import FolderSpool
from operator_memory_client.transport.circuit import Circuit

from tests.support.clients.memory_server import MemoryServer, answering, away
from tests.support.clients.platform import Platform, run_agent_background
from tests.support.clients.runs import ENDED
from tests.support.time_outs import AMPLE

BRIEF = {"call_seconds": 0.05}
"""For clients whose service is away: they try for so long."""


@pytest.fixture
def hooks() -> Iterator[list[PostRun]]:
    made: list[PostRun] = []
    yield made
    for hook in made:
        hook.close(0)


class Hook:
    """A hook and the service that it tells."""

    def __init__(
        self, hooks: list[PostRun], folder: Path | None, server: MemoryServer | None = None, **options: Any
    ) -> None:
        self.server = server or MemoryServer()
        client = self.server.blocking(**BRIEF) if self.server.answer is away else self.server.blocking()
        self.hook = PostRun(client, folder=folder, **{"seconds": AMPLE, **options})
        hooks.append(self.hook)

    def tell(self, run_id: object = "run-1", *args: Any, **details: Any) -> str:
        """What `hand_over` comes to."""
        told = args or ("t-1", "acct-1", "agent-1", "completed")
        return self.hook.hand_over(run_id, *told, **details).result(AMPLE)

    def is_back(self) -> None:
        """The pause after failures is over."""
        self.hook._sender.client._others._circuit = Circuit()

    def jobs(self) -> list[str]:
        return [job["job_id"] for job in self.server.jobs()]


@pytest.fixture(params=["folder", "no folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "folder" else None


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


class TestAway:
    def test_runs_wait_and_are_sent_with_a_later_one(self, hooks: list[PostRun], place: Path | None) -> None:
        told = Hook(hooks, place, MemoryServer(away))
        for number in range(5):
            assert told.tell(f"run-{number}") == KEPT
        assert not told.hook.flush(AMPLE)
        assert told.hook.waiting() == 5
        told.server.answer = None
        told.is_back()
        told.server.requests.clear()
        told.tell("run-5")
        assert told.hook.flush(AMPLE)
        assert told.jobs() == [f"run-{number}" for number in range(6)]

    def test_new_runs_do_not_wake_a_service_that_is_away_each_time(
        self, hooks: list[PostRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = Hook(hooks, tmp_path, MemoryServer(away))
        told.tell("run-0")
        assert not told.hook.flush(AMPLE)
        monkeypatch.setattr(sender, "LEAST_REST_SECONDS", AMPLE)
        told.is_back()
        assert not told.hook.flush(AMPLE), "the next pause is a long one"
        asked = len(told.server.requests)
        for number in range(1, 20):
            told.tell(f"run-{number}")
        assert len(told.server.requests) == asked
        told.server.answer = None
        told.is_back()
        assert told.hook.flush(AMPLE)
        assert told.hook.counts() == {"kept": 20, "sent": 20}

    def test_the_next_start_sends_what_was_left(self, hooks: list[PostRun], tmp_path: Path) -> None:
        first = Hook(hooks, tmp_path, MemoryServer(away))
        first.tell("run-1", finished_at=ENDED)
        first.hook.close(AMPLE)
        [sent] = first.server.jobs()[:1]
        second = Hook(hooks, tmp_path)
        second.hook.start()
        assert second.hook.flush(AMPLE)
        assert second.server.jobs() == [sent], "the same job with the same content: a duplicate changes nothing"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
    def test_what_may_work_later_waits(self, hooks: list[PostRun], tmp_path: Path, status: int) -> None:
        server = MemoryServer(answering(status))
        hook = PostRun(server.blocking(**BRIEF), folder=tmp_path)
        hooks.append(hook)
        hook.hand_over("run-1", "t-1", "acct-1").result(AMPLE)
        assert not hook.flush(AMPLE)
        assert hook.waiting() == 1

    @pytest.mark.parametrize("status", [400, 409, 413, 422])
    def test_what_never_works_is_dropped_counted_and_logged(
        self, hooks: list[PostRun], tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        told = Hook(hooks, tmp_path, MemoryServer(answering(status)))
        with caplog.at_level(logging.ERROR):
            told.tell()
            assert told.hook.flush(AMPLE)
        assert told.hook.counts() == {"kept": 1, "refused": 1}
        assert "run-1" in caplog.text

    def test_a_client_without_an_address_keeps_runs(self, hooks: list[PostRun], tmp_path: Path) -> None:
        hook = PostRun(folder=tmp_path)
        hooks.append(hook)
        assert hook.hand_over("run-1", "t-1", "acct-1").result(AMPLE) == KEPT
        assert not hook.flush(AMPLE)
        assert hook.waiting() == 1

    def test_the_runs_of_a_thread_stay_in_order(self, hooks: list[PostRun], tmp_path: Path) -> None:
        """The first was kept out of memory: if the second came before it, it would teach what the first said."""
        failing = {"run-1"}

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(429 if any(name.encode() in request.content for name in failing) else 202, json={})

        told = Hook(hooks, tmp_path, MemoryServer(answer))
        told.hook._client = told.server.blocking(**BRIEF)
        told.tell("run-1", memory_enabled=False)
        told.tell("run-2")
        told.tell("run-3", "t-2", "acct-1", None, "completed")
        assert not told.hook.flush(AMPLE)
        assert "run-2" not in told.jobs()
        assert "run-3" in told.jobs()
        failing.clear()
        told.is_back()
        assert told.hook.flush(AMPLE)
        assert told.jobs()[-2:] == ["run-1", "run-2"]

    def test_a_spool_that_cannot_be_written_loses_nothing(
        self, hooks: list[PostRun], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "spool").write_text("a file where the folder should be")
        told = Hook(hooks, tmp_path / "spool")
        with caplog.at_level(logging.WARNING):
            assert told.tell() == KEPT
            assert told.hook.flush(AMPLE)
        assert told.jobs() == ["run-1"]
        assert told.hook.counts()["not_written"] == 1
        assert "the spool cannot be written" in caplog.text


def test_a_client_that_cannot_be_made_loses_nothing(
    hooks: list[PostRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ImportError("httpx is not installed")

    monkeypatch.setattr("operator_memory_client.client.MemoryClient", broken)
    hook = PostRun(folder=tmp_path)
    hooks.append(hook)
    assert asyncio.run(hook.after_run("run-1", "t-1", "acct-1")) == KEPT
    assert (hook.waiting(), hook.flush(AMPLE)) == (1, False)


class Blocked(FolderSpool):
    """A disk that hangs until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.go, self.begun = threading.Event(), threading.Event()

    def put(self, run: Any) -> None:
        self.begun.set()
        assert self.go.wait(AMPLE)
        super().put(run)


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
