"""Start, watch and stop the devstack's parts, each a process of its own (so that none slows another's interpreter)."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_URL = re.compile(r"https?://\S+")
_ROOT = Path(__file__).resolve().parent.parent
_MOST_RESTARTS, _RESTART_SECONDS = 3, 60.0
_FULL_BYTES = 32 * 1024 * 1024
"""A disk with less room than this counts as full: Postgres alone asks for 16 MB at a time."""
_LAST_LINES = 15


class PartFailedError(RuntimeError):
    """A part did not start, or ended for good; the message says why, in the part's own last words if need be."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is told of parts that end by themselves, and what all parts hold open.

    ``say`` is told of each that ended and was started again; ``failed`` of one that cannot be. ``held`` are file
    descriptors that every part inherits: a lock among them is held for as long as any part runs.
    """

    say: Callable[[str], None] = lambda _: None
    failed: Callable[[PartFailedError], None] = lambda _: None
    held: tuple[int, ...] = ()


class Part:
    """A running part: its process, and the log file it writes to."""

    def __init__(
        self,
        name: str,
        module: str,
        args: Sequence[str],
        *,
        log_dir: Path,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Start ``python -m module args`` and wait up to ``seconds`` for it to print its URL.

        With ``watch`` a part that ends by itself is started again at the same port. The child gets a session of
        its own: Ctrl-C in the terminal reaches the parent alone, which then stops the parts in order.
        """
        self.name = name
        self._module, self._args, self._seconds = module, list(args), seconds
        self._environment = child_environment(environment)
        self._watch = watch or Watch()
        self._closing = threading.Event()
        self._restarting = threading.Lock()
        self._ends: deque[float] = deque(maxlen=_MOST_RESTARTS)
        self.restarted: Callable[[], None] = lambda: None
        """Called after each start but the first. What it raises as `PartFailedError` ends the watch."""
        log_dir.mkdir(parents=True, exist_ok=True)
        self.log = log_dir / f"{name}.log"
        self._start()
        self._thread: threading.Thread | None = None
        if watch is not None:
            self._thread = threading.Thread(target=self._keep, name=f"watch-{name}", daemon=True)
            self._thread.start()

    def _start(self) -> None:
        with open(self.log, "wb", opener=_private) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "devstack.child", self._module, *self._args],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                env=self._environment,
                pass_fds=self._watch.held,
                start_new_session=True,
            )
        self.output = self._wait_for_url()
        self.url = _URL.findall(self.output)[0].rstrip("/")

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline and not self._closing.is_set():
            text = self.log.read_text(errors="replace")
            if _URL.search(text) and text.endswith("\n"):
                return text
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self._end()
        raise PartFailedError(f"{self.name} did not start. {self._why()}")

    def _why(self) -> str:
        return full_disk(self.log.parent) or f"Its last words ({self.log}):\n{self._last_words(_LAST_LINES)}"

    def _last_words(self, lines: int) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _keep(self) -> None:
        """Wait for the process to end; if nobody asked for it, start another."""
        while True:
            how = ending(status := self._process.wait())
            if status > 0 and (said := self._last_words(1)):
                how += f": {said}"
            with self._restarting:
                if self._closing.is_set():
                    return
                try:
                    self._start_again(how)
                except (PartFailedError, OSError) as error:
                    if not self._closing.is_set():
                        self._watch.failed(PartFailedError(str(error)))
                    return

    def _start_again(self, how: str) -> None:
        now = time.monotonic()
        often = len(self._ends) == _MOST_RESTARTS and now - self._ends[0] < _RESTART_SECONDS
        if often or full_disk(self.log.parent):
            raise PartFailedError(f"{self.name} has ended ({how}){' again and again' if often else ''}. {self._why()}")
        self._ends.append(now)
        self._watch.say(f"{self.name} has ended ({how}) and is started again")
        if "--port" in self._args:  # where the others know it
            self._args[self._args.index("--port") + 1] = _port_of(self.url)
        if self._process.stdin:
            self._process.stdin.close()
        self.log.replace(self.log.with_suffix(".previous.log"))
        self._start()
        self.restarted()

    def close(self) -> None:
        """Stop the part: ask, wait, insist."""
        self._closing.set()
        with self._restarting:
            self._end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _end(self) -> None:
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def full_disk(folder: Path) -> str | None:
    """A sentence if there is no room for more data in ``folder``."""
    free = shutil.disk_usage(folder).free
    if free >= _FULL_BYTES:
        return None
    return f"The disk with the data is full ({free // 1024 // 1024} MB free): make room on it."


def ending(status: int) -> str:
    """How a process ended, from its status as `subprocess` gives it."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _port_of(url: str) -> str:
    return url.partition("//")[2].partition("/")[0].rpartition(":")[2]


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read: a part's output may hold a key."""
    return os.open(path, flags, 0o600)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment for a part: enough to run Python, nothing of the developer's own settings."""
    keep = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "SSL_CERT_FILE",
        "OPENBLAS_CORETYPE",
        "OPENBLAS_L2_SIZE",
    )
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    path = os.pathsep.join((str(_ROOT / "layers" / "memory" / "src"), str(_ROOT)))
    frugal = {"MALLOC_ARENA_MAX": "2"}  # glibc keeps freed memory apart for each of many threads
    return {**kept, **frugal, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}
