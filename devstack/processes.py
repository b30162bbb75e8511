"""Start and stop the devstack's parts, each a process of its own (so that none slows another's interpreter)."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_URL = re.compile(r"https?://\S+")
_ROOT = Path(__file__).resolve().parent.parent


class PartFailedError(RuntimeError):
    """A part did not start; the message ends with the last lines it wrote."""


class Part:
    """A running part: its process, and the log file it writes to."""

    def __init__(self, name: str, module: str, args: Sequence[str], *, log_dir: Path, seconds: float = 60) -> None:
        """Start ``python -m module args`` and wait up to ``seconds`` for it to print its URL.

        The child gets a session of its own: Ctrl-C in the terminal reaches the parent alone, which then
        stops the parts in order.
        """
        self.name = name
        log_dir.mkdir(parents=True, exist_ok=True)
        self.log = log_dir / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "devstack.child", module, *args],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                env=child_environment(),
                start_new_session=True,
            )
        self.output = self._wait_for_url(seconds)
        self.url = _URL.findall(self.output)[0].rstrip("/")

    def _wait_for_url(self, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.log.read_text(errors="replace")
            if _URL.search(text) and text.endswith("\n"):
                return text
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.close()
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise PartFailedError(f"{self.name} did not start. Its last words ({self.log}):\n{tail}")

    def close(self) -> None:
        """Stop the part: ask, wait, insist."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


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
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}
