"""Processes that share a spool, or die over it; against a real server and the kernel's own locks."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from operator_memory_client.client import MemoryClient
from operator_memory_client.operator import PostRun
from operator_memory_client.operator.spool.folder import FolderSpool

from tests.support.clients.runs import a_run, ended, heard, process_of
from tests.support.clients.sides import settings_for
from tests.support.loopback import HttpServer, reply, unused_port
from tests.support.time_outs import AMPLE

SEND = """
import sys
from operator_memory_client.client import MemoryClient
from operator_memory_client.operator import PostRun
from tests.support.clients.sides import settings_for
hook = PostRun(MemoryClient(settings_for(sys.argv[2])), folder=sys.argv[1])
print("ready", flush=True); sys.stdin.readline()
hook.start()
assert hook.flush(60.0)
hook.close()
"""
DIE_IN_A_WRITE = """
import os, signal, sys
from operator_memory_client.operator.spool import folder
from tests.support.clients.runs import a_run
spool = folder.FolderSpool(sys.argv[1])
write = os.write
def half(descriptor, raw):
    write(descriptor, raw[:len(raw) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
spool.put(a_run(1))
folder.os.write = half
spool.put(a_run(2))
"""
CLAIM_AND_HANG = """
import sys
from operator_memory_client.operator.spool.folder import FolderSpool
claims = list(FolderSpool(sys.argv[1]).claims())
print("claimed", flush=True)
sys.stdin.readline()
"""
ACTOR = """
import asyncio, os, signal, sys
from operator_memory_client.operator import after_run
async def actor():
    try:
        raise RuntimeError("the model fails")
    finally:
        print(await after_run("run-1", "t-1", "acct-1", "agent-1", "failed"), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(actor())
"""
WITHOUT_A_FOLDER = """
import asyncio, logging, sys
from operator_memory_client.operator import after_run
logging.basicConfig(stream=sys.stdout, format="%(message)s")
print(asyncio.run(after_run("run-1", "t-1", "acct-1")), flush=True)
"""


def sent_to(server: HttpServer) -> Counter[str]:
    return Counter(request.json()["job_id"] for request in server.requests)


@pytest.fixture
def jobs() -> HttpServer:
    return HttpServer(lambda _: reply({}, 202))


@contextmanager
def hook_for(url: str, folder: Path) -> Iterator[PostRun]:
    with MemoryClient(settings_for(url)) as client:
        hook = PostRun(client, folder=folder)
        yield hook
        hook.close(AMPLE)


def test_two_processes_replay_one_spool_and_every_run_once(tmp_path: Path, jobs: HttpServer) -> None:
    spool = FolderSpool(tmp_path)
    for number in range(120):
        spool.put(a_run(number, thread_id=f"t-{number % 30}"))
    with jobs as server:
        processes = [process_of(SEND, str(tmp_path), server.url) for _ in range(2)]
        assert [heard(process) for process in processes] == ["ready"] * 2
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [ended(process) for process in processes] == [0, 0]
        assert sent_to(server) == {f"run-{number}": 1 for number in range(120)}
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_in_a_write_leaves_whole_runs_only(tmp_path: Path, jobs: HttpServer) -> None:
    assert ended(process_of(DIE_IN_A_WRITE, str(tmp_path))) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2, "one whole, and half of another"
    with jobs as server, hook_for(server.url, tmp_path) as hook:
        hook.start()
        assert hook.flush(AMPLE)
        assert sent_to(server) == {"run-1": 1}
    assert list(tmp_path.iterdir()) == []
    assert hook.counts().get("unreadable") is None


def test_a_claim_ends_with_the_process_that_made_it(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    spool.put(a_run())
    process = process_of(CLAIM_AND_HANG, str(tmp_path))
    assert heard(process) == "claimed"
    assert [claim for _, claim in spool.claims()] == [None]
    os.kill(process.pid, signal.SIGKILL)
    ended(process)
    [(_, claim)] = spool.claims()
    assert claim is not None
    assert claim.run == a_run()


def test_an_actor_that_is_killed_right_after_its_run_is_told_by_the_next(tmp_path: Path, jobs: HttpServer) -> None:
    environment = {
        "OPERATOR_MEMORY_SPOOL": str(tmp_path),
        "OPERATOR_MEMORY_URL": f"http://127.0.0.1:{unused_port()}",
        "OPERATOR_MEMORY_TOKEN": "token",
    }
    process = process_of(ACTOR, **environment)
    assert heard(process) == "kept"
    assert ended(process) == -signal.SIGKILL
    with jobs as server, hook_for(server.url, tmp_path) as hook:
        assert asyncio.run(hook.after_run("run-2", "t-1", "acct-1")) == "kept"
        assert hook.flush(AMPLE)
        assert [request.json()["job_id"] for request in server.requests] == ["run-1", "run-2"]
        first = server.requests[0].json()
    assert (first["status"], first["agent_id"], first["thread_id"]) == ("failed", "agent-1", "t-1")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_process_without_a_folder_sends_before_it_ends_or_says_what_is_lost(jobs: HttpServer, is_there: bool) -> None:
    with jobs as server:
        url = server.url if is_there else f"http://127.0.0.1:{unused_port()}"
        process = process_of(WITHOUT_A_FOLDER, OPERATOR_MEMORY_URL=url, OPERATOR_MEMORY_TOKEN="token")
        said, _ = process.communicate(timeout=AMPLE)
        assert process.returncode == 0
        assert said.startswith("kept")
        assert sent_to(server) == ({"run-1": 1} if is_there else {})
        assert ("1 finished runs end with this process" in said) is not is_there


def test_a_service_that_answers_nothing_is_left_when_the_hook_closes(tmp_path: Path) -> None:
    with HttpServer(lambda _: None) as server, MemoryClient(settings_for(server.url, call_seconds=0.5)) as client:
        hook = PostRun(client, folder=tmp_path)
        assert asyncio.run(hook.after_run("run-1", "t-1", "acct-1")) == "kept"
        hook.close(AMPLE)
        assert hook.waiting() == 1
        assert not server.closing.is_set()
