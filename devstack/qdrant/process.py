"""The front as a process of its own: for benchmarks, whose clock it must not share, and for tests that kill it."""

import subprocess
import sys
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 30.0


class QdrantProcess:
    """``python -m devstack.qdrant`` on a free port; ``url`` is known once the constructor returns.

    Args:
        data: folder of the collections.
        options: further command line options.

    Raises:
        RuntimeError: with what the process said, if it does not come up.
    """

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "devstack.qdrant", "--data", str(data), "--port", "0", *options]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # One line of output, or the end of the process: either ends this read.
        self.url = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not self.url:
            _, said = self._process.communicate()
            raise RuntimeError(said.strip())

    def kill(self) -> None:
        """End it as ``kill -9`` does: it gets no chance to flush."""
        self._process.kill()
        self._process.communicate()

    def close(self) -> int:
        """Ask it to stop, wait until it has; its exit code. Calls after the first do nothing."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
