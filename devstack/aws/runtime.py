"""Run a function as Lambda does: its own process, the real runtime client, a hard timeout, a clean environment."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

from devstack.aws.intrinsics import REGION
from devstack.aws.resources import ACCESS_KEY, SECRET_KEY
from devstack.aws.runtime_api import FunctionError, Invocation, RuntimeApi
from devstack.aws.template import FunctionSpec
from devstack.processes import ending

__all__ = ["Function", "FunctionError"]

_ROOT = Path(__file__).resolve().parents[2]
_LAYER = _ROOT / "layers" / "memory" / "src"
_CHILD = _ROOT / "devstack" / "child.py"
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_INIT_SECONDS = 60.0  # Lambda gives 10; a laptop that starts everything at once may need more
MOST_PROCESSES = 4
IDLE_SECONDS = 60.0
"""How long a process waits for work that need not be kept. Lambda's wait some minutes."""


class Function:
    """A function and its processes: more while all are busy; at rest one, or none if it is seldom called."""

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        aws_endpoint_url: str,
        data_dir: Path,
        warm: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start a process if one is to be kept ``warm``. Output goes to ``data_dir/logs/<logical id>.log``.

        ``say`` is told of a process that ends by itself.
        """
        self.spec = spec
        self._kept = 1 if warm else 0
        self._say = say
        log_dir, scratch = data_dir / "logs", data_dir / "tmp" / spec.logical_id
        for folder in (log_dir, scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self.log = log_dir / f"{spec.logical_id}.log"
        self._environment = _environment(spec, aws_endpoint_url, scratch)
        limit = min(MOST_PROCESSES, spec.concurrency or MOST_PROCESSES)
        self._free = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._closed = False
        self._all: set[_Worker] = set()
        self._timer: threading.Timer | None = None
        self._idle: list[_Worker] = []  # the one used last is used next
        self._idle += [self._start() for _ in range(self._kept)]

    def invoke(self, event: bytes) -> bytes:
        """Give the function an event (JSON) and return its answer (JSON).

        Raises:
            FunctionError: it raised, did not start, died, or took longer than its timeout.
        """
        with self._free:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            worker = worker or self._start()
            try:
                return worker.invoke(Invocation(event, self.spec.timeout))
            finally:
                if worker.usable:
                    self._rest(worker)
                else:
                    self._discard(worker)

    def close(self) -> None:
        """Stop all processes; what they were doing ends with a `FunctionError`."""
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.close()

    def _rest(self, worker: "_Worker") -> None:
        """Keep a process for the next event; if there are enough, only for a while."""
        worker.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(worker)
            self._look_later()

    def _look_later(self) -> None:
        """Have spare processes ended in a while. Called with the lock held."""
        if len(self._idle) > self._kept and self._timer is None:
            self._timer = threading.Timer(IDLE_SECONDS, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        """End spare processes that have waited long enough."""
        due = time.monotonic() - IDLE_SECONDS
        with self._lock:
            spare = self._idle[: max(0, len(self._idle) - self._kept)]  # the longest idle come first
            ended = [worker for worker in spare if worker.idle_since <= due]
            self._idle = [worker for worker in self._idle if worker not in ended]
            self._all.difference_update(ended)
            self._timer = None
            self._look_later()
        for worker in ended:
            worker.close()

    def _start(self) -> "_Worker":
        with self._lock:
            if self._closed:
                raise FunctionError({"errorType": "Runtime.Closed", "errorMessage": "the function has been stopped"})
            worker = _Worker(self.spec, self._environment, self.log, self._ended)
            self._all.add(worker)
        return worker

    def _ended(self, worker: "_Worker", how: str) -> None:
        """A process has ended by itself. If it was idle, nobody else replaces it."""
        with self._lock:
            idle = worker in self._idle
            if idle:
                self._idle.remove(worker)
        then = (
            "and is started again"
            if worker.started
            else f"before it was ready; the next event tries again ({self.log})"
        )
        self._say(f"{self.spec.logical_id} has ended ({how}) {then}")
        if idle:
            self._discard(worker, replace=worker.started)

    def _discard(self, worker: "_Worker", *, replace: bool = True) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()
        if replace and len(self._idle) < self._kept and not self._closed:
            with contextlib.suppress(FunctionError):  # closed meanwhile
                replacement = self._start()
                with self._lock:
                    self._idle.append(replacement)


class _Worker:
    """One process of a function, and the Runtime API it talks to."""

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        log: Path,
        ended: Callable[["_Worker", str], None],
    ) -> None:
        """``ended`` is told, in a thread of its own, when the process ends and nobody stopped it."""
        self._spec = spec
        self._ended = ended
        self._api = RuntimeApi(spec.arn)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # -P: the folder of child.py must not be importable for the function
                [sys.executable, "-P", str(_CHILD), "awslambdaric", spec.handler],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=spec.code_dir,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._closed = False
        self.idle_since = 0.0  # time.monotonic()
        self._current: Invocation | None = None
        self._watch = threading.Thread(target=self._wait_for_end, name=f"watch-{spec.logical_id}", daemon=True)
        self._watch.start()

    @property
    def usable(self) -> bool:
        return not self._closed and self._process.poll() is None

    @property
    def started(self) -> bool:
        """Whether it got as far as to ask for an event."""
        return self._api.asked

    def invoke(self, invocation: Invocation) -> bytes:
        """Raises `FunctionError`; afterwards `usable` says whether the process can take another event."""
        self._current = invocation
        self._api.offer(invocation)
        if not self.usable:
            self._fail_exited(invocation)
        seconds = _INIT_SECONDS
        try:
            if not invocation.taken.wait(seconds):  # the timeout does not count the start
                raise FutureTimeoutError
            seconds = self._spec.timeout
            return invocation.done.result(seconds)
        except FutureTimeoutError:
            self.close()
            reason = f"{invocation.request_id} Task timed out after {seconds:.2f} seconds"
            raise FunctionError({"errorType": "Sandbox.Timedout", "errorMessage": reason}) from None
        finally:
            self._current = None

    def _wait_for_end(self) -> None:
        status = self._process.wait()
        if self._closed:
            return
        if current := self._current:
            self._fail_exited(current)
        self._ended(self, ending(status))

    def _fail_exited(self, invocation: Invocation) -> None:
        reason = f"RequestId: {invocation.request_id} Error: Runtime exited with status {self._process.returncode}"
        invocation.fail(self._api.init_error or {"errorType": "Runtime.ExitError", "errorMessage": reason})

    def close(self) -> None:
        """Stop the process at once: a frozen handler would not listen to anything milder."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        if current := self._current:
            self._fail_exited(current)
        self._api.close()


def _environment(spec: FunctionSpec, aws_endpoint_url: str, scratch: Path) -> dict[str, str]:
    """What Lambda puts into the environment, and the template's own variables; nothing of the developer's."""
    # /tmp belongs to the function alone in Lambda
    own = {
        k: str(scratch / v.removeprefix("/tmp/")) if v.startswith("/tmp/") else v for k, v in spec.environment.items()
    }
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "HOME": str(scratch),
        "PYTHONPATH": os.pathsep.join((str(spec.code_dir), str(_LAYER))),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(spec.code_dir),
        "_HANDLER": spec.handler,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": aws_endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": spec.logical_id,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.logical_id}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        **own,
    }
