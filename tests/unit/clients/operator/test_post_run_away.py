"""The service is away, or does not take a run: nothing is lost silently."""

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest
from operator_memory_client.operator import PostRun, sender
from operator_memory_client.operator.post_run import KEPT
from operator_memory_client.operator.spool.folder import FolderSpool
from operator_memory_client.transport.queue import JobsQueue

from tests.support.clients.hooks import BRIEF, Hook, Queue
from tests.support.clients.memory_server import MemoryServer, answering, away
from tests.support.clients.runs import ENDED, a_run
from tests.support.time_outs import AMPLE, eventually

pytest_plugins = ["tests.support.clients.hook_fixtures"]


def test_runs_wait_and_are_sent_with_a_later_one(hooks: list[PostRun], place: Path | None) -> None:
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
    hooks: list[PostRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_the_next_start_sends_what_was_left(hooks: list[PostRun], tmp_path: Path) -> None:
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
def test_what_may_work_later_waits(hooks: list[PostRun], tmp_path: Path, status: int) -> None:
    server = MemoryServer(answering(status))
    hook = PostRun(server.blocking(**BRIEF), folder=tmp_path)
    hooks.append(hook)
    hook.hand_over("run-1", "t-1", "acct-1").result(AMPLE)
    assert not hook.flush(AMPLE)
    assert hook.waiting() == 1


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_what_never_works_is_dropped_counted_and_logged(
    hooks: list[PostRun], tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    told = Hook(hooks, tmp_path, MemoryServer(answering(status)))
    with caplog.at_level(logging.ERROR):
        told.tell()
        assert told.hook.flush(AMPLE)
    assert told.hook.counts() == {"kept": 1, "refused": 1}
    assert "run-1" in caplog.text


def test_a_client_without_an_address_keeps_runs(hooks: list[PostRun], tmp_path: Path) -> None:
    hook = PostRun(folder=tmp_path)
    hooks.append(hook)
    assert hook.hand_over("run-1", "t-1", "acct-1").result(AMPLE) == KEPT
    assert not hook.flush(AMPLE)
    assert hook.waiting() == 1


def test_the_runs_of_a_thread_stay_in_order(hooks: list[PostRun], tmp_path: Path) -> None:
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


def test_what_waits_for_another_process_is_sent_when_that_is_done(hooks: list[PostRun], tmp_path: Path) -> None:
    other = FolderSpool(tmp_path)
    other.put(a_run(1, "t-1"))
    [(_, claim)] = other.claims()
    told = Hook(hooks, tmp_path)
    told.tell("run-2")
    told.hook._sender._rest = 10 * AMPLE
    assert told.hook.waiting() == 2
    assert claim is not None
    claim.done()
    claim.release()
    eventually(lambda: told.jobs() == ["run-2"])


def test_a_queue_and_an_api_that_take_turns(hooks: list[PostRun], tmp_path: Path) -> None:
    queue = Queue()
    client = MemoryServer(away).blocking(**BRIEF)
    client._queue = JobsQueue("http://queue.test/jobs.fifo", 60.0, lambda _: queue)
    hook = PostRun(client, folder=tmp_path)
    hooks.append(hook)
    hook.hand_over("run-1", "t-1", "acct-1").result(AMPLE)
    assert not hook.flush(AMPLE), "both are away"
    queue.fails = False
    hook.hand_over("run-2", "t-1", "acct-1").result(AMPLE)
    assert hook.flush(AMPLE)
    assert [json.loads(body)["job_id"] for body in queue.bodies] == ["run-1", "run-2"]


def test_a_spool_that_cannot_be_written_loses_nothing(
    hooks: list[PostRun], tmp_path: Path, caplog: pytest.LogCaptureFixture
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
