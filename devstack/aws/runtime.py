"""Run a function as Lambda does: its own process, the real runtime client, a hard timeout, a clean environment."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

from devstack.aws.intrinsics import REGION
from devstack.aws.resources import ACCESS_KEY, SECRET_KEY
from devstack.aws.runtime_api import FunctionError, Invocation, RuntimeApi
from devstack.aws.template import FunctionSpec

__all__ = ["Function", "FunctionError"]

_ROOT = Path(__file__).resolve().parents[2]
_LAYER = _ROOT / "layers" / "memory" / "src"
_CHILD = _ROOT / "devstack" / "child.py"
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_INIT_SECONDS = 60.0  # Lambda gives 10; a laptop that starts everything at once may need more
_WATCH_SECONDS = 0.05
MOST_PROCESSES = 4


class Function:
    """A function and its processes: one to begin with, more while all are busy."""

    def __init__(self, spec: FunctionSpec, *, aws_endpoint_url: str, data_dir: Path) -> None:
        """Start the first process. Its output goes to ``data_dir/logs/<logical id>.log``."""
        self.spec = spec
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
        self._idle: list[_Worker] = [self._start()]

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
                    with self._lock:
                        self._idle.append(worker)
                else:
                    self._discard(worker)

    def close(self) -> None:
        """Stop all processes; what they were doing ends with a `FunctionError`."""
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.close()

    def _start(self) -> "_Worker":
        with self._lock:
            if self._closed:
                raise FunctionError({"errorType": "Runtime.Closed", "errorMessage": "the function has been stopped"})
            worker = _Worker(self.spec, self._environment, self.log)
            self._all.add(worker)
        return worker

    def _discard(self, worker: "_Worker") -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()
        if not self._idle and not self._closed:
            with contextlib.suppress(FunctionError):  # closed meanwhile
                replacement = self._start()
                with self._lock:
                    self._idle.append(replacement)


class _Worker:
    """One process of a function, and the Runtime API it talks to."""

    def __init__(self, spec: FunctionSpec, environment: Mapping[str, str], log: Path) -> None:
        self._spec = spec
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
        self._closed = False

    @property
    def usable(self) -> bool:
        return not self._closed and self._process.poll() is None

    def invoke(self, invocation: Invocation) -> bytes:
        """Raises `FunctionError`; afterwards `usable` says whether the process can take another event."""
        self._api.offer(invocation)
        deadline, starting, seconds = time.monotonic() + _INIT_SECONDS, True, _INIT_SECONDS
        while True:
            with contextlib.suppress(FutureTimeoutError):
                return invocation.done.result(max(0.0, min(_WATCH_SECONDS, deadline - time.monotonic())))
            if starting and invocation.taken.is_set():  # the timeout does not count the start
                starting, seconds = False, self._spec.timeout
                deadline = invocation.taken_at + seconds
            self._fail_if_over(invocation, deadline, seconds)

    def _fail_if_over(self, invocation: Invocation, deadline: float, seconds: float) -> None:
        """Fail the invocation if its process is gone or the deadline has passed; then stop the process."""
        if self._closed or self._process.poll() is not None:
            reason = f"RequestId: {invocation.request_id} Error: Runtime exited with status {self._process.returncode}"
            invocation.fail(self._api.init_error or {"errorType": "Runtime.ExitError", "errorMessage": reason})
        elif time.monotonic() >= deadline:
            reason = f"{invocation.request_id} Task timed out after {seconds:.2f} seconds"
            invocation.fail({"errorType": "Sandbox.Timedout", "errorMessage": reason})
        else:
            return
        self.close()

    def close(self) -> None:
        """Stop the process at once: a frozen handler would not listen to anything milder."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
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
