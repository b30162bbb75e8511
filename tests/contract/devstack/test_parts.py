"""The devstack's parts as processes: one that ends is said and started again, or given up with a sentence."""

import os
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.folder import claimed
from devstack.processes import Part, PartFailedError, Watch, child_environment
from tests.support.processes import is_running
from tests.support.time_outs import eventually

ROOT = Path(__file__).resolve().parents[3]
SMALL = "tests.support.devstack.small_part"


class Told:
    """What a watch was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failures: list[PartFailedError] = []
        self.watch = Watch(self.said.append, self.failures.append)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def start(tmp_path: Path, told: Told) -> Iterator[Callable[..., Part]]:
    with ExitStack() as cleanup:

        def begin(*arguments: str, watch: Watch | None = None) -> Part:
            arguments = ("--port", "0", *arguments)
            part = Part("small", SMALL, arguments, log_dir=tmp_path / "logs", watch=watch or told.watch)
            cleanup.callback(part.close)
            return part

        yield begin


def pid_of(part: Part) -> int:
    return part._process.pid


def kill(part: Part) -> None:
    """As ``kill -9`` does; returns when another process has taken its place, or it was given up."""
    before, thread = pid_of(part), part._thread
    os.kill(before, signal.SIGKILL)
    eventually(lambda: (pid_of(part) != before and listens(part.url)) or not (thread and thread.is_alive()))


def listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_part_that_dies_is_named_and_started_again_where_it_was(start: Callable[..., Part], told: Told) -> None:
    part, again = start(), []
    part.restarted = lambda: again.append(part.url)
    url = part.url
    kill(part)
    eventually(lambda: again)
    assert (part.url, again) == (url, [url])
    assert told.said == ["small has ended (killed by SIGKILL) and is started again"]
    assert told.failures == []


def test_one_that_dies_again_and_again_is_given_up(
    start: Callable[..., Part], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.processes._RESTART_SECONDS", 3600.0)  # however slow this machine is
    part = start()
    for _ in range(4):
        kill(part)
    eventually(lambda: told.failures)
    assert len(told.said) == 3
    assert str(told.failures[0]).startswith("small has ended (killed by SIGKILL) again and again.")


def test_one_that_cannot_start_again_is_given_up_with_its_last_words(
    start: Callable[..., Part], told: Told, tmp_path: Path
) -> None:
    kill(start("--once", str(tmp_path / "once")))
    eventually(lambda: told.failures)
    assert str(told.failures[0]).startswith("small did not start.")
    assert "there is no second time" in str(told.failures[0])


def test_what_the_first_of_them_said_last_is_kept(start: Callable[..., Part], tmp_path: Path) -> None:
    part = start()
    kill(part)
    assert part.url in (tmp_path / "logs" / "small.previous.log").read_text()


def test_on_a_full_disk_nothing_is_started_again(
    start: Callable[..., Part], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = start()
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr("devstack.processes.shutil.disk_usage", lambda _: usage(1000, 1000, 0))
    kill(part)
    eventually(lambda: told.failures)
    assert str(told.failures[0]) == (
        "small has ended (killed by SIGKILL). The disk with the data is full (0 MB free): make room on it."
    )
    assert told.said == []


def test_one_that_is_stopped_is_neither_said_nor_started_again(start: Callable[..., Part], told: Told) -> None:
    part = start()
    pid = pid_of(part)
    part.close()
    assert not is_running(pid)
    assert (told.said, told.failures) == ([], [])


def test_its_log_is_its_owners_alone(start: Callable[..., Part]) -> None:
    assert oct(start().log.stat().st_mode)[-3:] == "600", "a part may print a key"


# ---- the folder ------------------------------------------------------------------------------------------------


def test_of_many_who_claim_a_folder_at_once_one_gets_it(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from devstack.folder import claimed
        from devstack.processes import PartFailedError
        sys.stdin.readline()
        try:
            with claimed(Path(sys.argv[1])):
                print("mine", flush=True)
                sys.stdin.readline()
        except PartFailedError as error:
            print(error, flush=True)
    """
    command = [sys.executable, "-c", "\n".join(line[8:] for line in program.splitlines()), str(tmp_path / "a b")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as cleanup:
        claimants = [
            cleanup.enter_context(subprocess.Popen(command, cwd=ROOT, env=child_environment(), **pipes))  # type: ignore[call-overload]
            for _ in range(5)
        ]
        for claimant in claimants:
            claimant.stdin.write("go\n")
            claimant.stdin.flush()
        lines = [claimant.stdout.readline().strip() for claimant in claimants]
        owner = claimants[lines.index("mine")].pid
        lines.remove("mine")
        sentence = f"a system is already running with the data in {tmp_path / 'a b'} (process {owner})"
        assert lines == [sentence] * 4
        for claimant in claimants:
            claimant.stdin.close()


def test_parts_of_a_system_that_was_killed_are_waited_for(
    start: Callable[..., Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with claimed(tmp_path) as held:
        part = start(watch=Watch(held=(held,)))
    # the system is gone, its part is not
    monkeypatch.setattr("devstack.folder._LEFT_OVER_SECONDS", 0.2)
    with pytest.raises(PartFailedError, match="parts of an earlier system still run"), claimed(tmp_path):
        pass
    monkeypatch.undo()
    part.close()
    with claimed(tmp_path):
        pass
